"""Onsets, ends and steady causes; dates by day, with how far off they may be."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest

pytest.importorskip("ruptures")
from scipy.sparse import csr_array

from nlp.causes.change import PoissonShareCost, changes_of, daily_counts, trends, weeks_of

FIRST = date(2026, 1, 1)


def comments_of(counts: np.ndarray, totals: np.ndarray) -> tuple[csr_array, np.ndarray]:
    """Comments with these counts by day and cause."""
    days = np.repeat(np.datetime64(FIRST) + np.arange(len(totals)), totals)
    place = np.concatenate([np.arange(n) for n in totals])
    named = place[:, None] < np.repeat(counts, totals, axis=0)
    return csr_array(named.astype(np.int64)), days


def test_an_onset_is_dated_and_its_strength_told() -> None:
    rng = np.random.default_rng(0)
    totals = rng.poisson(np.where(np.arange(180) % 7 < 5, 60, 15))
    share = np.where(np.arange(180) < 120, 0.01, 0.06)
    counts = rng.binomial(totals, share)[:, None]
    [trend] = trends(*comments_of(counts, totals))
    onset = trend.onset
    assert onset is not None
    assert abs((onset.day - (FIRST + timedelta(days=120))).days) <= 3
    assert onset.earliest <= FIRST + timedelta(days=120) <= onset.latest
    assert onset.ratio.low < 6 < onset.ratio.high
    assert trend.q_value < 0.001


def test_an_episode_has_a_beginning_and_an_end() -> None:
    rng = np.random.default_rng(1)
    totals = rng.poisson(80, 200)
    inside = (np.arange(200) >= 90) & (np.arange(200) < 111)
    counts = rng.binomial(totals, np.where(inside, 0.08, 0.01))[:, None]
    [trend] = trends(*comments_of(counts, totals))
    assert [change.rises for change in trend.changes] == [True, False]
    days = [(change.day - FIRST).days for change in trend.changes]
    assert days == pytest.approx([90, 111], abs=2)


def test_a_cause_that_did_not_exist_before_has_no_upper_bound() -> None:
    totals = np.full(60, 30)
    counts = np.where(np.arange(60) < 45, 0, 2)[:, None]
    [trend] = trends(*comments_of(counts, totals))
    [change] = trend.changes
    assert (change.day, change.share_before, change.ratio.value) == (FIRST + timedelta(days=45), 0.0, np.inf)
    assert change.ratio.low > 5


def test_more_comments_are_no_change() -> None:
    """Four times as many comments from day 60, the cause's share as before."""
    rng = np.random.default_rng(2)
    totals = rng.poisson(np.where(np.arange(120) < 60, 40, 160))
    counts = rng.binomial(totals, 0.05)[:, None]
    [trend] = trends(*comments_of(counts, totals))
    assert (trend.changes, trend.onset) == ((), None)


@pytest.mark.slow
def test_steady_causes_are_rarely_said_to_change() -> None:
    rng = np.random.default_rng(3)
    totals = rng.poisson(100, 240)
    counts = rng.binomial(totals[:, None], np.geomspace(0.0005, 0.05, 120)[None, :])
    found = trends(*comments_of(np.sort(counts, axis=1), totals))
    p_values = np.array([trend.p_value for trend in found])
    assert sum(bool(trend.changes) for trend in found) <= 1
    assert 0.005 <= np.nanmean(p_values < 0.05) <= 0.12


def test_days_that_swing_are_no_change() -> None:
    """On random days a share is six times as large: tests of plain counts would take a few together for a change."""
    rng = np.random.default_rng(4)
    totals = np.full(200, 60)
    counts = np.column_stack(
        [rng.binomial(totals, 0.02 * rng.choice([0.5, 3.0], 200, p=[0.8, 0.2])) for _ in range(30)]
    )
    found = [trends(*comments_of(counts[:, [i]], totals))[0] for i in range(30)]
    assert sum(trend.p_value < 0.05 for trend in found) <= 5


def test_too_little_to_ask_gives_no_answer() -> None:
    [few] = trends(*comments_of(np.array([[1]] * 5 + [[0]] * 30), np.full(35, 10)))
    assert np.isnan(few.p_value)
    [short] = trends(*comments_of(np.array([[9]] * 5), np.full(5, 10)))
    assert np.isnan(short.p_value)
    unknown = np.full(10, np.datetime64("NaT"), dtype="datetime64[D]")
    [none] = trends(csr_array(np.ones((10, 1), dtype=np.int64)), unknown)
    assert none.weeks == ()


def test_days_without_a_date_are_left_out_and_empty_days_counted() -> None:
    days = np.array(["2026-01-01", "NaT", "2026-01-04"], dtype="datetime64[D]")
    membership = csr_array(np.array([[1], [1], [0]]))
    known = np.flatnonzero(~np.isnat(days))
    first, counts, totals = daily_counts(membership[known], days[known])
    assert (first, counts[:, 0].tolist(), totals.tolist()) == (FIRST, [1, 0, 0, 0], [1, 0, 0, 1])


def test_weeks_begin_on_monday() -> None:
    weeks = weeks_of(np.array([1, 1, 0, 0, 2]), np.array([4, 4, 4, 4, 4]), FIRST)  # a Thursday
    assert [(week.monday, week.count, week.total) for week in weeks] == [
        (date(2025, 12, 29), 2, 16),
        (date(2026, 1, 5), 2, 4),
    ]
    assert weeks[1].share.value == 0.5


def test_the_cost_of_a_stretch_is_minus_its_log_likelihood() -> None:
    cost = PoissonShareCost().fit(np.array([[2.0, 10.0], [0.0, 10.0], [0.0, 0.0]]))
    assert cost.error(0, 2) == pytest.approx(-2 * np.log(0.1))
    assert cost.error(2, 3) == 0.0


def test_three_shares_give_two_days() -> None:
    counts, totals = np.repeat([1, 6, 2], [70, 40, 60]), np.full(170, 50)
    assert [(change.day - FIRST).days for change in changes_of(counts, totals, FIRST)] == [70, 110]
