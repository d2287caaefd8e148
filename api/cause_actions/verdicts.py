"""What came of actions, as it was last computed: kept with each action, so that a list of causes shows it at once.

It is computed whenever an action is added or changed, after each run of causes, after an edit of causes, and once an
hour while comments are given their causes: by the job `action_verdicts`. Until then there is none.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib.util import find_spec
from typing import Any, Final

from sqlalchemy import exists, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from api.cause_actions.models import CauseAction
from api.jobs.jobs import add_job
from api.jobs.models import UNFINISHED, Job
from api.store.database import Store
from api.store.models import now

KIND: Final = "action_verdicts"
ACTOR: Final = "service"
FRESH: Final = timedelta(hours=1)
NEEDED: Final = ("scipy", "ruptures")
"""What the test of an action needs beside the base installation; the extra `topics` brings it."""


@dataclass(frozen=True, slots=True)
class LatestVerdict:
    """What came of the action on a cause that began last."""

    action: int
    verdict: str
    as_of: datetime


@dataclass(frozen=True, slots=True)
class ActionsOfCause:
    """How many actions a cause has, and what came of the latest as far as that is known."""

    count: int = 0
    latest: LatestVerdict | None = None


NO_ACTIONS: Final = ActionsOfCause()


def actions_of_causes(session: Session, topics: Collection[str]) -> Mapping[str, ActionsOfCause]:
    """By cause, of those that have actions; one query."""
    columns = (CauseAction.topic, CauseAction.id, CauseAction.verdict, CauseAction.judged_at)
    query = select(*columns).where(CauseAction.topic.in_(topics)).order_by(CauseAction.since, CauseAction.id)
    of_cause: defaultdict[str, list[LatestVerdict | None]] = defaultdict(list)
    for topic, id_, verdict, judged_at in session.execute(query):
        latest = None if verdict is None or judged_at is None else LatestVerdict(id_, verdict, judged_at)
        of_cause[topic].append(latest)
    return {topic: ActionsOfCause(len(found), found[-1]) for topic, found in of_cause.items()}


def keep_verdicts(
    session: Session, effects: Mapping[int, Mapping[str, Any]], *, judged: Mapping[int, datetime]
) -> None:
    """Keep what was computed of actions, unless somebody has changed or moved them since.

    Parameters
    ----------
    effects : by action, of `effects_of`
    judged : by action its `changed_at` as it was read, and so before it was computed
    """
    for id_, effect in effects.items():
        same = (CauseAction.id == id_, CauseAction.changed_at == judged[id_])
        session.execute(update(CauseAction).where(*same).values(verdict=effect["verdict"], judged_at=now()))


def ask_for_verdicts(session: Session, *, by: str) -> None:
    """Ask for the job that computes what came of every action, if there is one and the job is not asked for yet."""
    if not session.scalar(select(exists().select_from(CauseAction))) or not can_judge():
        return
    if session.scalar(select(exists().where(Job.kind == KIND, Job.state.in_(UNFINISHED)))):
        return
    try:
        with session.begin_nested():
            add_job(session, kind=KIND, parameters={}, by=by)
    except IntegrityError:
        pass  # another process has asked in this very moment


def ask_for_stale_verdicts(store: Store) -> bool:
    """Ask for the job if some action has not been judged for an hour, and nobody has asked in that time; whether it was
    asked for.

    Raises
    ------
    StoreUnavailable : if the database does not answer
    """
    since = now() - FRESH
    old = exists().where(or_(CauseAction.judged_at.is_(None), CauseAction.judged_at < since))
    asked = exists().where(Job.kind == KIND, Job.created_at >= since)  # it may have failed, and would again
    with store.read() as session:
        if not session.scalar(select(old)) or session.scalar(select(asked)):
            return False
    with store.write() as session:
        ask_for_verdicts(session, by=ACTOR)
    return True


def can_judge() -> bool:
    """Whether the extra that the test needs is installed."""
    return all(find_spec(module) is not None for module in NEEDED)
