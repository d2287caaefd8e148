"""The tags that a report reads: what the runs said, and over it what people had decided by the report's moment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    FromClause,
    and_,
    case,
    exists,
    func,
    literal,
    null,
    select,
    union_all,
)
from sqlalchemy.orm import aliased

from api.corrections.as_of import decisions_at
from api.corrections.decisions import CERTAIN
from api.corrections.models import DecisionKind
from api.store.models import Tag, Tagging, TagKind
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

    def of_kind(self, kind: TagKind) -> FromClause:
        """Themes, or factors, or raised flags.

        Returns
        -------
        a new table to join with by `tagging_id`, of the columns `tagging_id`, `label`, `stage`, `sentiment` (a factor's
        polarity), `confidence` and `spans` as in `Tag`, and `number`, which is another one in each row
        """
        tag, tagging = aliased(Tag), aliased(Tagging)
        by_runs = select(
            tag.tagging_id, tag.label, tag.stage, tag.sentiment, tag.confidence, tag.spans, tag.id.label("number")
        ).where(of_kind(tag, kind), tag.raised)
        if self.corrected_at is None:
            return by_runs.subquery()
        decided, said = decisions_at(self.corrected_at).c, decisions_at(self.corrected_at).c
        is_factor = kind == TagKind.FACTOR
        overruled = exists().where(
            decided.version_id == tagging.version_id,
            of_kind(decided, kind),
            decided.label == tag.label,
            *([decided.polarity == tag.sentiment] if is_factor else []),
        )
        by_people = (
            select(
                tagging.id,
                said.label,
                said.stage,
                said.polarity if is_factor else said.value,
                literal(CERTAIN),
                said.spans,
                -said.id,
            )
            .join(tagging, tagging.version_id == said.version_id)
            .where(of_kind(said, kind), said.present)
        )
        left = by_runs.join(tagging, tagging.id == tag.tagging_id).where(~overruled)
        return union_all(left, by_people).subquery()

    def has(self, kind: TagKind, label: str, *, tagging_id: ColumnElement[Any]) -> ColumnElement[bool]:
        """Whether a tagging has a theme, a factor of either polarity, or a raised flag."""
        tags = self.of_kind(kind).c
        return exists().where(tags.tagging_id == tagging_id, tags.label == label)

    def flag(self, name: str, fields: Mapping[str, Any]) -> ColumnElement[str | None]:
        """`true` or `false`; NULL where there are no tags.

        Parameters
        ----------
        fields : what each field is in a query: `tagging_id` and `version_id`
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
            "language": self._corrected(DecisionKind.LANGUAGE, of, by_run=tagging.language),
            "sentiment": self._corrected(DecisionKind.SENTIMENT, of, by_run=tagging.sentiment),
            "error_code": error,
            "tagged": and_(tagging.id.is_not(None), error.is_(None)),
        }

    def _corrected(
        self, kind: DecisionKind, fields: Mapping[str, Any], *, by_run: Any, label: str = ""
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
