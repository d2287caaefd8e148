"""CSV as Excel, survey tools and databases write it, with every row that is broken kept as a row."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter, deque
from collections.abc import Collection, Iterator
from enum import Enum, auto
from typing import IO

from api.files import problems
from api.files.decode import MAX_LINE, Line, lines, open_text
from api.files.errors import AmbiguousColumn, BrokenHeader, EmptyInput
from api.files.names import free, unique
from api.files.rows import InputRow
from nlp.record import Problem

DELIMITERS = (",", ";", "\t")
_DECLARED = re.compile(r'"?sep=(.)"?\r?\n', re.IGNORECASE)
"""The line that some exports begin with, by which Excel is told the delimiter."""
MAX_CELL = 4 * 1024 * 1024
"""Characters. For `csv.field_size_limit`, which is global: only the command line sets it."""

_JUNK, _TOO_LARGE = "expected after", "field larger than"  # how the csv module begins to say what is wrong


class CsvReader:
    """The rows of a CSV file.

    Parameters
    ----------
    raw : the bytes, unbuffered; closed with the reader
    name : of the file, for errors
    encoding : its name, or None to tell it from the file
    needed : the columns without which a row that is too short cannot be tagged
    named : the columns that may be there only once
    delimiter : one character, or None to tell it from the header
    total : the size in bytes, if known

    Raises
    ------
    EmptyInput, BrokenHeader, AmbiguousColumn, UnknownEncoding : if the rows could not be understood
    """

    columns = None

    def __init__(
        self,
        raw: IO[bytes],
        *,
        name: str,
        encoding: str | None,
        needed: Collection[str],
        named: Collection[str],
        delimiter: str | None = None,
        total: int | None = None,
    ) -> None:
        self.total = total
        self._text = open_text(raw, encoding)
        self.notice = self._text.notice
        self.byte_order_mark = self._text.marked
        declared = _DECLARED.match(self._text.head.removeprefix("\ufeff"))
        self.delimiter = delimiter or (declared[1] if declared else _delimiter(self._text.head, named))
        self._needed = needed
        self._lines = _Rereadable(lines(self._text))
        if declared:
            next(self._lines)
        self.names = self._read_header(name, named)
        self.header = unique(self.names)
        self.extra = free("extra_cells", self.header)

    @property
    def position(self) -> int:
        return self._text.bytes_read

    def close(self) -> None:
        self._text.close()

    def rows(self) -> Iterator[InputRow]:
        parser = self._parser()
        while True:
            self._lines.taken.clear()
            try:
                cells = next(parser)
            except StopIteration:
                return
            except _LineTooLong:
                yield from self._skip_long_line()
                parser = self._parser()
            except csv.Error as error:
                yield self._broken(str(error))
                parser = self._parser()
            else:
                if cells:  # a blank line is no row
                    yield self._row(self._lines.taken[0].number, cells)

    def _parser(self) -> Iterator[list[str]]:
        # Strict: without it a quote that never closes swallows the rows after it without a word.
        return csv.reader(self._lines, delimiter=self.delimiter, strict=True)

    def _read_header(self, name: str, named: Collection[str]) -> tuple[str, ...]:
        try:
            cells = next((cells for cells in self._parser() if cells), None)
        except (csv.Error, _LineTooLong) as error:
            raise BrokenHeader(f"The header of {name} cannot be read ({error}). Is this a CSV file?") from None
        if cells is None:
            raise EmptyInput(name)
        for column, count in Counter(cells).items():
            if count > 1 and column in named:
                raise AmbiguousColumn(name, column)
        return tuple(cells)

    def _row(self, line: int, cells: list[str]) -> InputRow:
        width = len(self.header)
        columns: dict[str, object] = dict(zip(self.header, cells, strict=False))
        if len(cells) > width:
            columns[self.extra] = cells[width:]
            return InputRow(line, columns, problems.too_many_cells(len(cells), width, self.extra))
        missing = self.header[len(cells) :]
        columns.update(dict.fromkeys(missing, ""))
        lost = next((column for column in missing if column in self._needed), None)
        return InputRow(line, columns, problems.too_few_cells(len(cells), width, lost) if lost else None)

    def _broken(self, reason: str) -> InputRow:
        """One row for the broken part of what was taken; reading goes on with the line after it."""
        taken = list(self._lines.taken)
        opened, still_open = _last_quoted_cell([line.text or "" for line in taken], self.delimiter)
        here = taken[opened].number
        if _TOO_LARGE in reason and not still_open:
            opened, problem = len(taken) - 1, problems.cell_too_long(csv.field_size_limit())
        elif _JUNK in reason and opened == len(taken) - 1:
            problem = problems.broken_quotes(here)
        else:
            problem = problems.unclosed_quote(here)
        return self._raw(taken, upto=opened + 1, problem=problem)

    def _skip_long_line(self) -> Iterator[InputRow]:
        taken = list(self._lines.taken)
        if len(taken) > 1:  # a quoted cell ran into it; the lines before it are rows of their own again
            yield self._raw(taken, upto=1, problem=problems.unclosed_quote(taken[0].number))
        else:
            yield InputRow(taken[0].number, {"line": taken[0].number}, problems.line_too_long(MAX_LINE))

    def _raw(self, taken: list[Line], *, upto: int, problem: Problem) -> InputRow:
        self._lines.give_back(taken[upto:])
        raw = "".join(line.text or "" for line in taken[:upto]).rstrip("\r\n")
        first = taken[0].number
        return InputRow(first, {"line": first, "raw": raw}, problem)


class _LineTooLong(Exception):
    """Goes through the csv module, from its lines to whoever asked it for a row."""


class _Rereadable:
    """Lines for the csv module that can be handed back once it has lost its way."""

    def __init__(self, source: Iterator[Line]) -> None:
        self._source = source
        self._again: deque[Line] = deque()
        self.taken: list[Line] = []

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._again.popleft() if self._again else next(self._source)
        self.taken.append(line)
        if line.text is None:
            raise _LineTooLong("a line is too long")
        return line.text

    def give_back(self, later: list[Line]) -> None:
        self._again.extendleft(reversed(later))


class _In(Enum):
    BETWEEN = auto()
    PLAIN = auto()
    QUOTED = auto()
    AFTER_QUOTE = auto()


def _last_quoted_cell(taken: list[str], delimiter: str) -> tuple[int, bool]:
    """Which of these lines opened the last quoted cell, and whether that cell is still open at the end."""
    state, opened = _In.BETWEEN, 0
    for index, text in enumerate(taken):
        for letter in text:
            if state is _In.QUOTED:
                if letter == '"':
                    state = _In.AFTER_QUOTE
            elif letter == '"' and state is _In.AFTER_QUOTE:
                state = _In.QUOTED  # it was a quote written twice
            elif letter == '"' and state is _In.BETWEEN:
                state, opened = _In.QUOTED, index
            elif letter == delimiter:
                state = _In.BETWEEN
            elif state is _In.AFTER_QUOTE and letter not in "\r\n":
                return opened, False  # the place at which the csv module gave up
            else:
                state = _In.PLAIN
    return opened, state is _In.QUOTED


def _delimiter(head: str, named: Collection[str]) -> str:
    """The one of comma, semicolon and tab that gives the header most of the named columns, and the most columns.

    A column that is named after a question ("Hva er bra, og hva kan bli bedre?") may hold more commas than the header
    has semicolons.
    """

    def found(delimiter: str) -> tuple[int, int]:
        cells = _first_row(head, delimiter)
        return len({*named} & {*cells}), len(cells)

    return max(DELIMITERS, key=found)


def _first_row(head: str, delimiter: str) -> list[str]:
    try:
        return next((cells for cells in csv.reader(io.StringIO(head, newline=""), delimiter=delimiter) if cells), [])
    except csv.Error:
        return []
