"""What can be wrong with undoing an edit of causes."""

from __future__ import annotations

from nlp.errors import StemmeError


class UnknownEdit(StemmeError):
    code, title = "unknown_edit", "There is no such edit"

    def __init__(self, id_: int) -> None:
        super().__init__(f"No edit of causes has the id {id_}. `GET /v1/causes/edits` lists those that there are.")


class UndoConflict(StemmeError):
    """Something else has come since: the detail says what, and what to do."""

    code, title = "undo_conflict", "The edit cannot be undone"
