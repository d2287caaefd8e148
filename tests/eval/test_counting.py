from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eval.counting import Counted, Counts, by_label, macro_f1, micro_f1, recall, resampled, score

TAGS = st.frozensets(st.sampled_from(["price", "staff", "time"]))
ROWS = st.lists(st.tuples(TAGS, TAGS), max_size=12)


def test_micro_f1_pools_the_labels_and_macro_f1_averages_them():
    # price: 2 hit, 1 missed -> 4/5. staff: 1 extra -> 0. Together 2 hit, 1 extra, 1 missed -> 4/6.
    counts = Counts.of_tags([{"price"}, {"price"}, {"price"}], [{"price"}, {"price", "staff"}, set()])
    assert counts.labels == ("price", "staff")
    assert float(micro_f1(counts.totals)) == pytest.approx(2 / 3)
    assert float(macro_f1(counts.totals)) == pytest.approx(0.4)


def test_perfect_tags_score_one_and_wrong_ones_zero():
    gold = [{"price"}, {"staff", "time"}]
    perfect, worst = Counts.of_tags(gold, gold), Counts.of_tags(gold, [{"staff"}, {"price"}])
    assert [float(f1(perfect.totals)) for f1 in (micro_f1, macro_f1, recall)] == [1, 1, 1]
    assert [float(f1(worst.totals)) for f1 in (micro_f1, macro_f1, recall)] == [0, 0, 0]


def test_a_label_that_is_neither_due_nor_given_has_no_part_in_the_mean():
    totals = np.array([[3.0, 0.0], [1.0, 0.0], [1.0, 0.0]])
    assert float(macro_f1(totals)) == 0.75


@pytest.mark.parametrize("rows", [[], [set()], [set(), set()]])
def test_a_score_without_anything_to_score_is_undefined(rows):
    result = score(Counted(Counts.of_tags(rows, rows), micro_f1))
    assert np.isnan([result.value, result.low, result.high]).all()
    assert result.support == 0


def test_extra_tags_on_empty_gold_are_scored_zero_not_undefined():
    assert float(micro_f1(Counts.of_tags([set()], [{"price"}]).totals)) == 0


def test_one_label_due_a_comment_makes_recall_the_accuracy():
    gold, predicted = [{"positive"}, {"negative"}, {"mixed"}, {"mixed"}], [{"positive"}, {"mixed"}, set(), {"mixed"}]
    assert float(recall(Counts.of_tags(gold, predicted).totals)) == 0.5
    assert float(recall(Counts.of_outcomes([True, False, False, True]).totals)) == 0.5


def test_a_label_table_starts_with_the_most_frequent_label():
    counts = Counts.of_tags([{"staff"}, {"staff", "price"}, {"staff"}], [{"staff"}, {"staff", "time"}, {"time"}])
    staff, price, time = by_label(counts)
    assert (staff.label, staff.precision, staff.gold, staff.predicted) == ("staff", 1.0, 3, 2)
    assert staff.recall == pytest.approx(2 / 3)
    assert staff.f1 == pytest.approx(0.8)
    assert (price.label, price.recall, price.f1, price.gold, price.predicted) == ("price", 0.0, 0.0, 1, 0)
    assert np.isnan(price.precision)
    assert (time.label, time.precision, time.f1, time.gold, time.predicted) == ("time", 0.0, 0.0, 0, 2)


def test_the_interval_of_an_accuracy_is_that_of_the_binomial():
    # 80 of 100 right: the share of a resample has a standard error of sqrt(0.8 * 0.2 / 100) = 0.04.
    counts = Counts.of_outcomes([True] * 80 + [False] * 20)
    result = score(Counted(counts, recall), n_resamples=4_000)
    assert result.value == 0.8
    assert result.support == 100
    assert result.low == pytest.approx(0.8 - 1.96 * 0.04, abs=0.015)
    assert result.high == pytest.approx(0.8 + 1.96 * 0.04, abs=0.015)
    values = resampled(Counted(counts, recall), seed=0, n_resamples=4_000)
    assert values.std() == pytest.approx(0.04, rel=0.05)


def test_the_seed_decides_the_interval():
    counts = Counts.of_outcomes([True] * 40 + [False] * 23)
    first, again, other = (resampled(Counted(counts, recall), seed=seed, n_resamples=50) for seed in (1, 1, 2))
    assert (first == again).all()
    assert not (first == other).all()


def test_resamples_beyond_one_block_are_all_drawn():
    assert resampled(Counted(Counts.of_outcomes([True, False]), recall), seed=0, n_resamples=250).shape == (250,)


@settings(deadline=None)  # the machine may be busy
@given(ROWS)
def test_scores_stay_within_bounds(rows):
    counts = Counts.of_tags([gold for gold, _ in rows], [predicted for _, predicted in rows])
    for statistic in (micro_f1, macro_f1, recall):
        result = score(Counted(counts, statistic), n_resamples=20)
        if not np.isnan(result.value):
            assert 0 <= result.value <= 1
        if not np.isnan(result.low):
            assert 0 <= result.low <= result.high <= 1


@settings(deadline=None)  # the machine may be busy
@given(ROWS)
def test_f1_is_the_same_from_either_side(rows):
    left, right = [gold for gold, _ in rows], [predicted for _, predicted in rows]
    there, back = micro_f1(Counts.of_tags(left, right).totals), micro_f1(Counts.of_tags(right, left).totals)
    assert np.array_equal(there, back, equal_nan=True)


@settings(deadline=None)  # the machine may be busy
@given(ROWS)
def test_f1_agrees_with_its_definition_from_precision_and_recall(rows):
    for row in by_label(Counts.of_tags([gold for gold, _ in rows], [predicted for _, predicted in rows])):
        if row.f1 > 0:
            assert row.f1 == pytest.approx(2 * row.precision * row.recall / (row.precision + row.recall))
        else:
            assert not row.precision > 0
            assert not row.recall > 0
