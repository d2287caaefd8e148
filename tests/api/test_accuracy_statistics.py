"""Estimates and intervals out of cells, against figures that one can work out or look up."""

from __future__ import annotations

import math

import pytest
from scipy.stats import beta

from api.accuracy.sampling import FEWEST_OF_STRATUM, Frame, allocate, draw, stratify
from api.accuracy.statistics import (
    Cell,
    Estimate,
    errors,
    false_positive_rate,
    recall,
    share_right,
    share_with_label,
)

HUGE = 10**9  # so that what was asked is no part of it worth mentioning


@pytest.mark.parametrize(("asked", "wrong"), [(20, 0), (200, 3), (50, 25), (30, 29), (20, 20)])
def test_of_one_cell_the_interval_is_about_that_of_clopper_and_pearson(asked: int, wrong: int) -> None:
    found = errors([Cell(HUGE, asked, wrong)])
    low = 0.0 if wrong == 0 else beta.ppf(0.025, wrong, asked - wrong + 1)
    high = 1.0 if wrong == asked else beta.ppf(0.975, wrong + 1, asked - wrong)
    assert found.value / HUGE == pytest.approx(wrong / asked)
    assert found.low / HUGE <= low + 0.02
    assert found.high / HUGE >= high - 0.02
    assert (found.high - found.low) / HUGE == pytest.approx(high - low, abs=0.1)


def test_strata_count_by_their_sizes_and_not_by_their_samples() -> None:
    cells = [Cell(900, 10, 1), Cell(100, 90, 45)]
    assert errors(cells).value == pytest.approx(900 * 0.1 + 100 * 0.5)
    assert share_right(cells).value == pytest.approx(0.86)


def test_what_the_model_says_is_corrected_by_alarms_and_misses() -> None:
    given, others = [Cell(200, 50, 10)], [Cell(800, 80, 4)]
    # 200 · 4/5 are right, 800 · 1/20 are overlooked
    assert share_with_label(given, others).value == pytest.approx(0.2)
    assert share_right(given).value == pytest.approx(0.8)
    found = recall(given, others)
    assert found is not None
    assert found.value == pytest.approx(160 / 200)
    alarms = false_positive_rate(given, others)
    assert alarms is not None
    assert alarms.value == pytest.approx(40 / 800)


def test_nothing_is_uncertain_where_everybody_was_asked() -> None:
    given, others = [Cell(20, 20, 5)], [Cell(80, 80, 3)]
    assert share_with_label(given, others) == Estimate(0.18, 0.18, 0.18)
    found = recall(given, others)
    assert found is not None
    assert (found.low, found.high) == pytest.approx((15 / 18, 15 / 18))


def test_an_interval_narrows_as_the_root_of_those_asked() -> None:
    few, many = (share_with_label([Cell(HUGE, n, n // 4)], [Cell(HUGE, n, n // 20)]) for n in (200, 3_200))
    assert (few.high - few.low) / (many.high - many.low) == pytest.approx(4, rel=0.15)


def test_errors_that_were_not_seen_may_be_there() -> None:
    found = share_with_label([Cell(1_000, 20, 0)], [Cell(9_000, 60, 0)])
    assert found.value == 0.1
    assert found.low < 0.1 < found.high
    assert found.high - 0.1 == pytest.approx(0.9 * beta.ppf(0.975, 1, 60), rel=0.1)


def test_a_cell_of_which_nobody_was_asked_may_hold_anything() -> None:
    found = errors([Cell(100, 50, 5), Cell(40, 0, 0)])
    assert found.value == pytest.approx(14)
    assert found.high >= 14 + 40 * 0.9 - 1
    assert errors([Cell(40, 0, 0)]) == Estimate(0.0, 0.0, 40.0)
    assert errors([]) == Estimate(0.0, 0.0, 0.0)


def test_recall_of_a_label_that_nobody_has_is_not_said() -> None:
    assert recall([Cell(10, 5, 5)], [Cell(90, 30, 0)]) is None


def frame() -> Frame:
    comments = [("nb", frozenset({"a"}))] * 600 + [("nb", frozenset[str]())] * 300
    return Frame.of([*comments, *[("sv", frozenset({"a", "b"}))] * 15, *[("sv", frozenset[str]())] * 85])


def test_strata_are_languages_by_the_rarest_label() -> None:
    strata = stratify(frame(), sample_size=100).strata
    assert [(each.language, each.tier, each.size) for each in strata] == [
        ("nb", "common", 600),
        ("nb", "none", 300),
        ("sv", "none", 85),
        ("sv", "rare", 15),
    ]
    assert strata[3].with_label == {"a": 15, "b": 15}


def test_a_small_sample_gets_fewer_strata() -> None:
    assert [each.language for each in stratify(frame(), sample_size=15).strata] == ["nb", "sv"]
    assert [each.language for each in stratify(frame(), sample_size=7).strata] == [None]


def test_a_sample_has_what_was_allocated_once_and_is_the_same_for_the_same_seed() -> None:
    strata = stratify(frame(), sample_size=100)
    first, again, other = (draw(frame(), strata, sample_size=100, seed=seed) for seed in (7, 7, 8))
    assert first.tolist() == again.tolist() != other.tolist()
    assert len(set(first.tolist())) == 100
    of = [int(strata.of_kind[frame().kinds[place]]) for place in first]
    assert [of.count(stratum) for stratum in range(4)] == allocate([600, 300, 85, 15], 100)


def test_rare_labels_are_drawn_more_often_than_by_chance() -> None:
    numbers = allocate([600, 300, 85, 15], 100)
    assert numbers[3] > 100 * 15 / 1_000
    assert min(numbers) >= FEWEST_OF_STRATUM
    assert numbers[0] / numbers[1] == pytest.approx(math.sqrt(2), abs=0.15)
    assert allocate([3, 5], 50) == [3, 5]
