"""Which columns a file has and of which type: for outputs that must know before their first row."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Any

from api.files.errors import TooManyColumns
from api.files.rows import InputRow

MAX_COLUMNS = 10_000
_INT64 = 2**63
_EXACT_IN_DOUBLE = 2**53


class Kind(Enum):
    """What all the values of a column are; JSON is whatever the others are not, as JSON text."""

    INTEGER = "integer"
    NUMBER = "number"
    BOOLEAN = "boolean"
    TEXT = "text"
    JSON = "json"


@dataclass(frozen=True, slots=True)
class Column:
    """A column that passes through; `arrow_type` is set where a Parquet file gave it."""

    name: str
    kind: Kind
    arrow_type: Any = None


def survey(
    rows: Iterable[InputRow], *, header: Iterable[str] | None, name: str, read_as_text: Collection[str] = ()
) -> tuple[Column, ...]:
    """Read all rows for the names and the types of their columns. Memory grows with the columns, not with the rows.

    Parameters
    ----------
    rows : of the whole input
    header : the columns that are there even if no row has a value
    name : of the file, for errors
    read_as_text : columns that the tagger reads: one string makes them text, and what else is in them is an error of
        its row, not a type of the column

    Raises
    ------
    TooManyColumns : above 10,000
    """
    found: dict[str, set[Kind]] = {column: set() for column in header or ()}
    inexact: set[str] = set()
    for row in rows:
        for column, value in row.columns.items():
            kinds = found.setdefault(column, set())
            if value is None:
                continue
            kinds.add(_kind(value))
            if isinstance(value, int) and abs(value) > _EXACT_IN_DOUBLE:
                inexact.add(column)
        if len(found) > MAX_COLUMNS:
            raise TooManyColumns(name, MAX_COLUMNS)
    for column in read_as_text:
        if Kind.TEXT in found.get(column, ()):
            found[column] = {Kind.TEXT}
    return tuple(Column(column, _unite(kinds, exact=column not in inexact)) for column, kinds in found.items())


def _kind(value: Any) -> Kind:
    match value:
        case bool():
            return Kind.BOOLEAN
        case int():
            return Kind.INTEGER if -_INT64 <= value < _INT64 else Kind.JSON
        case float():
            return Kind.NUMBER
        case str():
            return Kind.TEXT
        case _:
            return Kind.JSON


def _unite(kinds: set[Kind], *, exact: bool) -> Kind:
    if not kinds:
        return Kind.TEXT
    if kinds == {Kind.INTEGER, Kind.NUMBER} and exact:
        return Kind.NUMBER
    return kinds.pop() if len(kinds) == 1 else Kind.JSON
