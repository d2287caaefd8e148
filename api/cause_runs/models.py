"""The tables of root causes: runs, the places in comments that speak of each cause, and whose words a run repeats.

And what a job has read so far, while it looks for causes.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, LargeBinary, String, true
from sqlalchemy.orm import Mapped, mapped_column

from api.store.models import LONGEST_NAME, Base, now
from api.store.types import Json, RowId


class CauseRun(Base):
    """Causes found in the store at one time. It is `ready` once all of it is there; before, nobody sees it.

    Of the runs that are `shown` the newest is the current one; a run over a part of the comments is kept aside.
    `report` is what `api.cause_runs.report` makes: figures, labels, and places in comments (never their texts).
    `topics` is the topic model (`TopicModel.to_bytes`); None of a run that is so old that only its report is kept.
    `tag_run_id` is the tag run that was active when the comments were read.
    """

    __tablename__ = "cause_runs"
    __table_args__ = (Index("uq_cause_runs_job_id", "job_id", unique=True), {"sqlite_autoincrement": True})

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    job_id: Mapped[int | None] = mapped_column(ForeignKey("jobs.id"))
    tag_run_id: Mapped[int] = mapped_column(ForeignKey("tag_runs.id"))
    created_at: Mapped[datetime] = mapped_column(default=now)
    finished_at: Mapped[datetime] = mapped_column(default=now)
    shown: Mapped[bool]
    encoder: Mapped[str] = mapped_column(String(LONGEST_NAME))
    parameters: Mapped[dict[str, Any]]
    n_comments: Mapped[int]
    n_segments: Mapped[int]
    ready: Mapped[bool] = mapped_column(default=True, server_default=true())
    report: Mapped[dict[str, Any]]
    topics: Mapped[bytes | None] = mapped_column(LargeBinary, deferred=True)


class CauseMember(Base):
    """A place in a comment that speaks of a cause: code points `start` to `end` of a version's text.

    `segment` is the row of the topic model's `assignment` that this place is; None where it was assigned later, at
    `assigned_at`. A comment may have several places of one topic.
    """

    __tablename__ = "cause_members"
    __table_args__ = (Index(None, "cause_run_id", "topic", "comment_version_id"), Index(None, "comment_version_id"))

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    cause_run_id: Mapped[int] = mapped_column(ForeignKey("cause_runs.id", ondelete="CASCADE"))
    comment_version_id: Mapped[int] = mapped_column(ForeignKey("comment_versions.id", ondelete="CASCADE"))
    topic: Mapped[str] = mapped_column(String(64))
    start: Mapped[int]
    end: Mapped[int]
    segment: Mapped[int | None]
    assigned_at: Mapped[datetime | None]


class CauseSource(Base):
    """A version whose words or places stand in a run's report or topics: they are taken out before it goes."""

    __tablename__ = "cause_sources"
    __table_args__ = (Index(None, "comment_version_id"),)

    cause_run_id: Mapped[int] = mapped_column(
        ForeignKey("cause_runs.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    comment_version_id: Mapped[int] = mapped_column(
        ForeignKey("comment_versions.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )


class ClauseEmbeddings(Base):
    """The clauses of a version as a model has read them, kept until the job that looks for causes in them has ended.

    They go with the comment. A version's text never changes, so its id and the model say what was read.

    Parameters
    ----------
    model : a hash of the model's name, weights, tokenizer and thresholds
    clauses : for each clause a hash of its text and what the model said of it; `api.cause_runs.embeddings` says how
    vectors : float32 of shape (n_clauses that could be read, width)
    """

    __tablename__ = "clause_embeddings"

    version_id: Mapped[int] = mapped_column(
        ForeignKey("comment_versions.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    job_id: Mapped[int] = mapped_column(ForeignKey("jobs.id"))
    model: Mapped[str] = mapped_column(String(64))
    clauses: Mapped[list[Any]] = mapped_column(Json)
    vectors: Mapped[bytes] = mapped_column(LargeBinary)
