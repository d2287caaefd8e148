"""Why a correction is not taken. What was sent is never repeated."""

from __future__ import annotations

from api.store.errors import StoreError
from nlp.errors import StemmeError


class BadCorrection(StemmeError):
    """It fits neither the comment nor the taxonomy; nothing of it was stored."""

    code, title = "bad_correction", "The correction does not fit the comment"


class TextChanged(StemmeError):
    code, title = "text_changed", "The comment has another text by now"

    def __init__(self, sent: int, standing: int) -> None:
        super().__init__(
            f"The correction is of version {sent} of the text, and version {standing} stands. Read the comment again, "
            f"and correct that one, with its version. Corrections of version {sent} are kept."
        )


class CommentChanged(StemmeError):
    code, title = "comment_changed", "The comment was tagged or corrected again meanwhile"

    def __init__(self) -> None:
        super().__init__(
            "The comment's tags are no longer those of the `revision` that was sent: it was tagged or corrected again. "
            "Nothing was stored. Read it again, look at its tags, and send its new `revision`."
        )


class NotTagged(StemmeError):
    code, title = "not_tagged", "The comment has no tags to correct"

    def __init__(self, error_code: str | None) -> None:
        if error_code is None:
            super().__init__("The comment waits to be tagged. Send the correction again when its `record` is there.")
        else:
            super().__init__(f"The comment could not be tagged ({error_code}), so there is nothing to correct.")


class UnknownCorrection(StoreError):
    code, title = "unknown_correction", "There is no such correction"

    def __init__(self, comment_id: int, id_: int) -> None:
        super().__init__(
            f"Comment {comment_id} has no correction {id_}. `GET /v1/comments/{comment_id}/corrections` lists "
            "those that it has."
        )
