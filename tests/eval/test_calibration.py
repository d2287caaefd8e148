from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eval.calibration import (
    HEADS,
    Bin,
    binned,
    count_calibration,
    expected_calibration_error,
    reliability,
    score_calibration,
)
from eval.scores import score_comments
from tests.eval.by_hand import failed, labelled, tagged


def error_of(*foretold: tuple[float, bool], n_bins: int = 10) -> float:
    return float(expected_calibration_error(binned([foretold], n_bins=n_bins).totals))


def error_of_head(head, gold, predicted):
    return float(expected_calibration_error(count_calibration(gold, predicted)[head].totals))


def test_calibration_error_of_two_bins():
    # 0.85 and 0.95 fall in different bins; half of the first come true: 2/3 * |0.5 - 0.85| + 1/3 * |1 - 0.95|.
    assert error_of((0.85, True), (0.85, False), (0.95, True)) == pytest.approx(2 / 3 * 0.35 + 1 / 3 * 0.05)


def test_errors_within_one_bin_cancel_and_in_two_bins_do_not():
    foretold = [(0.2, False), (0.8, True)]
    assert error_of(*foretold, n_bins=1) == pytest.approx(0.0)
    assert error_of(*foretold, n_bins=10) == pytest.approx(0.2)


def test_calibration_error_at_its_worst_and_best():
    assert error_of((1.0, False), (0.0, True)) == 1
    assert error_of((1.0, True), (0.0, False)) == 0


@settings(deadline=None)  # the machine may be busy
@given(st.lists(st.lists(st.tuples(st.floats(0, 1), st.booleans()))), st.integers(1, 20))
def test_calibration_error_stays_within_bounds(comments, n_bins):
    counts = binned(comments, n_bins=n_bins)
    error = float(expected_calibration_error(counts.totals))
    assert math.isnan(error) if not any(comments) else 0 <= error <= 1 + 1e-9
    assert sum(each.count for each in reliability(counts)) == sum(map(len, comments))


def test_the_bins_of_a_diagram_are_those_that_hold_something():
    counts = binned([[(0.1, True), (0.06, True), (0.75, True)], [], [(0.85, False), (0.71, False)]])
    assert reliability(counts) == [
        Bin(says=pytest.approx(0.08), comes_true=1.0, count=2),  # up to 0.1, 0.1 included
        Bin(says=pytest.approx(0.73), comes_true=0.5, count=2),
        Bin(says=0.85, comes_true=0.0, count=1),
    ]


def test_calibration_of_sentiment_reads_the_label_that_was_given():
    gold = [labelled(sentiment="positive"), labelled(sentiment="negative"), labelled()]
    predicted = [tagged(probability=0.7), tagged(probability=0.7), failed()]
    assert error_of_head("sentiment", gold, predicted) == pytest.approx(0.2)


def test_calibration_of_themes_reads_those_that_were_given_whatever_their_sentiment():
    gold = [labelled(themes=["delivery_time:positive", "price_value:negative"]), labelled()]
    predicted = [tagged(themes=["delivery_time:negative"]), tagged(themes=["staff_service:positive"])]
    # Two given with 0.9, one is right; the missed one has no confidence.
    assert error_of_head("themes", gold, predicted) == pytest.approx(0.4)
    assert reliability(count_calibration(gold, predicted)["themes"])[0].count == 2


def test_calibration_of_theme_sentiments_reads_those_of_themes_that_are_due():
    gold = [labelled(themes=["delivery_time:positive", "price_value:negative"]), labelled(), labelled()]
    predicted = [
        tagged(themes=["delivery_time:positive", "price_value:positive"]),
        tagged(themes=["staff_service:positive"]),
        failed(),
    ]
    sure = [{"delivery_time": 0.8, "price_value": 0.7}, {"staff_service": 0.6}, {}]
    counts = count_calibration(gold, predicted, sure)["theme_sentiment"]
    assert reliability(counts) == [
        Bin(says=pytest.approx(0.7), comes_true=0.0, count=1),
        Bin(says=pytest.approx(0.8), comes_true=1.0, count=1),
    ]
    assert not count_calibration(gold, predicted)["theme_sentiment"].totals.any()  # a tagger that does not say


def test_calibration_of_factors_reads_those_that_were_given_with_their_polarity():
    gold = [labelled(factors=["sympathetic:positive", "professional:positive"])]
    predicted = [tagged(factors=["sympathetic:positive", "professional:negative"])]
    assert error_of_head("factors", gold, predicted) == pytest.approx(0.4)


@pytest.mark.parametrize("flag", ["churn_risk", "follow_up"])
def test_calibration_of_a_flag_reads_its_confidence_as_that_of_being_due(flag):
    gold = [labelled(**{flag: True}), labelled(), labelled(), labelled()]
    assert error_of_head(flag, gold, [tagged(**{flag: 0.25})] * 4) == pytest.approx(0.0)
    assert error_of_head(flag, gold, [tagged(**{flag: 0.75})] * 4) == pytest.approx(0.5)


def test_every_head_stands_among_the_scores_with_its_bins():
    scores = score_comments([labelled(themes=["price_value:negative"])], [tagged(themes=["price_value:negative"])])
    assert list(scores.calibration) == list(scores.reliability) == list(HEADS)
    assert scores.calibration["themes"].value == pytest.approx(0.1)
    assert scores.reliability["themes"] == [Bin(says=0.9, comes_true=1.0, count=1)]
    assert math.isnan(scores.calibration["factors"].value)
    assert scores.reliability["factors"] == []


def test_the_error_of_a_head_has_the_interval_of_its_resamples():
    # Given with 0.75 and right in 60 of 100: off by 0.15, and a resample's share has a standard error of 0.049.
    counts = binned([[(0.75, place < 60)] for place in range(100)])
    error = score_calibration(counts)
    assert (error.value, error.support) == (pytest.approx(0.15), 100)
    assert (error.low, error.high) == (
        pytest.approx(0.15 - 1.96 * 0.049, abs=0.02),
        pytest.approx(0.15 + 1.96 * 0.049, abs=0.02),
    )
