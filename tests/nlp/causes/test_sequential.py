"""The sequential test: its verdicts, and that it holds its false-alarm rate however often one looks."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest

pytest.importorskip("scipy")
from scipy.stats import binom, nbinom

from nlp.causes.sequential import ActionEffect, RateRatioSequence, Verdict, effect_of_action

FIRST, SINCE = date(2026, 1, 1), date(2026, 4, 1)
BEFORE = (SINCE - FIRST).days


def watch(
    before: float, after: float, *, days: int = 120, a_day: int = 40, seed: int = 0, **options: float
) -> ActionEffect:
    rng = np.random.default_rng(seed)
    totals = rng.poisson(a_day, BEFORE + days)
    counts = rng.binomial(totals, np.where(np.arange(BEFORE + days) < BEFORE, before, after))
    return effect_of_action(counts, totals, first=FIRST, since=SINCE, **options)


def test_a_fall_is_told_with_how_much() -> None:
    effect = watch(0.08, 0.03)
    assert effect.verdict is Verdict.FELL
    assert effect.decided_on is not None
    assert SINCE < effect.decided_on < SINCE + timedelta(days=45)
    assert effect.fall.low < 1 - 0.03 / 0.08 < effect.fall.high
    assert effect.fall.low > 0


def test_a_rise_is_told() -> None:
    assert watch(0.03, 0.08).verdict is Verdict.ROSE


def test_the_first_days_are_too_early() -> None:
    effect = watch(0.05, 0.025, days=3)
    assert (effect.verdict, effect.decided_on) == (Verdict.TOO_EARLY, None)
    assert effect.ratio.low < 0.5 < effect.ratio.high
    assert effect.days_for_half is not None
    assert 10 < effect.days_for_half < 60


def test_no_effect_is_said_once_a_worthwhile_fall_is_ruled_out() -> None:
    effect = watch(0.1, 0.1, days=400, a_day=200, worthwhile=0.3)
    assert effect.verdict is Verdict.NO_EFFECT
    assert effect.ratio.low > 0.7
    assert watch(0.1, 0.1, days=400, a_day=200, worthwhile=0.01).verdict is Verdict.TOO_EARLY


def test_a_success_that_was_shown_stays() -> None:
    rng = np.random.default_rng(1)
    totals = np.full(BEFORE + 120, 60)
    share = np.concatenate([np.full(BEFORE, 0.1), np.full(40, 0.03), np.full(80, 0.1)])
    effect = effect_of_action(rng.binomial(totals, share), totals, first=FIRST, since=SINCE)
    assert effect.verdict is Verdict.FELL
    assert effect.decided_on is not None
    assert effect.decided_on < SINCE + timedelta(days=40)


def test_without_a_baseline_nothing_is_said() -> None:
    assert watch(0.0, 0.0).verdict is Verdict.NO_BASELINE
    at_the_beginning = effect_of_action(np.full(30, 2), np.full(30, 20), first=FIRST, since=FIRST)
    assert (at_the_beginning.verdict, at_the_beginning.days_for_half) == (Verdict.NO_BASELINE, None)


def test_an_action_of_tomorrow_is_too_early() -> None:
    effect = effect_of_action(np.full(90, 2), np.full(90, 20), first=FIRST, since=SINCE)
    assert (effect.verdict, effect.total, effect.days) == (Verdict.TOO_EARLY, 0, ())


def test_the_time_before_can_begin_with_the_incident() -> None:
    counts = np.concatenate([np.full(60, 0), np.full(30, 4), np.full(30, 2)])
    totals = np.full(120, 40)
    whole = effect_of_action(counts, totals, first=FIRST, since=SINCE)
    since_it_began = effect_of_action(
        counts, totals, first=FIRST, since=SINCE, baseline_from=FIRST + timedelta(days=60)
    )
    assert whole.ratio.value == pytest.approx(1.5)
    assert since_it_began.ratio.value == pytest.approx(0.5)
    assert since_it_began.verdict is Verdict.FELL


def test_days_without_comments_change_nothing() -> None:
    counts, totals = np.repeat([3, 1], [BEFORE, 30]), np.full(BEFORE + 30, 50)
    closed = np.zeros(20, dtype=np.int64)
    open_, with_closed = (
        effect_of_action(np.concatenate([counts, *extra]), np.concatenate([totals, *extra]), first=FIRST, since=SINCE)
        for extra in ([], [closed])
    )
    assert with_closed.ratio == open_.ratio


def test_weeks_that_swing_weaken_the_evidence() -> None:
    weeks = np.repeat(np.tile([1, 9], 7), 7)[:BEFORE]
    counts = np.concatenate([weeks, np.full(30, 3)])
    totals = np.full(BEFORE + 30, 60)
    swinging = effect_of_action(counts, totals, first=FIRST, since=SINCE)
    steady = effect_of_action(np.concatenate([np.full(BEFORE, 5), np.full(30, 3)]), totals, first=FIRST, since=SINCE)
    assert swinging.dispersion > 10
    assert steady.dispersion == 1.0
    assert swinging.ratio.high > steady.ratio.high


def test_at_a_fixed_day_the_null_law_is_the_exact_conditional_one() -> None:
    """The predictive law in which the rate does not stand has the tail of the exact test of two Poisson counts."""
    predictive = nbinom.cdf(np.arange(8), 12, 90 / (90 + 30))
    exact = [binom.cdf(k, 12 + k, 30 / 120) for k in range(8)]
    assert predictive == pytest.approx(exact)


@pytest.mark.parametrize("complaints_before", [5, 40, 300])
def test_looking_every_day_for_two_years_keeps_the_false_alarm_rate(complaints_before: int) -> None:
    rng = np.random.default_rng(complaints_before)
    alarms = {True: 0, False: 0}
    runs = 300
    for _ in range(runs):
        before = int(rng.poisson(complaints_before))
        if before == 0:
            continue
        total = np.geomspace(0.01, 8, 250)
        count = np.cumsum(rng.poisson(complaints_before * np.diff(total, prepend=0.0))).astype(float)
        bounds = RateRatioSequence(before, 1.0, 0.05)
        for smaller in alarms:
            alarms[smaller] += bool((bounds.evidence(np.zeros(250), count, total, smaller=smaller) >= np.log(20)).any())
    assert alarms[True] / runs <= 0.07  # 0.05, and what 300 runs may be off by
    assert alarms[False] / runs <= 0.07


@pytest.mark.slow
def test_the_interval_holds_the_truth_over_all_days_together() -> None:
    held = 0
    for seed in range(100):
        effect = watch(0.08, 0.04, seed=seed, days=90)
        held += all(standing.ratio.low <= 0.5 <= standing.ratio.high for standing in effect.days)
    assert held >= 85


def test_columns_must_fit() -> None:
    with pytest.raises(ValueError, match="counts of 3 days and totals of 2"):
        effect_of_action(np.ones(3, int), np.ones(2, int), first=FIRST, since=FIRST)
    with pytest.raises(ValueError, match="more comments name the cause"):
        effect_of_action(np.array([2]), np.array([1]), first=FIRST, since=FIRST)
    with pytest.raises(ValueError, match=r"false_alarm is 1\.5"):
        effect_of_action(np.array([1]), np.array([1]), first=FIRST, since=FIRST, false_alarm=1.5)
