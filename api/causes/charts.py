"""Where the marks of the page's charts lie; the template draws them as SVG, so that the page needs no script.

Places from left to right are in percent of the width and heights in pixels, so that a chart is as wide as the screen or
the sheet that shows it, and its letters are as large as those around it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from nlp.causes.chance import Estimate
from nlp.causes.change import Change, Week

_GAP: Final = 0.2
_LINE: Final = 14
"""Pixels that a line of letters takes above the bars."""
_BARS, _BELOW = 80, 20
_MARK: Final = 24
"""Characters of an action that stand at its mark: as many as half of a phone's width holds."""
COSTS, GIVES, UNSURE = "#b3382c", "#2c7a4b", "#7a8696"


@dataclass(frozen=True, slots=True)
class Tick:
    at: float
    label: str


@dataclass(frozen=True, slots=True)
class IntervalMark:
    """An estimate at `at` from `low` to `high`, in percent from the left."""

    low: float
    at: float
    high: float
    colour: str


@dataclass(frozen=True, slots=True)
class IntervalScale:
    """One scale for several estimates; it holds 0."""

    low: float
    high: float

    @classmethod
    def of(cls, estimates: Sequence[Estimate]) -> IntervalScale:
        """As wide as the estimates with their intervals."""
        finite = [bound for each in estimates for bound in (each.low, each.value, each.high) if math.isfinite(bound)]
        low, high = min([0.0, *finite]), max([0.0, *finite])
        return cls(low, high if high > low else low + 1.0)

    @property
    def zero(self) -> float:
        return self._at(0.0)

    def mark(self, estimate: Estimate) -> IntervalMark:
        """Where an estimate lies; one beyond the scale lies at its end."""
        low, at, high = (self._at(value) for value in (estimate.low, estimate.value, estimate.high))
        return IntervalMark(low, at, high, _colour(estimate))

    def _at(self, value: float) -> float:
        # The dot at either end needs some room.
        share = (min(max(value, self.low), self.high) - self.low) / (self.high - self.low)
        return round(4 + 92 * share, 2)


@dataclass(frozen=True, slots=True)
class WeekBar:
    x: float
    y: float
    width: float
    height: float
    after: bool
    title: str


@dataclass(frozen=True, slots=True)
class DayMark:
    """A day at `x`, with a label at the height `y`, to the left of the mark where there is no room to its right."""

    x: float
    y: float
    label: str
    left: bool


@dataclass(frozen=True, slots=True)
class WeekChart:
    """Shares by week, the day of a change, and where actions began; `top` is the share of the highest bar."""

    height: int
    floor: int
    top: float
    onset: DayMark | None
    bars: Sequence[WeekBar]
    ticks: Sequence[Tick]
    actions: Sequence[DayMark]


def week_chart(
    weeks: Sequence[Week],
    onset: Change | None,
    *,
    actions: Sequence[tuple[date, str]] = (),
    write_day: Callable[[date], str] = date.isoformat,
) -> WeekChart | None:
    """None where fewer than three weeks have comments.

    Every mark has a line of its own for its label, so that none stands over another.

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
    step = 100 / len(weeks)
    marked = [*([] if onset is None else [(onset.day, write_day(onset.day))]), *actions]
    above = _LINE * len(marked) + 4
    floor = above + _BARS

    def mark(line: int, day: date, label: str) -> DayMark:
        x = round(min(max(step * (day - weeks[0].monday).days / 7, 0.0), 100.0), 2)
        return DayMark(x, _LINE * line + 10, _short(label, _MARK), x > 50)  # noqa: PLR2004, half of the width

    marks = [mark(line, day, label) for line, (day, label) in enumerate(marked)]
    bars = [
        WeekBar(
            round(step * place, 2),
            round(floor - _BARS * share / top, 1),
            round(max(step - _GAP, 0.1), 2),
            round(_BARS * share / top, 1),
            onset is not None and (week.monday - onset.day).days + 6 >= 0,
            f"{write_day(week.monday)}: {week.count} / {week.total}",
        )
        for place, (week, share) in enumerate(zip(weeks, shares, strict=True))
    ]
    ticks = [Tick(0, write_day(weeks[0].monday)), Tick(100, write_day(weeks[-1].monday))]
    first = 0 if onset is None else 1
    return WeekChart(floor + _BELOW, floor, top, None if onset is None else marks[0], bars, ticks, marks[first:])


def _colour(each: Estimate) -> str:
    return COSTS if each.low > 0 else GIVES if each.high < 0 else UNSURE


def _short(label: str, most: int) -> str:
    return label if len(label) <= most else label[: most - 1].rstrip() + "…"
