"""Which ids a run has met already: exact, and in the same memory for a million as for ten."""

from __future__ import annotations

import sqlite3
from typing import Self

from api.files.errors import RunFailed


class SeenIds:
    """Ids and the line on which each stood first, in a temporary database that SQLite keeps on disk and removes."""

    def __init__(self) -> None:
        self._database = sqlite3.connect("", isolation_level=None)  # "" is SQLite's name for a temporary file
        self._database.execute("PRAGMA journal_mode = OFF")
        self._database.execute("PRAGMA synchronous = OFF")
        self._database.execute("CREATE TABLE seen (id TEXT PRIMARY KEY, line INTEGER NOT NULL) WITHOUT ROWID")
        self._database.execute("BEGIN")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._database.close()

    def first(self, id_: str, line: int) -> int | None:
        """Remember an id; if it was there already, the line on which it stood first.

        Raises
        ------
        RunFailed : if the disk for temporary files is full
        """
        try:
            cursor = self._database.execute("INSERT OR IGNORE INTO seen VALUES (?, ?)", (id_, line))
            if cursor.rowcount:
                return None
            ((first,),) = self._database.execute("SELECT line FROM seen WHERE id = ?", (id_,))
        except sqlite3.Error as error:
            raise RunFailed(
                f"The check for duplicate ids failed on line {line:,} ({error}). It needs room in the folder for "
                "temporary files; --allow-duplicate-ids goes without it."
            ) from error
        return int(first)
