"""The tags that a report reads: what the runs said, and over it what people had decided by the report's moment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    FromClause,
    Select,
    and_,
    case,
    exists,
    func,
    literal,
    null,
    or_,
    select,
    union_all,
)
from sqlalchemy.orm import aliased

from api.corrections.as_of import decisions_at
from api.corrections.decisions import CERTAIN
from api.corrections.models import Correction, DecisionKind
from api.store.models import CommentVersion, Tag, Tagging, TagKind
from api.store.search import of_kind


@dataclass(frozen=True, slots=True)
class Tags:
    """How to read the tags of taggings.

    What people said of a version counts with each of its taggings; a version without one has no tags.

    Parameters
    ----------
    corrected_at : what people had decided by then holds before the tags of runs. None if nothing had been decided, or
        where runs are to speak for themselves
    """

    corrected_at: datetime | None

    def of_kind(self, kind: TagKind, *, tagging_id: ColumnElement[Any]) -> tuple[FromClause, ColumnElement[bool]]:
        """The themes, or factors, or raised flags of a tagging.

        Returns
        -------
        a new table to join with, and on what. Its columns `tagging_id`, `label`, `stage` and `sentiment` (of a factor
        its polarity) are as in `Tag`
        """
        if self.corrected_at is not None:
            tags = self._corrected_tags(kind)
            return tags, tags.c.tagging_id == tagging_id
        tag = Tag.__table__.alias()
        return tag, and_(tag.c.tagging_id == tagging_id, of_kind(tag.c, kind), tag.c.raised)

    def labelled(self, base: Select[Any], kind: TagKind, *, tagging: str = "tagging_id") -> Select[Any]:
        """The rows of `base` once for every theme, or factor, or raised flag of a tagging.

        Parameters
        ----------
        base : a statement on `CommentVersion`, with the columns `version_id` and the one that `tagging` names

        Returns
        -------
        its columns, and `label`, `stage`, `label_sentiment` (of a factor its polarity), `confidence`, `tag_id`, and
        `first`: 1 in one of a tagging's rows of a label and 0 in the others, as a theme may have two sentiments and a
        factor both polarities.
        `tag_id` is that of the run's tag, or less than 0 and that of people's decision
        """
        rows, tag = base.subquery("base"), aliased(Tag)
        of_runs = (
            select(*rows.c, tag.label, tag.stage, tag.sentiment.label("label_sentiment"), tag.confidence)
            .add_columns(tag.id.label("tag_id"), self._first(tag, kind).label("first"))
            .join_from(rows, tag, and_(tag.tagging_id == rows.c[tagging], of_kind(tag, kind), tag.raised))
        )
        if self.corrected_at is None:
            return of_runs
        # Only versions that people spoke of are looked at twice.
        spoken_of = select(Correction.version_id).where(Correction.at <= self.corrected_at)
        overruled = self._overruled(tag, kind, rows.c.version_id)
        of_runs = of_runs.where(or_(rows.c.version_id.not_in(spoken_of), ~overruled))
        decided = base.where(CommentVersion.id.in_(spoken_of)).subquery("decided")
        decisions = decisions_at(self.corrected_at)
        said = decisions.c
        of_people = (
            select(*decided.c, said.label, said.stage)
            .add_columns(
                said.polarity if kind == TagKind.FACTOR else said.value, literal(CERTAIN), -said.id, literal(1)
            )
            .join_from(decided, decisions, decided.c.version_id == said.version_id)
            .where(of_kind(said, kind), said.present, decided.c[tagging].is_not(None))
        )
        both = union_all(of_runs, of_people).subquery("tags_shown")
        if kind != TagKind.FACTOR:  # where people have decided about a theme, no run's row of it is left
            return select(both)
        keys = [both.c[column.name] for column in rows.c if column.name.startswith("key_")]
        of_label = [both.c[tagging], *keys, both.c.label]
        place = func.row_number().over(partition_by=of_label, order_by=both.c.label_sentiment)
        columns = [column for column in both.c if column.name != "first"]
        return select(*columns, case((place == 1, 1), else_=0).label("first"))

    def _first(self, tag: type[Tag], kind: TagKind) -> ColumnElement[int]:
        if kind == TagKind.FACTOR and self.corrected_at is not None:
            return literal(1)  # one that came first may be overruled: it is told of both together
        other = aliased(Tag)
        earlier = exists().where(
            other.tagging_id == tag.tagging_id,
            of_kind(other, kind),
            other.raised,
            other.label == tag.label,
            other.id < tag.id,
        )
        return case((earlier, 0), else_=1)

    def has(self, kind: TagKind, label: str, fields: Mapping[str, Any]) -> ColumnElement[bool]:
        """Whether a comment has a theme, a factor of either polarity, or a raised flag.

        Parameters
        ----------
        fields : what each field is in the query: `tagging_id` and `version_id`
        """
        tag = aliased(Tag)
        said_by_run = exists().where(
            tag.tagging_id == fields["tagging_id"], of_kind(tag, kind), tag.label == label, tag.raised
        )
        if self.corrected_at is None:
            return said_by_run
        said = decisions_at(self.corrected_at).c
        said_by_people = exists().where(
            said.version_id == fields["version_id"],
            fields["tagging_id"].is_not(None),
            of_kind(said, kind),
            said.label == label,
            said.present,
        )
        return or_(said_by_run.where(~self._overruled(tag, kind, fields["version_id"])), said_by_people)

    def flag(self, name: str, fields: Mapping[str, Any]) -> ColumnElement[str | None]:
        """`true` or `false`; NULL where there are no tags.

        Parameters
        ----------
        fields : what each field is in the query: `tagging_id` and `version_id`
        """
        flag = aliased(Tag)
        by_run = (
            select(case((flag.raised, "true"), else_="false"))
            .where(flag.tagging_id == fields["tagging_id"], of_kind(flag, TagKind.FLAG), flag.label == name)
            .limit(1)
            .scalar_subquery()
        )
        return self._corrected(DecisionKind.FLAG, fields, by_run=by_run, label=name)

    def fields(self, fields: Mapping[str, Any], tagging: type[Tagging]) -> dict[str, Any]:
        """What is known of the comment as a whole, in a query that has joined a tagging or none.

        A comment that the run could not tag counts as tagged once people have decided something of it.

        Parameters
        ----------
        fields : what each field is in the query: `version_id`

        Returns
        -------
        `tagging_id`, `language`, `sentiment`, `error_code` where it could not be tagged, and `tagged`
        """
        found: dict[str, Any] = {"tagging_id": tagging.id}
        of = {**fields, **found}
        error: Any = tagging.error_code
        if self.corrected_at is not None:
            said = decisions_at(self.corrected_at).c
            spoken_of = exists().where(said.version_id == of["version_id"])
            error = case((and_(error.is_not(None), ~spoken_of), error), else_=null())
        return found | {
            "language": self._corrected(DecisionKind.LANGUAGE, of, by_run=tagging.language.expression),
            "sentiment": self._corrected(DecisionKind.SENTIMENT, of, by_run=tagging.sentiment.expression),
            "error_code": error,
            "tagged": and_(tagging.id.is_not(None), error.is_(None)),
        }

    def _corrected_tags(self, kind: TagKind) -> FromClause:
        assert self.corrected_at is not None
        tag, tagging, said = aliased(Tag), aliased(Tagging), decisions_at(self.corrected_at).c
        # By an index of kinds SQLite would expect few rows, and go through all of them again for each comment.
        by_runs = (
            select(tag.tagging_id, tag.label, tag.stage, tag.sentiment)
            .join(tagging, tagging.id == tag.tagging_id)
            .where(of_kind(tag, kind), tag.raised, ~self._overruled(tag, kind, tagging.version_id))
        )
        by_people = (
            select(
                tagging.id,
                said.label,
                said.stage,
                said.polarity if kind == TagKind.FACTOR else said.value,
            )
            .join(tagging, tagging.version_id == said.version_id)
            .where(of_kind(said, kind), said.present)
        )
        return union_all(by_runs, by_people).subquery()

    def _overruled(self, tag: type[Tag], kind: TagKind, version_id: Any) -> ColumnElement[bool]:
        """Whether people had decided about the label of a run's tag."""
        assert self.corrected_at is not None
        decisions = decisions_at(self.corrected_at)
        decided = decisions.c
        found = exists().where(
            decided.version_id == version_id,
            of_kind(decided, kind),
            decided.label == tag.label,
            *([decided.polarity == tag.sentiment] if kind == TagKind.FACTOR else []),
        )
        # The version may be two statements out, which SQLAlchemy would not see by itself.
        return found.correlate_except(decisions)

    def _corrected(
        self, kind: DecisionKind, fields: Mapping[str, Any], *, by_run: ColumnElement[Any], label: str = ""
    ) -> ColumnElement[Any]:
        if self.corrected_at is None:
            return by_run
        said = decisions_at(self.corrected_at).c
        value = case((said.present, "true"), else_="false") if kind == DecisionKind.FLAG else said.value
        by_people = select(value).where(
            said.version_id == fields["version_id"],
            fields["tagging_id"].is_not(None),
            of_kind(said, kind),
            said.label == label,
        )
        return func.coalesce(by_people.scalar_subquery(), by_run)


AS_RUNS_SAID: Final = Tags(None)
"""Runs by themselves, without what people said."""
