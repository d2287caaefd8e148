"""A file of records with named fields as a table: JSON Lines, or Parquet."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import PurePath
from typing import Any, Final

from api.exports.table import Cell, Nested, TableRow
from api.files.errors import UnreadableInput
from api.files.jsontext import dumps, kind
from api.files.read_jsonl import JsonlReader
from api.files.reader import Reader
from api.files.rows import Typed
from api.files.source import Source
from nlp.record import Problem

PARQUET: Final = ".parquet"
MOST_NAMES: Final = 1_000
_RAW: Final = " The line is under 'raw'."  # which it is in the output of `stemme tag`, and not here


class RecordTable:
    """Records; a column for each name that any of them has, so JSON Lines are read once more for their names.

    Raises
    ------
    UnreadableInput : if there are more than `MOST_NAMES`
    FileError : if the file is not what its extension says
    """

    header_rows: Final = 1

    def __init__(self, source: Source, *, encoding: str | None) -> None:
        reader = _open(source, encoding)
        if reader.header is not None:
            self._names = reader.header
        else:
            try:
                self._names = _names(reader, source.name)
            finally:
                reader.close()
            reader = _open(source, encoding)
        self._reader = reader
        self.notice = reader.notice
        self.total = reader.total

    @property
    def position(self) -> int:
        return self._reader.position

    def rows(self) -> Iterator[TableRow]:
        yield TableRow(1, self._names)
        for row in self._reader.rows():
            yield TableRow(row.line, tuple(_cell(row.columns.get(name)) for name in self._names), _told(row.problem))

    def close(self) -> None:
        self._reader.close()


def _open(source: Source, encoding: str | None) -> Reader:
    if PurePath(source.name).suffix.lower() == PARQUET:
        # Here, so that only those who read Parquet wait for pyarrow.
        from api.files.read_parquet import ParquetReader  # noqa: PLC0415

        assert source.path is not None
        return ParquetReader(source.path, name=source.name, named=())
    return JsonlReader(source.open(), name=source.name, encoding=encoding, total=source.size)


def _names(reader: Reader, file: str) -> tuple[str, ...]:
    names: dict[str, None] = {}
    for row in reader.rows():
        if row.problem is None:
            names |= dict.fromkeys(row.columns)
            if len(names) > MOST_NAMES:
                raise UnreadableInput(
                    f"{file} has more than {MOST_NAMES:,} different names of fields by line {row.line:,}. Each line "
                    "holds one comment as an object whose names are the columns. Are names data here?"
                )
    return tuple(names)


def _cell(value: Any) -> Cell:
    """A value as a cell: null is a blank one, lists and objects are what only `metadata` can be."""
    if isinstance(value, Typed):
        value = value.plain
    match value:
        case None:
            return ""
        case str() | bool() | int() | float():
            return value
        case _:
            return Nested(dumps(value), kind(value))


def _told(problem: Problem | None) -> Problem | None:
    return problem and replace(problem, message=problem.message.removesuffix(_RAW))
