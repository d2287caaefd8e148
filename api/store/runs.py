"""Tag runs: which model and taxonomy are at work."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from api.store.history import note_activation
from api.store.models import RunState, TagRun


def active_run(session: Session) -> TagRun | None:
    """The run in which new comments are tagged; None before the first."""
    return session.scalar(select(TagRun).where(TagRun.state == RunState.ACTIVE))


def ensure_run(session: Session, *, model: str, taxonomy: str) -> TagRun:
    """The active run of this model and taxonomy; a new one takes over if another was active.

    The former run's tags are kept, and shown until their comments are tagged again.
    """
    active = active_run(session)
    if active is not None and (active.model, active.taxonomy) == (model, taxonomy):
        return active
    if active is not None:
        active.state = RunState.FORMER
        session.flush()
    run = TagRun(model=model, taxonomy=taxonomy, state=RunState.ACTIVE)
    session.add(run)
    session.flush()
    note_activation(session, run)
    return run
