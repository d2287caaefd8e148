"""Corrected comments as a labelled file, for `stemme train` and `stemme eval`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from api.corrections.answers import is_whole
from api.corrections.models import LabelDecision
from api.corrections.shown import corrections_of, in_batches, shown_records
from api.store.models import CommentVersion
from nlp.record import FactorTag, Span, TaggedComment
from nlp.taxonomy import Taxonomy


@dataclass(slots=True)
class Exported:
    """What came of an export: texts that were written, of these how many are reviewed, and why others were left out."""

    written: int = 0
    reviewed: int = 0
    not_reviewed: int = 0
    untagged: int = 0
    labels: set[str] = field(default_factory=set)
    """Themes that are not in the taxonomy any more, and were left out."""


def labelled_lines(
    session: Session, taxonomy: Taxonomy, *, reviewed_only: bool, exported: Exported
) -> Iterator[dict[str, Any]]:
    """The lines of a labelled file (docs/evaluation.md): every text of which a person has decided something.

    Each version of a comment is a line of its own, with the text and the question that people read, and is labelled as
    it is shown.

    Parameters
    ----------
    reviewed_only : leave out texts of which people have not decided every label: of these the rest is the model's
    exported : counts on the way
    """
    decided = (
        select(LabelDecision.version_id).where(LabelDecision.standing).distinct().order_by(LabelDecision.version_id)
    )
    themes = {theme.id for theme in taxonomy.themes}
    for ids in in_batches(session.scalars(decided).all()):
        corrections, records = corrections_of(session, ids), shown_records(session, ids)
        for version in session.scalars(
            select(CommentVersion).where(CommentVersion.id.in_(ids)).order_by(CommentVersion.id)
        ):
            record, whole = records.get(version.id), is_whole(corrections[version.id].decisions)
            if reviewed_only and not whole:
                exported.not_reviewed += 1
            elif not isinstance(record, TaggedComment):
                exported.untagged += 1
            else:
                exported.written += 1
                exported.reviewed += whole
                exported.labels |= {theme.theme for theme in record.themes} - themes
                yield _line(version, record, themes)


def _line(version: CommentVersion, record: TaggedComment, themes: set[str]) -> dict[str, Any]:
    asked = {} if version.question is None else {"question": version.question}
    return {
        "id": f"{version.comment_id}.{version.number}",
        "version_of": str(version.comment_id),
        "lang": record.language,
        "text": version.text,
        **asked,
        "sentiment": record.sentiment.label,
        "themes": [
            {"theme": theme.theme, "sentiment": theme.sentiment} for theme in record.themes if theme.theme in themes
        ],
        "factors": [line for factor in record.factors for line in _factor_lines(factor)],
        "churn_risk": record.churn_risk.flag,
        "follow_up": record.follow_up.flag,
    }


def _factor_lines(factor: FactorTag) -> Iterator[dict[str, Any]]:
    """One for each of its spans, as the file marks one stretch of words at a time."""
    spans: tuple[Span | None, ...] = factor.spans or (None,)
    for span in spans:
        words = {} if span is None else {"start": span.start, "end": span.end}
        yield {"factor": factor.factor, "polarity": factor.polarity, **words}
