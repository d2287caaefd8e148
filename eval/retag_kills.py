"""Kill a retag at random moments and count what was lost: `python -m eval.retag_kills`.

A store is filled with generated comments that a former model has tagged, and people correct some of them all over the
archive, so that alerts are raised and messages for webhooks lie in the outbox. `stemme retag` is started, killed
(SIGKILL) and started again, so often; some kills fall into the start, the last one near the switch-over, the others
anywhere. Between them new comments arrive, and some of them are tagged by the former model and corrected. In the end
everything is counted. It exits with 1 if a comment was lost or tagged twice, if a correction was lost or is not what
readers see, if readers ever saw a mixture, or if anything else was touched.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from hashlib import sha256
from typing import Annotated, Final

import typer
from sqlalchemy import MetaData, Table, func, select
from sqlalchemy.orm import Session

from api.ingest.active_tagger import ActiveTagger
from api.ingest.ingest import ingest
from api.ingest.worker import TagWorker
from api.jobs.jobs import list_jobs
from api.jobs.models import Job
from api.store.database import Store
from api.store.models import CommentVersion, StoredComment, Tag, Tagging, TagKind, TagRun
from api.store.runs import active_run
from api.store.search import Filters, standing
from eval.kills import Seed, tell
from eval.program import run_program
from eval.retag_people import People, count_alerts
from eval.retag_store import FormerModel, fill, generated
from eval.scratch_store import Database, scratch_url
from nlp.record import Comment, FailedComment
from nlp.tagger import Tagger
from nlp.taxonomy import Taxonomy

STEMME: Final = (sys.executable, "-c", "from api.cli import main; main()")
ARRIVING: Final = 20
CORRECTED_MEANWHILE: Final = 5
COMPARED: Final = 500
LOOK_SECONDS: Final = 0.05
START_SECONDS: Final = 10.0
"""Kills that fall into the start come within this time; those that fall near the end, within `END_SECONDS` of it."""
END_SECONDS: Final = 2.0
BATCH: Final = 64
LONGEST: Final = 20_000
CHANGED: Final = {
    "taggings",
    "tags",
    "tag_runs",
    "run_activations",
    "jobs",
    "audit_log",
    "pending_versions",
    "comments",
    "comment_versions",
    "corrections",
    "label_decisions",
}
"""Tables in which a retag, or what arrives and is corrected meanwhile, leaves rows; every other has to stay as it was.
`People` looks after the corrections."""
TOLD: Final = {
    "comments",
    "arrived_meanwhile",
    "kills",
    "corrections",
    "decisions_against_the_model",
    "alerts",
    "messages_in_the_outbox",
}
"""What is only told of a run; every other number has to be 0."""


@dataclass(frozen=True, slots=True)
class Counted:
    """What there is after the last start; all but those in `TOLD` have to be 0."""

    comments: int
    arrived_meanwhile: int
    kills: int
    corrections: int
    decisions_against_the_model: int
    alerts: int
    messages_in_the_outbox: int
    corrections_lost: int
    decisions_not_shown: int
    lost: int
    tagged_twice: int
    tags_in_part_or_twice: int
    other_than_the_model_says: int
    still_shown_by_the_former_run: int
    moments_with_a_mixture: int
    rows_changed_elsewhere: int

    @property
    def well(self) -> bool:
        return not any(number for name, number in asdict(self).items() if name not in TOLD)


class Watch:
    """What a reader sees between kills, and the tables that have to stay as they are."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._before = dict(_untouched(store))
        self.mixtures = 0

    def look(self) -> None:
        """Count a moment at which both runs are shown of comments that both have tagged or will have."""
        with self._store.read() as session:
            shown = select(func.count(Tagging.run_id.distinct())).where(Tagging.shown)
            self.mixtures += (session.scalar(shown) or 0) > 1

    def changed(self) -> int:
        """Tables that are not as they were."""
        return sum(self._before[name] != mark for name, mark in _untouched(self._store))


def measure(database: str, *, comments: int, kills: int, corrections: int, seed: int) -> Counted:
    """Fill the store, retag it through all kills, and count."""
    store, moments = Store.connect(database), random.Random(seed)
    try:
        store.upgrade()
        fill(store, comments)
        people = People(store, Taxonomy.load())
        people.prepare(corrections)
        watch = Watch(store)
        typer.echo(f"{comments:,} comments are in {store.name}, {corrections:,} corrected; the retag begins.")
        arrived = killed = 0
        for kill in range(kills):
            killed += _start_and_kill(store, database, _moment(kill, kills, moments))
            arrived += _let_arrive(store, comments + arrived, people, tagged=kill % 2 == 0)
            watch.look()
            job = _job(store)
            typer.echo(f"kill {kill + 1}: {'not begun' if job is None else f'{job.done:,} done, {job.state}'}")
        while (job := _job(store)) is None or not job.finished:
            _retag(database).wait()
        watch.look()
        _drain(store)
        return _count(store, watch, people, arrived=arrived, kills=killed)
    finally:
        store.close()


@dataclass(frozen=True, slots=True)
class Moment:
    """When a kill comes: so long after the start, or after so great a share is done and so long more."""

    seconds: float
    share: float | None = None


def _moment(kill: int, kills: int, moments: random.Random) -> Moment:
    place = kill / max(kills - 1, 1)
    if place < 0.15:  # noqa: PLR2004, the first three of twenty
        return Moment(moments.uniform(0, START_SECONDS))
    if kill == kills - 1:
        return Moment(moments.uniform(0, END_SECONDS), share=1.0)
    return Moment(moments.uniform(0, END_SECONDS), share=moments.uniform(place - 0.1, place))


def _start_and_kill(store: Store, database: str, moment: Moment) -> bool:
    """Whether it was still at work when it was killed."""
    process = _retag(database)
    if moment.share is not None:
        while process.poll() is None and _share(store) < moment.share:
            time.sleep(LOOK_SECONDS)
    until = time.monotonic() + moment.seconds
    while process.poll() is None and time.monotonic() < until:
        time.sleep(LOOK_SECONDS)
    at_work = process.poll() is None
    process.kill()
    process.wait()
    return at_work


def _share(store: Store) -> float:
    job = _job(store)
    return 0.0 if job is None or not job.total else job.done / job.total


def _job(store: Store) -> Job | None:
    jobs = list_jobs(store, limit=1)
    return jobs[0] if jobs else None


def _retag(database: str) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "STEMME_DATABASE": database}
    return subprocess.Popen([*STEMME, "retag"], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _let_arrive(store: Store, first: int, people: People, *, tagged: bool) -> int:
    """Store new comments; where the former run is active its model may tag them, as a service would, and people read
    some of them."""
    ingest(generated(ARRIVING, first=first), store=store)
    with store.read() as session:
        active = active_run(session)
    if tagged and active is not None and active.model == FormerModel.name:
        worker = TagWorker(store, FormerModel(), batch_size=BATCH, max_text_length=LONGEST)
        while worker.tag_batch():
            pass
        people.correct_meanwhile(CORRECTED_MEANWHILE)
    return ARRIVING


def _drain(store: Store) -> None:
    """Let the active run's model tag what waits, as a service would after its start."""
    tagger = ActiveTagger(store, Tagger.load, None)
    worker = TagWorker(store, tagger, batch_size=BATCH, max_text_length=LONGEST)
    while worker.tag_batch():
        pass


def _count(store: Store, watch: Watch, people: People, *, arrived: int, kills: int) -> Counted:
    changed = watch.changed()
    alerts, messages = count_alerts(store)
    with store.read() as session:
        run = active_run(session)
        assert run is not None
        checked = people.check(run.id)
        of_run = select(Tagging.version_id).where(Tagging.run_id == run.id)
        stand = standing(session, Filters(), CommentVersion.id)
        lost = select(func.count()).select_from(stand.where(CommentVersion.id.not_in(of_run)).subquery())
        twice = select(func.count()).select_from(
            of_run.group_by(Tagging.version_id).having(func.count() > 1).subquery()
        )
        former = select(func.count()).where(Tagging.shown, Tagging.run_id != run.id)
        return Counted(
            comments=session.scalar(select(func.count()).select_from(StoredComment)) or 0,
            arrived_meanwhile=arrived,
            kills=kills,
            corrections=checked.corrections,
            decisions_against_the_model=checked.against_the_model,
            alerts=alerts,
            messages_in_the_outbox=messages,
            corrections_lost=checked.lost,
            decisions_not_shown=checked.not_shown,
            lost=session.scalar(lost) or 0,
            tagged_twice=session.scalar(twice) or 0,
            tags_in_part_or_twice=_wrong_tags(session, run),
            other_than_the_model_says=_unlike_the_model(session, run),
            still_shown_by_the_former_run=session.scalar(former) or 0,
            moments_with_a_mixture=watch.mixtures,
            rows_changed_elsewhere=changed,
        )


def _wrong_tags(session: Session, run: TagRun) -> int:
    """Taggings of the run without their two flags, and tags that stand there twice."""
    flags = (
        select(Tagging.id)
        .outerjoin(Tag, (Tag.tagging_id == Tagging.id) & (Tag.kind == TagKind.FLAG))
        .where(Tagging.run_id == run.id, Tagging.error_code.is_(None))
        .group_by(Tagging.id)
        .having(func.count(Tag.id) != 2)  # noqa: PLR2004, churn_risk and follow_up
    )
    double = (
        select(Tag.tagging_id)
        .join(Tagging, Tagging.id == Tag.tagging_id)
        .where(Tagging.run_id == run.id)
        .group_by(Tag.tagging_id, Tag.kind, Tag.label, Tag.sentiment)
        .having(func.count() > 1)
    )
    counts = [session.scalar(select(func.count()).select_from(query.subquery())) or 0 for query in (flags, double)]
    return sum(counts)


def _unlike_the_model(session: Session, run: TagRun) -> int:
    """Of some comments drawn at random: those whose record has other labels than the model gives them."""
    ids = list(session.scalars(select(Tagging.id).where(Tagging.run_id == run.id)))
    drawn = random.Random(run.id).sample(ids, min(COMPARED, len(ids)))
    tagger, unlike = Tagger.load(), 0
    for id_ in drawn:
        tagging = session.get_one(Tagging, id_)
        version = session.get_one(CommentVersion, tagging.version_id)
        record = tagger.tag_one(Comment("1", version.text, version.question))
        # A text's scores differ in their last digits with the texts beside it in the batch, and so may a label that
        # lies on its threshold: what is compared is the sentiment and the language.
        if isinstance(record, FailedComment):
            unlike += tagging.error_code != record.error.code
        else:
            unlike += (tagging.sentiment, tagging.language) != (record.sentiment.label, record.language)
    return unlike


def _untouched(store: Store) -> Iterator[tuple[str, str]]:
    """Every table that a retag has no business in, with a mark of its rows: corrections of people, keys, and so on."""
    with store.read() as session:
        metadata = MetaData()
        metadata.reflect(session.connection(), only=lambda name, _: name not in CHANGED and "search" not in name)
        for table in metadata.sorted_tables:
            if table.name not in CHANGED:  # a table that others refer to is reflected with them
                yield table.name, _mark(session, table)


def _mark(session: Session, table: Table) -> str:
    rows = session.execute(select(table).order_by(*table.primary_key)).all()
    return sha256(repr(rows).encode()).hexdigest()


def main(
    *,
    comments: Annotated[int, typer.Option("--comments", min=1, help="How many the store is filled with.")] = 50_000,
    kills: Annotated[int, typer.Option("--kills", min=1, help="How often the retag is killed.")] = 20,
    corrections: Annotated[
        int, typer.Option("--corrections", min=1, help="How many of them people have corrected.")
    ] = 400,
    database: Database = None,
    seed: Seed = 20261127,
) -> None:
    """Kill a retag at random moments, and count what was lost, tagged twice or mixed."""
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="stemme-retag-") as folder:
        url = scratch_url(database, folder)
        counted = measure(url, comments=comments, kills=kills, corrections=corrections, seed=seed)
    tell(counted, seconds=time.monotonic() - begun)


if __name__ == "__main__":
    run_program(main)
