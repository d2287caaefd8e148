"""The record as rows and back, without loss."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, cast

from sqlalchemy import update
from sqlalchemy.orm import Session

from api.store.models import Tag, Tagging, TagKind
from nlp.record import FactorTag, FailedComment, Flag, Problem, Record, Sentiment, Span, TaggedComment, ThemeTag

FLAGS = ("churn_risk", "follow_up")


def store_records(session: Session, run_id: int, records: Sequence[tuple[int, Record]]) -> None:
    """Store what a run said of versions, and show it in place of what a former run said.

    Parameters
    ----------
    records : the version's row id and its record

    Raises
    ------
    sqlalchemy.exc.IntegrityError : if the run has already tagged one of the versions
    """
    versions = [version_id for version_id, _ in records]
    session.execute(update(Tagging).where(Tagging.version_id.in_(versions), Tagging.shown).values(shown=False))
    session.add_all(as_tagging(record, version_id=version_id, run_id=run_id) for version_id, record in records)
    session.flush()


def as_tagging(record: Record, *, version_id: int, run_id: int) -> Tagging:
    """A record as the row that is shown, with its tags."""
    tagging = Tagging(version_id=version_id, run_id=run_id, shown=True)
    if isinstance(record, FailedComment):
        tagging.error_code, tagging.error_message = record.error.code, record.error.message
        return tagging
    tagging.language = record.language
    tagging.sentiment, tagging.score = record.sentiment.label, record.sentiment.score
    tagging.probabilities = {str(label): share for label, share in record.sentiment.probabilities.items()}
    tagging.tags = list(_tags(record))
    return tagging


def as_record(tagging: Tagging, *, id_: str) -> Record:
    """The record of a row.

    Parameters
    ----------
    id_ : what the record calls the comment
    """
    if tagging.error_code is not None:
        return FailedComment(id_, Problem(tagging.error_code, tagging.error_message or ""))
    # The store has what a tagger gave: its labels are the record's.
    stored = cast("Any", tagging)
    return TaggedComment(
        id=id_,
        language=stored.language,
        sentiment=Sentiment(stored.sentiment, stored.score, stored.probabilities),
        themes=tuple(
            ThemeTag(tag.label, cast("str", tag.stage), cast("Any", tag.sentiment), tag.confidence, _spans(tag))
            for tag in _of(tagging.tags, TagKind.THEME)
        ),
        factors=tuple(
            FactorTag(cast("Any", tag.label), cast("Any", tag.sentiment), tag.confidence, _spans(tag))
            for tag in _of(tagging.tags, TagKind.FACTOR)
        ),
        **{tag.label: Flag(tag.raised, tag.confidence, _spans(tag)) for tag in _of(tagging.tags, TagKind.FLAG)},
        model=tagging.run.model,
        taxonomy=tagging.run.taxonomy,
    )


def _tags(record: TaggedComment) -> Iterator[Tag]:
    for theme in record.themes:
        yield _tag(TagKind.THEME, theme.theme, theme, stage=theme.stage, sentiment=theme.sentiment)
    for factor in record.factors:
        yield _tag(TagKind.FACTOR, factor.factor, factor, sentiment=factor.polarity)
    for name in FLAGS:
        flag: Flag = getattr(record, name)
        yield _tag(TagKind.FLAG, name, flag, raised=flag.flag)


def _tag(kind: TagKind, label: str, tag: ThemeTag | FactorTag | Flag, *, raised: bool = True, **columns: str) -> Tag:
    spans = [[span.start, span.end] for span in tag.spans]
    return Tag(kind=kind, label=label, raised=raised, confidence=tag.confidence, spans=spans, **columns)


def _of(tags: Iterable[Tag], kind: TagKind) -> Iterator[Tag]:
    return (tag for tag in tags if tag.kind == kind)


def _spans(tag: Tag) -> tuple[Span, ...]:
    return tuple(Span(start, end) for start, end in tag.spans)
