"""What flows from a reader to a writer: one row at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from nlp.record import Problem


@dataclass(frozen=True, slots=True)
class Typed:
    """A value of a type that JSON does not have (a date, a decimal, bytes): as it came, and as JSON says it."""

    original: Any
    plain: Any


@dataclass(frozen=True, slots=True)
class InputRow:
    """One row as a reader found it; `line` is where it begins, from 1 (in a Parquet file: the row's number)."""

    line: int
    columns: dict[str, Any]
    problem: Problem | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """One row ready to be tagged: `columns` pass through, `id`, `text` and `question` are what the tagger gets.

    Where `problem` is set the row is not tagged, and `id` is the best that can be said of it.
    """

    line: int
    columns: dict[str, Any]
    id: str | None
    text: str
    problem: Problem | None = None
    question: str | None = None
