"""Did an action help? A test that may be looked at every day, and says how much a complaint fell since.

Complaints after the action are set against those before it, both among all comments of their days. Looking daily at an
ordinary test would sooner or later show a success that is none. This one holds its false-alarm rate over all days
together: for each ratio of rates that could be true it keeps a mixture likelihood ratio against smaller (and against
greater) ratios, and drops the ratio once that reaches one over the rate. What is left is a confidence sequence.

The rate before is not known but counted. Its scale is integrated out with the scale-invariant prior; the ratio that
results has the same law whatever the rate is, and agrees at any fixed day with the exact conditional test of two
Poisson counts.

References
----------
Robbins (1970), Statistical methods related to the law of the iterated logarithm, Annals of Mathematical Statistics 41:
the mixture, and why the limit holds over all days (Ville's inequality)
Howard, Ramdas, McAuliffe & Sekhon (2021), Time-uniform, nonparametric, nonasymptotic confidence sequences, Annals of
Statistics 49(2)
Pérez-Ortiz, Lardy, de Heide & Grünwald (2024), E-statistics, group invariance and anytime-valid testing, Annals of
Statistics 52(4): integrating a scale out keeps the test valid
Lindon & Kallus (2024), Anytime-valid continuous-time confidence processes for inhomogeneous Poisson processes,
arXiv:2410.09282: counts of complaints watched as they come
McCullagh & Nelder (1989), Generalized Linear Models, section 6.2: dispersion; the evidence is divided by it
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Final

import numpy as np
from scipy.special import logsumexp
from scipy.stats import halfnorm

from nlp.causes.chance import Estimate, Floats, Integers

FALSE_ALARM: Final = 0.05
BASELINE_DAYS: Final = 90
WORTHWHILE_FALL: Final = 0.2
FEWEST_BEFORE: Final = 5
"""Complaints before the action; of fewer nothing can fall that could be told from chance."""
_STEPS: Final = halfnorm.ppf((np.arange(60) + 0.5) / 60)
"""Differences of log rates that the mixture holds, evenly weighted: a fall by half is 0.7."""
_FARTHEST: Final = 12.0
_HALVINGS: Final = 32
_WEEK: Final = 7


class Verdict(StrEnum):
    """What can be said of an action so far."""

    FELL = "fell"
    ROSE = "rose"
    NO_EFFECT = "no_effect"
    """A fall of the size that would be worthwhile is ruled out."""
    TOO_EARLY = "too_early"
    NO_BASELINE = "no_baseline"
    """Too few complaints, or no comments, before the action: this will never be known."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What was known at the end of a day; `ratio` is the rate since the action over the rate before it."""

    day: date
    count: int
    total: int
    ratio: Estimate


@dataclass(frozen=True, slots=True)
class ActionEffect:
    """The effect of an action on a cause.

    Parameters
    ----------
    verdict : see there; `fell` and `rose` stay once they are reached, and change only for each other
    decided_on : the day on which `fell` or `rose` was reached
    false_alarm : the probability that `fell` is ever said though the rate stayed, and as much again for `rose`
    ratio : rate since the action over the rate before, with an interval that holds over all days together at
        1 - 2 * `false_alarm`; a ratio of 0.6 is a fall by 40 %
    count_before, total_before, count, total : comments that name the cause among all, before and since
    dispersion : by how much the weeks before varied more than chance; the evidence is divided by it
    days : what was known at the end of each day
    days_for_half : how many days since the action a fall by half takes to show, at the present number of comments a
        day; None where it would not within ten years
    """

    verdict: Verdict
    decided_on: date | None
    false_alarm: float
    ratio: Estimate
    count_before: int
    total_before: int
    count: int
    total: int
    dispersion: float
    days: tuple[Standing, ...]
    days_for_half: int | None

    @property
    def fall(self) -> Estimate:
        """The fall as a share of the rate before; below 0 it is a rise."""
        return Estimate(1 - self.ratio.value, 1 - self.ratio.high, 1 - self.ratio.low)


def effect_of_action(
    counts: Integers,
    totals: Integers,
    *,
    first: date,
    since: date,
    baseline_from: date | None = None,
    false_alarm: float = FALSE_ALARM,
    worthwhile: float = WORTHWHILE_FALL,
    least_dispersion: float = 1.0,
) -> ActionEffect:
    """Say whether a cause became rarer since an action.

    Parameters
    ----------
    counts : comments that name the cause, by day from `first`, of shape (n_days,); where the action was only taken in
        one place, the comments of that place
    totals : all comments of the same days and place
    since : the first day on which the action could show
    baseline_from : the first day of the time before; 90 days before `since` unless given. For an incident, the day on
        which it began: else the quiet time before it counts as what is to be reached
    false_alarm : accepted for each of `fell` and `rose`, over all days together
    worthwhile : the fall that would be worth having, as a share; where it is ruled out, the verdict is `no_effect`
    least_dispersion : by how much weeks are known to vary more than chance, for a time before too short to show it

    Raises
    ------
    ValueError : if the columns differ in length, a count exceeds its total, or a rate is not between 0 and 1
    """
    _check(counts, totals, false_alarm, worthwhile)
    split = int(np.clip((since - first).days, 0, len(counts)))
    start = (since - timedelta(days=BASELINE_DAYS) - first).days
    if baseline_from is not None:
        start = (baseline_from - first).days
    before = slice(int(np.clip(start, 0, split)), split)
    count_before, total_before = int(counts[before].sum()), int(totals[before].sum())
    dispersion = max(least_dispersion, dispersion_of(counts[before], totals[before]))
    count, total = np.cumsum(counts[split:]), np.cumsum(totals[split:])
    usable = count_before >= FEWEST_BEFORE and total_before > 0
    bounds = RateRatioSequence(count_before / dispersion, total_before / dispersion, false_alarm)
    low, high = bounds.at(count / dispersion, total / dispersion) if usable else (0 * total, np.inf + total)
    days = tuple(
        Standing(
            first + timedelta(days=split + i),
            int(count[i]),
            int(total[i]),
            Estimate(_ratio(int(count[i]), int(total[i]), count_before, total_before), float(low[i]), float(high[i])),
        )
        for i in range(len(count))
    )
    nothing = Estimate(float("nan"), 0.0, float("inf"))
    ratio = days[-1].ratio if days else nothing
    verdict, decided_on = _verdict(days, worthwhile) if usable else (Verdict.NO_BASELINE, None)
    return ActionEffect(
        verdict=verdict,
        decided_on=decided_on,
        false_alarm=false_alarm,
        ratio=ratio,
        count_before=count_before,
        total_before=total_before,
        count=int(count[-1]) if len(count) else 0,
        total=int(total[-1]) if len(total) else 0,
        dispersion=dispersion,
        days=days,
        days_for_half=_days_for(0.5, bounds, totals[max(0, len(totals) - 28) :], dispersion) if usable else None,
    )


@dataclass(frozen=True, slots=True)
class RateRatioSequence:
    """The confidence sequence of the ratio; counts are divided by the dispersion."""

    count_before: float
    total_before: float
    false_alarm: float

    def at(self, count: Floats, total: Floats) -> tuple[Floats, Floats]:
        """The bounds after `count` of `total`, both of shape (n_days,).

        The evidence against a ratio is monotone in it, so that the last one not ruled out is found by halving.
        """
        high = self._halve(count, total, ruled_out_above=True)
        low = self._halve(count, total, ruled_out_above=False)
        nothing_yet = total <= 0
        return np.where(nothing_yet | (count <= 0), 0.0, np.exp(low)), np.where(nothing_yet, np.inf, np.exp(high))

    def _halve(self, count: Floats, total: Floats, *, ruled_out_above: bool) -> Floats:
        threshold = -np.log(self.false_alarm)
        below, above = np.full(len(count), -_FARTHEST), np.full(len(count), _FARTHEST)
        for _ in range(_HALVINGS):
            middle = (below + above) / 2
            out = self.evidence(middle, count, total, smaller=ruled_out_above) >= threshold
            goes_down = out if ruled_out_above else ~out
            above, below = np.where(goes_down, middle, above), np.where(goes_down, below, middle)
        return np.asarray((below + above) / 2)

    def evidence(self, log_ratio: Floats, count: Floats, total: Floats, *, smaller: bool) -> Floats:
        """Log of the mixture likelihood ratio of smaller (or greater) ratios against this one, by day.

        Given the count before, the count since has a negative binomial law in which the rate does not stand. For
        greater ratios one count is added before, which makes the fixed-day test the exact one on that side too.
        """
        shape = self.count_before + (0.0 if smaller else 1.0)
        steps = -_STEPS if smaller else _STEPS
        null = np.log(self.total_before + np.exp(log_ratio) * total)
        other = np.log(self.total_before + np.exp(log_ratio[:, None] + steps) * total[:, None])
        log = (shape + count)[:, None] * (null[:, None] - other) + count[:, None] * steps
        return np.asarray(logsumexp(log, axis=1) - np.log(len(steps)))


def _verdict(days: tuple[Standing, ...], worthwhile: float) -> tuple[Verdict, date | None]:
    verdict, decided_on = Verdict.TOO_EARLY, None
    for standing in days:
        shown = Verdict.FELL if standing.ratio.high < 1 else Verdict.ROSE if standing.ratio.low > 1 else None
        if shown is not None and shown is not verdict:
            verdict, decided_on = shown, standing.day
    if verdict is Verdict.TOO_EARLY and days and days[-1].ratio.low > 1 - worthwhile:
        return Verdict.NO_EFFECT, None
    return verdict, decided_on


def _days_for(ratio: float, bounds: RateRatioSequence, recent_totals: Integers, dispersion: float) -> int | None:
    """The days after which the expected counts of a fall to `ratio` would show."""
    a_day = float(recent_totals.mean()) if len(recent_totals) else 0.0
    if a_day <= 0:
        return None
    days = np.unique(np.geomspace(1, 3650, 200).astype(int))
    total = days * a_day / dispersion
    count = total * ratio * bounds.count_before / bounds.total_before
    shown = bounds.evidence(np.zeros(len(days)), count, total, smaller=True) >= -np.log(bounds.false_alarm)
    return int(days[np.argmax(shown)]) if shown.any() else None


def dispersion_of(counts: Integers, totals: Integers) -> float:
    """Pearson's dispersion around one steady share, of the days and of the weeks: the greater, and at least 1."""
    found = [1.0]
    for length in (1, _WEEK):
        edges = np.arange(len(counts) % length, len(counts), length)
        if len(edges) < 4:  # noqa: PLR2004 - too few to tell
            continue
        k = np.add.reduceat(counts, edges).astype(np.float64)
        n = np.add.reduceat(totals, edges).astype(np.float64)
        expected = n * k.sum() / max(float(n.sum()), 1.0)
        with_comments = expected > 0
        freedom = int(with_comments.sum()) - 1
        if freedom >= 3:  # noqa: PLR2004
            squares = (k[with_comments] - expected[with_comments]) ** 2 / expected[with_comments]
            found.append(float(squares.sum() / freedom))
    return max(found)


def _ratio(count: int, total: int, count_before: int, total_before: int) -> float:
    if total == 0 or count_before == 0:
        return float("nan")
    return (count / total) / (count_before / total_before)


def _check(counts: Integers, totals: Integers, false_alarm: float, worthwhile: float) -> None:
    if len(counts) != len(totals):
        raise ValueError(f"There are counts of {len(counts)} days and totals of {len(totals)}.")
    if np.any(counts > totals) or np.any(counts < 0):
        raise ValueError("On some day more comments name the cause than there are comments, or fewer than none.")
    for name, value in (("false_alarm", false_alarm), ("worthwhile", worthwhile)):
        if not 0 < value < 1:
            raise ValueError(f"{name} is {value}; it lies between 0 and 1.")
