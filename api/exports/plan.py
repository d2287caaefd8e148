"""One export read by one mapping: each row becomes comments, or a reason why not."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from difflib import get_close_matches
from itertools import pairwise
from typing import Any, Final

from api.exports.comment import ImportedComment
from api.exports.errors import (
    AmbiguousDates,
    AmbiguousExportColumn,
    MissingExportColumn,
    MissingSource,
    MissingTimeZone,
)
from api.exports.header import ExportColumn, Header, folded
from api.exports.mapping import Columns, FieldRule, Mapping, Selector, TextRule
from api.exports.table import Cell, Nested, TableRow
from api.exports.values import BadValue, as_moment, as_nps, as_number, as_text, is_answer, time_zone, translated
from api.question import as_question
from nlp.errors import InvalidUnicode, NulCharacter

TEXT_FIELDS: Final = ("touchpoint", "channel", "department", "respondent", "language_hint")
NO_ANSWER_REASON: Final = "no answer"
BLANK_ROW_REASON: Final = "blank row"


@dataclass(frozen=True, slots=True)
class Answer:
    """A comment and where it stood. `key` names its question; `external_id` is blank if the export has no id."""

    row: int
    key: str
    comment: ImportedComment


@dataclass(frozen=True, slots=True)
class Skipped:
    """No comment, as it should be: a blank answer, a preview."""

    row: int
    reason: str


@dataclass(frozen=True, slots=True)
class Rejected:
    """No comment, as it could not be understood."""

    row: int
    id: str
    code: str
    reason: str


Result = Answer | Skipped | Rejected


@dataclass(frozen=True, slots=True)
class _Question:
    """Columns that make one answer."""

    columns: tuple[ExportColumn, ...]
    text: str | None
    key: str


@dataclass(frozen=True, slots=True)
class _Field:
    """A field of a comment: its rule, and the columns that it found."""

    rule: FieldRule
    columns: tuple[ExportColumn, ...]


class Plan:
    """What to take from each row.

    Parameters
    ----------
    mapping : says which column is what
    header : the columns that are there
    name : of the file, for errors
    zone : IANA name of the zone of dates for which neither the cell nor the header states one; before the mapping's

    Raises
    ------
    MissingExportColumn : if a column that is not optional is not there, or none holds answers
    MissingSource : if neither the mapping nor a column says the source
    AmbiguousExportColumn : if several fit a field
    UnknownTimeZone : if a zone is none
    """

    def __init__(self, mapping: Mapping, header: Header, *, name: str, zone: str | None = None) -> None:
        self.mapping = mapping
        self._name = name
        self._header = header
        self._no_answer = frozenset(word.casefold() for word in mapping.no_answer)
        self._questions = self._find_questions()
        self._fields = {field: self._field(field, getattr(mapping.columns, field)) for field in Columns.model_fields}
        self._metadata = {key: self._field(f"metadata.{key}", rule) for key, rule in mapping.metadata.items()}
        self._skips = [
            (self._find("skip", rule), frozenset(value.casefold() for value in rule.values), rule.reason)
            for rule in mapping.skip
        ]
        if mapping.source is None and not self._fields["source"].columns:
            raise MissingSource(name, header.names)
        self._zones, self.notices = self._find_zones(zone)
        self._id_per_question = self._several_questions()

    @property
    def questions(self) -> tuple[tuple[str, str | None], ...]:
        """The column or columns of each answer, and what was asked."""
        return tuple((" + ".join(column.name for column in each.columns), each.text) for each in self._questions)

    @property
    def fields(self) -> tuple[tuple[str, str], ...]:
        """Each field other than the text that a column was found for, and the columns' names."""
        fields = {**self._fields, **{f"metadata.{key}": field for key, field in self._metadata.items()}}
        return tuple(
            (name, ", else ".join(column.name for column in field.columns))
            for name, field in fields.items()
            if field.columns
        )

    @property
    def not_read(self) -> tuple[str, ...]:
        """Columns that nothing is taken from; one that is called nearly as a field is followed by that field."""
        read = {column.position for question in self._questions for column in question.columns}
        read |= {column.position for field in self._fields.values() for column in field.columns}
        read |= {column.position for field in self._metadata.values() for column in field.columns}
        read |= {column.position for columns, _, _ in self._skips for column in columns}
        missing = {folded(name): name for name, field in self._fields.items() if not field.columns}
        told = []
        for column in self._header.columns:
            if column.position not in read and any(column.headings):
                near = get_close_matches(folded(column.name), missing, n=1, cutoff=0.75)
                told.append(f"{column.name}{f' (is it {missing[near[0]]}?)' if near else ''}")
        return tuple(told)

    def unzoned(self, rows: Iterable[TableRow]) -> bool:
        """Whether any of these rows has a date that takes its zone from the mapping, as nothing else states one."""
        rule = self.mapping.columns.submitted_at
        for row in rows:
            for column in self._fields["submitted_at"].columns:
                cell = _cell(row, column)
                if column.zone is None and is_answer(as_text(cell), self._no_answer):
                    try:
                        as_moment(cell, rule, None, column=column.name)
                    except BadValue as error:
                        if error.problem.code == "missing_time_zone":
                            return True
                    break
        return False

    def check(self, rows: Iterable[TableRow]) -> None:
        """Look at the dates of the first rows, for what would reject every row.

        Raises
        ------
        AmbiguousDates, MissingTimeZone : if they cannot be read without knowing more
        """
        errors: dict[str, Callable[[str, str], Exception]] = {
            "ambiguous_date": AmbiguousDates,
            "missing_time_zone": MissingTimeZone,
        }
        for row in rows:
            try:
                self._moment(row)
            except BadValue as error:
                if error.problem.code in errors:
                    column = self._fields["submitted_at"].columns[0].name
                    raise errors[error.problem.code](self._name, column) from None

    def results(self, row: TableRow) -> Iterator[Result]:
        """What becomes of a row: each answer in it, or one reason."""
        if row.problem is not None:
            yield Rejected(row.number, "", row.problem.code, row.problem.message)
            return
        if not any(as_text(cell) for cell in row.cells):
            yield Skipped(row.number, BLANK_ROW_REASON)
            return
        for columns, values, reason in self._skips:
            if any(as_text(_cell(row, column)).casefold() in values for column in columns):
                yield Skipped(row.number, reason)
                return
        yield from self._answers(row)

    def _answers(self, row: TableRow) -> Iterator[Result]:
        try:
            texts = [self._answer(row, question) for question in self._questions]
            details = self._details(row) if any(texts) else {}
        except BadValue as error:
            yield Rejected(row.number, self._id(row), error.problem.code, error.problem.message)
            return
        for question, text in zip(self._questions, texts, strict=True):
            if not text:
                yield Skipped(row.number, NO_ANSWER_REASON)
                continue
            id_ = details["external_id"]
            if id_ and self._id_per_question:
                id_ = f"{id_}:{short_key(question.key)}"
            asked = details["question"] or question.text
            comment = ImportedComment(**details | {"external_id": id_, "question": asked}, text=text)
            yield Answer(row.number, question.key, comment)

    def _answer(self, row: TableRow, question: _Question) -> str:
        parts = [_plain(_cell(row, column), column) for column in question.columns]
        return joined([part for part in parts if is_answer(part, self._no_answer)])

    def _details(self, row: TableRow) -> dict[str, Any]:
        nps, rating = self._value(row, "nps"), self._value(row, "rating")
        rules = self.mapping.columns
        return {
            "source": self._source(row),
            "question": as_question(self._value(row, "question")),
            "external_id": self._value(row, "id"),
            "nps": as_nps(nps, rules.nps, column=self._column("nps")) if nps else None,
            "rating": as_number(rating, rules.rating, column=self._column("rating")) if rating else None,
            **{field: self._value(row, field) or None for field in TEXT_FIELDS},
            "submitted_at": self._moment(row),
            "metadata": self._object(row)
            | {key: value for key, field in self._metadata.items() if (value := self._text(row, field))},
        }

    def _source(self, row: TableRow) -> str:
        source = self._value(row, "source") or self.mapping.source
        if source is None:
            column = self._fields["source"].columns[0].name
            raise BadValue(
                MissingSource.code, f"The column {column!r} is blank. Fill it, or say --source for all comments."
            )
        return source

    def _object(self, row: TableRow) -> dict[str, Any]:
        """What the column `metadata` holds."""
        for column in self._fields["metadata"].columns:
            text = as_text(_cell(row, column))
            if is_answer(text, self._no_answer):
                return _as_object(text, column)
        return {}

    def _id(self, row: TableRow) -> str:
        try:
            return self._value(row, "id")
        except BadValue:
            return ""

    def _value(self, row: TableRow, field: str) -> str:
        return self._text(row, self._fields[field])

    def _text(self, row: TableRow, field: _Field) -> str:
        for column in field.columns:
            text = _plain(_cell(row, column), column)
            if is_answer(text, self._no_answer):
                return translated(text, field.rule)
        return "" if field.rule.value is None else str(field.rule.value)

    def _column(self, field: str) -> str:
        columns = self._fields[field].columns
        return columns[0].name if columns else f"{field} of the mapping"

    def _moment(self, row: TableRow) -> datetime | None:
        rule = self.mapping.columns.submitted_at
        for column in self._fields["submitted_at"].columns:
            cell = _cell(row, column)
            if is_answer(as_text(cell), self._no_answer):
                return as_moment(cell, rule, self._zones.get(column.position), column=column.name)
        return None

    def _find_zones(self, option: str | None) -> tuple[dict[int, tzinfo], list[str]]:
        zones: dict[int, tzinfo] = {}
        notices = []
        for column in self._fields["submitted_at"].columns:
            if column.zone is not None:
                zones[column.position] = time_zone(column.zone, where=f"The header's zone of {column.name!r}")
                if option not in {None, column.zone}:
                    notices.append(
                        f"The header says that {column.name} is in {column.zone}; --time-zone {option} is not used."
                    )
            elif option is not None:
                zones[column.position] = time_zone(option, where="--time-zone")
            elif (zone := self.mapping.columns.submitted_at.zone) is not None:
                zones[column.position] = time_zone(zone, where="The mapping's zone of submitted_at")
        return zones, notices

    def _find_questions(self) -> tuple[_Question, ...]:
        questions: list[_Question] = []
        taken: set[int] = set()
        for rule in self.mapping.text:
            for columns in self._text_columns(rule):
                if taken.isdisjoint(column.position for column in columns):
                    taken |= {column.position for column in columns}
                    questions.append(_Question(columns, self._asked(rule, columns[0]), columns[0].key))
        if not questions:
            wanted = [name for rule in self.mapping.text for name in (*rule.wanted, *rule.join)]
            raise MissingExportColumn(self._name, "text", wanted, self._header.names)
        return tuple(questions)

    def _text_columns(self, rule: TextRule) -> list[tuple[ExportColumn, ...]]:
        if not rule.join:
            return [(column,) for column in self._find("text", rule)]
        found = [self._find("text", Selector(name=(name,), optional=rule.optional)) for name in rule.join]
        columns = tuple(column for each in found for column in each)
        return [columns] if columns else []

    def _asked(self, rule: TextRule, column: ExportColumn) -> str | None:
        if rule.question is not None:
            return as_question(rule.question)
        row = self.mapping.file.question_row
        if row is None or row > len(column.headings) or column.headings[row - 1] == "":
            return None
        return as_question(column.headings[row - 1])

    def _several_questions(self) -> bool:
        """Whether ids name the question too: told by the mapping, so that they stay when an export gets a question."""
        rules = self.mapping.text
        return len(self._questions) > 1 or len(rules) > 1 or any(rule.pattern for rule in rules)

    def _field(self, field: str, rule: FieldRule) -> _Field:
        for name in rule.name:
            fitting = self._header.find(Selector(name=(name,)))
            if len(fitting) > 1:
                raise AmbiguousExportColumn(self._name, field, [column.name for column in fitting])
        fitting = self._header.find(Selector(pattern=rule.pattern))
        if len(fitting) > 1:
            raise AmbiguousExportColumn(self._name, field, [column.name for column in fitting])
        return _Field(rule, self._find(field, rule))

    def _find(self, field: str, rule: Selector) -> tuple[ExportColumn, ...]:
        ignored = self.mapping.ignore
        found = tuple(
            column for column in self._header.find(rule) if not any(column.matches(pattern) for pattern in ignored)
        )
        if rule.selects and not found and not rule.optional:
            raise MissingExportColumn(self._name, field, rule.wanted, self._header.names)
        return found


def joined(parts: Sequence[str]) -> str:
    """Texts one below the other; one that only begins the next, as an automatic title does, is left out.

    >>> joined(["Kom aldri", "Kom aldri frem. Trist."]), joined(["Trist", "Kom aldri frem."])
    ('Kom aldri frem. Trist.', 'Trist\\nKom aldri frem.')
    """
    kept = [part for part, next_ in pairwise(parts) if not next_.startswith(part.rstrip(".… "))]
    return "\n".join([*kept, *parts[-1:]])


def short_key(key: str) -> str:
    """A question's key as the end of an id: as it is where it is short, else eight letters of its hash.

    >>> short_key("QID5_TEXT"), len(short_key("Hva kan vi gjøre bedre?"))
    ('QID5_TEXT', 8)
    """
    if re.fullmatch(r"[\w.-]{1,40}", key, re.ASCII):
        return key
    return hashlib.sha256(folded(key).encode("utf-8", "backslashreplace")).hexdigest()[:8]


def _cell(row: TableRow, column: ExportColumn) -> Cell:
    return row.cells[column.position - 1] if column.position <= len(row.cells) else ""


def _plain(cell: Cell, column: ExportColumn) -> str:
    if isinstance(cell, Nested):
        raise BadValue("not_a_value", f"The column {column.name!r} holds {cell.kind}; a text or a number is needed.")
    return _readable(as_text(cell), column)


def _as_object(text: str, column: ExportColumn) -> dict[str, Any]:
    try:
        value = json.loads(text, parse_constant=_refuse)
        json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise BadValue("bad_metadata", f'The column {column.name!r} holds no object of JSON, such as {{"shop": 17}}.')
    return value


def _refuse(constant: str) -> None:
    """NaN and Infinity, which Python reads and JSON does not have."""
    raise ValueError(constant)


def _readable(text: str, column: ExportColumn) -> str:
    if text.isascii() and "\0" not in text:
        return text
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise BadValue(
            InvalidUnicode.code,
            f"The column {column.name!r} holds bytes that are not of the file's "
            f"encoding (character {error.start}). Name the encoding with --encoding.",
        ) from None
    if "\0" in text:
        raise BadValue(NulCharacter.code, f"The column {column.name!r} holds a NUL character. Remove it.")
    return text
