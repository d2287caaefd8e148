"""Quotes: for each theme or factor the customers' words that show it best, shortened around them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice, zip_longest
from typing import Any, Final, NamedTuple

from sqlalchemy import RowMapping, Select, func, select
from sqlalchemy.orm import Session

from api.corrections.models import LabelDecision
from api.corrections.shown import in_batches
from api.reports.groups import Key, keys_of
from api.reports.tags import Tags
from api.store.models import CommentVersion, Source, StoredComment, Tag, TagKind
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


class Said(NamedTuple):
    """What quotes are of: a label with a sentiment, or a factor's polarity, in a group."""

    group: Key
    label: str
    sentiment: str | None


def find_quotes(
    session: Session,
    base: Select[Any],
    tags: Tags,
    *,
    kind: TagKind,
    by: Sequence[str],
    sizes: Mapping[Said, int],
    most: int,
) -> dict[tuple[Key, str], list[Quote]]:
    """Up to `most` quotes for each label of each group: one of each sentiment in turn, the commonest first.

    Of one sentiment those come first whose tag has the highest confidence, then the newest comments.

    Parameters
    ----------
    sizes : in how many comments each is said; what is not in it is left out
    """
    of_label: dict[tuple[Key, str], dict[str | None, list[_Place]]] = {}
    for said, place in _surest(session, tags.labelled(base, kind), by=by, most=most):
        if said in sizes:
            of_label.setdefault((said.group, said.label), {}).setdefault(said.sentiment, []).append(place)
    chosen: dict[tuple[Key, str], list[_Place]] = {}
    for (group, label), by_sentiment in of_label.items():
        commonest = sorted(by_sentiment, key=lambda each: (-sizes[Said(group, label, each)], each or ""))
        chosen[group, label] = list(islice(_in_turn(by_sentiment[each] for each in commonest), most))
    texts = _texts(session, {place.version for places in chosen.values() for place in places})
    spans = _spans(session, {place.tag for places in chosen.values() for place in places})
    return {
        key: [_quote(place, texts[place.version], spans[place.tag]) for place in places]
        for key, places in chosen.items()
    }


class _Place(NamedTuple):
    """A tag of a comment, before its text is read; `tag` as `Tags.labelled` gives it."""

    comment: int
    version: int
    tag: int
    sentiment: str | None
    confidence: float


def _surest(session: Session, labelled: Select[Any], *, by: Sequence[str], most: int) -> Iterator[tuple[Said, _Place]]:
    """Of each group, label and sentiment the first, in order. Nothing long is sorted: no text, no places in it."""
    rows = labelled.subquery("labelled")
    within = [rows.c.period, *keys_of(rows, by), rows.c.label, rows.c.label_sentiment]
    narrow = [*within, rows.c.comment_id, rows.c.version_id, rows.c.tag_id, rows.c.confidence]
    newest_surest = [rows.c.confidence.desc(), rows.c.comment_id.desc()]
    place = func.row_number().over(partition_by=within, order_by=newest_surest).label("place")
    ranked = select(*narrow, place).subquery("ranked")
    for row in session.execute(select(ranked).where(ranked.c.place <= most).order_by(ranked.c.place)).mappings():
        group = row["period"], tuple(row[f"key_{each}"] for each in range(len(by)))
        sentiment = row["label_sentiment"]
        yield (
            Said(group, row["label"], sentiment),
            _Place(row["comment_id"], row["version_id"], row["tag_id"], sentiment, row["confidence"]),
        )


def _texts(session: Session, versions: Collection[int]) -> dict[int, RowMapping]:
    query = (
        select(CommentVersion.id, CommentVersion.text, Source.name.label("source"), StoredComment.external_id)
        .join(StoredComment, StoredComment.id == CommentVersion.comment_id)
        .join(Source, Source.id == StoredComment.source_id)
    )
    return {
        row["id"]: row
        for some in in_batches(versions)
        for row in session.execute(query.where(CommentVersion.id.in_(some))).mappings()
    }


def _spans(session: Session, tags: Collection[int]) -> dict[int, list[list[int]]]:
    """The places of tags: of runs' those with ids above 0, of people's decisions those below."""
    found: dict[int, list[list[int]]] = {}
    for table, sign in ((Tag, 1), (LabelDecision, -1)):
        for some in in_batches([sign * each for each in tags if sign * each > 0]):
            rows = session.execute(select(table.id, table.spans).where(table.id.in_(some)))
            found |= {sign * id_: spans for id_, spans in rows}
    return found


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


def _quote(place: _Place, row: RowMapping, spans: Sequence[Sequence[int]]) -> Quote:
    text, start, inside = excerpt(row["text"], [Span(*span) for span in spans])
    return Quote(
        comment=place.comment,
        source=row["source"],
        external_id=row["external_id"],
        sentiment=place.sentiment,
        confidence=place.confidence,
        text=text,
        start=start,
        spans=inside,
    )


def _in_turn(lists: Iterable[Sequence[_Place]]) -> Iterator[_Place]:
    quoted: set[int] = set()
    for rank in zip_longest(*lists):
        for place in rank:
            if place is not None and place.comment not in quoted:
                quoted.add(place.comment)
                yield place
