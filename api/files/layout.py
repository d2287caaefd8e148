"""How a row and its record stand side by side: nested for JSON and Parquet, flat for CSV."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from api.files.jsontext import dumps
from api.files.names import kept
from api.files.rows import Row, Typed
from nlp.record import FailedComment, Flag, Record, TaggedComment

NESTED_FIELDS = (*(field.name for field in fields(TaggedComment)), "error")
FLAT_FIELDS = (
    "language",
    "sentiment",
    "sentiment_score",
    "sentiment_probabilities",
    "themes",
    "factors",
    "churn_risk",
    "churn_risk_confidence",
    "churn_risk_spans",
    "follow_up",
    "follow_up_confidence",
    "follow_up_spans",
    "model",
    "taxonomy",
    "error_code",
    "error_message",
)


@dataclass(frozen=True, slots=True)
class Nested:
    """The columns as they came, then the record; the id column, where it is called so, is the record's `id`."""

    id_column: str | None

    def name(self, column: str) -> str:
        return column if column == "id" == self.id_column else kept(column, NESTED_FIELDS)

    def row(self, row: Row, record: Record) -> dict[str, Any]:
        return {self.name(column): value for column, value in row.columns.items()} | record.to_dict()


@dataclass(frozen=True, slots=True)
class Flat:
    """The columns as they came, then the record in cells: text, numbers, true or false, and JSON for what has parts.

    Rows that are numbered get their `id` between the two.
    """

    id_column: str | None

    @property
    def fields(self) -> tuple[str, ...]:
        return FLAT_FIELDS if self.id_column is not None else ("id", *FLAT_FIELDS)

    def name(self, column: str) -> str:
        return kept(column, self.fields)

    def row(self, row: Row, record: Record) -> dict[str, str]:
        columns = {self.name(column): cell(value) for column, value in row.columns.items()}
        if self.id_column is None:
            columns["id"] = cell(record.id)
        return columns | {name: cell(value) for name, value in _flat(record).items()}


def cell(value: Any) -> str:
    """A value as the text of a CSV cell.

    >>> [cell(value) for value in ("svar", None, True, 9, ["a", 1])]
    ['svar', '', 'true', '9', '["a", 1]']
    """
    if isinstance(value, Typed):
        value = value.plain
    if value is None:
        return ""
    return value if isinstance(value, str) else dumps(value)


def _flat(record: Record) -> dict[str, Any]:
    if isinstance(record, FailedComment):
        return {"error_code": record.error.code, "error_message": record.error.message}
    plain = record.to_dict()
    return {
        "language": record.language,
        "sentiment": record.sentiment.label,
        "sentiment_score": record.sentiment.score,
        "sentiment_probabilities": plain["sentiment"]["probabilities"],
        "themes": plain["themes"],
        "factors": plain["factors"],
        **_flat_flag("churn_risk", record.churn_risk, plain),
        **_flat_flag("follow_up", record.follow_up, plain),
        "model": record.model,
        "taxonomy": record.taxonomy,
    }


def _flat_flag(name: str, flag: Flag, plain: dict[str, Any]) -> dict[str, Any]:
    return {name: flag.flag, f"{name}_confidence": flag.confidence, f"{name}_spans": plain[name]["spans"]}
