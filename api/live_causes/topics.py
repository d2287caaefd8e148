"""Which topics count: those of the current run of causes, as analysts have left them."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from api.cause_runs.models import CauseRun
from api.live_causes.models import CauseEdit


@dataclass(frozen=True, slots=True)
class CurrentTopics:
    """Which topics count at a moment: the current run and how often analysts have edited it since."""

    run_id: int
    encoder: str
    edits: int


def current_topics(session: Session, *, to_use: bool = False, to_edit: bool = False) -> CurrentTopics | None:
    """The topics that count now; None before the first run of causes.

    Parameters
    ----------
    to_use : let nobody edit them until the transaction ends
    to_edit : let nobody use them either
    """
    run = select(CauseRun.id, CauseRun.encoder, CauseRun.topics.is_not(None).label("kept")).where(CauseRun.shown)
    run = run.order_by(CauseRun.id.desc()).limit(1)
    row = session.execute(run.with_for_update(read=not to_edit) if to_use or to_edit else run).one_or_none()
    if row is None or not row.kept:
        return None
    edits = select(func.count()).select_from(CauseEdit).where(CauseEdit.cause_run_id == row.id)
    return CurrentTopics(row.id, row.encoder, session.scalar(edits) or 0)
