"""Taggers of two models, and a runner for the jobs of a test."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from sqlalchemy import select

from api.dependencies import CommentTagger
from api.ingest.ingest import NewComment, ingest
from api.ingest.worker import TagWorker
from api.jobs.jobs import create_job
from api.jobs.models import Job
from api.jobs.runner import JobRunner
from api.retag.job import RetagJob
from api.store.database import Store
from api.store.models import CommentVersion, StoredComment, Tagging, TagRun
from nlp.record import Comment, Record, TaggedComment
from tests.api.rest_stub import StubTagger
from tests.api.running import finish

OTHER = "/models/other"
EVERYTHING = {"model": OTHER, "filters": {}, "rate": None}


class OtherTagger(StubTagger):
    """As the stub, under another name, and it finds every comment neutral. `before` is called with each batch."""

    name = "other@2.0.0"

    def __init__(self, before: Callable[[list[Comment]], None] = lambda _: None) -> None:
        super().__init__()
        self.before = before
        self.seen: list[str] = []

    def tag(self, comments: Iterable[Comment], *, batch_size: int = 64) -> Iterator[Record]:
        batch = list(comments)
        self.before(batch)
        self.seen += [comment.text for comment in batch]
        return super().tag(batch, batch_size=batch_size)

    def tag_one(self, comment: Comment) -> Record:
        record = super().tag_one(comment)
        if not isinstance(record, TaggedComment):
            return record
        return replace(record, sentiment=replace(record.sentiment, label="neutral", score=0.0), model=self.name)


def loads(other: CommentTagger) -> Callable[[Path | None], CommentTagger]:
    """Loads the stub for the shipped model, and this one for any folder."""
    return lambda folder: StubTagger() if folder is None else other


def add_tagged(store: Store, *texts: str, first: int = 0, **fields: str) -> None:
    """Comments that the stub has tagged."""
    ingest([NewComment("survey", str(n), text, **fields) for n, text in enumerate(texts, first)], store=store)
    worker = TagWorker(store, StubTagger(), batch_size=100, max_text_length=20_000)
    while worker.tag_batch():
        pass


def retag(store: Store, other: CommentTagger, parameters: dict[str, object] = EVERYTHING) -> Job:
    """Ask for a retag and run it to its end."""
    job = create_job(store, kind="retag", parameters=parameters, by="test")
    return run_jobs(store, other, job.id)


def run_jobs(store: Store, other: CommentTagger, job_id: int, *, batch_size: int = 2) -> Job:
    """Run jobs until this one has ended."""
    return finish(store, kind_of(other, batch_size=batch_size), job_id)


def runner_of(store: Store, other: CommentTagger, *, batch_size: int = 2) -> JobRunner:
    return JobRunner(store, [kind_of(other, batch_size=batch_size)])


def kind_of(other: CommentTagger, *, batch_size: int = 2) -> RetagJob:
    return RetagJob(loads(other), batch_size=batch_size, max_text_length=20_000)


def shown(store: Store) -> dict[str, str]:
    """The model that is shown of each comment's standing text."""
    with store.read() as session:
        rows = session.execute(
            select(StoredComment.external_id, TagRun.model)
            .join(CommentVersion, CommentVersion.comment_id == StoredComment.id)
            .join(Tagging, Tagging.version_id == CommentVersion.id)
            .join(TagRun, TagRun.id == Tagging.run_id)
            .where(Tagging.shown, CommentVersion.number == StoredComment.version)
            .order_by(StoredComment.id)
        )
        return dict(rows.tuples().all())


def states(store: Store) -> dict[str, str]:
    """The state of each run, by its model."""
    with store.read() as session:
        return dict(session.execute(select(TagRun.model, TagRun.state)).tuples().all())
