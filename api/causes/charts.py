"""Where the marks of the page's charts lie; the template draws them as SVG, so that the page needs no script."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from nlp.causes.chance import Estimate
from nlp.causes.change import Change, Week

WIDTH: Final = 720
"""As wide as the text of an A4 page, so that a chart's letters stay as large as those around it in print."""
_LEFT, _RIGHT, _ROW = 300, 20, 26
_WEEKS_HEIGHT, _WEEKS_FLOOR, _WEEKS_TOP = 118, 98, 18
_LABEL: Final = 40
"""Characters of a label that stand beside its bar."""
_DAY: Final = 90
"""Pixels that a written day takes."""
_MARK: Final = 34
"""Characters of an action that stand at its mark."""
COSTS, GIVES, UNSURE = "#b3382c", "#2c7a4b", "#7a8696"


@dataclass(frozen=True, slots=True)
class Tick:
    at: float
    label: str


@dataclass(frozen=True, slots=True)
class IntervalMark:
    """An estimate at `at` from `low` to `high`, in pixels from the left."""

    label: str
    y: float
    low: float
    at: float
    high: float
    colour: str


@dataclass(frozen=True, slots=True)
class IntervalChart:
    """Estimates below each other on one scale that holds 0."""

    width: int
    height: int
    left: int
    zero: float
    bars: Sequence[IntervalMark]
    ticks: Sequence[Tick]


@dataclass(frozen=True, slots=True)
class WeekBar:
    x: float
    y: float
    width: float
    height: float
    after: bool
    title: str


@dataclass(frozen=True, slots=True)
class ActionMark:
    """Where an action began; the label stands to the left of the mark where there is no room to its right."""

    x: float
    label: str
    left: bool


@dataclass(frozen=True, slots=True)
class WeekChart:
    """Shares by week, the day of a change, and where actions began; `top` is the share at the top."""

    width: int
    height: int
    floor: int
    top: float
    mark: float | None
    bars: Sequence[WeekBar]
    ticks: Sequence[Tick]
    actions: Sequence[ActionMark]


def interval_chart(rows: Sequence[tuple[str, Estimate]]) -> IntervalChart:
    """A row for each label and its estimate, the first on top."""
    finite = [bound for _, each in rows for bound in (each.low, each.value, each.high) if math.isfinite(bound)]
    low, high = min([0.0, *finite]), max([0.0, *finite])
    high = high if high > low else low + 1.0

    def x(value: float) -> float:
        value = min(max(value, low), high)
        return round(_LEFT + (value - low) / (high - low) * (WIDTH - _LEFT - _RIGHT), 1)

    bars = [
        IntervalMark(_short(label), _ROW * (row + 0.5), x(each.low), x(each.value), x(each.high), _colour(each))
        for row, (label, each) in enumerate(rows)
    ]
    ticks = [Tick(x(value), f"{value:g}") for value in _round_values(low, high)]
    return IntervalChart(WIDTH, _ROW * len(rows) + 22, _LEFT, x(0.0), bars, ticks)


def week_chart(
    weeks: Sequence[Week],
    onset: Change | None,
    *,
    actions: Sequence[tuple[date, str]] = (),
    write_day: Callable[[date], str] = date.isoformat,
) -> WeekChart | None:
    """None where fewer than three weeks have comments.

    Parameters
    ----------
    onset : a change, from which on the bars are of another colour
    actions : the day on which each began, and its name
    write_day : a day as readers write it
    """
    shares = [week.count / week.total if week.total else 0.0 for week in weeks]
    top = max(shares, default=0.0)
    if len(weeks) < 3 or top == 0:  # noqa: PLR2004
        return None
    step = WIDTH / len(weeks)
    space = _WEEKS_FLOOR - _WEEKS_TOP

    def x(day: date) -> float:
        return round(min(max(step * (day - weeks[0].monday).days / 7, 0.0), float(WIDTH)), 1)

    bars = [
        WeekBar(
            round(step * place, 1),
            round(_WEEKS_FLOOR - space * share / top, 1),
            round(max(step - 1.5, 0.5), 1),
            round(space * share / top, 1),
            onset is not None and (week.monday - onset.day).days + 6 >= 0,
            f"{write_day(week.monday)}: {week.count} / {week.total}",
        )
        for place, (week, share) in enumerate(zip(weeks, shares, strict=True))
    ]
    ticks = [Tick(0, write_day(weeks[0].monday)), Tick(WIDTH, write_day(weeks[-1].monday))]
    if onset is not None:
        ticks.insert(1, Tick(min(max(x(onset.day), _DAY), WIDTH - 2 * _DAY), write_day(onset.day)))
    marks = [ActionMark(x(day), _short(name, _MARK), x(day) > WIDTH / 2) for day, name in actions]
    mark = None if onset is None else x(onset.day)
    return WeekChart(WIDTH, _WEEKS_HEIGHT, _WEEKS_FLOOR, top, mark, bars, ticks, marks)


def _colour(each: Estimate) -> str:
    return COSTS if each.low > 0 else GIVES if each.high < 0 else UNSURE


def _short(label: str, most: int = _LABEL) -> str:
    return label if len(label) <= most else label[: most - 1].rstrip() + "…"


def _round_values(low: float, high: float) -> list[float]:
    """Four to nine round numbers between two.

    >>> _round_values(-1.2, 3.9)
    [-1.0, 0.0, 1.0, 2.0, 3.0]
    """
    raw = (high - low) / 5
    size = 10.0 ** math.floor(math.log10(raw))
    step = next(size * factor for factor in (1, 2, 5, 10) if size * factor >= raw * 0.75)
    first, last = math.ceil(low / step), math.floor(high / step)
    return [round(step * number, 10) for number in range(first, last + 1)]
