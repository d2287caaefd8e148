"""Ids for comments of exports that have none, and the certainty that no id is given twice."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Final, Self

from api.exports.plan import Answer, Rejected, Result
from api.files.errors import RunFailed

DERIVED: Final = "auto-"
_HEX_DIGITS = 24


def identified(results: Iterable[Result], memory: Memory) -> Iterator[Result]:
    """Give each answer without an id one that follows from what it says, and reject an id that was there before."""
    for result in results:
        if not isinstance(result, Answer):
            yield result
            continue
        id_ = result.comment.external_id
        if not id_:
            id_ = derived_id(result)
            count = memory.count(_named(result, id_), result.row)[0]
            id_ = id_ if count == 1 else f"{id_}-{count}"
            yield replace(result, comment=replace(result.comment, external_id=id_))
            continue
        count, first = memory.count(_named(result, id_), result.row)
        if count == 1:
            yield result
        else:
            yield Rejected(
                result.row,
                id_,
                "duplicate_id",
                f"The id stood on row {first} already. Only the first comment of an id is taken.",
            )


def _named(answer: Answer, id_: str) -> str:
    """What names a comment: the source, of which a file may hold several, and the id."""
    return f"{answer.comment.source}\0{id_}"


def derived_id(answer: Answer) -> str:
    """An id that is the same whenever the same export, or a longer one, is read again.

    It follows from the question's column, the text, the date and time as they are written, and the respondent: not from
    the place of the row, the order of the columns, the file's format or the zone. Of equal comments the second gets
    `-2` at its end, the third `-3`.
    """
    comment = answer.comment
    written = comment.submitted_at.replace(tzinfo=None).isoformat() if comment.submitted_at else None
    told = json.dumps([answer.key, comment.text, written, comment.respondent])
    return DERIVED + hashlib.sha256(told.encode("ascii")).hexdigest()[:_HEX_DIGITS]


class Memory:
    """How often an id was met, and the row on which it was first: in a temporary database that SQLite keeps on disk."""

    def __init__(self) -> None:
        self._database = sqlite3.connect("", isolation_level=None)  # "" is SQLite's name for a temporary file
        self._database.execute("PRAGMA journal_mode = OFF")
        self._database.execute("PRAGMA synchronous = OFF")
        self._database.execute(
            "CREATE TABLE met (id TEXT PRIMARY KEY, row INTEGER NOT NULL, count INTEGER NOT NULL) WITHOUT ROWID"
        )
        self._database.execute("BEGIN")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._database.close()

    def count(self, id_: str, row: int) -> tuple[int, int]:
        """Remember an id; how often it was met by now, and the row on which it was first.

        Raises
        ------
        RunFailed : if the disk for temporary files is full
        """
        try:
            ((count, first),) = self._database.execute(
                "INSERT INTO met VALUES (?, ?, 1) ON CONFLICT (id) DO UPDATE SET count = count + 1 "
                "RETURNING count, row",
                (id_, row),
            ).fetchall()
        except sqlite3.Error as error:
            raise RunFailed(
                f"The check for ids that were there before failed on row {row:,} ({error}). It needs room in the "
                "folder for temporary files."
            ) from error
        return int(count), int(first)
