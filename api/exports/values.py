"""From the cells of an export to values: text, numbers and points in time."""

from __future__ import annotations

import re
from collections.abc import Collection
from datetime import date, datetime, tzinfo
from typing import Final
from zoneinfo import ZoneInfo

from api.exports.mapping import DateRule, FieldRule, NumberRule
from api.exports.table import Cell
from api.time_zone import zone_info
from nlp.record import Problem

LOWEST_NPS: Final = 0
HIGHEST_NPS: Final = 10

_INVISIBLE = "\ufeff\u200b\u200c\u200d\u2060"
_LABELLED = re.compile(r"(\d{1,2})(?:\s*[-–—=:(]\s*|\s+)(?![\d.,]).+", re.DOTALL)
_DATE = re.compile(
    r"(?P<first>\d{1,2})(?P<mark>[./-])(?P<second>\d{1,2})(?P=mark)(?P<year>\d{4}|\d{2})"
    r"(?:,?[\sT]+(?P<hour>\d{1,2})[:.](?P<minute>\d{2})(?:[:.](?P<seconds>\d{2}))?\s*(?P<half>[AaPp]\.?[Mm]\.?)?)?"
)
_CENTURY = 2_000


class BadValue(Exception):
    """A cell that cannot be what its field needs; the row is rejected with this problem."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.problem = Problem(code, message)


def as_text(cell: Cell) -> str:
    """A cell as the text that a person saw, without white space around it.

    >>> [as_text(cell) for cell in (" svar ", 118342567890.0, 4.5, True)]
    ['svar', '118342567890', '4.5', 'true']
    """
    match cell:
        case bool():
            return "true" if cell else "false"
        case float() if cell.is_integer():
            return str(int(cell))
        case datetime():
            return cell.isoformat(" ")
        case _:
            return str(cell).strip().strip(_INVISIBLE).strip()


def is_answer(text: str, no_answer: Collection[str]) -> bool:
    """Whether a cell holds anything: not blank, and none of the words that stand for nothing.

    >>> [is_answer(text, {"n/a", "-"}) for text in ("N/A", "-", "", "ingen kommentar")]
    [False, False, False, True]
    """
    return bool(text) and text.casefold() not in no_answer


def translated(text: str, rule: FieldRule) -> str:
    """What the mapping says that a label or a code stands for; the text itself if it says nothing."""
    wanted = text.casefold()
    return next((str(value) for label, value in rule.translate.items() if label.casefold() == wanted), text)


def as_nps(text: str, rule: NumberRule, *, column: str) -> int:
    """A likelihood to recommend, 0 to 10; labels such as `10 - Svært sannsynlig` count as their number.

    Raises
    ------
    BadValue : if it is no whole number from 0 to 10
    """
    text = translated(text, rule)
    labelled = _LABELLED.fullmatch(text)
    number = as_number(labelled[1] if labelled else text, rule, column=column, code="bad_nps")
    if not number.is_integer() or not LOWEST_NPS <= number <= HIGHEST_NPS:
        raise BadValue(
            "bad_nps",
            f"The column {column!r} holds a number that is no whole one from 0 to 10. If it is a code, say in the "
            "mapping what it stands for: translate under [columns.nps].",
        )
    return int(number)


def as_number(text: str, rule: NumberRule, *, column: str, code: str = "bad_rating") -> float:
    """A number, with a point or a comma before its decimals.

    Raises
    ------
    BadValue : if it is none

    >>> as_number("4,5", NumberRule(), column="Betyg"), as_number("1.234,5", NumberRule(decimal=","), column="Betyg")
    (4.5, 1234.5)
    """
    plain = re.sub(r"\s", "", translated(text, rule))
    if rule.decimal == "auto":
        plain = plain.replace(",", ".") if plain.count(",") + plain.count(".") == 1 else plain
    elif rule.decimal == ",":
        plain = plain.replace(".", "").replace(",", ".")
    else:
        plain = plain.replace(",", "")
    if not re.fullmatch(r"[+-]?\d{1,15}(\.\d+)?", plain, re.ASCII):
        raise BadValue(
            code,
            f"The column {column!r} holds no number. If it is a label, say in the mapping what it stands for: "
            f"translate under [columns.{code.removeprefix('bad_')}].",
        )
    return float(plain)


def as_moment(cell: Cell, rule: DateRule, zone: tzinfo | None, *, column: str) -> datetime:
    """A point in time with its zone.

    Parameters
    ----------
    cell : a date of a workbook, or text
    rule : the formats and the order of day and month
    zone : of a cell that does not state its own offset

    Raises
    ------
    BadValue : `bad_date`, `ambiguous_date` or `missing_time_zone`

    Of the hour that is there twice when clocks go back, the first is meant.
    """
    moment = cell if isinstance(cell, datetime) else _day(cell) or _parsed(as_text(cell), rule, column)
    if moment.tzinfo is not None:
        return moment
    if zone is None:
        raise BadValue("missing_time_zone", f"The column {column!r} states no zone. Say --time-zone.")
    return moment.replace(tzinfo=zone)


def time_zone(name: str, *, where: str) -> ZoneInfo:
    """A zone by its IANA name.

    Raises
    ------
    UnknownTimeZone : naming `where` it stands
    """
    return zone_info(
        name,
        otherwise=f"{where} is {name!r}, which is no zone of the IANA list. Examples: Europe/Oslo, Europe/Copenhagen, "
        "Europe/Stockholm, UTC.",
    )


def _day(cell: Cell) -> datetime | None:
    return datetime(cell.year, cell.month, cell.day) if isinstance(cell, date) else None


def _parsed(text: str, rule: DateRule, column: str) -> datetime:
    for format_ in rule.formats:
        try:
            return datetime.strptime(text, format_)
        except ValueError:
            continue
    if rule.formats:
        raise BadValue("bad_date", f"The column {column!r} holds no date of the form {' or '.join(rule.formats)}.")
    parts = _DATE.fullmatch(text)
    try:
        return _ordered(parts, rule, column) if parts else datetime.fromisoformat(text)
    except ValueError:
        raise BadValue(
            "bad_date",
            f"The column {column!r} holds no date that is known. Say how dates are written: formats under "
            "[columns.submitted_at], or --date-order.",
        ) from None


def _ordered(parts: re.Match[str], rule: DateRule, column: str) -> datetime:
    day, month = int(parts["first"]), int(parts["second"])
    if rule.date_order is None and parts["mark"] != ".":  # with full stops the day comes first wherever they are used
        raise BadValue(
            "ambiguous_date",
            f"The column {column!r} does not say whether the day or the month comes first. Say --date-order.",
        )
    if rule.date_order == "month-first":
        day, month = month, day
    year = int(parts["year"]) + (_CENTURY if len(parts["year"]) == 2 else 0)  # noqa: PLR2004
    hour, minute, seconds = (int(parts[name] or 0) for name in ("hour", "minute", "seconds"))
    if parts["half"]:
        if not 1 <= hour <= 12:  # noqa: PLR2004
            raise ValueError(hour)
        hour = hour % 12 + (12 if parts["half"][0] in "Pp" else 0)
    return datetime(year, month, day, hour, minute, seconds)
