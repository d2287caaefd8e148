"""From a row's columns to what the tagger needs: an id that is its own, a text, and the question if there is one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from api.files import problems
from api.files.jsontext import dumps, kind
from api.files.rows import InputRow, Row, Typed
from api.files.seen import SeenIds
from api.question import as_question
from nlp.record import Problem

QUESTION_COLUMN: Final = "question"


@dataclass(frozen=True, slots=True)
class Roles:
    """Which columns hold the id, the text and the survey's question.

    Without an id column the rows are numbered from 1. A question column that is named must be there; where none is,
    the column `question` is read if there is one and it has no other role.
    """

    id_column: str | None = "id"
    text_column: str = "text"
    question_column: str | None = None

    @property
    def needed(self) -> tuple[str, ...]:
        """The columns without which a row cannot be tagged."""
        return tuple(column for column in (self.id_column, self.text_column) if column is not None)

    @property
    def named(self) -> tuple[str, ...]:
        """The columns that must be there, once."""
        return self.needed if self.question_column is None else (*self.needed, self.question_column)

    @property
    def _question_if_any(self) -> str | None:
        """The column of the question, which need not be there; None if the name has another role."""
        implied = None if QUESTION_COLUMN in self.needed else QUESTION_COLUMN
        return self.question_column or implied

    @property
    def read_as_text(self) -> tuple[str, ...]:
        """The columns whose strings the tagger reads."""
        return tuple(column for column in (self.text_column, self._question_if_any) if column is not None)

    def question(self, columns: Mapping[str, Any]) -> str | None:
        """What a row's text answers."""
        column = self._question_if_any
        return None if column is None else as_question(columns.get(column))


def identify(rows: Iterable[InputRow], roles: Roles, seen: SeenIds | None) -> Iterator[Row]:
    """Give each row its id, text and question, or the problem that it has; with `seen`, an id counts once."""
    for number, row in enumerate(rows, start=1):
        id_, problem = _id(row, roles, number)
        problem = row.problem or problem
        if problem is None and seen is not None and id_ is not None:
            first = seen.first(id_, row.line)
            problem = None if first is None else problems.duplicate_id(id_, first)
        text = row.columns.get(roles.text_column)
        problem = problem or _text_problem(text, roles.text_column)
        text = text if isinstance(text, str) else ""
        yield Row(row.line, row.columns, id_, text, problem, question=roles.question(row.columns))


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
