"""Which versions wait for topics: those that were tagged or corrected since the current run of causes has read."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import ColumnElement, delete, exists, func, or_, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from api.cause_runs.models import CauseMember, CauseRun
from api.corrections.models import Correction
from api.corrections.shown import in_batches
from api.live_causes.models import CauseAssignment, CauseCatchUp, WaitingForCauses
from api.store.database import Store
from api.store.models import CommentVersion, StoredComment, Tagging, now


def queue_for_causes(session: Session, version_ids: Collection[int]) -> None:
    """Let versions wait for topics, in the transaction that stores their tags; without a run of causes none does."""
    if not version_ids or session.scalar(select(exists().where(CauseRun.shown))) is not True:
        return
    moment = now()
    for ids in in_batches(version_ids):
        rows = [{"version_id": id_, "queued_at": moment, "attempts": 0, "not_before": None} for id_ in ids]
        statement = _insert(session).values(rows)
        again = {name: statement.excluded[name] for name in ("queued_at", "attempts", "not_before")}
        session.execute(statement.on_conflict_do_update(index_elements=["version_id"], set_=again))


def count_waiting_for_causes(session: Session) -> int:
    """How many versions wait for topics."""
    return session.scalar(select(func.count()).select_from(WaitingForCauses)) or 0


def has_caught_up(session: Session, run_id: int) -> bool:
    """Whether what was tagged while a run of causes was being made is queued."""
    return session.get(CauseCatchUp, run_id) is not None


def catch_up(store: Store, run_id: int) -> None:
    """Queue what was tagged or corrected while a run of causes was being made, and take out what the run has read.

    It waits for every write that had begun before the run was there, as such a write may not have queued its versions.
    """
    store.settled_moment()
    with store.write() as session:
        run = session.get(CauseRun, run_id)
        if run is None or has_caught_up(session, run_id):
            return
        since = run.created_at  # a settled moment: what bears an earlier time was there to be read
        session.execute(delete(WaitingForCauses).where(WaitingForCauses.queued_at < since))
        session.execute(delete(CauseAssignment).where(CauseAssignment.cause_run_id < run_id))
        corrected = _corrected_since(since)
        read = exists().where(
            CauseMember.cause_run_id == run_id,
            CauseMember.comment_version_id == CommentVersion.id,
            CauseMember.segment.is_not(None),
        )
        missed = (
            select(CommentVersion.id)
            .join(StoredComment, StoredComment.id == CommentVersion.comment_id)
            .join(Tagging, Tagging.version_id == CommentVersion.id)
            .where(CommentVersion.number == StoredComment.version, Tagging.shown)
            .where(or_(corrected, (Tagging.tagged_at >= since) & ~read))
        )
        queue_for_causes(session, session.scalars(missed).all())
        session.add(CauseCatchUp(cause_run_id=run_id))


def _corrected_since(moment: Any) -> ColumnElement[bool]:
    return exists().where(
        Correction.version_id == CommentVersion.id,
        or_(Correction.at >= moment, Correction.withdrawn_at >= moment),
    )


def _insert(session: Session) -> Any:
    dialect = sqlite if session.get_bind().dialect.name == "sqlite" else postgresql
    return dialect.insert(WaitingForCauses)
