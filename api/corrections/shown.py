"""What is shown of comments: the tags of the shown run, with people's standing decisions laid over them.

Every reader of tags goes through here, so that a correction holds in all of them, whichever run is shown. Nothing is
copied: there is nothing to keep in step when a run takes over or a person changes their mind. Three ways in:

- `shown_tags` and `shown_taggings`: tables to select from and to join with in SQL, for filters and reports;
- `shown_records`: the records of versions;
- `shown_record`: the record of a tagging that one has, with the corrections of its version.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    FromClause,
    ScalarSelect,
    and_,
    case,
    exists,
    false,
    func,
    literal,
    or_,
    select,
    true,
    union_all,
)
from sqlalchemy.orm import Session, aliased, joinedload, selectinload

from api.corrections.decisions import CERTAIN, SCORES, Decision, Key, from_decisions, overlay
from api.corrections.models import Correction, DecisionKind, LabelDecision
from api.store.models import CommentVersion, StoredComment, Tag, Tagging, TagKind
from api.store.records import as_record
from nlp.record import FailedComment, Record, Span

MOST_AT_ONCE: Final = 500
"""Versions of one statement: databases bound the parameters that one may have."""
TAG_KINDS: Final = tuple(str(kind) for kind in TagKind)


@dataclass(frozen=True, slots=True)
class StandingDecision:
    """A decision that stands, where it came from, and what the model in sight said of the label."""

    decision: Decision
    correction_id: int
    named: bool


@dataclass(frozen=True, slots=True)
class Corrections:
    """What people have said of a version.

    Parameters
    ----------
    standing : by label, in the order in which they were made
    newest, withdrawn : the newest correction's id and the number of withdrawn ones; 0 without any. Together they change
        with every correction and every withdrawal
    """

    standing: dict[Key, StandingDecision] = field(default_factory=dict)
    newest: int = 0
    withdrawn: int = 0

    @property
    def decisions(self) -> dict[Key, Decision]:
        return {key: each.decision for key, each in self.standing.items()}


NO_CORRECTIONS: Final = Corrections()


def corrections_of(session: Session, version_ids: Collection[int]) -> dict[int, Corrections]:
    """What people have said of versions; those of which they said nothing are left out."""
    found: dict[int, Corrections] = {}
    for ids in in_batches(version_ids):
        counts = (
            select(Correction.version_id, func.max(Correction.id), func.count(Correction.withdrawn_at))
            .where(Correction.version_id.in_(ids))
            .group_by(Correction.version_id)
        )
        for version_id, newest, withdrawn in session.execute(counts):
            found[version_id] = Corrections(newest=newest, withdrawn=withdrawn)
        standing = select(LabelDecision).where(LabelDecision.version_id.in_(ids), LabelDecision.standing)
        for row in session.scalars(standing.order_by(LabelDecision.id)):
            decision = as_decision(row)
            found[row.version_id].standing[decision.key] = StandingDecision(decision, row.correction_id, row.named)
    return found


def in_batches(version_ids: Collection[int]) -> Iterator[Sequence[int]]:
    """The ids, as many at once as a statement may have."""
    ids = list(version_ids)
    return (ids[start : start + MOST_AT_ONCE] for start in range(0, len(ids), MOST_AT_ONCE))


def as_decision(row: LabelDecision) -> Decision:
    """The decision that a row holds."""
    return Decision(
        Key(DecisionKind(row.kind), row.label, row.polarity),
        present=row.present,
        value=row.value,
        stage=row.stage,
        spans=tuple(Span(start, end) for start, end in row.spans),
    )


def shown_record(tagging: Tagging, corrections: Corrections, *, id_: str) -> Record:
    """The record that is shown of a version: what the run said, with what people have decided laid over it."""
    return corrected(as_record(tagging, id_=id_), corrections, model=tagging.run.model, taxonomy=tagging.run.taxonomy)


def corrected(record: Record, corrections: Corrections, *, model: str, taxonomy: str) -> Record:
    """What readers see where a model says this of a version.

    A comment that the model could not tag keeps its error, unless people have decided its sentiment, its language
    and both flags: then the record is theirs alone.

    Parameters
    ----------
    model, taxonomy : whose record it is, as a failed one does not say
    """
    if not isinstance(record, FailedComment):
        return overlay(record, corrections.decisions)
    if record.id is None:  # only comments of the store are corrected, and these have ids
        return record
    own = from_decisions(corrections.decisions, id_=record.id, model=model, taxonomy=taxonomy)
    return record if own is None else own


def shown_records(session: Session, version_ids: Collection[int]) -> dict[int, Record]:
    """The records that are shown of versions, under the comments' external ids; those that wait have none."""
    corrections, records = corrections_of(session, version_ids), {}
    for ids in in_batches(version_ids):
        taggings = (
            select(Tagging, StoredComment.external_id)
            .join(CommentVersion, CommentVersion.id == Tagging.version_id)
            .join(StoredComment, StoredComment.id == CommentVersion.comment_id)
            .where(Tagging.version_id.in_(ids), Tagging.shown)
            .options(joinedload(Tagging.run), selectinload(Tagging.tags))
        )
        for tagging, external_id in session.execute(taggings):
            said = corrections.get(tagging.version_id, NO_CORRECTIONS)
            records[tagging.version_id] = shown_record(tagging, said, id_=external_id)
    return records


def _shown_tags() -> FromClause:
    decision = LabelDecision.__table__.c
    decided = exists().where(
        LabelDecision.version_id == Tagging.version_id,
        LabelDecision.standing,
        LabelDecision.kind == Tag.kind,
        LabelDecision.label == Tag.label,
        or_(Tag.kind != TagKind.FACTOR, LabelDecision.polarity == Tag.sentiment),
    )
    by_models = (
        select(
            Tagging.version_id,
            Tag.kind,
            Tag.label,
            Tag.stage,
            Tag.sentiment,
            Tag.raised,
            Tag.confidence,
            Tag.spans,
            false().label("decided"),
        )
        .join(Tag, Tag.tagging_id == Tagging.id)
        .where(Tagging.shown, ~decided)
    )
    by_people = select(
        decision.version_id,
        decision.kind,
        decision.label,
        decision.stage,
        case((decision.kind == TagKind.FACTOR, decision.polarity), else_=decision.value),
        decision.present,
        case((decision.present, literal(CERTAIN)), else_=literal(0.0)),
        decision.spans,
        true(),
    ).where(decision.standing, decision.kind.in_(TAG_KINDS), or_(decision.present, decision.kind == TagKind.FLAG))
    return union_all(by_models, by_people).subquery("shown_tags")


def _decided(kind: DecisionKind) -> ScalarSelect[Any]:
    """What people have decided of a tagging's version; NULL where they have not."""
    # The kind is hidden from SQLite, which would else go through all decisions of the kind for every version.
    of_kind = LabelDecision.kind.concat("") == kind
    return (
        select(LabelDecision.value)
        .where(LabelDecision.version_id == Tagging.version_id, LabelDecision.standing, of_kind)
        .correlate(Tagging)
        .scalar_subquery()
    )


def shown_sentiment() -> ColumnElement[str | None]:
    """The overall sentiment that is shown of a tagging, beside `Tagging` in a statement."""
    return func.coalesce(_decided(DecisionKind.SENTIMENT), Tagging.sentiment)


def shown_language() -> ColumnElement[str | None]:
    """The language that is shown of a tagging, beside `Tagging` in a statement."""
    return func.coalesce(_decided(DecisionKind.LANGUAGE), Tagging.language)


def _shown_taggings() -> FromClause:
    decided = _decided(DecisionKind.SENTIMENT)
    score = case(
        {label: SCORES.get(label, 0.0) for label in ("negative", "neutral", "mixed", "positive")}, value=decided
    )
    return (
        select(
            Tagging.id.label("tagging_id"),
            Tagging.version_id,
            Tagging.run_id,
            Tagging.tagged_at,
            shown_language().label("language"),
            shown_sentiment().label("sentiment"),
            func.coalesce(score, Tagging.score).label("score"),
            Tagging.error_code,
        )
        .where(Tagging.shown)
        .subquery("shown_taggings")
    )


shown_tags: Final = _shown_tags()
"""Every tag that is shown: `version_id`, `kind`, `label`, `stage`, `sentiment` (a factor's polarity), `raised`,
`confidence`, `spans` as in `tags`, and `decided` by a person. Not what people took away."""

shown_taggings: Final = _shown_taggings()
"""One row for every version that is tagged: `tagging_id`, `version_id`, `run_id`, `tagged_at`, `language`, `sentiment`,
`score`, and `error_code` where the run could not tag it; what people have decided stands all the same."""


def has_tag(version_id: ColumnElement[int] | Any, kind: TagKind, label: str) -> ColumnElement[bool]:
    """Whether a version shows a theme, a factor of either polarity, or a raised flag."""
    tags = shown_tags.c
    return exists().where(and_(tags.version_id == version_id, tags.kind == kind, tags.label == label, tags.raised))


def shows_tag(kind: TagKind, label: str) -> ColumnElement[bool]:
    """As `has_tag`, in a statement that has joined `CommentVersion` and, where there is one, its shown `Tagging`.

    It looks at the tags of one version after another, so it is quick where many versions have the tag and a statement
    needs few of them; `has_tag` may have a database look for every version that has it first.
    """
    tag, decision, overruling = aliased(Tag), aliased(LabelDecision), aliased(LabelDecision)
    decided = exists().where(
        overruling.version_id == CommentVersion.id,
        overruling.standing,
        overruling.kind.concat("") == kind,
        overruling.label == label,
        *([overruling.polarity == tag.sentiment] if kind == TagKind.FACTOR else []),
    )
    # The version is two statements out, which SQLAlchemy would not see by itself.
    decided = decided.correlate_except(overruling)
    # The kind is hidden from SQLite, which would else go through an index of kinds and labels for every version.
    by_model = exists().where(
        tag.tagging_id == Tagging.id, tag.kind.concat("") == kind, tag.label == label, tag.raised, ~decided
    )
    by_people = exists().where(
        decision.version_id == CommentVersion.id,
        decision.standing,
        decision.kind.concat("") == kind,
        decision.label == label,
        decision.present,
    )
    return or_(by_model, by_people)
