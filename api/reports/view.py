"""What a report looks at: comments, their texts, fields and tags as they were shown at one moment.

This is the one place that knows how the store keeps what has changed: versions, `comment_changes`, `tag_runs` with
their activations, and `taggings`; what people had corrected by then is in `api.reports.tags`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, case, exists, func, select
from sqlalchemy.orm import Session, aliased

from api.corrections.as_of import any_at
from api.reports.errors import FutureMoment
from api.reports.tags import AS_RUNS_SAID, Tags
from api.store.database import Store
from api.store.history import KEPT, CommentChange, RunActivation
from api.store.models import CommentVersion, Source, StoredComment, Tagging, TagKind
from api.store.runs import find_run
from api.store.search import Filters, conditions


@dataclass(frozen=True, slots=True)
class View:
    """A moment, and whose tags are read.

    Parameters
    ----------
    as_of : later writes are not seen
    run_id : the run whose tags are read; None for those that were shown at the moment
    ranked : the runs whose tags are read, first the one that is shown where several have tagged a version
    tags : how they are read: with what people had corrected by the moment
    """

    as_of: datetime
    run_id: int | None
    ranked: tuple[int, ...]
    tags: Tags


def open_view(store: Store, *, as_of: datetime | None = None, run_id: int | None = None) -> View:
    """The view of a moment.

    Parameters
    ----------
    as_of : now, unless said

    Raises
    ------
    FutureMoment : if the moment has not come
    UnknownRun : if there is no such run
    """
    settled = store.settled_moment()
    if as_of is not None and as_of > settled:
        raise FutureMoment(as_of, settled)
    at = as_of or settled
    with store.read() as session:
        tags = Tags(at) if any_at(session, at) else AS_RUNS_SAID
        if run_id is not None:
            find_run(session, run_id)
            return View(at, run_id, (run_id,), tags)
        return View(at, None, _ranked_runs(session, at), tags)


def _ranked_runs(session: Session, at: datetime) -> tuple[int, ...]:
    last = func.max(RunActivation.id)
    ranked = select(RunActivation.run_id).where(RunActivation.at <= at).group_by(RunActivation.run_id)
    return tuple(session.scalars(ranked.order_by(last.desc())))


@dataclass(frozen=True, slots=True)
class Standing:
    """A statement that has joined everything, without columns, and what each field is in it."""

    query: Select[Any]
    fields: Mapping[str, Any]
    tags: Tags

    def filtered(self, session: Session, filters: Filters) -> Standing:
        """Only the comments that the filters let through."""

        def has_tag(kind: TagKind, label: str) -> ColumnElement[bool]:
            return self.tags.has(kind, label, self.fields)

        kept = self.query.where(*conditions(session, filters, self.fields, has_tag=has_tag))
        return replace(self, query=kept)

    def columns(self, *names: str) -> Select[Any]:
        """The statement with these fields as its columns."""
        return self.query.add_columns(*(self.fields[name].label(name) for name in names))


def standing(view: View) -> Standing:
    """Every comment of the view once, with the version that stood and its tagging, if it had one."""
    comments = _standing(view)
    fields = {**comments.fields, **view.tags.fields(comments.fields, Tagging)}
    return Standing(comments.query.outerjoin(Tagging, _shown(view)), fields, view.tags)


def standing_of_pair(view: View, a: int, b: int) -> Standing:
    """Every comment of the view once, with its taggings in two runs: in fields such as `tagging_a` and `tagging_b`.

    The runs speak for themselves: what people corrected is not among it.
    """
    first, second = aliased(Tagging, name="tagging_a"), aliased(Tagging, name="tagging_b")
    both = _standing(view)
    query, fields = both.query, dict(both.fields)
    for letter, tagging, run_id in (("a", first, a), ("b", second, b)):
        query = query.outerjoin(
            tagging,
            and_(tagging.version_id == CommentVersion.id, tagging.run_id == run_id, tagging.tagged_at <= view.as_of),
        )
        fields |= {
            f"tagging_{letter}": tagging.id,
            f"language_{letter}": tagging.language,
            f"sentiment_{letter}": tagging.sentiment,
            f"score_{letter}": tagging.score,
            f"probabilities_{letter}": tagging.probabilities,
            f"error_{letter}": tagging.error_code,
        }
    # What filters ask of tags is asked of the second run.
    fields |= {"tagging_id": second.id, "language": second.language, "sentiment": second.sentiment}
    return Standing(query, fields, AS_RUNS_SAID)


def _standing(view: View) -> Standing:
    later, before = aliased(CommentVersion), aliased(CommentChange)
    # What a comment was at the moment ended with its first change after it; without one it still is.
    change = (
        select(before.id)
        .where(before.comment_id == StoredComment.id, before.until > view.as_of)
        .order_by(before.until, before.id)
        .limit(1)
        .correlate(StoredComment)
        .scalar_subquery()
    )
    replaced = exists().where(
        later.comment_id == CommentVersion.comment_id,
        later.number > CommentVersion.number,
        later.received_at <= view.as_of,
    )
    query = (
        select()
        .select_from(StoredComment)
        .join(Source, Source.id == StoredComment.source_id)
        .join(
            CommentVersion,
            and_(CommentVersion.comment_id == StoredComment.id, CommentVersion.received_at <= view.as_of, ~replaced),
        )
        .outerjoin(CommentChange, CommentChange.id == change)
    )
    fields: dict[str, Any] = {
        "comment_id": StoredComment.id,
        "version_id": CommentVersion.id,
        "source": Source.name,
        "external_id": StoredComment.external_id,
        "text": CommentVersion.text,
        "question": CommentVersion.question,
    } | {name: _then(name) for name in KEPT}
    return Standing(query, fields, view.tags)


def _then(name: str) -> ColumnElement[Any]:
    changed: ColumnElement[Any] = getattr(CommentChange, name)
    return case((CommentChange.id.is_not(None), changed), else_=getattr(StoredComment, name))


def _shown(view: View) -> ColumnElement[bool]:
    """On which tagging of the version that stands was shown: that of the run with the highest rank."""
    of_version = and_(Tagging.version_id == CommentVersion.id, Tagging.tagged_at <= view.as_of)
    if len(view.ranked) <= 1:
        return and_(of_version, Tagging.run_id == (view.ranked[0] if view.ranked else None))
    first, other = aliased(Tagging), aliased(Tagging)
    # Most versions are tagged in the first run: for them the database need not sort the others.
    of_first = (
        select(first.id)
        .where(first.version_id == CommentVersion.id, first.run_id == view.ranked[0], first.tagged_at <= view.as_of)
        .correlate(CommentVersion)
        .scalar_subquery()
    )
    rank = case({run_id: place for place, run_id in enumerate(view.ranked)}, value=other.run_id)
    highest = (
        select(other.id)
        .where(other.version_id == CommentVersion.id, other.tagged_at <= view.as_of, other.run_id.in_(view.ranked))
        .order_by(rank)
        .limit(1)
        .correlate(CommentVersion)
        .scalar_subquery()
    )
    return Tagging.id == func.coalesce(of_first, highest)
