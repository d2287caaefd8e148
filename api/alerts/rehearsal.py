"""A dry run: how many of the last days' comments a rule would have raised."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Select, and_, func, select
from sqlalchemy.orm import Session, joinedload, selectinload

from api.alerts.conditions import Conditions
from api.alerts.raising import case_of
from api.store.models import CommentVersion, Source, StoredComment, Tagging, now
from api.store.records import as_record
from nlp.record import TaggedComment

AT_ONCE: Final = 500
MOST_NAMED: Final = 20


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What a rule would have done.

    Parameters
    ----------
    since : when the days began
    comments : that were written since, have tags and could have raised an alert
    raised : of them, those that would have
    latest : ids of the last of those, newest first; at most 20
    """

    since: datetime
    comments: int
    raised: int
    latest: tuple[int, ...]


def rehearse(session: Session, conditions: Conditions, *, days: float) -> Rehearsal:
    """Ask a rule of every comment that was written in the last days and has its tags; nothing is raised.

    The tags are those that are shown now. Memory does not grow with the comments.
    """
    since = now() - timedelta(days=days)
    count = select(func.count()).select_from(_tagged_since(since).subquery())
    comments, raised = session.scalar(count) or 0, 0
    latest: list[int] = []
    for comment, source, record in _records(session, conditions, since):
        if conditions.hold_for(case_of(comment, source, record)):
            raised += 1
            if len(latest) < MOST_NAMED:
                latest.append(comment.id)
    return Rehearsal(since, comments, raised, tuple(latest))


def _tagged_since(since: datetime) -> Select[int]:
    return (
        select(StoredComment.id)
        .join(
            CommentVersion,
            and_(CommentVersion.comment_id == StoredComment.id, CommentVersion.number == StoredComment.version),
        )
        .join(Tagging, and_(Tagging.version_id == CommentVersion.id, Tagging.shown))
        .join(Source, Source.id == StoredComment.source_id)
        .where(StoredComment.submitted_at >= since, Tagging.error_code.is_(None))
    )


def _records(
    session: Session, conditions: Conditions, since: datetime
) -> Iterator[tuple[StoredComment, str, TaggedComment]]:
    narrowed = _narrowed(_tagged_since(since), conditions)
    before: int | None = None
    while True:
        page = narrowed.with_only_columns(StoredComment, Source.name, Tagging).order_by(StoredComment.id.desc())
        if before is not None:
            page = page.where(StoredComment.id < before)
        page = page.limit(AT_ONCE).options(joinedload(Tagging.run), selectinload(Tagging.tags))
        rows = [row.tuple() for row in session.execute(page)]
        for comment, source, tagging in rows:
            record = as_record(tagging, id_=comment.external_id)
            if isinstance(record, TaggedComment):
                yield comment, source, record
        if len(rows) < AT_ONCE:
            return
        before = rows[-1][0].id
        session.expunge_all()


def _narrowed(query: Select[int], conditions: Conditions) -> Select[int]:
    """Leave out what cannot meet them, where a column tells; what is left is asked in full."""
    columns = {
        Tagging.sentiment: conditions.sentiment,
        Tagging.language: conditions.language,
        Source.name: conditions.source,
        StoredComment.department: conditions.department,
        StoredComment.touchpoint: conditions.touchpoint,
        StoredComment.channel: conditions.channel,
    }
    query = query.where(*(column.in_(values) for column, values in columns.items() if values is not None))
    if conditions.nps_min is not None:
        query = query.where(StoredComment.nps >= conditions.nps_min)
    if conditions.nps_max is not None:
        query = query.where(StoredComment.nps <= conditions.nps_max)
    return query
