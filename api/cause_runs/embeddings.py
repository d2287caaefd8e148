"""What a model has read in clauses, kept in the store while a job looks for causes: a killed job need not read it anew.

Each version has a row; it goes with its comment, and with the job when that ends. `embed` makes the rows, `KeptReader`
reads them back as the model would have said it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b, sha256
from itertools import groupby, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

import numpy as np
from sqlalchemy import ColumnElement, delete, exists, insert, select
from sqlalchemy.orm import Session

from api.cause_runs.models import ClauseEmbeddings
from api.cause_runs.runs import keep_removals_out
from api.corrections.shown import in_batches
from api.ingest.live import GiveWay
from api.interactive import InteractiveCalls
from api.store.database import Store
from api.store.models import CommentVersion
from nlp.models.encoder import Floats
from nlp.models.fingerprint import fingerprint
from nlp.models.shipped import SHIPPED, model_folder
from nlp.record import Comment, FailedComment, Flag, Problem, Record, Sentiment, TaggedComment, ThemeTag
from nlp.segments import clauses
from nlp.topic_segments import Reader

if TYPE_CHECKING:
    from nlp.root_causes import Feedback  # needs the extra `topics`

COMMENTS_AT_ONCE: Final = 256
"""Comments of a transaction: what a kill costs at most."""
CLAUSES_AT_ONCE: Final = 64
"""Between two looks at the calls; what the tagger reads together."""
BESIDE_CALLS: Final = 8
"""The same while calls are to be expected: what one that comes meanwhile shares the processor with."""
FORGOTTEN_AT_ONCE: Final = 2_000
DIGEST_BYTES: Final = 8

Told = list[Any]
"""A clause in a row: the hash of its text, and where it could be read its sentiment and its themes, each with
sentiment and confidence."""


class NotKept(Exception):
    """Clauses are asked for that no row has: comments that were tagged or corrected since they were read."""


@dataclass(frozen=True, slots=True)
class Pace:
    """What goes first while clauses are read.

    Parameters
    ----------
    live, calls : comments that wait to be tagged, and callers of this process who wait for an answer
    pause : sleeps so many seconds, or raises what ends the work
    """

    live: GiveWay
    calls: InteractiveCalls
    pause: Callable[[float], None]

    def parts(self, comments: Sequence[Comment]) -> Iterator[Sequence[Comment]]:
        """The comments in parts, each when no call is in hand."""
        done = 0
        while done < len(comments):
            self.live.wait(self.pause)
            self.pause(0)
            self.calls.let_pass(self.pause)
            part = comments[done : done + (BESIDE_CALLS if self.calls.expected else CLAUSES_AT_ONCE)]
            yield part
            done += len(part)


def model_of(folder: Path | None, name: str) -> str:
    """What a model's rows are known by.

    Parameters
    ----------
    folder : None for the shipped one
    name : as the reader calls itself
    """
    weights = fingerprint(SHIPPED if folder is None else model_folder(folder))
    return sha256(f"{name} {weights}".encode()).hexdigest()


def not_kept(job_id: int, model: str) -> ColumnElement[bool]:
    """Whether a version of a query on `CommentVersion` has still to be read."""
    kept = exists().where(
        ClauseEmbeddings.version_id == CommentVersion.id,
        ClauseEmbeddings.job_id == job_id,
        ClauseEmbeddings.model == model,
    )
    return ~kept


def embed(
    store: Store,
    job_id: int,
    feedback: Iterable[Feedback],
    reader: Reader,
    *,
    model: str,
    pace: Pace,
    progress: Callable[[int], None] = lambda _read: None,
) -> None:
    """Read the clauses of comments and keep what was read, some comments in each transaction.

    Parameters
    ----------
    feedback : called by the ids of their versions; of those that have rows, the rows are replaced
    model : of `model_of`
    progress : called with the number of comments that were read
    """
    stream, read = iter(feedback), 0
    while some := list(islice(stream, COMMENTS_AT_ONCE)):
        asked = [
            Comment(each.comment.id, each.comment.text[span.start : span.end], each.comment.question)
            for each in some
            for span in clauses(each.comment.text, each.record.language)
        ]
        rows = {each.comment.id: _Row() for each in some}
        for part in pace.parts(asked):
            for comment, (own, vector) in zip(part, reader.tag_and_embed(part), strict=True):
                rows[comment.id].add(comment.text, own, vector)
            progress(read)
        _store(store, {int(id_): row.columns(job_id, model) for id_, row in rows.items()})
        read += len(some)
        progress(read)


class KeptReader:
    """Says of clauses what the model said of them; a `nlp.topic_segments.Reader` without a model.

    Of a clause's record only what segments are made of is there: its sentiment and its themes, without their words.
    """

    def __init__(self, store: Store, job_id: int, *, model: str) -> None:
        self._store, self._job_id, self._model = store, job_id, model

    def tag_and_embed(self, comments: Iterable[Comment]) -> Iterator[tuple[Record, Floats | None]]:
        """What was read of these clauses, all of a comment one after another.

        Raises
        ------
        NotKept : if some were not read; the rows of their comments are gone then, so that `embed` makes them anew
        """
        of_version = {int(id_): list(group) for id_, group in groupby(comments, key=lambda comment: comment.id)}
        kept = self._rows(of_version)
        strange = [
            id_
            for id_, asked in of_version.items()
            if id_ not in kept or [told[0] for told in kept[id_][0]] != [_digest(each.text) for each in asked]
        ]
        if strange:
            forget_versions_read(self._store, strange)
            raise NotKept
        for id_, asked in of_version.items():
            told, vectors = kept[id_]
            rows = iter(vectors)
            for comment, of_clause in zip(asked, told, strict=True):
                read = _as_read(comment.id, of_clause)
                yield read, None if isinstance(read, FailedComment) else next(rows)

    def _rows(self, ids: Collection[int]) -> dict[int, tuple[Sequence[Told], Floats]]:
        query = select(ClauseEmbeddings.version_id, ClauseEmbeddings.clauses, ClauseEmbeddings.vectors).where(
            ClauseEmbeddings.job_id == self._job_id, ClauseEmbeddings.model == self._model
        )
        with self._store.read() as session:
            return {
                id_: (told, _as_vectors(vectors, sum(len(each) > 1 for each in told)))
                for some in in_batches(ids)
                for id_, told, vectors in session.execute(query.where(ClauseEmbeddings.version_id.in_(some)))
            }


def forget_versions_read(store: Store, version_ids: Collection[int]) -> None:
    """Delete what was read of these versions."""
    with store.write() as session:
        for some in in_batches(version_ids):
            session.execute(delete(ClauseEmbeddings).where(ClauseEmbeddings.version_id.in_(some)))


def forget_some(session: Session, which: ColumnElement[bool]) -> bool:
    """Delete some of the rows that a condition names; whether there was any."""
    some = select(ClauseEmbeddings.version_id).where(which).limit(FORGOTTEN_AT_ONCE)
    gone = session.execute(
        delete(ClauseEmbeddings).where(ClauseEmbeddings.version_id.in_(some)).returning(ClauseEmbeddings.version_id)
    )
    return bool(gone.all())


class _Row:
    def __init__(self) -> None:
        self._told: list[Told] = []
        self._vectors: list[Floats] = []

    def add(self, text: str, own: Record, vector: Floats | None) -> None:
        if vector is None or isinstance(own, FailedComment):
            self._told.append([_digest(text)])
            return
        themes = [[tag.theme, tag.sentiment, tag.confidence] for tag in own.themes]
        self._told.append([_digest(text), own.sentiment.label, themes])
        self._vectors.append(vector)

    def columns(self, job_id: int, model: str) -> dict[str, Any]:
        vectors = np.array(self._vectors, dtype=np.float32).tobytes()
        return {"job_id": job_id, "model": model, "clauses": self._told, "vectors": vectors}


def _store(store: Store, rows: dict[int, dict[str, Any]]) -> None:
    with store.write() as session:
        keep_removals_out(session)  # what is gone by now is not kept
        there: set[int] = set()
        for some in in_batches(rows):
            session.execute(delete(ClauseEmbeddings).where(ClauseEmbeddings.version_id.in_(some)))
            there.update(session.scalars(select(CommentVersion.id).where(CommentVersion.id.in_(some))))
        kept = [{"version_id": id_, **row} for id_, row in rows.items() if id_ in there]
        if kept:
            session.execute(insert(ClauseEmbeddings), kept)


def _as_vectors(stored: bytes, number: int) -> Floats:
    return np.frombuffer(stored, dtype=np.float32).reshape(number, -1 if number else 0)


def _digest(text: str) -> str:
    return blake2b(text.encode(), digest_size=DIGEST_BYTES).hexdigest()


def _as_read(id_: str, told: Told) -> Record:
    if len(told) == 1:
        return FailedComment(id_, Problem("unreadable", "The clause could not be read."))
    _, sentiment, themes = told
    no = Flag(flag=False, confidence=0.0, spans=())
    return TaggedComment(
        id=id_,
        language="other",
        sentiment=Sentiment(cast("Any", sentiment), 0.0, {}),
        themes=tuple(ThemeTag(theme, "", about, confidence, spans=()) for theme, about, confidence in themes),
        factors=(),
        churn_risk=no,
        follow_up=no,
        model="",
        taxonomy="",
    )
