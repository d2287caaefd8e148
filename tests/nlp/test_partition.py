"""What clustering holds in memory does not grow with what it reads, beyond what it is given and gives back."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="needs the extra 'topics'")

from nlp.clustering.bursts import _Nearness
from nlp.clustering.partition import ROWS_AT_ONCE, Grain, centred, nearest, nearest_of, partition

WIDTH = 32


def unit_vectors(n_rows: int, seed: int = 0) -> np.ndarray:
    vectors = np.random.default_rng(seed).normal(size=(n_rows, WIDTH)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def most_bytes(work: Callable[[], object]) -> int:
    """The most that was held at a time on top of what was there."""
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_the_nearest_centres_piece_by_piece_are_those_of_all_at_once() -> None:
    embeddings, centres = unit_vectors(2 * ROWS_AT_ONCE + 7), unit_vectors(20, seed=1)
    rows, mean = np.arange(3, len(embeddings), 2), embeddings.mean(axis=0)
    labels, cosines = nearest_of(embeddings, rows, mean, centres)
    expected_labels, expected_cosines = nearest(centred(embeddings[rows], mean), centres)
    assert (labels == expected_labels).all()
    assert (cosines == expected_cosines).all()


def test_a_theme_with_very_many_clauses_is_not_copied_whole() -> None:
    embeddings = unit_vectors(12 * ROWS_AT_ONCE)
    rows, mean = np.arange(len(embeddings)), np.zeros(WIDTH, dtype=np.float32)
    grain = Grain(min_size=50, join_below=0.5, sample_size=2_000, most_small_groups=20)
    assert most_bytes(lambda: partition(embeddings, rows, mean, grain, seed=1)) < embeddings.nbytes


def test_of_the_nearness_of_small_groups_little_more_is_held_than_the_cosines() -> None:
    words = unit_vectors(3_000)
    assert most_bytes(lambda: _Nearness.of(words)) < 2 * 4 * len(words) ** 2


def test_the_neighbours_of_small_groups_are_the_most_alike() -> None:
    words = unit_vectors(1_200)
    near = _Nearness.of(words)
    for group in (0, 511, 512, 1_199):
        most_alike = np.argsort(-(words @ words[group]))[:8]
        assert set(np.flatnonzero(near.neighbours[[group]].toarray())) == set(most_alike)
