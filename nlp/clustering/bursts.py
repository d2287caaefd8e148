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
Kulldorff (2001), Prospective time periodic geographical disease surveillance using a scan statistic, JRSS A 164(1):
shuffled days as the measure of what chance gives
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from nlp.clustering.partition import NONE, Labels
from nlp.errors import require
from nlp.models.encoder import Floats

FEWEST_COMMENTS: Final = 8
"""Of a burst; and as many must have come before it and since."""
MOST_VALUES: Final = 30
"""Of a dimension, that are looked at."""
_WEEK, _MOST_BINS = 7, 60
_LONGEST: Final = 0.9
"""Of all comments, those that came since the beginning: what was nearly always said did not begin."""
_STARTS, _ROUNDS = 200, 8
_SINCE, _AT_ITS_PLACE = 0.97, 0.8
"""Of an incident's comments, how many come after its beginning, and from its place."""
_OWN_PLACE: Final = 3.0
"""How freely the places of small groups differ from all comments': the weight of the beta distribution."""
_MOST_OF_PLACE: Final = 3.0
"""In nats, of one small group."""


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


def bursts(heard: Heard, *, shuffles: int, false_share: float, seed: int) -> list[Burst]:
    """The bursts with more evidence than searching shuffled comments finds, the one with most first.

    Parameters
    ----------
    shuffles : of the comments' days, at least one
    false_share : of the bursts that are returned, how many chance may have given: as many as a search of shuffled
        comments finds with such evidence, on the average
    """
    if len(heard.bin) < 2 * FEWEST_COMMENTS or int(heard.bin.max(initial=0)) == 0:
        return []
    found = _search(_Evidence.of(heard, heard.bin), heard)
    if not found:
        return []
    random = np.random.default_rng(seed)
    chance = np.array(
        [
            burst.evidence
            for _ in range(shuffles)
            for burst in _search(_Evidence.of(heard, random.permutation(heard.bin)), heard)
        ]
    )
    by_chance = [(chance >= burst.evidence).sum() / shuffles for burst in found]
    kept = [rank for rank, expected in enumerate(by_chance, start=1) if expected <= false_share * rank]
    return found[: max(kept, default=0)]


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
        """The stretch of time and the values that fit some small groups best; -1 for a dimension that says nothing."""
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
    betaln = require("scipy.special", extra="topics").betaln
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


def _search(evidence: _Evidence, heard: Heard) -> list[Burst]:
    """Sets of small groups that share no group, best first."""
    sizes = heard.sizes
    alone = np.array([evidence.at(*evidence.signature(np.array([group])))[group] for group in range(len(sizes))])
    starts = np.argsort(-alone, kind="stable")[:_STARTS]
    grown = [_grow(int(start), evidence, heard, sizes) for start in starts.tolist() if alone[start] > 0]
    free = np.ones(len(sizes), dtype=bool)
    found: list[Burst] = []
    for burst in sorted(grown, key=lambda burst: -burst.evidence):
        left = burst.groups[free[burst.groups]]
        if burst.evidence <= 0:
            break
        if 2 * len(left) > len(burst.groups) and sizes[left].sum() >= FEWEST_COMMENTS:
            found.append(Burst(left, burst.evidence))
            free[left] = False
    return found


def _grow(start: int, evidence: _Evidence, heard: Heard, sizes: Labels) -> Burst:
    """From one small group to all that are like the set and began with it."""
    groups = np.array([start], dtype=np.intp)
    total = 0.0
    for _ in range(_ROUNDS):
        signature = evidence.signature(groups)
        centre = (heard.centres[groups] * sizes[groups][:, None]).sum(axis=0)
        cosines = heard.centres @ (centre / max(float(np.linalg.norm(centre)), 1e-9))
        gains = evidence.at(*signature) - _price(cosines)
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
