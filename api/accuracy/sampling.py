"""Which comments people are asked about: a sample by language and by how rare the model's labels are.

Each stratum gets a share of the sample that goes with the square root of its size (power allocation), so that small
languages and rare labels are seen, and at least `FEWEST_OF_STRATUM`. How big the strata are is known, so nothing is
distorted by it.

References
----------
Bankier (1988), Power allocations: determining sample sizes for subnational areas, The American Statistician 42, 174-177
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

FEWEST_OF_STRATUM: Final = 4
RARE, UNCOMMON = 0.02, 0.1
"""Shares of all comments: the tier of one follows from its rarest label."""


@dataclass(frozen=True, slots=True)
class Frame:
    """Every comment that a sample may be drawn from, with what the model said of it.

    Parameters
    ----------
    kinds : of shape (n_comments,), for each comment the number of its kind
    languages, labels : by kind; comments of one kind have the same language and the same labels
    """

    kinds: NDArray[np.int64]
    languages: Sequence[str]
    labels: Sequence[frozenset[str]]

    @classmethod
    def of(cls, comments: Iterable[tuple[str, frozenset[str]]]) -> Frame:
        """The frame of comments, each its language and labels, in order."""
        numbers: dict[tuple[str, frozenset[str]], int] = {}
        kinds = np.fromiter((numbers.setdefault(each, len(numbers)) for each in comments), dtype=np.int64)
        return cls(kinds, [language for language, _ in numbers], [labels for _, labels in numbers])

    def sizes(self) -> NDArray[np.int64]:
        """Comments by kind."""
        return np.bincount(self.kinds, minlength=len(self.labels))


@dataclass(frozen=True, slots=True)
class Stratum:
    """Comments from which the same share is drawn.

    Parameters
    ----------
    language : None where the sample is too small to tell languages apart
    tier : rare, uncommon, common, or none, as its comments have no label; None likewise
    size : comments in it
    with_label : to how many of them the model gave each label
    """

    language: str | None
    tier: str | None
    size: int
    with_label: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Strata:
    """A frame cut up; `of_kind` is the number of the stratum of each kind of comment."""

    strata: Sequence[Stratum]
    of_kind: NDArray[np.int64]


def stratify(frame: Frame, *, tiered_by: Iterable[str] | None = None, sample_size: int) -> Strata:
    """Cut a frame into as fine strata as a sample of this size can see `FEWEST_OF_STRATUM` comments of.

    Parameters
    ----------
    tiered_by : the labels whose rarity counts; without it, all
    """
    tiers = _tiers(frame, None if tiered_by is None else set(tiered_by))
    fine = [*zip(frame.languages, tiers, strict=True)]
    for keys in (fine, [(language, None) for language in frame.languages], [(None, None)] * len(tiers)):
        distinct = sorted(set(keys), key=str)
        if len(distinct) * FEWEST_OF_STRATUM <= sample_size:
            break
    numbers = {key: number for number, key in enumerate(distinct)}
    of_kind = np.array([numbers[key] for key in keys], dtype=np.int64)
    sizes = frame.sizes()
    strata = []
    for number, (language, tier) in enumerate(distinct):
        kinds = np.flatnonzero(of_kind == number)
        with_label: Counter[str] = Counter()
        for kind in kinds:
            with_label.update(dict.fromkeys(frame.labels[int(kind)], int(sizes[kind])))
        strata.append(Stratum(language, tier, int(sizes[kinds].sum()), dict(with_label)))
    return Strata(strata, of_kind)


def allocate(sizes: Sequence[int], sample_size: int) -> list[int]:
    """How many comments of each stratum are drawn: by the square root of its size, all of it at most.

    >>> allocate([100, 10_000, 2], 30)
    [4, 24, 2]
    """
    given = [min(size, FEWEST_OF_STRATUM) for size in sizes]
    while sum(given) < min(sample_size, sum(sizes)):
        # One at a time to the stratum that has least for the root of its size: a rounding that cannot go wrong.
        has = [
            (number / size**0.5, place)
            for place, (size, number) in enumerate(zip(sizes, given, strict=True))
            if number < size
        ]
        given[min(has)[1]] += 1
    return given


def draw(frame: Frame, strata: Strata, *, sample_size: int, seed: int) -> NDArray[np.int64]:
    """The places in the frame of the comments that are drawn, in an order by chance.

    Each comment of a stratum has the same chance. The same seed and frame give the same sample.
    """
    generator = np.random.default_rng(seed)
    of_comment = strata.of_kind[frame.kinds]
    numbers = allocate([stratum.size for stratum in strata.strata], sample_size)
    drawn = [
        generator.choice(np.flatnonzero(of_comment == stratum), size=number, replace=False)
        for stratum, number in enumerate(numbers)
    ]
    return generator.permutation(np.concatenate(drawn))


def _tiers(frame: Frame, counted: set[str] | None) -> list[str]:
    """The tier of each kind of comment."""
    sizes = frame.sizes()
    comments = int(sizes.sum())
    given: Counter[str] = Counter()
    for labels, size in zip(frame.labels, sizes, strict=True):
        given.update(dict.fromkeys(labels, int(size)))
    tiers = []
    for labels in frame.labels:
        shares = [given[label] / comments for label in labels if counted is None or label in counted]
        rarest = min(shares, default=None)
        if rarest is None:
            tiers.append("none")
        else:
            tiers.append("rare" if rarest < RARE else "uncommon" if rarest < UNCOMMON else "common")
    return tiers
