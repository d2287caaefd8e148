"""Incidents inside everyday topics: what began to be said at some day, often at one place, however few say it.

By their words alone, complaints of a new incident lie among the everyday complaints of their theme. Their circumstances
set them apart: they begin together, and most come from the same place. So within each theme and sentiment small groups
of clauses that say nearly the same are formed, and a set of small groups is sought that are like one another *and* of
which nearly all comments came since one day, at one place: a scan statistic over subsets of near neighbours. A small
group joins a set where the evidence of its circumstances outweighs how far its words are from the set's. What so much
searching finds by chance is seen by searching comments whose days were shuffled.

References
----------
Neill (2012), Fast subset scan for spatial pattern detection, JRSS B 74(2): sets of near neighbours, chosen by evidence
Kulldorff, Fang & Walsh (2003), A tree-based scan statistic for database disease surveillance, Biometrics 59
Abrams, Kulldorff & Kleinman (2010), Gumbel based p-value approximations for spatial scan statistics, International
Journal of Health Geographics 9:61
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.special import betaln

from nlp.clustering.partition import NONE, Labels
from nlp.models.encoder import Floats

FEWEST_COMMENTS: Final = 8
"""Of a burst; and as many must have come before it and since."""
_WEEK: Final = 7
_MOST_BINS: Final = 60
MOST_VALUES: Final = 30
_LONGEST: Final = 0.9
_STARTS: Final = 200
_ROUNDS: Final = 8
_SINCE, _AT_ITS_PLACE = 0.97, 0.8
"""Of an incident's comments, how many come after its beginning, and from its place."""
_OWN_PLACE: Final = 3.0
_MOST_OF_PLACE: Final = 3.0
_MOST_OF_GROUP: Final = 4.0
_EULER: Final = 0.5772156649


@dataclass(frozen=True, slots=True, eq=False)
class Heard:
    """Small groups and the comments that say them.

    Parameters
    ----------
    comment, group : of each pair of a comment and a small group that it says, numbered from 0
    bin : of each comment, its stretch of time
    values : by dimension, of each comment the number of its value, -1 for none
    centres : unit vectors of the small groups, of shape (n_groups, width)
    """

    comment: Labels
    group: Labels
    bin: Labels
    values: Sequence[Labels]
    centres: Floats

    @property
    def sizes(self) -> Labels:
        """Comments of each small group."""
        return np.bincount(self.group, minlength=len(self.centres))


@dataclass(frozen=True, slots=True, eq=False)
class Burst:
    """Small groups that burst together, and the evidence for it."""

    groups: Labels
    evidence: float


def bursts(heard: Heard, *, shuffles: int, significant: float, seed: int) -> list[Burst]:
    """The bursts that searching shuffled comments would not find, the one with most evidence first.

    Parameters
    ----------
    shuffles : of the comments' days
    significant : probability that chance alone gives a burst of such evidence in the whole archive
    """
    if len(heard.bin) < 2 * FEWEST_COMMENTS or int(heard.bin.max(initial=0)) == 0:
        return []
    found = _search(_Evidence.of(heard, heard.bin), heard)
    if not found:
        return []
    random = np.random.default_rng(seed)
    chance = []
    for _ in range(shuffles):
        of_chance = _search(_Evidence.of(heard, random.permutation(heard.bin)), heard, at_most=1)
        chance.append(of_chance[0].evidence if of_chance else 0.0)
    least = _gumbel_quantile(np.array(chance), significant)
    return [burst for burst in found if burst.evidence > least]


def bins_of(days: npt.NDArray[np.datetime64]) -> Labels:
    """Weeks, or longer stretches where there would be too many of them."""
    since = (days - days.min()).astype(np.int64)
    length = _WEEK * max(1, -(-int(since.max(initial=0) + 1) // (_WEEK * _MOST_BINS)))
    return np.asarray(since // length, dtype=np.intp)


@dataclass(frozen=True, slots=True, eq=False)
class _Evidence:
    """Log-odds of being of an incident rather than not, of each small group, by the first stretch of time.

    `time` has the shape (n_groups, n_bins); each of `places` (n_groups, n_bins, n_values).
    """

    time: Floats
    places: Sequence[Floats]

    @classmethod
    def of(cls, heard: Heard, bins: Labels) -> _Evidence:
        n_groups, n_bins = len(heard.centres), int(bins.max()) + 1
        since_all = _since(np.bincount(bins, minlength=n_bins).astype(np.float64))
        # A burst needs a time before and a time since: where either is short, nothing began.
        usable = (since_all >= FEWEST_COMMENTS) & (since_all <= _LONGEST * since_all[0])
        chance = np.clip(since_all / since_all[0], 1e-6, 1 - 1e-6)
        flat = np.bincount(heard.group * n_bins + bins[heard.comment], minlength=n_groups * n_bins)
        since = _since(flat.reshape(n_groups, n_bins).astype(np.float64))
        time = since * np.log(_SINCE / chance) + (since[:, :1] - since) * np.log((1 - _SINCE) / (1 - chance))
        time[:, ~usable] = -np.inf
        # A place says something of a beginning only where something began.
        most = np.clip(time, 0.0, _MOST_OF_PLACE)[:, :, None]
        places = [np.minimum(_of_place(heard, bins, values, n_bins), most) for values in heard.values]
        return cls(time.astype(np.float32), places)

    def signature(self, groups: Labels) -> tuple[int, list[int]]:
        """The stretch of time and the values that fit a set of small groups best; -1 for a dimension that says nothing."""
        total = self.time[groups].sum(axis=0)
        best = []
        for place in self.places:
            of_values = place[groups].sum(axis=0)
            best.append(of_values.argmax(axis=1))
            total = total + np.maximum(of_values.max(axis=1), 0.0)
        first = int(total.argmax())
        return first, [
            int(value[first]) if place[groups, first, value[first]].sum() > 0 else NONE
            for place, value in zip(self.places, best, strict=True)
        ]

    def at(self, first: int, values: Sequence[int]) -> Floats:
        """Evidence of every small group for a signature, of shape (n_groups,)."""
        time = self.time[:, first].astype(np.float64)
        place = np.zeros_like(time)
        for of_values, value in zip(self.places, values, strict=True):
            if value != NONE:
                place += of_values[:, first, value]
        # A place says something of a beginning only where something began.
        return np.asarray(time + np.minimum(place, np.clip(time, 0.0, _MOST_OF_PLACE)))


def _of_place(heard: Heard, bins: Labels, values: Labels, n_bins: int) -> Floats:
    """How much the comments since a time speak for an incident at each value.

    Against it stands that the small group keeps to some value of its own at all times, as "no parking" does to shops: a
    beta-binomial. So a value alone says a little, however many comments come from it.
    """
    n_groups, n_values = len(heard.centres), int(values.max(initial=0)) + 1
    known = values[heard.comment] != NONE
    group, bin_, value = heard.group[known], bins[heard.comment][known], values[heard.comment][known]
    shape = (n_groups, n_bins, n_values)
    counts = np.bincount(np.ravel_multi_index((group, bin_, value), shape), minlength=int(np.prod(shape)))
    inside = _since(counts.reshape(shape).astype(np.float32), axis=1)
    of_known = inside.sum(axis=2, keepdims=True)
    usual = np.bincount(values[values != NONE], minlength=n_values) / max((values != NONE).sum(), 1)
    of_own = _OWN_PLACE * np.clip(usual, 1e-3, 1 - 1e-3), _OWN_PLACE * np.clip(1 - usual, 1e-3, 1 - 1e-3)
    incident = inside * np.log(_AT_ITS_PLACE) + (of_known - inside) * np.log(1 - _AT_ITS_PLACE)
    # Other values have their usual share among themselves in either case.
    everyday = betaln(inside + of_own[0], of_known - inside + of_own[1]) - betaln(*of_own)
    return np.asarray(np.clip(incident - everyday, -_MOST_OF_PLACE, _MOST_OF_PLACE), dtype=np.float32)


def _search(evidence: _Evidence, heard: Heard, at_most: int | None = None) -> list[Burst]:
    """Sets of small groups that share no group, best first."""
    sizes = heard.sizes
    alone = np.array([evidence.at(*evidence.signature(np.array([group])))[group] for group in range(len(sizes))])
    starts = np.argsort(-alone, kind="stable")[:_STARTS]
    grown = [_grow(int(start), evidence, heard, sizes) for start in starts.tolist() if alone[start] > 0]
    free = np.ones(len(sizes), dtype=bool)
    found: list[Burst] = []
    for burst in sorted(grown, key=lambda burst: -burst.evidence):
        if burst.evidence <= 0 or (at_most is not None and len(found) == at_most):
            break
        if free[burst.groups].mean() > 0.5 and sizes[burst.groups[free[burst.groups]]].sum() >= FEWEST_COMMENTS:
            found.append(Burst(burst.groups[free[burst.groups]], burst.evidence))
            free[burst.groups] = False
    return found


def _grow(start: int, evidence: _Evidence, heard: Heard, sizes: Labels) -> Burst:
    """From one small group to all that are like the set and began with it."""
    groups = np.array([start], dtype=np.intp)
    total = 0.0
    for _ in range(_ROUNDS):
        signature = evidence.signature(groups)
        centre = (heard.centres[groups] * sizes[groups][:, None]).sum(axis=0)
        cosines = heard.centres @ (centre / max(float(np.linalg.norm(centre)), 1e-9))
        gains = np.minimum(evidence.at(*signature) - _price(cosines), _MOST_OF_GROUP)
        chosen = np.flatnonzero(gains > 0)
        total = float(gains[chosen].sum())
        if not len(chosen) or np.array_equal(chosen, groups):
            break
        groups = chosen
    return Burst(groups, total)


def _price(cosines: Floats) -> Floats:
    """Evidence that a small group must bring to join a set, in nats: what few near and most far ones lack."""
    return np.asarray(np.clip(6.0 - 8.0 * cosines, 2.0, 10.0))


def _since(counts: Floats, axis: int = -1) -> Floats:
    """Running sums from each place to the end."""
    return np.asarray(np.flip(np.cumsum(np.flip(counts, axis), axis=axis), axis))


def _gumbel_quantile(greatest: npt.NDArray[np.float64], probability: float) -> float:
    """What the greatest of a search exceeds with a probability, by the moments of some searches."""
    scale = max(float(greatest.std(ddof=1)) * np.sqrt(6) / np.pi, 1e-9)
    return float(greatest.mean() - _EULER * scale - scale * np.log(-np.log1p(-probability)))
