"""Rows in, rows with their records out: in order, none missing, a bounded number in memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol

from api.files.rows import Row
from nlp.record import Comment, FailedComment, Record

_CHARACTERS_AT_A_TIME = 4_000_000


class TagsComments(Protocol):
    """What is needed of nlp.tagger.Tagger."""

    def tag(self, comments: Iterable[Comment], *, batch_size: int = 64) -> Iterator[Record]: ...


def tag_rows(rows: Iterable[Row], tagger: TagsComments, *, batch_size: int = 64) -> Iterator[list[tuple[Row, Record]]]:
    """Tag rows a batch at a time; a row with a problem gets it as its record and is not shown to the tagger."""
    for chunk in _chunks(rows, most=batch_size):
        comments = [
            Comment(row.id, row.text, row.question) for row in chunk if row.problem is None and row.id is not None
        ]
        records = tagger.tag(comments, batch_size=batch_size)
        yield [(row, next(records) if row.problem is None else FailedComment(row.id, row.problem)) for row in chunk]


def _chunks(rows: Iterable[Row], *, most: int) -> Iterator[list[Row]]:
    chunk: list[Row] = []
    characters = 0
    for row in rows:
        chunk.append(row)
        characters += len(row.text)
        if len(chunk) == most or characters >= _CHARACTERS_AT_A_TIME:
            yield chunk
            chunk, characters = [], 0
    if chunk:
        yield chunk
