"""The simulation of actions: its archives are what they say, and its figures follow the truth."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("scipy")

from eval.sequential import AFTER, BEFORE, _archive, simulate


def test_an_archive_falls_by_what_the_action_does() -> None:
    rng = np.random.default_rng(0)
    archives = [_archive(6.0, 0.5, "steady", rng) for _ in range(30)]
    assert {len(counts) for counts, _ in archives} == {BEFORE + AFTER}
    before = np.mean([counts[:BEFORE].mean() for counts, _ in archives])
    after = np.mean([counts[BEFORE:].mean() for counts, _ in archives])
    assert (before, after) == (pytest.approx(6.0, rel=0.05), pytest.approx(3.0, rel=0.05))


def test_after_a_peak_the_last_fortnight_before_is_high() -> None:
    rng = np.random.default_rng(0)
    archives = [_archive(3.0, 0.0, "after a peak", rng)[0] for _ in range(20)]
    assert {len(counts) for counts in archives} == {BEFORE + AFTER}
    fortnight = np.mean([counts[BEFORE - 14 : BEFORE].mean() for counts in archives])
    assert fortnight > 1.3 * np.mean([counts[BEFORE:].mean() for counts in archives])


def test_figures_follow_the_truth() -> None:
    helped = simulate(3.0, 0.8, situation="steady", runs=20, seed=0)
    assert (helped.fell, helped.rose) == (1.0, 0.0)
    assert helped.median_days is not None
    assert helped.median_days < 20
    assert simulate(3.0, 0.0, situation="steady", runs=20, seed=0).fell <= 0.15
    assert simulate(0.01, 0.5, situation="steady", runs=10, seed=0).median_days is None
