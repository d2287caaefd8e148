"""Keep comments out of training so that nothing of them is learned: neither a localisation nor the same words again."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence

from nlp.labelled import LabelledComment


def hold_out(
    comments: Sequence[LabelledComment], share: float, *, seed: int
) -> tuple[list[LabelledComment], list[LabelledComment]]:
    """Draw comments to keep out, and return the rest and the drawn ones, each in their order.

    Comments that are localisations or versions of one another or have the same words fall on one side. On which side
    depends only on the smallest of their ids and on the seed, so that a file that grows keeps its held-out comments
    held out.

    Parameters
    ----------
    share : of the groups, above 0 and below 1; of a few comments somewhat more or less is drawn
    """
    rest: list[LabelledComment] = []
    drawn: list[LabelledComment] = []
    for comment, group in zip(comments, _groups(comments), strict=True):
        digest = hashlib.sha256(f"{seed}:{group}".encode()).digest()
        (drawn if int.from_bytes(digest[:8], "big") < share * 2**64 else rest).append(comment)
    return rest, drawn


def without(comments: Sequence[LabelledComment], held_out: Collection[LabelledComment]) -> list[LabelledComment]:
    """The comments that are not among the held-out ones, are no localisation of them and do not repeat their words."""
    known = {key for comment in held_out for key in (_stem(comment), _words(comment))}
    return [comment for comment in comments if _stem(comment) not in known and _words(comment) not in known]


def _groups(comments: Sequence[LabelledComment]) -> list[str]:
    """For each comment the smallest stem among the comments that belong with it, directly or through others."""
    towards: dict[str, str] = {}

    def end(key: str) -> str:
        while (following := towards.setdefault(key, key)) != key:
            key = following
        return key

    for comment in comments:
        first, second = sorted((end(_stem(comment)), end(_words(comment))))
        towards[second] = first
    return [end(_stem(comment)) for comment in comments]


def _stem(comment: LabelledComment) -> str:
    return f"id {comment.version_of or comment.original_id or comment.id}"


def _words(comment: LabelledComment) -> str:
    return f"text {' '.join(comment.text.lower().split())}"
