"""What clustering holds in memory does not grow with what it reads, beyond what it is given and gives back."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="needs the extra 'topics'")

from nlp.clustering.bursts import _Nearness
from nlp.clustering.incidents import MOST_AT_ONCE, _alike
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
    partition(embeddings, rows[:500], mean, grain, seed=1)  # what it imports is no part of what it holds
    assert most_bytes(lambda: partition(embeddings, rows, mean, grain, seed=1)) < embeddings.nbytes


def test_small_groups_hang_on_no_seed() -> None:
    vectors = unit_vectors(600)
    first, second = (_alike(vectors, 120, seed) for seed in (1, 2))
    assert (first == second).all()
    assert set(first.tolist()) == set(range(120))


def test_what_very_many_say_in_the_same_words_is_not_compared_each_with_each() -> None:
    same = np.repeat(unit_vectors(1), 2 * MOST_AT_ONCE, axis=0)
    vectors = np.concatenate([same, unit_vectors(500, seed=1)])
    found: list[np.ndarray] = []
    assert most_bytes(lambda: found.append(_alike(vectors, 200, seed=1))) < 8 * len(same) ** 2 / 4
    groups_of_same, groups_of_others = set(found[0][: len(same)].tolist()), found[0][len(same) :]
    assert len(groups_of_same) == 1
    assert len(set(groups_of_others.tolist())) > 5


def test_of_the_nearness_of_small_groups_little_more_is_held_than_the_cosines() -> None:
    words = unit_vectors(3_000)
    assert most_bytes(lambda: _Nearness.of(words)) < 2 * 4 * len(words) ** 2


def test_the_neighbours_of_small_groups_are_the_most_alike() -> None:
    words = unit_vectors(1_200)
    near = _Nearness.of(words)
    for group in (0, 511, 512, 1_199):
        most_alike = np.argsort(-(words @ words[group]))[:8]
        assert set(np.flatnonzero(near.neighbours[[group]].toarray())) == set(most_alike)
