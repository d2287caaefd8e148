"""JSON Lines: one object a line, with every line that is none kept as a row."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import IO, Any

from api.files import problems
from api.files.decode import MAX_LINE, Line, lines, open_text
from api.files.errors import EmptyInput
from api.files.jsontext import kind
from api.files.rows import InputRow
from nlp.record import Problem

MAX_DEPTH = 100
_MAX_DIGITS = 4_000  # Python refuses to turn more than 4,300 into an integer


class JsonlReader:
    """The rows of a JSONL file; blank lines are none.

    Parameters
    ----------
    raw : the bytes, unbuffered; closed with the reader
    name : of the file, for errors
    encoding : its name, or None to tell it from the file (JSON is UTF-8, but not all that call themselves so are)
    total : the size in bytes, if known

    Raises
    ------
    EmptyInput : if there are no bytes
    UnknownEncoding : if Python knows no encoding of that name
    """

    header = None
    columns = None

    def __init__(self, raw: IO[bytes], *, name: str, encoding: str | None, total: int | None = None) -> None:
        self.total = total
        self._text = open_text(raw, encoding)
        if not self._text.head:
            raise EmptyInput(name)
        self.notice = self._text.notice

    @property
    def position(self) -> int:
        return self._text.bytes_read

    def close(self) -> None:
        self._text.close()

    def rows(self) -> Iterator[InputRow]:
        for line in lines(self._text):
            if line.text is None or not line.text.isspace():
                yield _row(line)


def _row(line: Line) -> InputRow:
    if line.text is None:
        return InputRow(line.number, {"line": line.number}, problems.line_too_long(MAX_LINE))
    text = line.text.rstrip("\r\n").lstrip("\ufeff")  # files glued together carry their marks along
    problem: Problem
    try:
        value = json.loads(text, parse_int=_integer, parse_float=_float, parse_constant=_not_a_number)
    except json.JSONDecodeError as error:
        problem = problems.broken_json(error.msg, error.colno)
    except RecursionError:
        problem = problems.nested_too_deep(MAX_DEPTH)
    else:
        if not isinstance(value, dict):
            problem = problems.not_an_object(kind(value))
        elif _depth(text, value) > MAX_DEPTH:
            problem = problems.nested_too_deep(MAX_DEPTH)
        else:
            return InputRow(line.number, value)
    return InputRow(line.number, {"line": line.number, "raw": text}, problem)


def _integer(digits: str) -> int | str:
    """A number that Python cannot hold passes through as text: nothing of it is lost."""
    return int(digits) if len(digits) <= _MAX_DIGITS else digits


def _float(digits: str) -> float | str:
    value = float(digits)
    return value if math.isfinite(value) else digits


def _not_a_number(_: str) -> None:
    """Python and pandas write NaN for a missing value. JSON has no NaN: it is null."""


def _depth(text: str, value: Any) -> int:
    """How deep the value nests; counted without recursion, and only where there are brackets enough."""
    if text.count("[") + text.count("{") <= MAX_DEPTH:
        return 1
    deepest, open_values = 0, [(value, 1)]
    while open_values:
        inner, depth = open_values.pop()
        children = inner.values() if isinstance(inner, dict) else inner
        deepest = max(deepest, depth)
        open_values.extend((child, depth + 1) for child in children if isinstance(child, dict | list))
    return deepest
