"""Tails and intervals, against SciPy's own and against tables worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("scipy")
from scipy.sparse import csr_array
from scipy.stats import binom, fisher_exact, hypergeom, poisson

from nlp.causes.chance import hypergeometric_tail, rate_ratio, share_interval, together, upper_tail


def test_the_hypergeometric_tail_is_scipys() -> None:
    rng = np.random.default_rng(0)
    total, marked, drawn = rng.integers(60, 900, 300), rng.integers(0, 60, 300), rng.integers(0, 60, 300)
    observed = rng.integers(-1, 15, 300)
    ours = hypergeometric_tail(observed, total, marked, drawn)
    np.testing.assert_allclose(ours, hypergeom.sf(observed - 1, total, marked, drawn), rtol=1e-9, atol=1e-290)


def test_the_hypergeometric_tail_keeps_its_digits_far_out() -> None:
    ours = float(hypergeometric_tail(80, 100_000, 100, 500))
    assert ours == pytest.approx(hypergeom.pmf(np.arange(80, 101), 100_000, 100, 500).sum(), rel=1e-9)
    assert ours < 1e-100


def test_the_tail_by_two_moments_is_the_binomial_and_the_poisson_where_these_are_true() -> None:
    k = np.arange(12)
    np.testing.assert_allclose(upper_tail(k, 2.0, 2.0 * 0.8), binom.sf(k - 1, 10, 0.2), atol=1e-12)
    np.testing.assert_allclose(upper_tail(k, 2.0, 2.0), poisson.sf(k - 1, 2.0), atol=1e-12)


def test_nothing_observed_is_certain_and_something_impossible_is_not_possible() -> None:
    assert upper_tail([0, 1], [0.0, 0.0], [0.0, 0.0]).tolist() == [1.0, 0.0]


def test_columns_that_meet_in_one_stratum_are_fishers_table() -> None:
    table = np.repeat([[1, 1], [1, 0], [0, 1], [0, 0]], [12, 18, 28, 142], axis=0)
    found = together(csr_array(table[:, :1]), csr_array(table[:, 1:]), np.zeros(200, dtype=np.int64))
    assert (found.observed[0, 0], found.expected[0, 0]) == (12, pytest.approx(30 * 40 / 200))
    assert found.variance[0, 0] == pytest.approx(hypergeom.var(200, 30, 40))
    exact = fisher_exact([[12, 18], [28, 142]], alternative="greater").pvalue
    assert found.p_values()[0, 0] == pytest.approx(exact, rel=0.15)


def test_strata_take_away_what_lies_in_them() -> None:
    """Two columns that are independent among the short and among the long, and both commoner among the long."""
    short = [(0, 0)] * 81 + [(0, 1)] * 9 + [(1, 0)] * 9 + [(1, 1)]
    long = [(0, 0)] * 25 + [(0, 1)] * 25 + [(1, 0)] * 25 + [(1, 1)] * 25
    table = np.array(short + long)
    left, right = csr_array(table[:, :1]), csr_array(table[:, 1:])
    strata = np.repeat([0, 1], [100, 100])
    assert together(left, right, np.zeros(200, dtype=np.int64)).p_values()[0, 0] < 0.01
    apart = together(left, right, strata)
    assert apart.expected[0, 0] == pytest.approx(26.0)
    assert apart.p_values()[0, 0] > 0.4


def test_the_interval_of_a_ratio_of_rates_holds_as_often_as_it_says() -> None:
    rng = np.random.default_rng(1)
    counts = rng.poisson([[12.0, 20.0]], size=(800, 2))
    held = [(r := rate_ratio(k, 60, k0, 200)).low <= 2.0 <= r.high for k, k0 in counts]
    assert 0.94 <= np.mean(held) <= 1.0


def test_ratios_of_nothing() -> None:
    assert rate_ratio(4, 10, 0, 10).value == np.inf
    assert rate_ratio(0, 10, 4, 10).low == 0.0
    assert np.isnan(rate_ratio(0, 10, 0, 10).value)
    assert np.isnan(share_interval(0, 0).value)
