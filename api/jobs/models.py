"""The table of jobs: what was asked, and how far it is. What the steps have done lies in the tables of dbos."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import ForeignKey, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from api.store.models import LONGEST_NAME, Base, now
from api.store.types import RowId


class JobState(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    CANCELLING = "cancelling"
    SUCCEEDED = "succeeded"
    CANCELLED = "cancelled"
    FAILED = "failed"


UNFINISHED: Final = (JobState.QUEUED, JobState.RUNNING, JobState.CANCELLING)
_UNFINISHED: Final = text("state IN ('queued', 'running', 'cancelling')")


class Job(Base):
    """A job. Of each kind one at most is unfinished."""

    __tablename__ = "jobs"
    __table_args__ = (
        Index("uq_jobs_unfinished", "kind", unique=True, sqlite_where=_UNFINISHED, postgresql_where=_UNFINISHED),
    )

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    kind: Mapped[str] = mapped_column(String(16))
    state: Mapped[str] = mapped_column(String(16), default=JobState.QUEUED)
    parameters: Mapped[dict[str, Any]]
    created_by: Mapped[str] = mapped_column(String(LONGEST_NAME))
    created_at: Mapped[datetime] = mapped_column(default=now)
    started_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    run_id: Mapped[int | None] = mapped_column(ForeignKey("tag_runs.id"))
    total: Mapped[int | None] = mapped_column(RowId)
    done: Mapped[int] = mapped_column(RowId, default=0)
    per_second: Mapped[float | None]
    doing: Mapped[str | None] = mapped_column(String(64))
    result: Mapped[dict[str, Any] | None]
    error_code: Mapped[str | None] = mapped_column(String(64))
    error_message: Mapped[str | None] = mapped_column(Text)

    @property
    def finished(self) -> bool:
        return self.state not in UNFINISHED

    @property
    def seconds_left(self) -> float | None:
        """How long it still takes at the rate of its last step; None while that is not known."""
        if self.finished or self.total is None or not self.per_second:
            return None
        return max(self.total - self.done, 0) / self.per_second
