"""What can be wrong with the store: where it lies, its schema, and whether it answers."""

from __future__ import annotations

from typing import ClassVar

from nlp.errors import StemmeError


class StoreError(StemmeError):
    """The store cannot be used."""

    code, title = "store_error", "The store cannot be used"
    exit_code: ClassVar[int] = 2


class BadDatabase(StoreError):
    code, title = "bad_database", "The database cannot be used"


class OldSchema(StoreError):
    code, title = "old_schema", "The database has an older schema"

    def __init__(self, database: str, found: str | None, needed: str) -> None:
        schema = "no schema yet" if found is None else f"schema {found}"
        super().__init__(
            f"{database} has {schema}; this version of stemme needs {needed}. Make a backup, then run: "
            "stemme store upgrade"
        )


class UnknownSchema(StoreError):
    code, title = "unknown_schema", "The database has a schema that this version does not know"

    def __init__(self, database: str, found: str, needed: str) -> None:
        super().__init__(
            f"{database} has schema {found}, which a newer version of stemme made; this one knows up to {needed}. "
            "Install the newer version, or restore the backup from before the upgrade."
        )


class UnknownComment(StoreError):
    code, title = "unknown_comment", "There is no such comment"

    def __init__(self, id_: int) -> None:
        super().__init__(f"No comment has the id {id_}. `GET /v1/comments` finds those that there are.")


class StoreUnavailable(StoreError):
    code, title = "store_unavailable", "The store does not answer"

    def __init__(self, database: str) -> None:
        super().__init__(
            f"{database} does not answer, or is held by another process for too long. Send it again after "
            "Retry-After: nothing is stored twice."
        )
