"""What came of actions, computed now from the store's comments; needs the extra `topics`.

Counted are comments that have tags and have been read for causes: those that the current run has read, and later ones
up to the newest that was given a cause. A comment that still waits for that would count as one that does not complain.
All counting is done by the database, by day, once for all actions of a cause: what is fetched has a few rows for each
day, however many comments.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any, Final

import numpy as np
from sqlalchemy import ColumnElement, and_, case, exists, func, literal, or_, select
from sqlalchemy.orm import Session

from api.cause_actions.models import CauseAction
from api.cause_runs.models import CauseMember, CauseRun
from api.cause_runs.runs import current_run_in
from api.causes.as_json import effect_of_outcome
from api.causes.outcomes import WatchedCauses
from api.nps import Period
from api.reports.dimensions import group_by
from api.reports.groups import calendar_of
from api.reports.view import View, open_view, standing
from api.reports.zones import Zone
from api.store.database import Store
from nlp.causes.actions import LOOK_BACK, Action, DailyCounts, Watched, outcome_of
from nlp.causes.sequential import FALSE_ALARM

DONE, ELSEWHERE, UNKNOWN = 1, -1, 0
CAUSE_GONE: Final = "cause_gone"


@dataclass(frozen=True, slots=True)
class Sums:
    """A day's comments, and how many of them name the cause, where each action was done alike.

    `places` says of each of the cause's actions whether it was done there.
    """

    day: date
    places: tuple[int, ...]
    named: bool
    comments: int


def effects_of(store: Store, actions: Sequence[CauseAction], *, zone: Zone) -> dict[int, dict[str, Any]]:
    """What came of each action, by its id, as `api.cause_actions.schemas.EffectOut` has it.

    Parameters
    ----------
    zone : where days begin
    """
    view = open_view(store)
    with store.read() as session:
        run = current_run_in(session)
        there = set() if run is None else _topics(run)
        siblings = _by_topic(session, {action.topic for action in actions} & there)
        wanted = {action.id for action in actions}
        effects = {action.id: _gone(None if run is None else run.id) for action in actions}
        for topic, of_cause in siblings.items():
            assert run is not None  # or no topic would be there
            watched = _watched(session, view, run, topic, of_cause, zone=zone)
            for action, one in zip(of_cause, watched, strict=True):
                if action.id in wanted:
                    effects[action.id] = {**effect_of_outcome(one.outcome), "run": run.id}
    return effects


def watched_causes(store: Store, run: CauseRun, *, zone: Zone) -> WatchedCauses:
    """The store's actions beside the causes of a run, for its page and files."""
    view = open_view(store)
    with store.read() as session:
        there = _topics(run)
        actions = session.scalars(select(CauseAction).order_by(CauseAction.id)).all()
        by_cause = {
            topic: _watched(session, view, run, topic, of_cause, zone=zone)
            for topic, of_cause in _by_topic(session, there).items()
        }
        return WatchedCauses(by_cause, [_as_action(action) for action in actions if action.topic not in there])


def _topics(run: CauseRun) -> set[str]:
    return {cause["topic"] for cause in run.report["causes"]}


def _by_topic(session: Session, topics: set[str]) -> Mapping[str, Sequence[CauseAction]]:
    found: defaultdict[str, list[CauseAction]] = defaultdict(list)
    for action in session.scalars(select(CauseAction).where(CauseAction.topic.in_(topics)).order_by(CauseAction.id)):
        found[action.topic].append(action)
    return found


def _gone(run_id: int | None) -> dict[str, Any]:
    return {"verdict": CAUSE_GONE, "run": run_id, "false_alarm_rate": FALSE_ALARM, "confidence": 1 - 2 * FALSE_ALARM}


def _watched(
    session: Session, view: View, run: CauseRun, topic: str, actions: Sequence[CauseAction], *, zone: Zone
) -> list[Watched]:
    """What came of each of a cause's actions, in their order; the comments are read once for all of them.

    Parameters
    ----------
    actions : all of the cause: where one of them was done is no place to compare another with
    """
    sums = _sums(session, view, run, topic, actions, zone=zone)
    return [_watched_at(place, action, sums) for place, action in enumerate(actions)]


def _watched_at(place: int, action: CauseAction, sums: Sequence[Sums]) -> Watched:
    begin = _begin(action)
    ours = [each for each in sums if each.day >= begin]
    days = [each.day for each in ours]
    first, last = (min(days), max(days)) if days else (action.since, action.since - timedelta(days=1))
    done = _daily([each for each in ours if each.places[place] == DONE], first, last)
    elsewhere = _daily([each for each in ours if set(each.places) == {ELSEWHERE}], first, last)
    outcome = outcome_of(
        done,
        elsewhere if elsewhere.totals.any() else None,
        since=action.since,
        until=action.until,
        baseline_from=action.baseline_from,
    )
    return Watched(_as_action(action), done, outcome)


def _begin(action: CauseAction) -> date:
    return min(action.since - timedelta(days=LOOK_BACK), action.baseline_from or action.since)


def _as_action(row: CauseAction) -> Action:
    where = {name: tuple(values) for name, values in row.where.items()}
    return Action(row.topic, row.what, row.who, row.since, where, row.baseline_from, row.until)


def _sums(
    session: Session, view: View, run: CauseRun, topic: str, actions: Sequence[CauseAction], *, zone: Zone
) -> list[Sums]:
    """The comments of the times before and since, by day, by which actions were done there, and by whether they name
    the cause."""
    calendar = calendar_of(session, Period.DAY, zone.info)
    if calendar is None:
        return []
    sqlite = session.get_bind().dialect.name == "sqlite"
    comments = standing(view)
    fields = comments.fields
    named = exists().where(
        CauseMember.cause_run_id == run.id,
        CauseMember.topic == topic,
        CauseMember.comment_version_id == fields["version_id"],
    )
    query = comments.query.where(
        fields["tagged"],
        fields["version_id"] <= _read_up_to(session, run),
        fields["submitted_at"] >= datetime.combine(min(map(_begin, actions)), time(), zone.info),
    ).add_columns(
        fields["comment_id"].label("comment_id"),
        calendar.start_of(fields["submitted_at"], sqlite=sqlite).label("day"),
        case((named, 1), else_=0).label("named"),
    )
    names = list(dict.fromkeys(name for each in actions for name in each.where))
    rows = group_by(query, names, fields, view.tags, sqlite=sqlite).subquery()
    keys = {name: rows.c[f"key_{place}"] for place, name in enumerate(names)}
    places = [_inside(each.where, keys).label(f"place_{number}") for number, each in enumerate(actions)]
    placed = select(rows.c.day, rows.c.named, *places).subquery()
    counted = select(*placed.c, func.count()).group_by(*placed.c)
    return [
        Sums(date.fromisoformat(day), tuple(where), bool(named), count)
        for day, named, *where, count in session.execute(counted)
    ]


def _read_up_to(session: Session, run: CauseRun) -> int:
    newest = select(func.max(CauseMember.comment_version_id)).where(CauseMember.cause_run_id == run.id)
    return max(int(run.report.get("read_up_to", 0)), session.scalar(newest) or 0)


def _inside(where: Mapping[str, list[str]], keys: Mapping[str, ColumnElement[Any]]) -> ColumnElement[int]:
    if not where:
        return literal(DONE)
    outside = or_(*(and_(keys[name].is_not(None), keys[name].not_in(values)) for name, values in where.items()))
    unknown = or_(*(keys[name].is_(None) for name in where))
    return case((outside, ELSEWHERE), (unknown, UNKNOWN), else_=DONE)


def _daily(sums: Sequence[Sums], first: date, last: date) -> DailyCounts:
    counts, totals = np.zeros(((last - first).days + 1, 2), dtype=np.int64).T
    for each in sums:
        totals[(each.day - first).days] += each.comments
        counts[(each.day - first).days] += each.comments if each.named else 0
    return DailyCounts(first, counts, totals)
