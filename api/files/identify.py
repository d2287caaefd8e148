"""From a row's columns to what the tagger needs: an id that is its own, and a text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from api.files import problems
from api.files.jsontext import dumps, kind
from api.files.rows import InputRow, Row, Typed
from api.files.seen import SeenIds
from nlp.record import Problem


@dataclass(frozen=True, slots=True)
class Roles:
    """Which columns hold the id and the text; without an id column the rows are numbered from 1."""

    id_column: str | None = "id"
    text_column: str = "text"

    @property
    def needed(self) -> tuple[str, ...]:
        return tuple(column for column in (self.id_column, self.text_column) if column is not None)


def identify(rows: Iterable[InputRow], roles: Roles, seen: SeenIds | None) -> Iterator[Row]:
    """Give each row its id and its text, or the problem for which it has none; with `seen`, an id counts once."""
    for number, row in enumerate(rows, start=1):
        id_, problem = _id(row, roles, number)
        problem = row.problem or problem
        if problem is None and seen is not None and id_ is not None:
            first = seen.first(id_, row.line)
            problem = None if first is None else problems.duplicate_id(id_, first)
        text = row.columns.get(roles.text_column)
        problem = problem or _text_problem(text, roles.text_column)
        yield Row(row.line, row.columns, id_, text if isinstance(text, str) else "", problem)


def _id(row: InputRow, roles: Roles, number: int) -> tuple[str | None, Problem | None]:
    if roles.id_column is None:
        return str(number), None
    value = row.columns.get(roles.id_column)
    if isinstance(value, Typed):
        value = value.plain
    if value is None or (isinstance(value, str) and not value.strip()):
        return None, problems.missing_id(roles.id_column)
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return _printable(dumps(value)), problems.bad_id(roles.id_column, kind(value))
    id_ = str(value)
    return _printable(id_), None if _printable(id_) == id_ else problems.id_not_unicode(roles.id_column)


def _printable(id_: str) -> str:
    r"""The id with what is no Unicode text written out as `\udce5`: a store must be able to keep it."""
    return id_.encode("utf-8", "backslashreplace").decode("utf-8")


def _text_problem(text: Any, column: str) -> Problem | None:
    if text is None:
        return problems.missing_text(column)
    return None if isinstance(text, str) else problems.text_not_a_string(column, kind(text))
