"""The tagged comments that a sample is drawn from: the store's, or a file's."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any, Final, Protocol

from pydantic import TypeAdapter
from sqlalchemy import ColumnElement, and_, select

from api.accuracy.errors import BadRecords
from api.accuracy.labels import label_set, labels_of
from api.corrections.models import LabelDecision
from api.corrections.shown import shown_records
from api.store.database import Store
from api.store.models import CommentVersion, StoredComment, Tag, Tagging, TagKind, TagRun
from nlp.record import TaggedComment

PAGE: Final = 5_000
_RECORD: Final = TypeAdapter(TaggedComment)


@dataclass(frozen=True, slots=True)
class Unit:
    """A tagged comment, without its text."""

    id: str
    language: str
    labels: frozenset[str]
    model: str
    taxonomy: str


@dataclass(frozen=True, slots=True)
class Words:
    """What people read of a comment."""

    text: str
    question: str | None


class Population(Protocol):
    """Where comments come from."""

    def units(self) -> Iterator[Unit]: ...

    def words(self, ids: Sequence[str]) -> dict[str, Words]: ...


class StoredPopulation:
    """Every comment of the store that has tags: the version that stands, and the tags that are shown, corrected.

    An audit tells how far the shares that people read in reports can be trusted, and these count corrections.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    def units(self) -> Iterator[Unit]:
        after: int | None = 0
        while after is not None:
            page, after = self._page(after)
            yield from page

    def words(self, ids: Sequence[str]) -> dict[str, Words]:
        with self._store.read() as session:
            rows = session.execute(
                select(StoredComment.id, CommentVersion.text, CommentVersion.question)
                .join(CommentVersion, _standing())
                .where(StoredComment.id.in_(map(int, ids)))
            )
            return {str(id_): Words(text, question) for id_, text, question in rows}

    def _page(self, after: int) -> tuple[list[Unit], int | None]:
        """The units of the next comments, and the last comment's id; None if there are no more."""
        tagged = (
            select(
                StoredComment.id,
                Tagging.version_id,
                Tagging.id,
                Tagging.error_code,
                Tagging.language,
                Tagging.sentiment,
                TagRun.model,
                TagRun.taxonomy,
            )
            .join(CommentVersion, _standing())
            .join(Tagging, and_(Tagging.version_id == CommentVersion.id, Tagging.shown))
            .join(TagRun, TagRun.id == Tagging.run_id)
            .where(StoredComment.id > after)
            .order_by(StoredComment.id)
            .limit(PAGE)
        )
        page = tagged.subquery()
        with self._store.read() as session:
            rows = session.execute(tagged).all()
            tags = session.execute(
                select(Tag.tagging_id, Tag.kind, Tag.label, Tag.sentiment)
                .where(Tag.tagging_id.in_(select(page.c[2])), Tag.raised)
                .order_by(Tag.tagging_id)
            ).all()
            decided = select(LabelDecision.version_id).where(
                LabelDecision.version_id.in_(select(page.c.version_id)), LabelDecision.standing
            )
            corrected = shown_records(session, set(session.scalars(decided)))
        of_tagging = {id_: [row[1:] for row in group] for id_, group in groupby(tags, key=lambda row: row[0])}
        units = []
        for id_, version_id, tagging, error, language, sentiment, model, taxonomy in rows:
            record = corrected.get(version_id)
            if isinstance(record, TaggedComment):
                units.append(Unit(str(id_), record.language, labels_of(record), model, taxonomy))
            elif error is None:  # then it has both
                labels = _labels(str(sentiment), of_tagging.get(tagging, []))
                units.append(Unit(str(id_), str(language), labels, model, taxonomy))
        return units, rows[-1][0] if rows else None


class FilePopulation:
    """The records of a .jsonl file that `stemme tag` wrote, with the text beside them; failed ones are left out."""

    def __init__(self, path: Path, *, text_column: str = "text") -> None:
        self._path, self._text = path, text_column

    def units(self) -> Iterator[Unit]:
        for number, record, beside in self._lines():
            if not isinstance(beside.get(self._text), str):
                raise BadRecords(
                    f"Line {number} of {self._path} has no text in {self._text!r}. Name its column: --text-column."
                )
            yield Unit(str(number), record.language, labels_of(record), record.model, record.taxonomy)

    def words(self, ids: Sequence[str]) -> dict[str, Words]:
        wanted, found = set(ids), {}
        for number, _, beside in self._lines():
            if str(number) in wanted:
                question = beside.get("question")
                found[str(number)] = Words(beside[self._text], question if isinstance(question, str) else None)
        return found

    def _lines(self) -> Iterator[tuple[int, TaggedComment, dict[str, Any]]]:
        """Each line's number from 1, its record and what stands beside it."""
        try:
            with self._path.open(encoding="utf-8") as lines:
                for number, line in enumerate(lines, start=1):
                    beside = json.loads(line) if line.strip() else {"error": {}}
                    if not isinstance(beside, dict) or beside.get("error") is None:
                        yield number, _RECORD.validate_python(beside), beside
        except (OSError, ValueError):  # of which what is no UTF-8, no JSON and no record are kinds
            raise BadRecords(
                f"{self._path} is no file of records, as `stemme tag comments.csv -o tagged.jsonl` writes them. Name "
                "such a file."
            ) from None


def _standing() -> ColumnElement[bool]:
    return and_(CommentVersion.comment_id == StoredComment.id, CommentVersion.number == StoredComment.version)


def _labels(sentiment: str, tags: Sequence[tuple[str, str, str | None]]) -> frozenset[str]:
    themes, factors, flags = (
        [(label, str(way)) for kind, label, way in tags if kind == wanted]
        for wanted in (TagKind.THEME, TagKind.FACTOR, TagKind.FLAG)
    )
    return label_set(sentiment, themes, factors, [label for label, _ in flags])
