"""The record as rows and back, without loss."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, cast

from sqlalchemy import Table, insert
from sqlalchemy.orm import Session

from api.store.models import Tag, Tagging, TagKind
from nlp.record import FactorTag, FailedComment, Flag, Problem, Record, Sentiment, Span, TaggedComment, ThemeTag

FLAGS = ("churn_risk", "follow_up")


def store_records(session: Session, run_id: int, records: Sequence[tuple[int, Record]]) -> None:
    """Store what a run said of versions; the run's rank decides whether it is shown.

    Parameters
    ----------
    records : the version's row id and its record

    Raises
    ------
    sqlalchemy.exc.IntegrityError : if the run has already tagged one of the versions
    """
    if not records:
        return
    # A few statements on the tables themselves: re-tagging an archive would else spend its time on objects for rows.
    rows = [{"version_id": id_, "run_id": run_id, **_columns(record)} for id_, record in records]
    table, table_of_tags = cast("Table", Tagging.__table__), cast("Table", Tag.__table__)
    inserted = session.scalars(insert(table).returning(table.c.id, sort_by_parameter_order=True), rows)
    tags = [
        {"tagging_id": tagging_id, **tag}
        for tagging_id, (_, record) in zip(inserted.all(), records, strict=True)
        if isinstance(record, TaggedComment)
        for tag in _tags(record)
    ]
    if tags:
        session.execute(insert(table_of_tags), tags)


def _columns(record: Record) -> dict[str, Any]:
    if isinstance(record, FailedComment):
        empty = dict.fromkeys(("language", "sentiment", "score", "probabilities"))
        return {**empty, "error_code": record.error.code, "error_message": record.error.message}
    return {
        "error_code": None,
        "error_message": None,
        "language": record.language,
        "sentiment": record.sentiment.label,
        "score": record.sentiment.score,
        "probabilities": {str(label): share for label, share in record.sentiment.probabilities.items()},
    }


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


def _tags(record: TaggedComment) -> Iterator[dict[str, Any]]:
    for theme in record.themes:
        yield _tag(TagKind.THEME, theme.theme, theme, stage=theme.stage, sentiment=theme.sentiment)
    for factor in record.factors:
        yield _tag(TagKind.FACTOR, factor.factor, factor, sentiment=factor.polarity)
    for name in FLAGS:
        flag: Flag = getattr(record, name)
        yield _tag(TagKind.FLAG, name, flag, raised=flag.flag)


def _tag(
    kind: TagKind,
    label: str,
    tag: ThemeTag | FactorTag | Flag,
    *,
    stage: str | None = None,
    sentiment: str | None = None,
    raised: bool = True,
) -> dict[str, Any]:
    return {
        "kind": kind,
        "label": label,
        "stage": stage,
        "sentiment": sentiment,
        "raised": raised,
        "confidence": tag.confidence,
        "spans": [[span.start, span.end] for span in tag.spans],
    }


def _of(tags: Iterable[Tag], kind: TagKind) -> Iterator[Tag]:
    return (tag for tag in tags if tag.kind == kind)


def _spans(tag: Tag) -> tuple[Span, ...]:
    return tuple(Span(start, end) for start, end in tag.spans)
