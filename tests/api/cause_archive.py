"""A store with causes in it: parcels that come late at one department, kind words at another."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import select

from api.cause_runs.job import TopicsJob
from api.cause_runs.make_report import make_report
from api.cause_runs.models import CauseRun
from api.cause_runs.report import Report
from api.cause_runs.request import TopicsRequest
from api.cause_runs.runs import show_run, stage_run
from api.corrections.shown import shown_records
from api.ingest.ingest import NewComment, ingest
from api.ingest.worker import TagWorker
from api.jobs.jobs import create_job
from api.jobs.models import Job
from api.store.database import Store
from api.store.models import CommentVersion, StoredComment, now
from api.store.runs import active_run
from nlp.record import Comment, TaggedComment
from nlp.root_causes import Feedback, RootCauses, find_root_causes
from nlp.topics import TopicModel
from tests.api.running import finish
from tests.embedding_stub import EmbeddingStub

FIRST = datetime(2026, 3, 1, 9, tzinfo=UTC)
DAYS = 30
TAILS = ("i dag", "igjen", "denne gangen", "dessverre", "i påsken", "før helga")


def add_archive(store: Store, *, days: int = DAYS, first: int = 0, kind_words: bool = True) -> None:
    """Two comments a day: kind words all along, late parcels from the tenth day on."""
    comments = []
    for day in range(first, first + days):
        when = FIRST + timedelta(days=day)
        kind = NewComment(
            "survey", f"H{day}", f"Alltid hyggelig hos dere {TAILS[day % 6]}", respondent=f"s{day}", nps=10
        )
        late = NewComment("survey", f"L{day}", f"Pakka kom sein {TAILS[day % 6]}", respondent=f"r{day}", nps=day % 3)
        dear = NewComment("survey", f"D{day}", f"Det var dyrt {TAILS[day % 6]}", respondent=f"d{day}", nps=8)
        placed = [(kind, "butikk")] if kind_words else []
        placed += [(late if day >= 10 else dear, "logistikk")]
        comments += [replace(each, department=where, submitted_at=when) for each, where in placed]
    ingest(comments, store=store)
    tag(store)


def tag(store: Store) -> None:
    worker = TagWorker(store, EmbeddingStub(), batch_size=100, max_text_length=20_000)
    while worker.tag_batch():
        pass


def find_causes(store: Store, *, former: TopicModel | None = None, seed: int = 1) -> tuple[RootCauses, int]:
    """Causes of all comments, and the newest version that was read."""
    with store.read() as session:
        versions = session.scalars(select(CommentVersion).order_by(CommentVersion.id)).all()
        records = shown_records(session, [version.id for version in versions])
        comments = {each.id: each for each in session.scalars(select(StoredComment))}
    feedback = []
    for version in versions:
        record, comment = records[version.id], comments[version.comment_id]
        assert isinstance(record, TaggedComment)
        feedback.append(
            Feedback(
                Comment(str(version.id), version.text, version.question),
                record,
                day=comment.submitted_at.date(),
                nps=comment.nps,
                respondent=comment.respondent,
                dimensions={"department": comment.department or ""},
            )
        )
    stub = EmbeddingStub()
    found = find_root_causes(feedback, stub, encoder=stub.name, former=former, seed=seed, replicates=50)
    return found, versions[-1].id


def keep_causes(store: Store, *, former: TopicModel | None = None, shown: bool = True) -> CauseRun:
    """Find causes and save the run."""
    begun = now()
    found, read_up_to = find_causes(store, former=former)
    report = make_report(found, read_up_to=read_up_to)
    return save(store, found, report, created_at=begun, shown=shown)


def save(
    store: Store,
    found: RootCauses,
    report: Report,
    *,
    created_at: datetime | None = None,
    shown: bool = True,
    job_id: int | None = None,
) -> CauseRun:
    """Store a run, and let everybody see it."""
    with store.read() as session:
        active = active_run(session)
        assert active is not None
    run_id = stage_run(
        store,
        found=found,
        report=report,
        parameters=TopicsRequest.model_validate({"kind": "topics"}).as_parameters(),
        tag_run_id=active.id,
        created_at=created_at or now(),
        job_id=job_id,
    )
    with store.write() as session:
        return show_run(session, run_id, shown=shown)


def topic_of(run: CauseRun, theme: str) -> str:
    """The id of a run's cause of a theme."""
    (topic,) = [cause["topic"] for cause in run.report["causes"] if cause["theme"] == theme]
    return str(topic)


ASKED: dict[str, Any] = {
    "filters": {},
    "smallest": None,
    "names": [],
    "metadata": [],
    "time_zone": "Europe/Oslo",
    "seed": 1,
    "anew": False,
    "show": True,
}


def ask(store: Store, **parameters: Any) -> Job:
    """Put a job into the queue."""
    return create_job(store, kind="topics", parameters={**ASKED, **parameters}, by="test")


def run_topics(store: Store, job: Job | None = None, *, reader: Any = None, **parameters: Any) -> Job:
    """Run a job to its end; without one, one that is asked for now."""
    job = job or ask(store, **parameters)
    return finish(store, TopicsJob(lambda _: reader or EmbeddingStub()), job.id)
