"""Which comments of an export the store can take."""

from __future__ import annotations

import json
from datetime import UTC
from typing import Final

from api.comment_schemas import MOST_METADATA_BYTES
from api.exports.comment import ImportedComment
from api.store.models import LONGEST_NAME
from nlp.errors import TextTooLong
from nlp.record import Problem
from nlp.tagger import MAX_TEXT_LENGTH

NAMES: Final = ("source", "external_id", "touchpoint", "channel", "department", "respondent")


def not_storable(comment: ImportedComment) -> Problem | None:
    """Why the store cannot take a comment, whose limits are those of `POST /v1/comments`; None if it can."""
    if len(comment.text) > MAX_TEXT_LENGTH:
        return Problem(TextTooLong.code, str(TextTooLong(len(comment.text), MAX_TEXT_LENGTH)))
    for name in NAMES:
        if len(getattr(comment, name) or "") > LONGEST_NAME:
            return Problem(
                "value_too_long",
                f"The field {name} has {len(getattr(comment, name))} characters; at most {LONGEST_NAME} are allowed. "
                "Map another column to it, or put this one under metadata.",
            )
    size = len(json.dumps(dict(comment.to_new().metadata), ensure_ascii=False).encode())
    if size > MOST_METADATA_BYTES:
        return Problem(
            "metadata_too_large",
            f"The columns under metadata have {size} bytes as JSON; at most {MOST_METADATA_BYTES} are allowed. "
            "Map fewer columns.",
        )
    try:
        if comment.submitted_at is not None:
            comment.submitted_at.astimezone(UTC)
    except OverflowError:  # in the calendar's first or last hours, another zone's clock leaves it
        return Problem("bad_date", "The time of writing lies outside the calendar, the years 1 to 9999 in UTC.")
    return None
