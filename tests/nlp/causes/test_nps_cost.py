"""Points lost: against answers worked out by hand, against ordinary regression, and with causes that confound."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("scipy")
from scipy.sparse import csr_array

from nlp.causes.nps_cost import control_indicators, nps_costs

RNG = np.random.default_rng(7)


def answers_of(effect: np.ndarray, membership: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Scores whose expected promoter-less-detractor value is 0.2 + membership @ effect."""
    expected = 0.2 + membership @ effect
    draw = rng.random(len(membership))
    return np.where(draw < (1 + expected) / 2, 9.0, 3.0)


def test_the_plain_difference_by_hand() -> None:
    """8 detractors name it; of the 32 others 24 promote: NPS 40 with it, 75 without, so it costs 35."""
    membership = csr_array(np.repeat([[1], [0]], [8, 32], axis=0))
    nps = np.array([2.0] * 8 + [10.0] * 24 + [8.0] * 8)
    found = nps_costs(membership, nps, minimum=5)
    cost = found.causes[0]
    assert cost is not None
    assert (found.answers, found.nps, cost.answers) == (40, 40.0, 8)
    assert (cost.of_cause, cost.without, cost.plain.value) == (-100.0, 75.0, 35.0)
    assert cost.adjusted.value == pytest.approx(35.0, abs=1.5)
    assert cost.plain.low < 35.0 < cost.plain.high


def test_without_a_penalty_to_speak_of_it_is_ordinary_regression() -> None:
    rng = np.random.default_rng(1)
    membership = (rng.random((6_000, 4)) < [0.1, 0.2, 0.05, 0.3]).astype(np.int64)
    nps = answers_of(np.array([-0.8, -0.4, -0.6, 0.3]), membership, rng)
    value = np.where(nps >= 9, 1.0, -1.0)
    ordinary = np.linalg.lstsq(np.column_stack([np.ones(6_000), membership]), value, rcond=None)[0][1:]
    found = nps_costs(csr_array(membership), nps, replicates=20)
    lost = [cost.adjusted.value for cost in found.causes if cost is not None]
    assert lost == pytest.approx(-100 * ordinary * membership.mean(axis=0), abs=0.1)


def test_a_harmless_cause_that_comes_with_a_costly_one_is_not_blamed() -> None:
    rng = np.random.default_rng(2)
    costly = rng.random(8_000) < 0.1
    harmless = np.where(costly, rng.random(8_000) < 0.8, rng.random(8_000) < 0.05)
    membership = np.column_stack([costly, harmless]).astype(np.int64)
    nps = answers_of(np.array([-1.0, 0.0]), membership, rng)
    found = nps_costs(csr_array(membership), nps, replicates=300)
    blamed = found.causes[1]
    assert blamed is not None
    assert blamed.plain.low > 4.0
    assert blamed.adjusted.low < 0.0 < blamed.adjusted.high
    assert found.causes[0] is not None
    assert found.causes[0].adjusted.value == pytest.approx(10.0, abs=1.0)


def test_a_department_with_low_scores_is_held_alike() -> None:
    rng = np.random.default_rng(3)
    department = np.where(rng.random(8_000) < 0.3, "claims", "shop")
    cause = rng.random(8_000) < np.where(department == "claims", 0.2, 0.01)
    nps = np.where(rng.random(8_000) < np.where(department == "claims", 0.2, 0.8), 10.0, 2.0)
    membership = csr_array(cause[:, None].astype(np.int64))
    controls = control_indicators([department.tolist()], 8_000)
    cost = nps_costs(membership, nps, controls=controls, replicates=200).causes[0]
    assert cost is not None
    assert cost.plain.low > 3.0
    assert cost.adjusted.low < 0.0 < cost.adjusted.high


def test_two_causes_that_are_the_same_share_the_cost_and_say_so() -> None:
    rng = np.random.default_rng(4)
    cause = (rng.random(4_000) < 0.1).astype(np.int64)
    other = (rng.random(4_000) < 0.1).astype(np.int64)
    membership = np.column_stack([cause, cause, other])
    nps = answers_of(np.array([-0.5, -0.5, 0.0]), membership, rng)
    found = [cost for cost in nps_costs(csr_array(membership), nps, replicates=50).causes if cost is not None]
    assert found[0].adjusted.value == pytest.approx(found[1].adjusted.value)
    assert found[0].adjusted.value + found[1].adjusted.value == pytest.approx(found[0].plain.value, rel=0.1)
    assert found[0].overlap > 10
    assert found[2].overlap < 1.5


@pytest.mark.slow
def test_the_intervals_hold_as_often_as_they_say() -> None:
    held_plain, held_adjusted = [], []
    for seed in range(120):
        rng = np.random.default_rng(seed)
        membership = (rng.random((1_500, 6)) < 0.05).astype(np.int64)
        nps = answers_of(np.array([-0.9, -0.6, -0.3, 0.0, 0.0, 0.3]), membership, rng)
        found = nps_costs(csr_array(membership), nps, replicates=200, seed=seed)
        for cost, effect in zip(found.causes, [-0.9, -0.6, -0.3, 0.0, 0.0, 0.3], strict=True):
            assert cost is not None
            held_adjusted.append(cost.adjusted.low <= -5 * effect <= cost.adjusted.high)
            held_plain.append(cost.plain.low <= -5 * effect <= cost.plain.high)
    assert 0.92 <= np.mean(held_plain) <= 0.98
    assert 0.92 <= np.mean(held_adjusted) <= 0.98


def test_comments_of_one_respondent_are_one_draw() -> None:
    """Everybody stands there four times: the interval must be as wide as if each stood there once."""
    rng = np.random.default_rng(5)
    membership = (rng.random((400, 1)) < 0.2).astype(np.int64)
    nps = answers_of(np.array([-0.8]), membership, rng)
    people = [f"R-{i}" for i in range(400)]
    once = nps_costs(csr_array(membership), nps, replicates=600).causes[0]
    fourfold = csr_array(np.tile(membership, (4, 1))), np.tile(nps, 4)
    together = nps_costs(*fourfold, respondents=people * 4, replicates=600).causes[0]
    apart = nps_costs(*fourfold, replicates=600).causes[0]
    assert once is not None
    assert together is not None
    assert apart is not None
    width = [cost.plain.high - cost.plain.low for cost in (once, together, apart)]
    assert width[1] == pytest.approx(width[0], rel=0.1)
    assert width[2] == pytest.approx(width[0] / 2, rel=0.15)


def test_the_same_seed_gives_the_same_interval_and_another_another() -> None:
    membership = csr_array((RNG.random((300, 2)) < 0.2).astype(np.int64))
    nps = RNG.integers(0, 11, 300).astype(float)
    first, again = (nps_costs(membership, nps, replicates=40, seed=3) for _ in range(2))
    assert first == again
    assert nps_costs(membership, nps, replicates=40, seed=4) != first


def test_few_answers_give_no_figures() -> None:
    membership = csr_array(np.repeat([[1, 0], [0, 1]], [9, 40], axis=0))
    nps = np.array([3.0] * 9 + [9.0] * 40)
    assert nps_costs(membership, nps).causes == (None, None)  # the second leaves only nine others
    nothing = nps_costs(membership, np.full(49, np.nan))
    assert (nothing.answers, nothing.causes) == (0, (None, None))
    assert np.isnan(nothing.nps)


def test_controls_leave_out_rare_values_and_what_all_share() -> None:
    values = ["a"] * 40 + ["b"] * 35 + ["c"] * 3 + [None] * 2
    assert control_indicators([values, ["x"] * 80], 80).sum(axis=0).tolist() == [40, 35]
