"""The versions that a retag still has to tag."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, exists, func, select
from sqlalchemy.orm import Session, aliased

from api.retag.tagging import Version
from api.store.models import CommentVersion, PendingVersion, StoredComment, Tagging
from api.store.search import Filters, standing
from nlp.record import Comment


def count(session: Session, filters: Filters) -> int:
    """How many comments the filters let through."""
    return session.scalar(standing(session, filters, func.count(CommentVersion.id))) or 0


def next_versions(session: Session, filters: Filters, *, run_id: int, after: int, limit: int) -> Sequence[Version]:
    """The first versions after this id that the run has not tagged.

    Only versions that stand are tagged: no other is ever shown. One that waits for the worker is passed over; the
    worker tags it in the active run, so it is looked for again later.
    """
    columns = (CommentVersion.id, StoredComment.external_id, CommentVersion.text, CommentVersion.question)
    rows = session.execute(_untagged(session, filters, run_id, *columns).where(CommentVersion.id > after).limit(limit))
    return [Version(id_, Comment(external_id, text, question)) for id_, external_id, text, question in rows]


def any_left(session: Session, filters: Filters, *, run_id: int, after: int) -> bool:
    """Whether there is a version after this id that the run has not tagged."""
    left = _untagged(session, filters, run_id, CommentVersion.id).where(CommentVersion.id > after).limit(1)
    return session.scalar(left) is not None


def settled_up_to(session: Session) -> int:
    """The id up to which no version waits for the worker: only after it can one come to be tagged from now on.

    Ids are committed in order, and a version is in the queue when it is stored or never.
    """
    first_waiting: int | None = session.scalar(select(func.min(PendingVersion.version_id)))
    if first_waiting is not None:
        return first_waiting - 1
    last: int | None = session.scalar(select(func.max(CommentVersion.id)))
    return last or 0


def still_untagged(session: Session, ids: Sequence[int], *, run_id: int) -> set[int]:
    """Those of these versions that are still there, and that the run has not tagged."""
    query = select(CommentVersion.id).where(CommentVersion.id.in_(ids), _not_tagged(run_id))
    return set(session.scalars(query))


def _untagged(session: Session, filters: Filters, run_id: int, *columns: Any) -> Select[Any]:
    waits = exists().where(PendingVersion.version_id == CommentVersion.id)
    query = standing(session, filters, *columns).where(_not_tagged(run_id), ~waits)
    return query.order_by(CommentVersion.id)


def _not_tagged(run_id: int) -> ColumnElement[bool]:
    own = aliased(Tagging)
    return ~exists().where(own.version_id == CommentVersion.id, own.run_id == run_id)
