"""What was shown before it changed: so that a report can be asked of a moment that has passed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, Session, mapped_column

from api.store.models import LONGEST_NAME, Base, StoredComment, TagRun, now
from api.store.types import RowId

KEPT: Final = ("nps", "touchpoint", "channel", "department", "submitted_at", "extra")
"""The fields that reports count and group by. Who answered is none of them, so the row names nobody."""


class CommentChange(Base):
    """What a comment's fields were until they were changed. A comment that never changed has no row."""

    __tablename__ = "comment_changes"
    __table_args__ = (Index(None, "comment_id", "until"),)

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    comment_id: Mapped[int] = mapped_column(ForeignKey("comments.id", ondelete="CASCADE"))
    until: Mapped[datetime] = mapped_column(default=now)
    nps: Mapped[int | None]
    touchpoint: Mapped[str | None] = mapped_column(String(LONGEST_NAME))
    channel: Mapped[str | None] = mapped_column(String(LONGEST_NAME))
    department: Mapped[str | None] = mapped_column(String(LONGEST_NAME))
    submitted_at: Mapped[datetime]
    extra: Mapped[dict[str, Any]] = mapped_column("metadata")


class RunActivation(Base):
    """A run became the active one. Of the runs that have tagged a version, the one that did so last is shown."""

    __tablename__ = "run_activations"
    __table_args__ = (Index(None, "run_id"),)

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    run_id: Mapped[int] = mapped_column(ForeignKey("tag_runs.id"))
    at: Mapped[datetime] = mapped_column(default=now)


def note_activation(session: Session, run: TagRun) -> None:
    """Keep when a run became active; in the transaction that makes it so."""
    session.add(RunActivation(run_id=run.id, at=now()))
    session.flush()


def kept_fields(comment: StoredComment) -> dict[str, Any]:
    """What `note_change` compares: the fields as they are."""
    return {name: getattr(comment, name) for name in KEPT}


def note_change(session: Session, comment: StoredComment, *, before: Mapping[str, Any]) -> None:
    """Keep what a comment was, if it is no longer that; in the transaction that changes it.

    Parameters
    ----------
    comment : as it is now
    before : its `kept_fields` from before
    """
    if kept_fields(comment) != before:
        session.add(CommentChange(comment_id=comment.id, until=now(), **before))
