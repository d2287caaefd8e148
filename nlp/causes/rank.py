"""In which order causes deserve attention, and what became of them since the former run.

Clusterings of two runs give causes new names and slightly other members. A cause is the same as a former one if the two
share enough of the comments that both runs have read; each finds at most one partner.

References
----------
Kuhn (1955), The Hungarian method for the assignment problem; SciPy's `linear_sum_assignment`
Greene, Doyle & Cunningham (2010), Tracking the evolution of communities in dynamic social networks, ASONAM: matching by
Jaccard's coefficient
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np
from scipy.optimize import linear_sum_assignment

from nlp.causes.chance import Estimate, Integers, rate_ratio
from nlp.causes.change import Trend

RECENT_DAYS: Final = 28
SAME_CAUSE: Final = 0.3
"""Jaccard's coefficient from which two causes are one: of two equally large ones, nearly half of each is shared."""


class Since(StrEnum):
    """What became of a cause since the former run."""

    NEW = "new"
    GROWING = "growing"
    STEADY = "steady"
    FADING = "fading"


@dataclass(frozen=True, slots=True)
class FormerRun:
    """A former run: the ids of all comments that it read, and of those that named each of its causes."""

    comments: Collection[str]
    causes: Mapping[str, Collection[str]]


@dataclass(frozen=True, slots=True)
class Development:
    """A cause against the former run.

    Parameters
    ----------
    since : `growing` and `fading` are said where the interval of `ratio` leaves 1 out
    former : the id that the cause had then; None of a new one
    overlap : Jaccard's coefficient with it, among the comments that both runs read; 0 of a new one
    ratio : its share of the comments that came since, over its share then; NaN where no comment came since
    """

    since: Since
    former: str | None
    overlap: float
    ratio: Estimate


@dataclass(frozen=True, slots=True)
class Developments:
    """All causes against the former run: those of now by id, and the former ones that are no longer there."""

    causes: Mapping[str, Development]
    gone: tuple[str, ...]


def at_present(points: float | None, share: float, trend: Trend) -> float | None:
    """Points that a cause costs at its present share, from those that it cost at its share of the whole time.

    An incident of the last month is a small part of a year, and costs more today than the year's figure says; one that
    is over costs nothing any more.
    """
    if points is None or share <= 0 or np.isnan(trend.present_share):
        return points
    return points * trend.present_share / share


def points_risen(points: float | None, share: float, trend: Trend) -> float | None:
    """Points that a cause has come to cost since its onset; None where it did not rise or the rise is over."""
    rise = trend.lasting_rise
    if points is None or share <= 0 or rise is None:
        return None
    return points * (trend.present_share - rise.share_before) / share


def ranking(points_lost: Sequence[float | None], growth: Sequence[float]) -> list[int]:
    """Columns in the order of attention: most points lost first, to a tenth; of alike ones the one that grows most.

    A cause whose cost is not known loses nothing that is known. A growth that is not known is none.

    >>> ranking([0.21, None, 1.7, 0.19], [1.0, 9.0, 1.0, 3.0])
    [2, 3, 0, 1]
    """
    costs = [0.0 if points is None else round(points, 1) for points in points_lost]
    rises = [1.0 if np.isnan(ratio) else ratio for ratio in growth]
    return sorted(range(len(costs)), key=lambda column: (-costs[column], -rises[column], column))


def growth_of(counts: Integers, totals: Integers) -> Estimate:
    """The share in the last weeks over the share before them, with its interval.

    Parameters
    ----------
    counts, totals : by day, of shape (n_days,)
    """
    split = len(counts) - RECENT_DAYS
    unknown = Estimate(float("nan"), 0.0, float("inf"))
    if split <= 0 or totals[:split].sum() == 0 or totals[split:].sum() == 0:
        return unknown
    halves = counts[split:].sum(), totals[split:].sum(), counts[:split].sum(), totals[:split].sum()
    return rate_ratio(*(float(number) for number in halves))


def developments(
    comments: Collection[str], causes: Mapping[str, Collection[str]], former: FormerRun, *, same: float = SAME_CAUSE
) -> Developments:
    """Say of each cause whether it is new, grows, is steady or fades.

    Parameters
    ----------
    comments : ids of all comments that this run read
    causes : by id, the ids of the comments that name each
    former : the run before
    same : Jaccard's coefficient from which two causes are one

    >>> then = FormerRun({"1", "2", "3"}, {"a": {"1", "2"}, "b": {"3"}})
    >>> found = developments({"1", "2", "3", "4"}, {"x": {"1", "2", "4"}, "y": {"4"}}, then)
    >>> found.causes["x"].former, found.causes["x"].since.value, found.causes["y"].since.value, found.gone
    ('a', 'steady', 'new', ('b',))
    """
    read_then = set(former.comments)
    both_read = read_then & set(comments)
    came_since = set(comments) - read_then
    members = {cause: set(ids) for cause, ids in causes.items()}
    members_then = {cause: set(ids) for cause, ids in former.causes.items()}
    partners = _partners(members, members_then, both_read, same)
    result = {}
    for cause, ids in members.items():
        if cause not in partners:
            result[cause] = Development(Since.NEW, None, 0.0, Estimate(float("nan"), 0.0, float("inf")))
            continue
        then, overlap = partners[cause]
        ratio = _ratio(len(ids & came_since), len(came_since), len(members_then[then]), len(read_then))
        since = Since.GROWING if ratio.low > 1 else Since.FADING if ratio.high < 1 else Since.STEADY
        result[cause] = Development(since, then, overlap, ratio)
    matched = {then for then, _ in partners.values()}
    return Developments(result, tuple(sorted(set(members_then) - matched)))


def _partners(
    now: Mapping[str, set[str]], then: Mapping[str, set[str]], both_read: set[str], same: float
) -> dict[str, tuple[str, float]]:
    """The former cause that a cause is, with the overlap, of those that have one; the overlaps sum to the greatest."""
    names, names_then = list(now), list(then)
    kept = [now[name] & both_read for name in names]
    kept_then = [then[name] & both_read for name in names_then]
    overlap = np.zeros((len(names), len(names_then)))
    for i, ids in enumerate(kept):
        for j, ids_then in enumerate(kept_then):
            shared = len(ids & ids_then)
            if shared:
                overlap[i, j] = shared / (len(ids) + len(ids_then) - shared)
    overlap[overlap < same] = 0.0
    rows, columns = linear_sum_assignment(overlap, maximize=True)
    return {
        names[i]: (names_then[j], float(overlap[i, j])) for i, j in zip(rows, columns, strict=True) if overlap[i, j] > 0
    }


def _ratio(count: int, total: int, count_then: int, total_then: int) -> Estimate:
    if total == 0 or total_then == 0:
        return Estimate(float("nan"), 0.0, float("inf"))
    return rate_ratio(count, total, count_then, total_then)
