"""Adding, finding, changing and removing actions; each leaves a line in the audit log, without what was written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from api.cause_actions.errors import TooManyActions, UnknownAction
from api.cause_actions.fields import PLACES, refuse_bad_days
from api.cause_actions.models import CauseAction
from api.cause_actions.moves import forget_moves
from api.cause_runs.errors import NoCauses, UnknownCause
from api.cause_runs.runs import current_run_in
from api.reports.dimensions import check
from api.store.audit import note
from api.store.models import now

MOST_OF_CAUSE: Final = 50
NOT_JUDGED: Final = frozenset({"what", "who"})
"""Fields that say nothing of what came of an action."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionFilters:
    """Which actions; of every cause unless one is named."""

    topic: str | None = None

    @property
    def name(self) -> str:
        """The same for the same filters, and for no others."""
        return repr(self.topic)


def add_action(
    session: Session,
    topic: str,
    *,
    what: str,
    who: str,
    since: date,
    where: Mapping[str, list[str]],
    baseline_from: date | None,
    until: date | None,
    by: str,
) -> CauseAction:
    """Keep an action.

    Parameters
    ----------
    by : the key that adds it

    Raises
    ------
    NoCauses, UnknownCause : if the current run has no such cause
    UnknownDimension : if `where` names what is no place
    BadActionDays : see `refuse_bad_days`
    TooManyActions : if the cause has many already
    """
    refuse_unknown_cause(session, topic)
    check(tuple(where), known=PLACES)
    refuse_bad_days(since=since, baseline_from=baseline_from, until=until)
    _refuse_too_many(session, topic)
    action = CauseAction(
        topic=topic,
        what=what,
        who=who,
        since=since,
        where=dict(where),
        baseline_from=baseline_from,
        until=until,
        created_by=by,
    )
    session.add(action)
    session.flush()
    note(session, by=by, action="cause_action.added", subject=f"action {action.id}", detail={"topic": topic})
    return action


def find_action(session: Session, id_: int) -> CauseAction:
    """The action with this id.

    Raises
    ------
    UnknownAction : if there is none
    """
    action = session.get(CauseAction, id_)
    if action is None:
        raise UnknownAction(id_)
    return action


def list_actions(
    session: Session, filters: ActionFilters, *, before_id: int | None = None, limit: int
) -> Sequence[CauseAction]:
    """Actions, those that were added last first.

    Parameters
    ----------
    before_id : only older ones than this
    """
    query = select(CauseAction).order_by(CauseAction.id.desc()).limit(limit)
    if filters.topic is not None:
        query = query.where(CauseAction.topic == filters.topic)
    if before_id is not None:
        query = query.where(CauseAction.id < before_id)
    return session.scalars(query).all()


def change_action(session: Session, id_: int, changes: Mapping[str, Any], *, by: str) -> CauseAction:
    """Change what is named of an action.

    Parameters
    ----------
    changes : by field; `topic` moves it to another cause

    Raises
    ------
    UnknownAction : if there is none
    NoCauses, UnknownCause, UnknownDimension, BadActionDays, TooManyActions : as for a new one
    """
    action = find_action(session, id_)
    if changes.get("topic", action.topic) != action.topic:
        refuse_unknown_cause(session, changes["topic"])
        _refuse_too_many(session, changes["topic"])
        forget_moves(session, id_)
    check(tuple(changes.get("where", ())), known=PLACES)
    changed = [name for name, value in changes.items() if getattr(action, name) != value]
    for name in changed:
        setattr(action, name, changes[name])
    refuse_bad_days(since=action.since, baseline_from=action.baseline_from, until=action.until)
    if changed:
        action.changed_at = now()
        if set(changed) - NOT_JUDGED:
            action.verdict = action.judged_at = None
        detail = {"topic": action.topic, "fields": sorted(changed)}
        note(session, by=by, action="cause_action.changed", subject=f"action {id_}", detail=detail)
    session.flush()
    return action


def remove_action(session: Session, id_: int, *, by: str) -> None:
    """Remove an action, as if nothing had been done.

    Raises
    ------
    UnknownAction : if there is none
    """
    action = find_action(session, id_)
    note(session, by=by, action="cause_action.removed", subject=f"action {id_}", detail={"topic": action.topic})
    session.delete(action)
    session.flush()


def refuse_unknown_cause(session: Session, topic: str) -> None:
    """Refuse a cause that the current run does not have.

    Raises
    ------
    NoCauses, UnknownCause
    """
    run = current_run_in(session)
    if run is None:
        raise NoCauses
    known = [cause["topic"] for cause in run.report["causes"]]
    if topic not in known:
        raise UnknownCause(topic, run.id, known)


def _refuse_too_many(session: Session, topic: str) -> None:
    count = session.scalar(select(func.count()).select_from(CauseAction).where(CauseAction.topic == topic)) or 0
    if count >= MOST_OF_CAUSE:
        raise TooManyActions(MOST_OF_CAUSE)
