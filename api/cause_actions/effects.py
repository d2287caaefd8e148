"""What came of actions, computed now from the store's comments; needs the extra `topics`.

Counted are comments that have tags and have been read for causes: those that the current run has read, and later ones
up to the newest that was given a cause. A comment that still waits for that would count as one that does not complain.
All counting is done by the database, by day: what is fetched has a few rows for each day, however many comments.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any, Final

import numpy as np
from sqlalchemy import ColumnElement, FromClause, and_, case, exists, func, literal, or_, select
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
    """A day's comments of one kind of place, and how many of them name the cause."""

    day: date
    place: int
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
        effects = {}
        for action in actions:
            if run is None or action.topic not in there:
                effects[action.id] = _gone(None if run is None else run.id)
            else:
                watched = _watched(session, view, run, action, siblings=siblings[action.topic], zone=zone)
                effects[action.id] = {**effect_of_outcome(watched.outcome), "run": run.id}
    return effects


def watched_causes(store: Store, run: CauseRun, *, zone: Zone) -> WatchedCauses:
    """The store's actions beside the causes of a run, for its page and files."""
    view = open_view(store)
    with store.read() as session:
        there = _topics(run)
        actions = session.scalars(select(CauseAction).order_by(CauseAction.id)).all()
        by_topic = _by_topic(session, there)
        by_cause = {
            topic: [_watched(session, view, run, action, siblings=siblings, zone=zone) for action in siblings]
            for topic, siblings in by_topic.items()
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
    session: Session,
    view: View,
    run: CauseRun,
    action: CauseAction,
    *,
    siblings: Sequence[CauseAction],
    zone: Zone,
) -> Watched:
    sums = _sums(session, view, run, action, siblings=siblings, zone=zone)
    days = [each.day for each in sums]
    first, last = (min(days), max(days)) if days else (action.since, action.since - timedelta(days=1))
    done, elsewhere = (_daily(sums, place, first, last) for place in (DONE, ELSEWHERE))
    outcome = outcome_of(
        done,
        elsewhere if elsewhere.totals.any() else None,
        since=action.since,
        until=action.until,
        baseline_from=action.baseline_from,
    )
    return Watched(_as_action(action), done, outcome)


def _as_action(row: CauseAction) -> Action:
    where = {name: tuple(values) for name, values in row.where.items()}
    return Action(row.topic, row.what, row.who, row.since, where, row.baseline_from, row.until)


def _sums(
    session: Session,
    view: View,
    run: CauseRun,
    action: CauseAction,
    *,
    siblings: Sequence[CauseAction],
    zone: Zone,
) -> list[Sums]:
    """The comments of the time before and since, by day, place, and whether they name the cause."""
    calendar = calendar_of(session, Period.DAY, zone.info)
    if calendar is None:
        return []
    sqlite = session.get_bind().dialect.name == "sqlite"
    comments = standing(view)
    fields = comments.fields
    begin = min(action.since - timedelta(days=LOOK_BACK), action.baseline_from or action.since)
    named = exists().where(
        CauseMember.cause_run_id == run.id,
        CauseMember.topic == action.topic,
        CauseMember.comment_version_id == fields["version_id"],
    )
    query = comments.query.where(
        fields["tagged"],
        fields["version_id"] <= _read_up_to(session, run),
        fields["submitted_at"] >= datetime.combine(begin, time(), zone.info),
    ).add_columns(
        fields["comment_id"].label("comment_id"),
        calendar.start_of(fields["submitted_at"], sqlite=sqlite).label("day"),
        case((named, 1), else_=0).label("named"),
    )
    names = list(dict.fromkeys(name for each in (action, *siblings) for name in each.where))
    rows = group_by(query, names, fields, view.tags, sqlite=sqlite).subquery()
    place = _place(rows, names, action, siblings).label("place")
    counted = select(rows.c.day, place, rows.c.named, func.count()).group_by(rows.c.day, place, rows.c.named)
    return [
        Sums(date.fromisoformat(day), place, bool(named), count)
        for day, place, named, count in session.execute(counted)
    ]


def _read_up_to(session: Session, run: CauseRun) -> int:
    newest = select(func.max(CauseMember.comment_version_id)).where(CauseMember.cause_run_id == run.id)
    return max(int(run.report.get("read_up_to", 0)), session.scalar(newest) or 0)


def _place(
    rows: FromClause, names: Sequence[str], action: CauseAction, siblings: Sequence[CauseAction]
) -> ColumnElement[int]:
    """Whether a row is of the places of the action, of those where nothing was done about the cause, or neither."""
    keys = {name: rows.c[f"key_{place}"] for place, name in enumerate(names)}
    nothing = and_(*(_inside(each.where, keys) == ELSEWHERE for each in siblings))
    return case((_inside(action.where, keys) == DONE, DONE), (nothing, ELSEWHERE), else_=UNKNOWN)


def _inside(where: Mapping[str, list[str]], keys: Mapping[str, ColumnElement[Any]]) -> ColumnElement[int]:
    if not where:
        return literal(DONE)
    outside = or_(*(and_(keys[name].is_not(None), keys[name].not_in(values)) for name, values in where.items()))
    unknown = or_(*(keys[name].is_(None) for name in where))
    return case((outside, ELSEWHERE), (unknown, UNKNOWN), else_=DONE)


def _daily(sums: Sequence[Sums], place: int, first: date, last: date) -> DailyCounts:
    counts, totals = np.zeros(((last - first).days + 1, 2), dtype=np.int64).T
    for each in sums:
        if each.place == place:
            totals[(each.day - first).days] += each.comments
            counts[(each.day - first).days] += each.comments if each.named else 0
    return DailyCounts(first, counts, totals)
