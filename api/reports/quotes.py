"""Quotes: for each theme or factor the customers' words that show it best, shortened around them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, zip_longest
from typing import Any, Final

from sqlalchemy import RowMapping, Select, func, select
from sqlalchemy.orm import Session

from api.reports.groups import Key, keys_of
from api.reports.tags import Tags
from api.reports.view import labels
from api.store.models import CommentVersion, Source, StoredComment, TagKind
from nlp.record import Span

LONGEST: Final = 300
"""Code points of a quote."""
BEFORE: Final = 80
"""Code points in front of the first words that show the label, where a text has to be cut."""


@dataclass(frozen=True, slots=True)
class Quote:
    """Words of a comment; `spans` count code points of `text`, which begins at `start` of the comment's text."""

    comment: int
    source: str
    external_id: str
    sentiment: str | None
    confidence: float
    text: str
    start: int
    spans: tuple[Span, ...]


def find_quotes(
    session: Session,
    base: Select[Any],
    tags: Tags,
    *,
    kind: TagKind,
    by: Sequence[str],
    groups: Collection[Key],
    most: int,
) -> dict[tuple[Key, str], list[Quote]]:
    """Up to `most` quotes for each label of each group: one of each sentiment in turn, the commonest first.

    Of one sentiment those come first whose tag has the highest confidence, then the newest comments.

    Parameters
    ----------
    groups : other groups are left out
    """
    labelled = labels(base.subquery("base"), kind, tags).subquery("labelled")
    within = [labelled.c.period, *keys_of(labelled, by), labelled.c.label, labelled.c.label_sentiment]
    newest_surest = [labelled.c.confidence.desc(), labelled.c.comment_id.desc()]
    place = func.row_number().over(partition_by=within, order_by=newest_surest).label("place")
    size = func.count().over(partition_by=within).label("size")
    chosen = select(labelled, place, size).subquery("chosen")
    statement = (
        select(*chosen.c, CommentVersion.text, Source.name.label("source"), StoredComment.external_id)
        .join(CommentVersion, CommentVersion.id == chosen.c.version_id)
        .join(StoredComment, StoredComment.id == chosen.c.comment_id)
        .join(Source, Source.id == StoredComment.source_id)
        .where(chosen.c.place <= most)
        .order_by(chosen.c.size.desc(), chosen.c.label_sentiment, chosen.c.place)
    )
    found: dict[tuple[Key, str], dict[str, list[Quote]]] = {}
    for row in session.execute(statement).mappings():
        key = row["period"], tuple(row[f"key_{each}"] for each in range(len(by)))
        if key in groups:
            of_label = found.setdefault((key, row["label"]), {})
            of_label.setdefault(row["label_sentiment"], []).append(_quote(row))
    return {key: list(islice(_in_turn(by_sentiment.values()), most)) for key, by_sentiment in found.items()}


def excerpt(text: str, spans: Sequence[Span]) -> tuple[str, int, tuple[Span, ...]]:
    """A text around the first of its spans, where it starts, and the spans in it.

    >>> excerpt("Rask levering", [Span(0, 4)])
    ('Rask levering', 0, (Span(start=0, end=4),))
    """
    if len(text) <= LONGEST:
        return text, 0, tuple(spans)
    first = min((span.start for span in spans), default=0)
    start = max(0, min(first - BEFORE, len(text) - LONGEST))
    end = start + LONGEST
    inside = (Span(max(span.start, start) - start, min(span.end, end) - start) for span in spans if span.start < end)
    return text[start:end], start, tuple(span for span in inside if span.start < span.end)


def _quote(row: RowMapping) -> Quote:
    text, start, spans = excerpt(row["text"], [Span(*span) for span in row["spans"]])
    return Quote(
        comment=row["comment_id"],
        source=row["source"],
        external_id=row["external_id"],
        sentiment=row["label_sentiment"],
        confidence=row["confidence"],
        text=text,
        start=start,
        spans=spans,
    )


def _in_turn(lists: Iterable[Sequence[Quote]]) -> Iterator[Quote]:
    quoted: set[int] = set()
    for rank in zip_longest(*lists):
        for quote in rank:
            if quote is not None and quote.comment not in quoted:
                quoted.add(quote.comment)
                yield quote
