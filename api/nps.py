"""Net Promoter Score with its interval, over any dimension and period.

References
----------
Reichheld (2003), The One Number You Need to Grow, Harvard Business Review 81(12), pages 46-54: who promotes (9-10), is
passive (7-8) or detracts (0-6)
Rocks (2016), Interval Estimation for the "Net Promoter Score", The American Statistician 70(4), pages 365-372: of
seven intervals the adjusted Wald with three added answers is among those that hold their level on few answers
Agresti & Min (2005), Simple improved confidence intervals for comparing matched proportions, Statistics in Medicine 24,
pages 729-740, section 2: the same idea, for the same difference of two shares of one multinomial
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, tzinfo
from enum import StrEnum
from typing import Final

from nlp.errors import StemmeError

LOWEST, HIGHEST = 0, 10
FIRST_PASSIVE, FIRST_PROMOTER = 7, 9
MINIMUM_ANSWERS: Final = 30
"""Unless said otherwise; at 30 answers the interval is still up to 35 points wide on either side."""
FEWEST_ANSWERS: Final = 10
"""The minimum cannot be set lower: below, single people could be told from the figures."""
Z: Final = 1.959964
_ADDED: Final = 3.0
"""Answers that the interval adds in thought: 3/4 promoters, 3/4 detractors, 3/2 passives (Rocks 2016)."""


class BadScore(StemmeError):
    code, title = "bad_score", "An answer is not on the scale"


class BadMinimum(StemmeError):
    code, title = "bad_minimum", "The minimum of answers is too low"


class BadTime(StemmeError):
    code, title = "bad_time", "A time cannot be placed"


class Period(StrEnum):
    """Stretches of time into which answers are put."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    QUARTER = "quarter"
    YEAR = "year"


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer to "how likely are you to recommend us": `score` is 0 to 10.

    Parameters
    ----------
    score : a whole number
    submitted_at : with a time zone; needed only where a period is asked for
    dimensions : name and value of what the answer can be grouped by; one that is missing counts as None
    """

    score: int
    submitted_at: datetime | None = None
    dimensions: Mapping[str, str | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Shares:
    """Promoters, passives and detractors as shares of all answers, and the score with its 95 % interval.

    `value`, `low` and `high` are in points from -100 to 100.
    """

    promoters: float
    passives: float
    detractors: float
    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Nps:
    """The answers of one group; `result` is None where they are too few to say more than how many they are."""

    group: Mapping[str, str | None]
    period: str | None
    answers: int
    result: Shares | None

    @property
    def too_few(self) -> bool:
        return self.result is None


def nps(
    answers: Iterable[Answer],
    *,
    by: Iterable[str] = (),
    period: Period | None = None,
    time_zone: tzinfo | None = None,
    minimum: int = MINIMUM_ANSWERS,
) -> list[Nps]:
    """The score of every group of answers, in the order of periods and then of groups.

    Every answer counts once, without weights.

    Parameters
    ----------
    answers : any number, read once
    by : names of dimensions
    period : None for all times together
    time_zone : in which a day begins; needed with a period
    minimum : fewer answers than this give no number; at least 10

    Raises
    ------
    BadScore : if a score is not a whole number from 0 to 10
    BadMinimum : if `minimum` is below 10
    BadTime : with a period, if the time zone or an answer's time is missing, or the time has no zone

    >>> [group] = nps([Answer(10)] * 20 + [Answer(8)] * 10 + [Answer(3)] * 10)
    >>> group.result.value, group.result.promoters
    (25.0, 0.5)
    """
    check_minimum(minimum)
    names = tuple(by)
    counts: dict[tuple[str | None, tuple[str | None, ...]], Counter[str]] = defaultdict(Counter)
    for answer in answers:
        when = None if period is None else _period_of(answer, period, time_zone)
        counts[when, tuple(answer.dimensions.get(name) for name in names)][_kind(answer.score)] += 1
    rows = sorted(
        counts.items(), key=lambda row: (row[0][0] or "", [(value is None, value or "") for value in row[0][1]])
    )
    return [
        Nps(dict(zip(names, values, strict=True)), when, of_kind.total(), shares(of_kind, minimum=minimum))
        for (when, values), of_kind in rows
    ]


def check_minimum(minimum: int) -> None:
    """Refuse a minimum below which single people could be told from the figures.

    Raises
    ------
    BadMinimum : saying which is the lowest
    """
    if minimum < FEWEST_ANSWERS:
        raise BadMinimum(
            f"The minimum is {minimum} answers; at least {FEWEST_ANSWERS} are needed. Ask for {FEWEST_ANSWERS}."
        )


def shares(counts: Mapping[str, int], *, minimum: int = MINIMUM_ANSWERS) -> Shares | None:
    """The score of counted promoters, passives and detractors; None if there are fewer than `minimum` in all."""
    promoters, passives, detractors = (counts.get(kind, 0) for kind in ("promoter", "passive", "detractor"))
    total = promoters + passives + detractors
    if total < max(minimum, 1):
        return None
    low, high = interval(promoters, detractors, total)
    return Shares(
        promoters=promoters / total,
        passives=passives / total,
        detractors=detractors / total,
        value=100 * (promoters - detractors) / total,
        low=100 * low,
        high=100 * high,
    )


def interval(promoters: int, detractors: int, total: int) -> tuple[float, float]:
    """The 95 % interval of the difference of two shares of one multinomial, -1 to 1: adjusted Wald.

    Three answers are added, as if the shares were 1/4, 1/2 and 1/4; then the difference has the variance
    (p + d - (p - d)²) / n. Without them the plain Wald interval has no width where everybody answers alike.

    >>> tuple(round(bound, 4) for bound in interval(20, 10, 40))
    (-0.0136, 0.4788)
    """
    n = total + _ADDED
    p, d = (promoters + _ADDED / 4) / n, (detractors + _ADDED / 4) / n
    half = Z * math.sqrt((p + d - (p - d) ** 2) / n)
    return max(-1.0, p - d - half), min(1.0, p - d + half)


def period_name(day: date, period: Period) -> str:
    """What the period of a day is called; names sort in the order of time. Weeks are those of ISO 8601.

    >>> [period_name(date(2027, 1, 2), period) for period in Period]
    ['2027-01-02', '2026-W53', '2027-01', '2027-Q1', '2027']
    """
    if period is Period.DAY:
        return day.isoformat()
    if period is Period.WEEK:
        thursday = day + timedelta(days=4 - day.isoweekday())
        return f"{thursday.year:04}-W{day.isocalendar().week:02}"
    if period is Period.MONTH:
        return f"{day.year:04}-{day.month:02}"
    if period is Period.QUARTER:
        return f"{day.year:04}-Q{(day.month + 2) // 3}"
    return f"{day.year:04}"


def _period_of(answer: Answer, period: Period, time_zone: tzinfo | None) -> str:
    if time_zone is None:
        raise BadTime(f"A {period} begins at another moment in every time zone, and none was given. Name one.")
    if answer.submitted_at is None or answer.submitted_at.tzinfo is None:
        found = "no time" if answer.submitted_at is None else "a time without a zone"
        raise BadTime(f"An answer has {found} and belongs to no {period}. Give it one, with its zone.")
    return period_name(answer.submitted_at.astimezone(time_zone).date(), period)


def _kind(score: int) -> str:
    if isinstance(score, bool) or not isinstance(score, int) or not LOWEST <= score <= HIGHEST:
        raise BadScore(
            f"A score is {score!r}; whole numbers from {LOWEST} to {HIGHEST} are allowed. Leave the answer out."
        )
    if score >= FIRST_PROMOTER:
        return "promoter"
    return "passive" if score >= FIRST_PASSIVE else "detractor"
