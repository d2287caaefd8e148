"""An export as a table: rows of cells with their numbers, from text with delimiters or from a workbook."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import PurePath
from typing import Literal, Protocol

from api.exports.mapping import FileShape
from api.files.errors import UnknownFormat
from api.files.problems import Code
from api.files.read_csv import CsvReader
from api.files.source import Source
from nlp.record import Problem

TEXT = frozenset({".csv", ".tsv", ".txt", ".tab"})
RECORDS = frozenset({".jsonl", ".ndjson", ".parquet"})
WORKBOOKS = frozenset({".xlsx", ".xlsm", ".xls", ".ods"})


@dataclass(frozen=True, slots=True)
class Nested:
    """A list or an object in a record's field, as JSON; `kind` is what an error calls it."""

    json: str
    kind: str

    def __str__(self) -> str:
        return self.json


Cell = str | int | float | bool | datetime | date | time | timedelta | Nested


@dataclass(frozen=True, slots=True)
class TableRow:
    """`number` is the line in a text file on which the row begins, or the row's number in a sheet; both from 1."""

    number: int
    cells: tuple[Cell, ...]
    problem: Problem | None = None


class Table(Protocol):
    """An export that was opened. Its first rows are its header."""

    @property
    def header_rows(self) -> Literal[1] | None:
        """How many they are, where the format says it; None where it has to be told from them."""

    @property
    def notice(self) -> str | None: ...

    @property
    def total(self) -> int | None:
        """The size in the unit of `position`."""

    @property
    def position(self) -> int: ...

    def rows(self) -> Iterator[TableRow]: ...

    def close(self) -> None: ...


def open_table(source: Source, shape: FileShape) -> Table:
    """Open an export.

    Raises
    ------
    UnknownFormat : if the extension says nothing
    FileError : if the file is not what its extension says
    """
    extension = PurePath(source.name).suffix.lower()
    if extension in WORKBOOKS:
        # Here, so that only those who read a workbook wait for its reader.
        from api.exports.workbook import WorkbookTable  # noqa: PLC0415

        assert source.path is not None
        return WorkbookTable(source.path, name=source.name, sheet=shape.sheet)
    if extension in RECORDS:
        from api.exports.records import RecordTable  # noqa: PLC0415, it is made of what stands here

        return RecordTable(source, encoding=None if shape.encoding == "auto" else shape.encoding)
    if extension in TEXT:
        return CsvTable(source, shape)
    known = ", ".join(sorted(TEXT | RECORDS | WORKBOOKS))
    raise UnknownFormat(f"{source.name} is no export that can be read. Known: {known}. Save it as one of them.")


class CsvTable:
    """A text file with delimiters. Rows with more cells than the header keep them if they are blank."""

    header_rows = None

    def __init__(self, source: Source, shape: FileShape) -> None:
        with ExitStack() as stack:
            raw = stack.enter_context(source.open())
            self._reader = CsvReader(
                raw,
                name=source.name,
                encoding=None if shape.encoding == "auto" else shape.encoding,
                needed=(),
                named=(),
                delimiter=None if shape.delimiter == "auto" else shape.delimiter,
                total=source.size,
            )
            stack.pop_all()  # from here on the reader closes it
        self.notice = self._reader.notice
        self.total = self._reader.total

    @property
    def position(self) -> int:
        return self._reader.position

    def rows(self) -> Iterator[TableRow]:
        yield TableRow(1, self._reader.names)
        header, extra = self._reader.header, self._reader.extra
        for row in self._reader.rows():
            cells = tuple(row.columns.get(name, "") for name in header)
            further = tuple(row.columns.get(extra, ()))
            problem = row.problem
            if (
                problem is not None
                and problem.code == Code.WRONG_NUMBER_OF_COLUMNS
                and not any(map(str.strip, further))
            ):
                problem = None
            yield TableRow(row.line, cells + further, problem)

    def close(self) -> None:
        self._reader.close()
