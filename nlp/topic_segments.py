"""What topics are made of: the clauses of comments, each with the tag that it carries and its embedding.

A comment praises the staff and complains of the parcel in one breath, so causes are looked for in its clauses. A clause
has a theme only if the comment's record has it: topics then agree with the reports, and with people's corrections.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from tempfile import TemporaryFile
from typing import Protocol

import numpy as np

from nlp.models.encoder import Floats
from nlp.record import Comment, FailedComment, Language, Record, Span, TaggedComment, ThemeTag
from nlp.segments import clauses

COMMENTS_AT_ONCE = 256


@dataclass(frozen=True, slots=True)
class Segment:
    """One clause of a comment.

    Attributes
    ----------
    start, end : code points of the comment's text
    theme : the theme that it speaks about, None if none
    sentiment : the sentiment about the theme; the clause's own where there is no theme, None if that is not known
    """

    comment_id: str
    start: int
    end: int
    text: str
    language: Language
    theme: str | None = None
    sentiment: str | None = None


@dataclass(frozen=True, slots=True)
class SegmentBatch:
    """Segments and their unit vectors, `embeddings` of shape (n_segments, width), row for row."""

    segments: Sequence[Segment]
    embeddings: Floats = field(repr=False)


class Reader(Protocol):
    """Tags and embeds in one pass; `nlp.Tagger` does."""

    def tag_and_embed(self, comments: Iterable[Comment]) -> Iterator[tuple[Record, Floats | None]]: ...


def segments_of(comments: Iterable[tuple[Comment, TaggedComment]], reader: Reader) -> Iterator[SegmentBatch]:
    """The clauses of tagged comments, in order, a few hundred comments at a time.

    Parameters
    ----------
    comments : each with its record, which people may have corrected
    reader : reads the clauses, each under the question of its comment

    Yields
    ------
    Batches, so that an archive need not lie in memory as text; a clause that cannot be read is left out
    """
    stream = iter(comments)
    while batch := list(islice(stream, COMMENTS_AT_ONCE)):
        yield segments_at(
            [(comment, record, span) for comment, record in batch for span in clauses(comment.text, record.language)],
            reader,
        )


def segments_at(pieces: Sequence[tuple[Comment, TaggedComment, Span]], reader: Reader) -> SegmentBatch:
    """The segments at places in tagged comments, in order; a place that cannot be read is left out.

    Parameters
    ----------
    pieces : a comment, its record and a place in its text; of a comment with several places each is one piece
    """
    asked = (Comment(comment.id, comment.text[span.start : span.end], comment.question) for comment, _, span in pieces)
    segments: list[Segment] = []
    embeddings: list[Floats] = []
    for (comment, record, span), (own, embedding) in zip(pieces, reader.tag_and_embed(asked), strict=True):
        if embedding is None or isinstance(own, FailedComment):
            continue
        theme, sentiment = tag_of(span, record, own)
        text = comment.text[span.start : span.end]
        segments.append(Segment(comment.id, span.start, span.end, text, record.language, theme, sentiment))
        embeddings.append(embedding)
    return SegmentBatch(segments, np.array(embeddings, dtype=np.float32).reshape(len(segments), -1))


def joined(batches: Iterable[SegmentBatch]) -> SegmentBatch:
    """All batches as one."""
    kept = [batch for batch in batches if batch.segments]
    if not kept:
        return SegmentBatch([], np.zeros((0, 0), dtype=np.float32))
    return SegmentBatch(
        [segment for batch in kept for segment in batch.segments],
        np.concatenate([batch.embeddings for batch in kept]),
    )


def spooled(batches: Iterable[SegmentBatch]) -> SegmentBatch:
    """All batches as one, the embeddings in a temporary file that is mapped into memory as it is needed.

    The file has no name, so nothing of it is left when the process ends, however it ends. It lies where Python's
    `tempfile` puts its files (`TMPDIR`).
    """
    segments: list[Segment] = []
    width = 0
    with TemporaryFile(prefix="stemme-") as file:
        for batch in batches:
            if batch.segments:
                segments += batch.segments
                width = batch.embeddings.shape[1]
                file.write(np.ascontiguousarray(batch.embeddings, dtype=np.float32).tobytes())
        if not segments:
            return SegmentBatch([], np.zeros((0, 0), dtype=np.float32))
        file.flush()
        # The map keeps the file after it is closed.
        return SegmentBatch(segments, np.memmap(file, dtype=np.float32, mode="r", shape=(len(segments), width)))


def tag_of(span: Span, record: TaggedComment, own: TaggedComment) -> tuple[str | None, str | None]:
    """The theme of a clause and the sentiment about it.

    Of the comment's themes it is the one that the clause shows most surely when it is read alone, else the one most of
    whose words stand in it. Read alone, a clause also tells praise from blame better than the whole comment does,
    which has one sentiment a theme.

    Parameters
    ----------
    span : where the clause stands in the comment
    record : of the comment
    own : of the clause, read alone
    """
    of_comment = {tag.theme: tag for tag in record.themes}
    shown = [tag for tag in own.themes if tag.theme in of_comment]
    if shown:
        surest = max(shown, key=lambda tag: tag.confidence)
        return surest.theme, surest.sentiment
    covered = {tag.theme: _overlap(span, tag) for tag in record.themes}
    theme = max(covered, key=lambda name: covered[name], default=None)
    if theme is None or not covered[theme]:
        return None, own.sentiment.label
    return theme, of_comment[theme].sentiment


def _overlap(span: Span, tag: ThemeTag) -> int:
    """How many characters of a theme's words stand in a clause."""
    return sum(max(0, min(span.end, words.end) - max(span.start, words.start)) for words in tag.spans)
