"""What was done about a cause, and what came of it: where it was done, and where nothing was.

An action is set against the time just before it. Unless a day is given, that time begins with the last change of the
cause's share that could be seen *before* the action, so that an incident is measured against its own height, and a
complaint that was already fading against what was left of it. What came after the action has no say in it: otherwise
the time before would move while one watches, and the test would no longer hold the rate that it states.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from enum import StrEnum
from typing import Final

import numpy as np
import numpy.typing as npt

from nlp.causes.chance import Integers
from nlp.causes.change import Change, dispersion_around_neighbours, price_of_change, share_changes
from nlp.causes.sequential import BASELINE_DAYS, ActionEffect, effect_of_action

LOOK_BACK: Final = 365
"""Days before an action in which a change is looked for."""
Where = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Action:
    """What was done about a cause.

    Parameters
    ----------
    cause : its topic's id
    what, who : free text: what was done, and who sees to it
    since : the first day on which it could show
    where : by dimension the values in which it was done; everywhere if empty
    baseline_from : the first day that it is compared with; the last change before the action if None
    until : the last day of it; it still goes on if None
    """

    cause: str
    what: str
    who: str
    since: date
    where: Where = field(default_factory=dict)
    baseline_from: date | None = None
    until: date | None = None


class Baseline(StrEnum):
    """Where the time before an action begins."""

    GIVEN = "given"
    LAST_CHANGE = "last_change"
    """On the day from which the share was another, for the last time before the action."""
    USUAL = "usual"
    """90 days before the action."""


@dataclass(frozen=True, slots=True, eq=False)
class DailyCounts:
    """Comments by day from `first`, those that name the cause and all; of shape (n_days,), every day being there."""

    first: date
    counts: Integers
    totals: Integers

    @classmethod
    def of(
        cls, days: npt.NDArray[np.datetime64], named: npt.NDArray[np.bool_], *, first: date, last: date
    ) -> DailyCounts:
        """Count comments.

        Parameters
        ----------
        days : datetime64[D] of the comments; those outside `first` to `last`, and NaT, are left out
        named : whether each of them names the cause
        """
        n_days = (last - first).days + 1
        place = (days - np.datetime64(first, "D")).astype(np.int64)
        inside = ~np.isnat(days) & (place >= 0) & (place < n_days)
        return cls(
            first,
            np.bincount(place[inside & named], minlength=n_days).astype(np.int64),
            np.bincount(place[inside], minlength=n_days).astype(np.int64),
        )

    def between(self, first: date, last: date) -> DailyCounts:
        """The days from `first` to `last`, as far as they are there."""
        start = int(np.clip((first - self.first).days, 0, len(self.counts)))
        end = int(np.clip((last - self.first).days + 1, start, len(self.counts)))
        return DailyCounts(self.first + timedelta(days=start), self.counts[start:end], self.totals[start:end])


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of an action.

    Parameters
    ----------
    effect : where it was done
    elsewhere : on the same days where nothing was done about the cause; None where it was done everywhere
    baseline_from : the first day that it is compared with
    baseline : why that day
    watched_to : the last day that was looked at
    """

    effect: ActionEffect
    elsewhere: ActionEffect | None
    baseline_from: date
    baseline: Baseline
    watched_to: date


def outcome_of(
    done: DailyCounts,
    elsewhere: DailyCounts | None = None,
    *,
    since: date,
    until: date | None = None,
    baseline_from: date | None = None,
) -> Outcome:
    """Say what came of an action so far.

    Parameters
    ----------
    done, elsewhere : comments of the places where it was done, and of those where nothing was done about the cause
    since, until : the first and the last day of the action
    baseline_from : see `Action`
    """
    last = done.first + timedelta(days=len(done.counts) - 1)
    last = last if until is None else min(last, until)
    start, why = baseline_of(done, since=since, given=baseline_from)

    def effect(counts: DailyCounts) -> ActionEffect:
        watched = counts.between(counts.first, last)
        return effect_of_action(
            watched.counts,
            watched.totals,
            first=watched.first,
            since=since,
            baseline_from=start,
            least_dispersion=_usual_dispersion(counts, since),
        )

    return Outcome(effect(done), None if elsewhere is None else effect(elsewhere), start, why, last)


def baseline_of(counts: DailyCounts, *, since: date, given: date | None = None) -> tuple[date, Baseline]:
    """The first day of the time before an action, and why that day."""
    if given is not None:
        return given, Baseline.GIVEN
    changes = changes_before(counts, since)
    if changes:
        return changes[-1].day, Baseline.LAST_CHANGE
    return max(since - timedelta(days=BASELINE_DAYS), min(counts.first, since)), Baseline.USUAL


def changes_before(counts: DailyCounts, since: date) -> Sequence[Change]:
    """The days on which the cause's share clearly changed in the year before an action, looking at nothing later."""
    before = _year_before(counts, since)
    price = price_of_change(len(before.counts), _usual_dispersion(counts, since))
    return [change for change in share_changes(before.counts, before.totals, before.first) if change.evidence >= price]


def _usual_dispersion(counts: DailyCounts, since: date) -> float:
    """By how much weeks vary: of the whole year, for a time before of two weeks cannot show it."""
    before = _year_before(counts, since)
    return dispersion_around_neighbours(before.counts, before.totals)


def _year_before(counts: DailyCounts, since: date) -> DailyCounts:
    return counts.between(since - timedelta(days=LOOK_BACK), since - timedelta(days=1))


@dataclass(frozen=True, slots=True)
class Watched:
    """An action, the comments by day of the places where it was taken, and what came of it."""

    action: Action
    done: DailyCounts
    outcome: Outcome


def watch(
    actions: Sequence[Action],
    days: npt.NDArray[np.datetime64],
    named: npt.NDArray[np.bool_],
    dimensions: Mapping[str, Sequence[str | None]],
) -> list[Watched]:
    """Say of each action on one cause what came of it.

    Places of which it is not known whether something was done there are left out on both sides.

    Parameters
    ----------
    actions : all that was done about the cause; elsewhere is where none of it was
    days : datetime64[D] of all comments, of shape (n_comments,); NaT where the day is not known
    named : whether each of them names the cause
    dimensions : by name the values of all comments; those that the actions name must be there
    """
    known = days[~np.isnat(days)]
    first, last = (known.min().item(), known.max().item()) if len(known) else (date.max, date.max - timedelta(days=1))
    in_places = [_in_places(action.where, dimensions, len(days)) for action in actions]
    nowhere = np.all([place == _OUTSIDE for place in in_places], axis=0)
    watched = []
    for action, place in zip(actions, in_places, strict=True):
        done, elsewhere = (
            DailyCounts.of(days[rows], named[rows], first=first, last=last) for rows in (place == _INSIDE, nowhere)
        )
        outcome = outcome_of(
            done,
            elsewhere if elsewhere.totals.any() else None,
            since=action.since,
            until=action.until,
            baseline_from=action.baseline_from,
        )
        watched.append(Watched(action, done, outcome))
    return watched


_OUTSIDE, _UNKNOWN, _INSIDE = -1, 0, 1


def _in_places(where: Where, dimensions: Mapping[str, Sequence[str | None]], n_comments: int) -> npt.NDArray[np.int8]:
    """Whether each comment is of the places.

    >>> _in_places({"department": ("Bergen", "Voss")}, {"department": ["Voss", "Oslo", None]}, 3).tolist()
    [1, -1, 0]
    """
    found = np.full(n_comments, _INSIDE, dtype=np.int8)
    for name, allowed in where.items():
        of_name = [_UNKNOWN if each is None else _INSIDE if each in allowed else _OUTSIDE for each in dimensions[name]]
        found = np.minimum(found, np.array(of_name, dtype=np.int8))
    return found
