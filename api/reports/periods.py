"""Periods in SQL: on which day, in which week a comment was written, by the clock of a named time zone.

SQLite knows no time zones, and PostgreSQL's list of them may be another than Python's. So both are told the zone's
offsets from UTC, and from which moment on each of them holds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Any, Final

from sqlalchemy import ColumnElement, Integer, String, case, cast, func, literal, literal_column, type_coerce

from api.nps import Period, period_name

Steps = list[tuple[datetime, int]]
FIRST: Final = datetime(1900, 1, 1, tzinfo=UTC)
LAST: Final = datetime(2100, 1, 1, tzinfo=UTC)
"""Earlier and later moments are read by UTC's clock: no zone had offsets as we know them, or has yet."""


@dataclass(frozen=True, slots=True)
class Calendar:
    """Periods by the clock of a zone.

    Parameters
    ----------
    first, last : between which moments comments were written
    """

    period: Period
    zone: tzinfo
    first: datetime
    last: datetime

    def start_of(self, submitted_at: ColumnElement[Any], *, sqlite: bool) -> ColumnElement[str]:
        """The first day of a moment's period, as `2026-11-01`.

        Parameters
        ----------
        submitted_at : a column of the store's times
        sqlite : else PostgreSQL
        """
        first, last = (min(max(moment, FIRST), LAST) for moment in (self.first, self.last))
        steps = offsets(self.zone, first, last)
        return (_in_sqlite if sqlite else _in_postgresql)(submitted_at, self.period, steps)


def name_of(start: str, period: Period) -> str:
    """What a period is called by its first day.

    >>> name_of("2026-10-01", Period.QUARTER)
    '2026-Q4'
    """
    return period_name(date.fromisoformat(start), period)


def name_before(start: str, period: Period) -> str:
    """What the period before is called.

    >>> name_before("2026-01-01", Period.MONTH), name_before("2026-01-05", Period.WEEK)
    ('2025-12', '2026-W01')
    """
    first = date.fromisoformat(start)
    return "" if first == date.min else period_name(first - timedelta(days=1), period)


def offsets(zone: tzinfo, first: datetime, last: datetime) -> list[tuple[datetime, int]]:
    """From when on each of a zone's offsets from UTC holds, in seconds.

    >>> from zoneinfo import ZoneInfo
    >>> spring = datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 4, 1, tzinfo=UTC)
    >>> [(at.isoformat(), seconds) for at, seconds in offsets(ZoneInfo("Europe/Oslo"), *spring)]
    [('2026-03-01T00:00:00+00:00', 3600), ('2026-03-29T01:00:00+00:00', 7200)]
    """
    found, moment = [(first, _offset(first, zone))], first
    while moment < last:
        following = min(moment + timedelta(days=1), last)
        if _offset(following, zone) != found[-1][1]:
            found.append((_change(moment, following, zone), _offset(following, zone)))
        moment = following
    return found


def _change(low: datetime, high: datetime, zone: tzinfo) -> datetime:
    """The second at which the offset changes between two moments."""
    before = _offset(low, zone)
    while high - low > timedelta(seconds=1):
        middle = low + timedelta(seconds=(high - low) // timedelta(seconds=2))
        low, high = (middle, high) if _offset(middle, zone) == before else (low, middle)
    return high


def _offset(moment: datetime, zone: tzinfo) -> int:
    return int((moment.astimezone(zone).utcoffset() or timedelta()).total_seconds())


def _shift(moment: ColumnElement[Any], steps: Steps, as_value: Callable[[int], Any]) -> ColumnElement[Any]:
    # Recent comments, which are most, come first.
    newest_first = [(moment >= begin, as_value(offset)) for begin, offset in reversed(steps)]
    utc = as_value(0)
    return case((moment >= LAST, utc), (moment < FIRST, utc), *newest_first, else_=utc)


def _in_sqlite(submitted_at: ColumnElement[Any], period: Period, steps: Steps) -> ColumnElement[str]:
    # Whole seconds, as SQLite rounds parts of them, and would take the last ones of a day for the next day.
    clock = func.substr(type_coerce(submitted_at, String), 1, 19)
    shift = _shift(submitted_at, steps, lambda seconds: literal(f"{seconds:+d} seconds"))
    match period:
        case Period.DAY:
            return func.date(clock, shift)
        case Period.WEEK:
            return func.date(clock, shift, "weekday 0", "-6 days")
        case Period.MONTH:
            return func.date(clock, shift, "start of month")
        case Period.QUARTER:
            back = (cast(func.strftime("%m", clock, shift), Integer) - 1) % 3
            return func.date(clock, shift, "start of month", "-" + cast(back, String) + " months")
        case Period.YEAR:
            return func.date(clock, shift, "start of year")


def _in_postgresql(submitted_at: ColumnElement[Any], period: Period, steps: Steps) -> ColumnElement[str]:
    shift = _shift(submitted_at, steps, lambda seconds: literal(seconds, Integer))
    clock = func.timezone("UTC", submitted_at) + shift * literal_column("interval '1 second'")
    return func.to_char(func.date_trunc(str(period), clock), "YYYY-MM-DD")
