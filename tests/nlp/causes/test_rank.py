"""The order of attention, and what became of causes since the former run."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest

pytest.importorskip("scipy")

from nlp.causes.chance import Estimate
from nlp.causes.change import Change, Trend, Week
from nlp.causes.rank import FormerRun, at_present, developments, growth_of, points_risen, ranking


def ids(start: int, stop: int) -> set[str]:
    return {str(i) for i in range(start, stop)}


def test_points_come_first_and_growth_breaks_ties() -> None:
    assert ranking([2.0, 2.04, 3.0, None], [1.0, 2.0, 0.5, 9.0]) == [2, 1, 0, 3]
    assert ranking([1.0, 1.0], [float("nan"), 0.8]) == [0, 1]
    assert ranking([], []) == []


def trend_of(*changes: tuple[float, float]) -> Trend:
    """Shares before and after each change, of a cause that 10 of 100 comments name on the whole."""
    nothing = Estimate(1.0, 1.0, 1.0)
    day = date(2026, 1, 5)
    found = tuple(Change(day, day, day, before, after, nothing, 5.0) for before, after in changes)
    return Trend((Week(day, 10, 100, nothing),), 0.5, 0.5, found)


def test_an_incident_of_late_costs_more_at_present_than_over_the_year() -> None:
    assert at_present(2.0, 0.1, trend_of()) == pytest.approx(2.0)
    assert at_present(2.0, 0.1, trend_of((0.02, 0.3))) == pytest.approx(6.0)
    assert at_present(2.0, 0.1, trend_of((0.02, 0.3), (0.3, 0.0))) == 0.0
    assert at_present(None, 0.1, trend_of()) is None


def test_points_that_came_with_a_rise() -> None:
    assert points_risen(2.0, 0.1, trend_of((0.02, 0.3))) == pytest.approx(5.6)
    assert points_risen(2.0, 0.1, trend_of()) is None
    assert points_risen(2.0, 0.1, trend_of((0.02, 0.3), (0.3, 0.01))) is None


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


def test_a_few_shared_comments_do_not_make_two_causes_one() -> None:
    former = FormerRun(ids(0, 100), {"a": ids(0, 40)})
    found = developments(ids(0, 100), {"x": ids(30, 70)}, former)
    assert (found.causes["x"].former, found.gone) == (None, ("a",))
    assert developments(ids(0, 100), {"x": ids(30, 70)}, former, same=0.1).causes["x"].former == "a"


def test_a_first_run_has_only_new_causes() -> None:
    found = developments(ids(0, 10), {"a": ids(0, 5)}, FormerRun(set(), {}))
    assert (found.causes["a"].since.value, found.gone) == ("new", ())
