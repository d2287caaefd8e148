"""Factors that go with a cause, against comments of like feeling and length; and their words."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("scipy")
from scipy.sparse import csr_array

from nlp.causes.factors import factors_of_causes, feeling_and_length, typical_words


def test_a_factor_that_goes_with_a_cause_is_told_with_its_words() -> None:
    named = np.array([1] * 20 + [0] * 80)
    cold = np.array([True] * 15 + [False] * 5 + [True] * 10 + [False] * 70)
    evidence = [["svarte surt"]] * 15 + [[]] * 5 + [["lite hjelpsom"]] * 10 + [[]] * 70
    factor = ("sympathetic", "negative")
    [[found]] = factors_of_causes(
        csr_array(named[:, None]),
        {factor: cold},
        {factor: evidence},
        sentiment=np.full(100, -0.8),
        words=np.full(100, 9),
    )
    assert (found.factor, found.polarity, found.count, found.share) == ("sympathetic", "negative", 15, 0.75)
    assert found.share_elsewhere == 10 / 80
    assert found.lift == pytest.approx(15 / (20 * 25 / 100))
    assert found.words == ("surt", "svarte")
    assert found.q_value < 1e-6


def test_a_factor_of_all_complaints_does_not_go_with_one_of_them() -> None:
    rng = np.random.default_rng(0)
    complains = rng.random(4_000) < 0.3
    named = complains & (rng.random(4_000) < 0.2)
    cold = complains & (rng.random(4_000) < 0.4)
    sentiment = np.where(complains, -0.9, 0.8)
    arguments = {"factors": {("sympathetic", "negative"): cold}, "evidence": {}, "words": np.full(4_000, 12)}
    membership = csr_array(named[:, None].astype(np.int64))
    assert factors_of_causes(membership, sentiment=sentiment, **arguments) == ((),)
    assert len(factors_of_causes(membership, sentiment=np.full(4_000, np.nan), **arguments)[0]) == 1


def test_strata_are_of_feeling_and_length() -> None:
    strata = feeling_and_length(np.array([-0.9, -0.9, 0.9, np.nan]), np.array([5, 50, 5, 5]))
    assert len(set(strata.tolist())) == 4


def test_words_of_all_complaints_are_not_typical() -> None:
    evidence = [["elendig kø"]] * 30 + [["elendig pris"]] * 30
    assert typical_words(evidence, np.arange(30)) == ("kø",)
    assert typical_words([], np.arange(3)) == ()
