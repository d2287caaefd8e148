"""From embeddings to groups of like segments, in time that grows with their number and not with its square.

Within one theme and sentiment, k-means finds many small groups on a sample of bounded size, and average linkage joins
those whose centres are alike; every segment then goes to the nearest joined group. docs/topics.md has the measurements
that decided for it.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from nlp.errors import require
from nlp.models.encoder import Floats

Labels = npt.NDArray[np.intp]
NONE = -1
ROWS_AT_ONCE = 16_384
ITERATIONS = 25
DECIMALS = 4  # beyond which two vectors are the same text's, rounded otherwise in another batch


@dataclass(frozen=True, slots=True)
class Grain:
    """How fine the groups are.

    Attributes
    ----------
    min_size : segments of the smallest group
    join_below : cosine distance of two groups' centres below which they are one; the centres stand in the centred space
    sample_size : segments of one theme and sentiment that k-means reads
    most_small_groups : that k-means looks for in one theme and sentiment
    """

    min_size: int
    join_below: float
    sample_size: int
    most_small_groups: int


def centred(embeddings: Floats, mean: Floats) -> Floats:
    """Unit vectors around their mean, which they all share a good part of.

    Parameters
    ----------
    embeddings : shape (n, width)
    mean : shape (width,)
    """
    moved = embeddings - mean
    lengths: Floats = np.maximum(np.linalg.norm(moved, axis=1, keepdims=True), 1e-9)
    return np.asarray(moved / lengths, dtype=np.float32)


def partition(embeddings: Floats, rows: Labels, mean: Floats, grain: Grain, seed: int) -> Labels:
    """Group the segments of one theme and sentiment.

    Parameters
    ----------
    embeddings : shape (n_segments, width)
    rows : shape (n,), of the segments
    mean : shape (width,), around which they are centred
    seed : of the sample and of k-means; the same seed gives the same groups

    Returns
    -------
    A group from 0 up for each of `rows`; all are -1 where there are fewer than `grain.min_size`
    """
    n_rows = len(rows)
    if n_rows < grain.min_size:
        return np.full(n_rows, NONE, dtype=np.intp)
    random = np.random.default_rng(seed)
    chosen = np.sort(random.choice(n_rows, grain.sample_size, replace=False)) if n_rows > grain.sample_size else None
    sample = centred(embeddings[rows if chosen is None else rows[chosen]], mean)
    n_small = min(grain.most_small_groups, len(sample) * 2 // max(grain.min_size, 2))
    small = k_means(sample, max(n_small, 1), seed)
    groups = linked(centres_of(sample, small), grain.join_below)[small]
    centres = _large(sample, centres_of(sample, groups), grain.min_size * len(sample) / n_rows)
    return _without_gap(nearest_of(embeddings, rows, mean, centres)[0])


def nearest(vectors: Floats, centres: Floats) -> tuple[Labels, Floats]:
    """The nearest centre of each row and the cosine to it.

    Parameters
    ----------
    vectors, centres : unit vectors of shape (n, width) and (n_centres, width), at least one centre
    """
    labels = np.empty(len(vectors), dtype=np.intp)
    cosines = np.empty(len(vectors), dtype=np.float32)
    for rows in slices(len(vectors)):
        near = vectors[rows] @ centres.T
        labels[rows] = near.argmax(axis=1)
        cosines[rows] = near.max(axis=1)
    return labels, cosines


def centres_of(vectors: Floats, labels: Labels) -> Floats:
    """The unit mean of each group's rows; groups are numbered from 0 without a gap, rows labelled -1 are in none."""
    n_groups = int(labels.max(initial=-1)) + 1
    sums = np.zeros((n_groups, vectors.shape[1]), dtype=np.float64)
    order = np.argsort(labels, kind="stable")
    bounds = np.searchsorted(labels[order], np.arange(n_groups + 1))
    for group in range(n_groups):
        sums[group] = vectors[order[bounds[group] : bounds[group + 1]]].sum(axis=0, dtype=np.float64)
    return np.asarray(sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-9), dtype=np.float32)


def nearest_of(embeddings: Floats, rows: Labels, mean: Floats, centres: Floats) -> tuple[Labels, Floats]:
    """`nearest` of some embeddings' rows, centred; read a piece at a time, however many of one theme there are."""
    labels = np.empty(len(rows), dtype=np.intp)
    cosines = np.empty(len(rows), dtype=np.float32)
    for piece in slices(len(rows)):
        labels[piece], cosines[piece] = nearest(centred(embeddings[rows[piece]], mean), centres)
    return labels, cosines


def slices(n_rows: int, at_once: int = ROWS_AT_ONCE) -> Iterator[slice]:
    """Pieces of so many rows that the products with all centres fit the memory."""
    return (slice(first, first + at_once) for first in range(0, n_rows, at_once))


def k_means(vectors: Floats, n_groups: int, seed: int) -> Labels:
    """Groups from 0 up without a gap: at most as many as there are different rows, for "Bra!" is said many times."""
    n_groups = min(n_groups, len(np.unique(vectors.round(DECIMALS), axis=0)))
    if n_groups == 1:
        return np.zeros(len(vectors), dtype=np.intp)
    cluster = require("sklearn.cluster", extra="topics")
    limits = require("threadpoolctl", extra="topics").threadpool_limits
    # One thread: several would add up in an order of their own, and rounding would decide where a segment goes.
    with limits(1), warnings.catch_warnings():
        # That there are fewer: rows may be the same but for rounding, and a group without a row is no harm.
        warnings.simplefilter("ignore", require("sklearn.exceptions", extra="topics").ConvergenceWarning)
        found = cluster.KMeans(n_groups, n_init=1, max_iter=ITERATIONS, random_state=seed).fit_predict(vectors)
    return _without_gap(found)


def ward(vectors: Floats, n_groups: int) -> Labels:
    """At most so many groups from 0 up without a gap, by Ward's method: nothing in it is drawn by lot.

    Every row is compared with every other, so that 4,000 take 64 MB.

    References
    ----------
    Ward (1963), Hierarchical grouping to optimize an objective function, JASA 58
    """
    if min(n_groups, len(vectors)) <= 1:
        return np.zeros(len(vectors), dtype=np.intp)
    hierarchy = require("scipy.cluster.hierarchy", extra="topics")
    tree = hierarchy.linkage(vectors.astype(np.float64), method="ward")
    return _without_gap(hierarchy.fcluster(tree, t=n_groups, criterion="maxclust"))


def _large(sample: Floats, centres: Floats, min_size: float) -> Floats:
    """The centres without the smallest, one after the other, until each left has enough rows near it."""
    cosines = sample @ centres.T
    kept = np.ones(len(centres), dtype=bool)
    while kept.sum() > 1:
        sizes = np.bincount(cosines.argmax(axis=1), minlength=len(centres)).astype(np.float64)
        sizes[~kept] = np.inf
        if sizes.min() >= min_size:
            break
        kept[sizes.argmin()] = False
        cosines[:, sizes.argmin()] = -np.inf
    return centres[kept]


def linked(centres: Floats, join_below: float) -> Labels:
    """Average linkage: which of some unit vectors are one group, from 0 up without a gap."""
    if len(centres) == 1:
        return np.zeros(1, dtype=np.intp)
    hierarchy = require("scipy.cluster.hierarchy", extra="topics")
    tree = hierarchy.linkage(centres.astype(np.float64), method="average", metric="cosine")
    found = hierarchy.fcluster(tree, t=join_below, criterion="distance")
    return _without_gap(found)


def _without_gap(labels: npt.NDArray[np.integer[Any]]) -> Labels:
    """The same groups, numbered from 0 up."""
    return np.asarray(np.unique(labels, return_inverse=True)[1], dtype=np.intp)
