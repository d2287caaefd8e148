"""The order of attention, and what became of causes since the former run."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("scipy")

from nlp.causes.rank import FormerRun, developments, growth_of, ranking


def ids(start: int, stop: int) -> set[str]:
    return {str(i) for i in range(start, stop)}


def test_points_come_first_and_growth_breaks_ties() -> None:
    assert ranking([2.0, 2.04, 3.0, None], [1.0, 2.0, 0.5, 9.0]) == [2, 1, 0, 3]
    assert ranking([1.0, 1.0], [float("nan"), 0.8]) == [0, 1]
    assert ranking([], []) == []


def test_growth_is_the_last_four_weeks_over_the_time_before() -> None:
    counts, totals = np.repeat([1, 3], [72, 28]), np.full(100, 20)
    growth = growth_of(counts, totals)
    assert growth.value == pytest.approx(3.0)
    assert growth.low < 3.0 < growth.high
    assert np.isnan(growth_of(counts[:20], totals[:20]).value)


def test_causes_are_found_again_under_new_names() -> None:
    """1,000 comments then, 1,000 more now: one cause tripled, one all but stopped, one stayed, one is new, one gone."""
    former = FormerRun(ids(0, 1000), {"a": ids(0, 50), "b": ids(50, 100), "c": ids(100, 150), "d": ids(150, 200)})
    now = {
        "1": ids(0, 45) | ids(1000, 1150),
        "2": ids(50, 105) | ids(1150, 1155),
        "3": ids(100, 150) | ids(1200, 1250),
        "4": ids(1300, 1400),
    }
    found = developments(ids(0, 2000), now, former)
    assert {cause: (d.former, d.since.value) for cause, d in found.causes.items()} == {
        "1": ("a", "growing"),
        "2": ("b", "fading"),
        "3": ("c", "steady"),
        "4": (None, "new"),
    }
    assert found.gone == ("d",)
    assert found.causes["1"].ratio.value == pytest.approx(3.0)
    assert found.causes["1"].overlap == pytest.approx(45 / 50)


def test_one_former_cause_has_one_heir() -> None:
    former = FormerRun(ids(0, 100), {"a": ids(0, 100)})
    found = developments(ids(0, 100), {"large": ids(0, 60), "small": ids(60, 100)}, former)
    assert (found.causes["large"].former, found.causes["small"].former) == ("a", None)
    assert np.isnan(found.causes["large"].ratio.value)


def test_a_first_run_has_only_new_causes() -> None:
    found = developments(ids(0, 10), {"a": ids(0, 5)}, FormerRun(set(), {}))
    assert (found.causes["a"].since.value, found.gone) == ("new", ())
