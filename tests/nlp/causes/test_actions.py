"""Actions: the time that they are set against, the places where nothing was done, and that later days move neither."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest

pytest.importorskip("ruptures", reason="needs the extra 'topics'")

from nlp.causes.actions import Action, Baseline, DailyCounts, baseline_of, outcome_of, watch
from nlp.causes.sequential import Verdict

FIRST = date(2026, 1, 1)


def daily(*stretches: tuple[int, int], total: int = 40) -> DailyCounts:
    """Stretches of so many days with so many complaints each, among `total` comments a day."""
    counts = np.concatenate([np.full(days, count) for days, count in stretches]).astype(np.int64)
    return DailyCounts(FIRST, counts, np.full(len(counts), total))


def day(number: int) -> date:
    return FIRST + timedelta(days=number)


def test_the_time_before_begins_with_the_last_change() -> None:
    incident = daily((100, 1), (30, 6), (20, 1))
    assert baseline_of(incident, since=day(130)) == (day(100), Baseline.LAST_CHANGE)
    effect = outcome_of(incident, since=day(130)).effect
    assert effect.verdict is Verdict.FELL
    assert effect.fall.value == pytest.approx(5 / 6)


def test_a_complaint_that_was_fading_is_set_against_what_was_left_of_it() -> None:
    fading = daily((60, 10), (40, 2), (60, 2))
    outcome = outcome_of(fading, since=day(100))
    assert (outcome.baseline_from, outcome.effect.verdict) == (day(60), Verdict.TOO_EARLY)
    assert outcome.effect.fall.value == pytest.approx(0)


def test_what_comes_after_the_action_does_not_move_the_time_before() -> None:
    steady = baseline_of(daily((120, 4), (10, 4)), since=day(120))
    assert steady == (day(30), Baseline.USUAL)
    assert baseline_of(daily((120, 4), (10, 4), (90, 0)), since=day(120)) == steady


def test_a_day_that_is_given_wins() -> None:
    incident = daily((100, 1), (30, 6), (20, 1))
    outcome = outcome_of(incident, since=day(130), baseline_from=day(10))
    assert (outcome.baseline_from, outcome.baseline) == (day(10), Baseline.GIVEN)
    assert outcome.effect.total_before == 120 * 40


def test_an_action_that_has_ended_is_watched_to_its_end() -> None:
    outcome = outcome_of(daily((90, 4), (30, 1), (60, 9)), since=day(90), until=day(119))
    assert (outcome.watched_to, outcome.effect.count, len(outcome.effect.days)) == (day(119), 30, 30)


def comments(places: dict[str | None, tuple[int, int]], *, days: int = 200, since: int = 120):
    """A comment of each place every hour of a day: how many of ten name the cause before and since."""
    rows = [
        (day(number), name, place < (before if number < since else after))
        for number in range(days)
        for name, (before, after) in places.items()
        for place in range(10)
    ]
    return (
        np.array([row[0] for row in rows], dtype="datetime64[D]"),
        np.array([row[2] for row in rows]),
        {"department": [row[1] for row in rows]},
    )


def test_it_is_compared_with_the_places_where_nothing_was_done() -> None:
    days, named, dimensions = comments({"Bergen": (4, 1), "Oslo": (4, 4), "Voss": (4, 2), None: (4, 0)})
    bergen = Action("c", "budene ringer", "logistikk", day(120), {"department": ("Bergen",)})
    voss = Action("c", "nye skilt", "drift", day(120), {"department": ("Voss",)})
    (alone,) = watch([bergen], days, named, dimensions)
    assert (alone.outcome.effect.count, alone.outcome.effect.verdict) == (80, Verdict.FELL)
    assert alone.outcome.elsewhere is not None
    assert alone.outcome.elsewhere.count == 80 * (4 + 2)
    first, second = watch([bergen, voss], days, named, dimensions)
    for each in (first, second):
        assert each.outcome.elsewhere is not None
        assert each.outcome.elsewhere.total == 800
        assert each.outcome.elsewhere.fall.value == pytest.approx(0)
    assert second.outcome.effect.count == 160


def test_done_everywhere_has_no_elsewhere() -> None:
    (watched,) = watch([Action("c", "x", "y", day(120))], *comments({"Bergen": (4, 1), None: (4, 1)}))
    assert watched.outcome.elsewhere is None
    assert watched.outcome.effect.total == 80 * 20


def test_without_days_nothing_is_known() -> None:
    days, named, dimensions = comments({"Bergen": (4, 1)})
    (watched,) = watch(
        [Action("c", "x", "y", day(120))], np.full(len(days), np.datetime64("NaT", "D")), named, dimensions
    )
    assert (watched.outcome.effect.verdict, watched.outcome.effect.total) == (Verdict.NO_BASELINE, 0)
