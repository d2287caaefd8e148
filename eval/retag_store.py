"""A store with comments that a former model has tagged: what the measurements of `stemme retag` work on."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from sqlalchemy import delete, select

from api.ingest.ingest import NewComment, ingest
from api.store.database import Store
from api.store.models import CommentVersion, PendingVersion
from api.store.records import store_records
from api.store.runs import ensure_run
from nlp.record import Comment, FailedComment, Flag, Problem, Record, Sentiment, TaggedComment

SAMPLE: Final = Path(__file__).parents[1] / "api" / "sample" / "comments.csv"
SOURCE: Final = "generated"
AT_ONCE: Final = 1_000


class FormerModel:
    """Stands in for the model that was at work before: every comment is neutral, and nothing else is said of it."""

    name, taxonomy = "former@1.0.0", "journey@1.0.0"

    def tag(self, comments: Iterable[Comment], *, batch_size: int = 64) -> Iterator[Record]:  # noqa: ARG002
        return map(self.tag_one, comments)

    def tag_one(self, comment: Comment) -> Record:
        if not comment.text.strip():
            return FailedComment(comment.id, Problem("empty_text", "The text is empty."))
        flag = Flag(flag=False, confidence=0.0, spans=())
        neutral = Sentiment("neutral", 0.0, {"negative": 0.0, "neutral": 1.0, "mixed": 0.0, "positive": 0.0})
        return TaggedComment(comment.id, "other", neutral, (), (), flag, flag, self.name, self.taxonomy)


def generated(number: int, *, first: int = 0) -> Iterator[NewComment]:
    """So many comments, no two alike: the shipped sample's texts, in four languages, each with its number.

    Parameters
    ----------
    first : the number of the first, which is its external id too
    """
    with SAMPLE.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    for at in range(first, first + number):
        row = rows[at % len(rows)]
        yield NewComment(SOURCE, str(at), f"{row['text']} (nr. {at})", nps=at % 11, department=row["department"])


def fill(store: Store, number: int) -> None:
    """Put comments into the store and let the former model tag them, without the worker's one batch after another."""
    former, comments = FormerModel(), list(generated(number))
    for first in range(0, number, AT_ONCE):
        ingest(comments[first : first + AT_ONCE], store=store)
        with store.write() as session:
            run = ensure_run(session, model=former.name, taxonomy=former.taxonomy)
            waiting = session.execute(
                select(CommentVersion.id, CommentVersion.text).join(
                    PendingVersion, PendingVersion.version_id == CommentVersion.id
                )
            ).all()
            store_records(session, run.id, [(id_, former.tag_one(Comment("", text))) for id_, text in waiting])
            session.execute(delete(PendingVersion))


def texts_of(store: Store) -> list[Comment]:
    """The comments of the store as a tagger reads them."""
    with store.read() as session:
        query = select(CommentVersion.id, CommentVersion.text, CommentVersion.question).order_by(CommentVersion.id)
        return [Comment(str(id_), text, question) for id_, text, question in session.execute(query)]
