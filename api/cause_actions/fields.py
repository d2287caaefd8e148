"""The fields of an action as callers send them."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, Final

from pydantic import PlainValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from api.cause_actions.errors import BadActionDays
from api.comment_schemas import NAME_SCHEMA, storable
from api.reports.dimensions import METADATA
from api.store.models import LONGEST_NAME

FIRST_DAY, LAST_DAY = date(2000, 1, 1), date(2100, 12, 31)
LONGEST_WHAT: Final = 1_000
MOST_DIMENSIONS, MOST_VALUES = 4, 100
PLACES: Final = ("source", "department", "touchpoint", "channel", f"{METADATA}KEY")
"""The dimensions that say where something was done."""


def _day(value: object) -> date:
    hint = f"Input should be a day from {FIRST_DAY} to {LAST_DAY}, such as 2026-03-20"
    try:
        day = date.fromisoformat(value) if isinstance(value, str) else value
    except ValueError:
        day = None
    if not isinstance(day, date) or isinstance(day, datetime) or not FIRST_DAY <= day <= LAST_DAY:
        raise PydanticCustomError("day", hint)  # type: ignore[arg-type]
    return day


def _what(value: object) -> str:
    what = storable(value, LONGEST_WHAT).strip()
    if not what:
        raise PydanticCustomError("what_blank", "Input is blank; say in a few words what was done")
    return what


def _where(value: object) -> dict[str, list[str]]:
    hint = (
        f"Input should be an object of at most {MOST_DIMENSIONS} dimensions, each with its value or a list of at most "
        f'{MOST_VALUES} values, such as {{"department": ["Bergen", "Voss"]}}'
    )
    if not isinstance(value, dict) or len(value) > MOST_DIMENSIONS:
        raise PydanticCustomError("where", hint.replace("{", "{{").replace("}", "}}"))  # type: ignore[arg-type]
    return {storable(name, 2 * LONGEST_NAME): _values(values, hint) for name, values in value.items()}


def _values(value: object, hint: str) -> list[str]:
    values = value if isinstance(value, list) else [value]
    if not 1 <= len(values) <= MOST_VALUES or not all(isinstance(each, str) and each for each in values):
        raise PydanticCustomError("where", hint.replace("{", "{{").replace("}", "}}"))  # type: ignore[arg-type]
    return list(dict.fromkeys(storable(each, LONGEST_NAME) for each in values))


DAY_SCHEMA: Final[dict[str, Any]] = {"type": "string", "format": "date", "pattern": r"^20[0-9]{2}-[0-9]{2}-[0-9]{2}$"}
Day = Annotated[date, PlainValidator(_day), WithJsonSchema(DAY_SCHEMA)]
What = Annotated[
    str,
    PlainValidator(_what),
    WithJsonSchema({**NAME_SCHEMA, "maxLength": LONGEST_WHAT}),
]
_VALUE: Final = {"type": "string", "minLength": 1, "maxLength": LONGEST_NAME, "pattern": r"^[^\u0000]+$"}
WHERE_SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "maxProperties": MOST_DIMENSIONS,
    "propertyNames": {
        "pattern": rf"^(?:source|department|touchpoint|channel|metadata\.[^\u0000]{{1,{LONGEST_NAME}}})$"
    },
    "additionalProperties": {
        "anyOf": [_VALUE, {"type": "array", "minItems": 1, "maxItems": MOST_VALUES, "items": _VALUE}]
    },
}
Where = Annotated[dict[str, list[str]], PlainValidator(_where), WithJsonSchema(WHERE_SCHEMA)]


def refuse_bad_days(*, since: date, baseline_from: date | None, until: date | None) -> None:
    """Refuse days that do not follow each other.

    Raises
    ------
    BadActionDays : if the time before does not begin before the action, or it ends before it began
    """
    if baseline_from is not None and baseline_from >= since:
        raise BadActionDays(
            f"baseline_from is {baseline_from}, and the action is since {since}. The time that it is compared with "
            "begins before it; leave baseline_from out to take the cause's last change before it."
        )
    if until is not None and until < since:
        raise BadActionDays(f"until is {until}, and the action is since {since}. Its last day is not before its first.")
