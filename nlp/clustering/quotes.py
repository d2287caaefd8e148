"""Customers' own words for a topic: the most typical ones that are not all the same."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

import numpy as np

from nlp.clustering.words import words_in
from nlp.models.encoder import Floats

SAME_WORDS: Final = 0.5  # Jaccard
SAME_MEANING: Final = 0.93  # cosine
TYPICAL: Final = 0.7  # what being typical weighs against being unlike the quotes before


def diverse(
    texts: Sequence[str], comment_ids: Sequence[str], vectors: Floats, typical: Floats, *, n_quotes: int
) -> list[int]:
    """Choose quotes; their positions, the most typical first.

    Each next one is the most typical that is least like those chosen (maximal marginal relevance). Near-duplicates of a
    chosen one, and a second quote of the same comment, are never taken, so there may be fewer than asked for.

    Parameters
    ----------
    texts : shape (n,)
    vectors : unit vectors of shape (n, width)
    typical : shape (n,), cosine to the topic's centre

    References
    ----------
    Carbonell and Goldstein (1998), The Use of MMR, Diversity-Based Reranking for Reordering Documents, SIGIR
    """
    words = [frozenset(words_in(text)) for text in texts]
    likeness = vectors @ vectors.T
    left = list(range(len(texts)))
    chosen: list[int] = []
    while left and len(chosen) < n_quotes:
        best = max(
            left,
            key=lambda row: TYPICAL * typical[row] - (1 - TYPICAL) * max((likeness[row, c] for c in chosen), default=0),
        )
        chosen.append(best)
        left = [
            row
            for row in left
            if row != best
            and comment_ids[row] != comment_ids[best]
            and likeness[row, best] < SAME_MEANING
            and not near_duplicates(words[row], words[best])
        ]
    return chosen


def near_duplicates(one: Collection[str], other: Collection[str]) -> bool:
    """Whether two texts share half of their words, or one is the other with a word or two more.

    >>> near_duplicates({"lang", "ventetid"}, {"lang", "ventetid", "igjen"})
    True
    """
    one, other = set(one), set(other)
    shared = len(one & other)
    return shared >= SAME_WORDS * len(one | other) or (shared > 0 and shared == min(len(one), len(other)))


def by_typicality(typical: Floats, most: int) -> np.ndarray[tuple[int], np.dtype[np.intp]]:
    """Positions of the most typical rows, the most typical first; equal ones in their order."""
    if len(typical) > 4 * most:
        near = np.argpartition(-typical, most)[:most]
        near.sort()
    else:
        near = np.arange(len(typical))
    return near[np.argsort(-typical[near], kind="stable")][:most]
