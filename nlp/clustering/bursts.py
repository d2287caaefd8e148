"""Incidents inside everyday topics: what began to be said at some day, often at one place, however few say it.

By their words alone, complaints of a new incident lie among the everyday complaints of their theme. Their circumstances
set them apart: they begin together, and most come from the same place. So within each theme and sentiment small groups
of clauses that say nearly the same are formed, and a set of small groups is sought that are like one another *and* of
which nearly all comments came since one day, at one place: a scan statistic over subsets of near neighbours. A small
group joins a set where the evidence of its circumstances outweighs how far its words are from the nearest of the set's
(two ways to say one thing need not be alike, if a third stands between them), and not where other circumstances than
the set's fit it better: else two incidents of one season would be one, and all would have their share of what people
say of anything that angers them. What so much searching finds by chance is seen by searching comments whose days were
shuffled.

References
----------
Neill (2012), Fast subset scan for spatial pattern detection, JRSS B 74(2): sets of near neighbours, chosen by evidence
Kulldorff, Fang & Walsh (2003), A tree-based scan statistic for database disease surveillance, Biometrics 59
Kulldorff (2001), Prospective time periodic geographical disease surveillance using a scan statistic, JRSS A 164(1):
shuffled days as the measure of what chance gives
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from nlp.clustering.partition import NONE, Labels, slices
from nlp.errors import require
from nlp.models.encoder import Floats

FEWEST_COMMENTS: Final = 8
"""Of a burst; and as many must have come before it and since."""
MOST_VALUES: Final = 30
"""Of a dimension, that are looked at."""
_WEEK, _MOST_BINS = 7, 60
_LONGEST: Final = 0.9
"""Of all comments, those that came since the beginning: what was nearly always said did not begin."""
_STRETCHES: Final = (0.02, 0.06, 0.15, 0.3, 0.5, 0.7, _LONGEST)
"""Shares of all comments that came since a beginning. Sets are begun in each stretch, since a late beginning is always
more striking than an early one."""
_STARTS, _ROUNDS, _NEIGHBOURS, _NEAREST = 50, 8, 8, 3
"""Sets that are begun in a stretch; how often each is chosen anew; small groups that speak for where to begin; and
those of a set that say how near another is."""
_GROUPS_AT_ONCE: Final = 512
"""Small groups whose neighbours are looked for together."""
_SINCE, _AT_ITS_PLACE = 0.97, 0.8
"""Of an incident's comments, how many come after its beginning, and from its place."""
_OWN_PLACE: Final = 3.0
"""How freely the places of small groups differ from all comments': the weight of the beta distribution."""
_MOST_OF_DIMENSION, _MOST_OF_PLACE, _MOST_OF_TIME = 3.0, 4.0, 5.0
"""In nats, of one small group."""
_ALIKE_AT_MOST: Final = 20
"""Comments of a small group that count: of more that say the same, the hundredth tells nothing new."""
_AGAINST: Final = 2.0
"""How many times a place that speaks against an incident counts."""
_WEIGHTS_OF_PLACE: Final = (1.0, 0.75, 0.5, 0.25, 0.0)
"""Of what speaks for a place, beside a time that weighs the more the less the place does."""
_CHOSEN_BY_CHANCE: Final = 3.0
"""In nats, by how much a small group's best beginning beats the true one by chance; its best place by a third of it."""


@dataclass(frozen=True, slots=True, eq=False)
class Heard:
    """Small groups and the comments that say them.

    Parameters
    ----------
    comment, group : of each pair of a comment and a small group that it says, numbered from 0
    bin : of each comment, its stretch of time
    values : by dimension, of each comment the number of its value, -1 for none
    words : unit vectors of what the small groups say, of shape (n_groups, width)
    """

    comment: Labels
    group: Labels
    bin: Labels
    values: Sequence[Labels]
    words: Floats

    @property
    def sizes(self) -> Labels:
        """Comments of each small group."""
        return np.bincount(self.group, minlength=len(self.words))


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
    near = _Nearness.of(heard.words)
    found = _search(_Evidence.of(heard, heard.bin), near, heard.sizes)
    if not found:
        return []
    random = np.random.default_rng(seed)
    chance = np.array(
        [
            burst.evidence
            for _ in range(shuffles)
            for burst in _search(_Evidence.of(heard, random.permutation(heard.bin)), near, heard.sizes)
        ]
    )
    by_chance = [(chance >= burst.evidence).sum() / shuffles for burst in found]
    kept = [rank for rank, expected in enumerate(by_chance, start=1) if expected <= false_share * rank]
    return found[: max(kept, default=0)]


def surest_bursts(heard: Heard, *, shuffles: int, seed: int) -> list[Burst]:
    """The bursts with more evidence than anything that searching shuffled comments finds, the one with most first.

    For few comments, among which chance often looks like an incident: where nothing happened, something is returned in
    one of `shuffles` + 1 cases at most.

    Parameters
    ----------
    shuffles : of the comments' days, at least one
    """
    if len(heard.bin) < 2 * FEWEST_COMMENTS or int(heard.bin.max(initial=0)) == 0:
        return []
    near = _Nearness.of(heard.words)
    found = _search(_Evidence.of(heard, heard.bin), near, heard.sizes)
    strongest = max((burst.evidence for burst in found), default=0.0)
    random = np.random.default_rng(seed)
    by_chance = 0.0
    for _ in range(shuffles):
        if by_chance >= strongest:
            return []
        shuffled = _search(_Evidence.of(heard, random.permutation(heard.bin)), near, heard.sizes)
        by_chance = max([by_chance, *(burst.evidence for burst in shuffled)])
    return [burst for burst in found if burst.evidence > by_chance]


def bins_of(days: npt.NDArray[np.datetime64]) -> Labels:
    """Weeks, or longer stretches where there would be too many of them."""
    since = (days - days.min()).astype(np.int64)
    length = _WEEK * max(1, -(-int(since.max(initial=0) + 1) // (_WEEK * _MOST_BINS)))
    return np.asarray(since // length, dtype=np.intp)


@dataclass(frozen=True, slots=True, eq=False)
class _Nearness:
    """How alike small groups are: cosines of shape (n_groups, n_groups), and of each its neighbours, itself among them.

    `neighbours` is a 0/1 matrix of the same shape, sparse.
    """

    cosines: Floats
    neighbours: Any

    @classmethod
    def of(cls, words: Floats) -> _Nearness:
        csr_array = require("scipy.sparse", extra="topics").csr_array
        cosines = words @ words.T
        n_groups, n_near = len(words), min(_NEIGHBOURS, len(words))
        near = np.empty((n_groups, n_near), dtype=np.intp)
        # A piece at a time: the order of all would take three times the memory that the cosines take.
        for some in slices(n_groups, at_once=_GROUPS_AT_ONCE):
            near[some] = np.argpartition(-cosines[some], n_near - 1, axis=1)[:, :n_near]
        ones = np.ones(near.size, dtype=np.float32)
        rows = np.repeat(np.arange(n_groups), n_near)
        return cls(cosines, csr_array((ones, (rows, near.ravel())), shape=cosines.shape))

    def to(self, groups: Labels) -> Floats:
        """Of every small group the mean cosine to the nearest few of a set, itself left out; shape (n_groups,)."""
        if len(groups) == 1:
            return np.asarray(self.cosines[groups[0]])
        cosines = self.cosines[groups]
        cosines[np.arange(len(groups)), groups] = -1.0
        n_nearest = min(_NEAREST, len(groups) - 1)
        return np.asarray(np.partition(cosines, len(groups) - n_nearest, axis=0)[-n_nearest:].mean(axis=0))


@dataclass(frozen=True, slots=True, eq=False)
class _Evidence:
    """Log-odds of being of an incident rather than not, of each small group, by the first stretch of time.

    Only those stretches are there in which something can have begun.

    Attributes
    ----------
    since : shape (n_firsts,), the share of all comments that came since
    time : shape (n_groups, n_firsts)
    places : by dimension, of shape (n_groups, n_firsts, n_values)
    best_time : shape (n_groups,), of the first stretch that fits a small group best
    best_place : shape (n_groups, n_firsts), of the values that do
    """

    since: Floats
    time: Floats
    places: Sequence[Floats]
    best_time: Floats
    best_place: Floats

    @classmethod
    def of(cls, heard: Heard, bins: Labels) -> _Evidence:
        n_groups, n_bins = len(heard.words), int(bins.max()) + 1
        since_all = _since(np.bincount(bins, minlength=n_bins).astype(np.float64))
        # A burst needs a time before and a time since: where either is short, nothing began.
        firsts = np.flatnonzero((since_all >= FEWEST_COMMENTS) & (since_all <= _LONGEST * since_all[0]))
        chance = since_all[firsts] / since_all[0]
        flat = np.bincount(heard.group * n_bins + bins[heard.comment], minlength=n_groups * n_bins)
        inside = _since(flat.reshape(n_groups, n_bins).astype(np.float64))
        of_all, inside = inside[:, :1], inside[:, firsts]
        time = inside * np.log(_SINCE / chance) + (of_all - inside) * np.log((1 - _SINCE) / (1 - chance))
        time *= np.minimum(1.0, _ALIKE_AT_MOST / np.maximum(of_all, 1.0))
        places = [_of_place(heard, bins, values, firsts) for values in heard.values]
        best_place = sum((np.maximum(place.max(axis=2), 0.0) for place in places), np.zeros_like(time))
        return cls(
            since=chance,
            time=time.astype(np.float32),
            places=places,
            best_time=time.max(axis=1, initial=-np.inf),
            best_place=np.minimum(best_place, _MOST_OF_PLACE),
        )

    def signature(self, groups: Labels) -> tuple[int, list[int]]:
        """The stretch of time and the values that fit some small groups best; -1 for a dimension that says nothing."""
        time = self.time[groups].sum(axis=0, dtype=np.float64)
        of_values = [place[groups].sum(axis=0) for place in self.places]
        first = int(_together(time, [values.max(axis=1) for values in of_values]).argmax())
        return first, [int(values[first].argmax()) if values[first].max() > 0 else NONE for values in of_values]

    def at(self, first: int, values: Sequence[int]) -> tuple[Floats, Floats]:
        """Evidence of every small group for a signature: of its time, and of its place; both of shape (n_groups,).

        What speaks more for another time or place than for this speaks against the signature.
        """
        time = self.time[:, first].astype(np.float64)
        place = np.zeros_like(time)
        for of_values, value in zip(self.places, values, strict=True):
            if value != NONE:
                place += of_values[:, first, value]
        place = np.clip(place, -_MOST_OF_PLACE, _MOST_OF_PLACE)
        other_time = np.maximum(self.best_time - time - _CHOSEN_BY_CHANCE, 0.0)
        other_place = np.maximum(self.best_place[:, first] - place - _CHOSEN_BY_CHANCE / 3, 0.0)
        return np.asarray(np.minimum(time, _MOST_OF_TIME) - other_time), np.asarray(place - other_place)

    def around(self, near: _Nearness) -> Floats:
        """Evidence of each small group and its neighbours together, of shape (n_groups, n_firsts)."""
        places = (
            (near.neighbours @ place.reshape(len(place), -1)).reshape(place.shape).max(axis=2) for place in self.places
        )
        return _together(near.neighbours @ self.time, list(places))


def _together(time: Floats, places: Sequence[Floats]) -> Floats:
    """Evidence of time and of each dimension's best value.

    A place says something of a beginning only where something began: it counts at most as much as the time does.
    """
    place = sum((np.maximum(of_dimension, 0.0) for of_dimension in places), np.zeros_like(time))
    return np.asarray(time + np.minimum(place, np.maximum(time, 0.0)))


def _of_place(heard: Heard, bins: Labels, values: Labels, firsts: Labels) -> Floats:
    """How much the comments since a time speak for an incident at each value.

    Against it stands that the small group keeps to some value of its own at all times, as "no parking" does to shops: a
    beta-binomial. So a value alone says a little, however many comments come from it.
    """
    betaln = require("scipy.special", extra="topics").betaln
    n_groups, n_bins, n_values = len(heard.words), int(bins.max()) + 1, int(values.max(initial=0)) + 1
    known = values[heard.comment] != NONE
    group, bin_, value = heard.group[known], bins[heard.comment][known], values[heard.comment][known]
    shape = (n_groups, n_bins, n_values)
    counts = np.bincount(np.ravel_multi_index((group, bin_, value), shape), minlength=int(np.prod(shape)))
    inside = _since(counts.reshape(shape).astype(np.float32), axis=1)[:, firsts]
    inside *= np.minimum(1.0, _ALIKE_AT_MOST / np.maximum(heard.sizes, 1))[:, None, None].astype(np.float32)
    of_known = inside.sum(axis=2, keepdims=True)
    usual = np.bincount(values[values != NONE], minlength=n_values) / max((values != NONE).sum(), 1)
    of_own = _OWN_PLACE * np.clip(usual, 1e-3, 1 - 1e-3), _OWN_PLACE * np.clip(1 - usual, 1e-3, 1 - 1e-3)
    incident = inside * np.log(_AT_ITS_PLACE) + (of_known - inside) * np.log(1 - _AT_ITS_PLACE)
    # Other values have their usual share among themselves in either case.
    everyday = betaln(inside + of_own[0], of_known - inside + of_own[1]) - betaln(*of_own)
    return np.asarray(np.clip(incident - everyday, -_MOST_OF_DIMENSION, _MOST_OF_DIMENSION), dtype=np.float32)


def _search(evidence: _Evidence, near: _Nearness, sizes: Labels) -> list[Burst]:
    """Sets of small groups that share no group, best first."""
    free = np.ones(len(sizes), dtype=bool)
    found: list[Burst] = []
    for burst in sorted(_grown(evidence, near), key=lambda burst: -burst.evidence):
        left = burst.groups[free[burst.groups]]
        if 2 * len(left) > len(burst.groups) and sizes[left].sum() >= FEWEST_COMMENTS:
            found.append(Burst(left, burst.evidence))
            free[left] = False
    return found


def _grown(evidence: _Evidence, near: _Nearness) -> Iterator[Burst]:
    """Sets with evidence, begun where it is strongest; in each stretch of time no set is begun within another."""
    around = evidence.around(near)
    least = 0.0
    for most in _STRETCHES:
        firsts = np.flatnonzero((evidence.since > least) & (evidence.since <= most))
        least = most
        strongest = around[:, firsts].max(axis=1, initial=0.0)
        covered = strongest <= 0
        for _ in range(_STARTS):
            if covered.all():
                break
            start = int(np.where(covered, -1.0, strongest).argmax())
            burst = _grow(start, evidence, near)
            covered[start] = True
            covered[burst.groups] = True
            if burst.evidence > 0:
                yield burst


def _grow(start: int, evidence: _Evidence, near: _Nearness) -> Burst:
    """From one small group to all that are like some of the set and began with it."""
    groups = np.array([start], dtype=np.intp)
    total = 0.0
    for _ in range(_ROUNDS):
        time, place = evidence.at(*evidence.signature(groups))
        chosen, total = _best_set(time, place, _price(near.to(groups)))
        if not len(chosen) or np.array_equal(chosen, groups):
            break
        groups = chosen
    return Burst(chosen, total)


def _best_set(time: Floats, place: Floats, price: Floats) -> tuple[Labels, float]:
    """The small groups that together have most evidence, and how much that is.

    Whether one belongs hangs on the others, since all that speaks for a place counts at most as much as what speaks for
    the time. The lesser of two sums is the least of their weighted means, so the best set is that of some weights, by
    which each small group can be judged alone; a few weights are tried (Lagrangian relaxation). What speaks against the
    place is no part of this: else much that speaks for it would outweigh small groups from anywhere.
    """
    for_it, against = np.maximum(place, 0.0), _AGAINST * np.minimum(place, 0.0)
    sets = (np.flatnonzero((2 - weight) * time + weight * for_it + against > price) for weight in _WEIGHTS_OF_PLACE)

    def total(chosen: Labels) -> float:
        of_time = time[chosen].sum()
        of_place = min(for_it[chosen].sum(), max(of_time, 0.0)) + against[chosen].sum()
        return float(of_time + of_place - price[chosen].sum())

    best = max(sets, key=total)
    return best, total(best)


def _price(cosines: Floats) -> Floats:
    """Evidence that a small group must bring to join a set, in nats: what few near and most far ones lack."""
    return np.asarray(np.clip(10.0 - 14.0 * cosines, 0.5, 10.0))


def _since(counts: Floats, axis: int = -1) -> Floats:
    """Running sums from each place to the end."""
    return np.asarray(np.flip(np.cumsum(np.flip(counts, axis), axis=axis), axis))
