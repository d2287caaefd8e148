"""When a cause began to grow or to fade: its weeks, and the days on which its share of all comments changed.

Counts are always set against how many comments came that day, so that a busy Monday or a new survey is no change. First
a scan asks whether the share was steady at all; only for a cause of which that cannot be believed are days of change
looked for, by PELT, and given with how far off they may be.

References
----------
Kulldorff (2001), Prospective time periodic geographical disease surveillance using a scan statistic, JRSS A 164(1): the
likelihood ratio of a window of time
Abrams, Kulldorff & Kleinman (2010), Gumbel based p-value approximations for spatial scan statistics, International
Journal of Health Geographics 9:61: small p-values from few permutations
Killick, Fearnhead & Eckley (2012), Optimal detection of changepoints with a linear computational cost, JASA 107: PELT
Zhang & Siegmund (2007), A modified Bayes information criterion, Biometrics 63: the price of a change
Truong, Oudre & Vayatis (2020), Selective review of offline change point detection methods, Signal Processing 167: the
library ruptures
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final, cast

import numpy as np
import numpy.typing as npt
from ruptures import Pelt
from ruptures.base import BaseCost
from scipy.sparse import csr_array
from scipy.special import xlogy
from scipy.stats import gumbel_r

from nlp.causes.chance import LEVEL, Estimate, Floats, Integers, corrected, rate_ratio, share_interval

SIGNIFICANT: Final = 0.05
FEWEST_COMMENTS: Final = 8
FEWEST_DAYS: Final = 14
PERMUTATIONS: Final = 199
_GLANCE: Final = 19
"""Permutations after which a cause that is plainly steady is left."""
_SHORTEST_WINDOW, _MOST_STEPS = 3, 400
_WEEK: Final = 7
_EULER: Final = 0.5772156649


@dataclass(frozen=True, slots=True)
class Week:
    """A week from Monday: the comments that name the cause among all comments."""

    monday: date
    count: int
    total: int
    share: Estimate


@dataclass(frozen=True, slots=True)
class Change:
    """A day from which the share of a cause is another.

    Parameters
    ----------
    day : the first day of the new share
    earliest, latest : between these it lies with 95 % probability, if there is a change
    share_before, share_after : of all comments, from the change before (or the beginning) to the next (or the end)
    ratio : strength, `share_after` over `share_before`. The day was chosen where the ratio is clearest, so that its
        interval flatters; it is infinite where the cause did not exist before
    evidence : log-likelihood ratio against no change here
    """

    day: date
    earliest: date
    latest: date
    share_before: float
    share_after: float
    ratio: Estimate
    evidence: float

    @property
    def rises(self) -> bool:
        return self.share_after > self.share_before


@dataclass(frozen=True, slots=True)
class Trend:
    """One cause over time.

    Parameters
    ----------
    weeks : all weeks of the comments, in order
    p_value : of so uneven a share if it were steady; NaN where there are too few comments or days to ask
    q_value : the same, corrected for having asked about every cause
    changes : in order of time; empty where the share may well have been steady
    """

    weeks: tuple[Week, ...]
    p_value: float
    q_value: float
    changes: tuple[Change, ...]

    @property
    def onset(self) -> Change | None:
        """The rise with most evidence: when an incident began."""
        return max((change for change in self.changes if change.rises), key=lambda c: c.evidence, default=None)

    @property
    def lasting_rise(self) -> Change | None:
        """The onset, if the share has not fallen back since to what it was before."""
        onset = self.onset
        return onset if onset is not None and self.present_share > onset.share_before else None

    @property
    def present_share(self) -> float:
        """The share since the last change, or of all dated comments if there was none; NaN without any."""
        if self.changes:
            return self.changes[-1].share_after
        total = sum(week.total for week in self.weeks)
        return sum(week.count for week in self.weeks) / total if total else float("nan")


def trends(
    membership: csr_array,
    days: npt.NDArray[np.datetime64],
    *,
    significant: float = SIGNIFICANT,
    permutations: int = PERMUTATIONS,
    seed: int = 0,
) -> tuple[Trend, ...]:
    """The trend of every cause, in the order of the columns.

    Parameters
    ----------
    membership : 0/1 of shape (n_comments, n_causes)
    days : datetime64[D] of shape (n_comments,); comments of NaT are left out
    significant : the share of false changes that is accepted among the causes that are said to have changed
    permutations : of the days, for the p-values
    seed : the same seed gives the same p-values
    """
    n_causes = int(membership.shape[1])
    known = np.flatnonzero(~np.isnat(days))
    if not len(known):
        return (Trend((), float("nan"), float("nan"), ()),) * n_causes
    first, counts, totals = daily_counts(membership[known], days[known])
    p_values = _Scan.of(totals, permutations, seed).p_values(counts)
    asked = ~np.isnan(p_values)
    q_values = np.full(n_causes, np.nan)
    q_values[asked] = corrected(p_values[asked])
    result = []
    for column in range(n_causes):
        found = q_values[column] <= significant
        changes = changes_of(counts[:, column], totals, first) if found else ()
        weeks = weeks_of(counts[:, column], totals, first)
        result.append(Trend(weeks, float(p_values[column]), float(q_values[column]), changes))
    return tuple(result)


def share_changes(
    counts: Integers,
    totals: Integers,
    first: date,
    *,
    seed: int = 0,
) -> tuple[Change, ...]:
    """The days on which one cause's share changed, in order; none where it may well have been steady.

    Parameters
    ----------
    counts, totals : by day from `first`, of shape (n_days,)
    """
    if not len(counts):
        return ()
    p_value = _Scan.of(totals, PERMUTATIONS, seed).p_values(counts[:, None])[0]
    return changes_of(counts, totals, first) if p_value <= SIGNIFICANT else ()


def daily_counts(membership: csr_array, days: npt.NDArray[np.datetime64]) -> tuple[date, Integers, Integers]:
    """The first day; comments by day and cause, of shape (n_days, n_causes); and all comments by day.

    Every day to the last is there, those without comments too.
    """
    first = days.min()
    place = (days - first).astype(np.int64)
    n_days = int(place.max()) + 1
    by_day = csr_array((np.ones(len(place), dtype=np.int64), (place, np.arange(len(place)))), (n_days, len(place)))
    counts = (by_day @ membership.astype(np.int64)).toarray()
    return _date(first), counts, np.bincount(place, minlength=n_days).astype(np.int64)


def weeks_of(counts: Integers, totals: Integers, first: date) -> tuple[Week, ...]:
    """Weeks from Monday; the first and the last may be shorter."""
    offset = first.weekday()
    week = (np.arange(len(counts)) + offset) // _WEEK
    count, total = np.bincount(week, counts).astype(int), np.bincount(week, totals).astype(int)
    monday = first - timedelta(days=offset)
    return tuple(
        Week(monday + timedelta(weeks=i), int(k), int(n), share_interval(int(k), int(n)))
        for i, (k, n) in enumerate(zip(count, total, strict=True))
    )


def changes_of(counts: Integers, totals: Integers, first: date) -> tuple[Change, ...]:
    """The days on which a share changed, of a cause of which the scan says that it did.

    PELT finds the weeks, and then each change is moved to the day that fits best between its neighbours.

    Parameters
    ----------
    counts, totals : by day from `first`, of shape (n_days,)
    """
    sums = _Sums.of(counts, totals)
    price = price_of_change(len(counts), dispersion_around_neighbours(counts, totals))
    bounds = [0, *_breaks_by_week(counts, totals, price), len(counts)]
    if len(bounds) == 2:  # noqa: PLR2004 - PELT saw no change, the scan did: the single best day
        bounds.insert(1, int(np.argmax(sums.evidence(0, len(counts)))) + 1)
    for _ in range(3):
        for i in range(1, len(bounds) - 1):
            evidence = sums.evidence(bounds[i - 1], bounds[i + 1])
            bounds[i] = bounds[i - 1] + 1 + int(np.argmax(evidence))
    changes = [
        _change(sums, before, at, after, first)
        for before, at, after in zip(bounds, bounds[1:], bounds[2:], strict=False)
    ]
    return tuple(changes)


class PoissonShareCost(BaseCost):  # type: ignore[misc]
    """How badly one steady share explains a stretch: minus the log-likelihood of Poisson counts with their exposure.

    The signal has a row for each stretch of time: the count, and the total that it is counted among.
    """

    model = "poisson_share"
    min_size = 1

    def fit(self, signal: Floats) -> PoissonShareCost:
        self.signal = signal
        self._sums = np.vstack([np.zeros(2), np.cumsum(signal, axis=0)])
        return self

    def error(self, start: int, end: int) -> float:
        count, total = self._sums[end] - self._sums[start]
        return float(-xlogy(count, count / total)) if total > 0 else 0.0


@dataclass(frozen=True, slots=True, eq=False)
class _Sums:
    """Running sums of counts and totals, from which the evidence of every split follows."""

    counts: Floats
    totals: Floats

    @classmethod
    def of(cls, counts: Integers, totals: Integers) -> _Sums:
        return cls(*(np.concatenate([[0.0], np.cumsum(a)]) for a in (counts, totals)))

    def between(self, start: int, end: int) -> tuple[float, float]:
        return float(self.counts[end] - self.counts[start]), float(self.totals[end] - self.totals[start])

    def evidence(self, start: int, end: int) -> Floats:
        """Log-likelihood ratios of a change before each of the days start+1 … end-1, against none in this stretch."""
        at = np.arange(start + 1, end)
        k, n = self.between(start, end)
        before = self.counts[at] - self.counts[start], self.totals[at] - self.totals[start]
        after = k - before[0], n - before[1]
        return _log_likelihood(*before) + _log_likelihood(*after) - _log_likelihood(np.array(k), np.array(n))


def _log_likelihood(count: Floats, total: Floats) -> Floats:
    return np.asarray(xlogy(count, count / np.maximum(total, 1e-12)), dtype=np.float64)


def _breaks_by_week(counts: Integers, totals: Integers, price: float) -> list[int]:
    """The first days of the weeks in which PELT finds a change."""
    edges = np.arange(0, len(counts), _WEEK)
    signal = np.column_stack([np.add.reduceat(counts, edges), np.add.reduceat(totals, edges)]).astype(np.float64)
    found = cast(list[int], Pelt(custom_cost=PoissonShareCost(), min_size=1, jump=1).fit(signal).predict(pen=price))
    return [int(edges[week]) for week in found[:-1]]


def price_of_change(n_days: int, dispersion: float) -> float:
    """The evidence that a change must have to be one, whatever its day: the modified BIC's."""
    return float(1.5 * np.log(max(n_days, 2)) * dispersion)


def dispersion_around_neighbours(counts: Integers, totals: Integers) -> float:
    """How much more the weeks vary around their neighbours than Poisson counts would; at least 1."""
    edges = np.arange(0, len(counts) - len(counts) % _WEEK, _WEEK)
    k, n = np.add.reduceat(counts, edges).astype(float), np.add.reduceat(totals, edges).astype(float)
    both_k, both_n = k[1:] + k[:-1], n[1:] + n[:-1]
    usable = (both_k > 0) & (n[1:] > 0) & (n[:-1] > 0)
    if usable.sum() < 4:  # noqa: PLR2004 - a month
        return 1.0
    share = n[1:][usable] / both_n[usable]
    pearson = (k[1:][usable] - both_k[usable] * share) ** 2 / (both_k[usable] * share * (1 - share))
    # A change is one large step among many: the mean without the largest tenth does not see it.
    kept = np.sort(pearson)[: max(1, int(np.ceil(0.9 * len(pearson))))]
    return float(max(1.0, kept.mean()))


def _change(sums: _Sums, start: int, at: int, end: int, first: date) -> Change:
    evidence = sums.evidence(start, end)
    (count_before, total_before), (count_after, total_after) = sums.between(start, at), sums.between(at, end)
    earliest, latest = _likely_days(evidence)
    return Change(
        day=first + timedelta(days=at),
        earliest=first + timedelta(days=start + 1 + earliest),
        latest=first + timedelta(days=start + 1 + latest),
        share_before=count_before / total_before if total_before else 0.0,
        share_after=count_after / total_after if total_after else 0.0,
        ratio=rate_ratio(count_after, max(total_after, 1), count_before, max(total_before, 1)),
        evidence=float(evidence[at - start - 1]),
    )


def _likely_days(evidence: Floats) -> tuple[int, int]:
    """The shortest stretch around the best day that holds 95 % of the probability, all days being alike beforehand."""
    probability = np.exp(evidence - evidence.max())
    probability /= probability.sum()
    low = high = int(np.argmax(evidence))
    held = probability[low]
    while held < LEVEL:
        left = probability[low - 1] if low > 0 else -1.0
        right = probability[high + 1] if high + 1 < len(probability) else -1.0
        if left >= right:
            low, held = low - 1, held + left
        else:
            high, held = high + 1, held + right
    return low, high


@dataclass(frozen=True, slots=True, eq=False)
class _Scan:
    """Windows of time and shuffled days, the same for every cause.

    `order` of shape (1 + n_permutations, n_days) holds the days as they were and then shuffled; the windows are those
    whose length is a step of a geometric series and those that reach to the end. `part` is the share of all comments
    that lies in each window, of shape (1 + n_permutations, n_windows).
    """

    step: int
    order: Integers
    starts: Integers
    ends: Integers
    part: Floats

    @classmethod
    def of(cls, totals: Integers, permutations: int, seed: int) -> _Scan:
        step = -(-len(totals) // _MOST_STEPS)
        binned = _binned(totals[:, None], step)[:, 0]
        n = len(binned)
        starts, ends = _windows(n)
        rng = np.random.default_rng(seed)
        order = np.vstack([np.arange(n), *(rng.permutation(n) for _ in range(permutations))])
        inside = _in_windows(binned[order], starts, ends)
        return cls(step, order, starts, ends, inside / max(int(totals.sum()), 1))

    def p_values(self, counts: Integers) -> Floats:
        """Of each cause; NaN where too few comments or days were there to ask.

        Days are shuffled together with how many comments came: whatever makes single days swing stays as it is.
        """
        binned = _binned(counts, self.step)
        if len(counts) < FEWEST_DAYS:
            return np.full(counts.shape[1], np.nan)
        return np.array([self._p_value(binned[:, column]) for column in range(counts.shape[1])])

    def _p_value(self, counts: Integers) -> float:
        if counts.sum() < FEWEST_COMMENTS:
            return float("nan")
        glance = self._strongest(counts, slice(0, 1 + _GLANCE))
        above = int((glance[1:] >= glance[0]).sum())
        if above >= 3:  # noqa: PLR2004 - p above 0.15 whatever the other permutations say (Besag & Clifford 1991)
            return (1 + above) / len(glance)
        strongest = np.concatenate([glance, self._strongest(counts, slice(1 + _GLANCE, len(self.order)))])
        shuffled = strongest[1:]
        scale = max(float(shuffled.std(ddof=1)) * np.sqrt(6) / np.pi, 1e-9)
        return float(gumbel_r.sf(strongest[0], shuffled.mean() - _EULER * scale, scale))

    def _strongest(self, counts: Integers, which: slice) -> Floats:
        """The largest log-likelihood ratio of any window, by permutation."""
        total = int(counts.sum())
        inside = _in_windows(counts[self.order[which]], self.starts, self.ends)
        part = np.clip(self.part[which], 1e-12, 1 - 1e-12)
        table = xlogy(np.arange(total + 1), np.arange(total + 1))
        ratio = table[inside] + table[total - inside] - table[total]
        ratio -= inside * np.log(part) + (total - inside) * np.log1p(-part)
        return np.asarray(ratio.max(axis=1), dtype=np.float64)


def _windows(n: int) -> tuple[Integers, Integers]:
    lengths: list[int] = []
    length = float(_SHORTEST_WINDOW)
    while length <= n / 2:
        lengths.append(round(length))
        length *= 1.6
    starts = [np.arange(n - size + 1) for size in lengths]
    ends = [start + size for start, size in zip(starts, lengths, strict=True)]
    to_end = np.arange(1, n)
    return np.concatenate([*starts, to_end]), np.concatenate([*ends, np.full(len(to_end), n)])


def _in_windows(values: Integers, starts: Integers, ends: Integers) -> Integers:
    sums = np.concatenate([np.zeros((len(values), 1), dtype=np.int64), np.cumsum(values, axis=1)], axis=1)
    return np.asarray(sums[:, ends] - sums[:, starts])


def _binned(values: Integers, step: int) -> Integers:
    return np.add.reduceat(values, np.arange(0, len(values), step), axis=0)


def _date(day: Any) -> date:
    return cast(date, np.datetime64(day, "D").astype(object))
