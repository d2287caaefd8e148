"""Rows for the tests of the store."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import insert
from sqlalchemy.orm import Session

from api.store.models import CommentVersion, PendingVersion, Source, StoredComment

MORNING = datetime(2026, 11, 2, 8, 30, tzinfo=UTC)


def add_comment(session: Session, text: str, *, external_id: str = "1", **fields: Any) -> CommentVersion:
    """A comment of the source `survey` that waits to be tagged; its first version."""
    source = session.query(Source).filter_by(name="survey").one_or_none() or Source(name="survey")
    comment = StoredComment(source=source, external_id=external_id, version=1, submitted_at=MORNING, **fields)
    version = CommentVersion(comment=comment, number=1, text=text)
    session.add(version)
    session.flush()
    session.execute(insert(PendingVersion).values(version_id=version.id))
    return version
