"""Kill a service at random moments of a topics job, and count what was done twice: `python -m eval.topics_kills`.

A store is filled with generated comments. `stemme serve` runs on it, with the shipped model, and finds causes once
without being disturbed. Then it is asked once more, killed (SIGKILL) and started again, so often: some kills fall into
the start, most into reading, some into finding and storing topics. In the end both results are compared, and it is
counted how many comments were embedded more than once. It exits with 1 if the results differ, if more was embedded
twice than a batch for each kill, or if anything of the work is left in the store.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from sqlalchemy import func, select

from api.cause_runs.embeddings import COMMENTS_AT_ONCE
from api.cause_runs.models import CauseMember, CauseRun, ClauseEmbeddings
from api.cause_runs.request import TopicsRequest
from api.jobs.jobs import create_job, find_job
from api.jobs.models import Job, JobState
from api.server import serve
from api.settings import read_settings
from api.store.database import Store
from eval.kills import Seed, tell
from eval.program import run_program
from eval.retag_store import fill
from eval.scratch_store import Database, scratch_url
from nlp.models.encoder import Floats
from nlp.record import Comment, Record
from nlp.tagger import Tagger

SERVE: Final = (sys.executable, "-c", "from eval.topics_kills import serve_counting; serve_counting()")
LOG: Final = "STEMME_EVAL_EMBEDDED"
READING: Final = "reading comments"
LOOK_SECONDS: Final = 0.05
START_SECONDS: Final = 10.0
"""Kills that fall into the start come within this time."""
LATE_SECONDS: Final = 3.0
"""Kills that fall into finding and storing topics come within this time after all was read."""
PATIENCE_SECONDS: Final = 3_600.0


class CountingTagger(Tagger):
    """The shipped tagger; it writes down of which comments it embeds clauses."""

    def tag_and_embed(
        self, comments: Iterable[Comment], *, batch_size: int = 64
    ) -> Iterator[tuple[Record, Floats | None]]:
        asked = list(comments)
        with Path(os.environ[LOG]).open("a", encoding="utf-8") as file:
            file.write("".join(f"{comment.id}\n" for comment in asked))
        yield from super().tag_and_embed(asked, batch_size=batch_size)


def serve_counting() -> None:
    """The service, with a tagger that counts."""
    serve(read_settings(open=True, port=0), load=CountingTagger.load)


@dataclass(frozen=True, slots=True)
class Counted:
    """What there is after the last start.

    Parameters
    ----------
    kills : those that met a job that had not ended
    killed_later : those of them that came when all was read
    embedded_twice : comments
    """

    comments: int
    causes: int
    members: int
    kills: int
    killed_later: int
    embedded_twice: int
    not_ended: int
    differing_causes: int
    differing_members: int
    embeddings_left: int
    runs_left_in_part: int

    @property
    def well(self) -> bool:
        wrong = (self.not_ended, self.differing_causes, self.differing_members)
        left = (self.embeddings_left, self.runs_left_in_part)
        return not any((*wrong, *left)) and self.embedded_twice <= self.kills * COMMENTS_AT_ONCE


def measure(database: str, folder: Path, *, comments: int, kills: int, seed: int) -> Counted:
    """Fill the store, find causes without and with kills, and count.

    Parameters
    ----------
    folder : for what the services write down
    """
    store, moments = Store.connect(database), random.Random(seed)
    try:
        store.upgrade()
        fill(store, comments)
        calm, disturbed = folder / "calm", folder / "disturbed"
        first = _ask(store)
        with _service(database, calm):
            _until(store, first, share=None)
        typer.echo(f"{comments:,} comments are in {store.name}; causes were found once, now with kills.")
        job, killed, later = _ask(store), 0, 0
        for kill in range(kills):
            with _service(database, disturbed):
                _until(store, job, **_moment(kill, kills, moments))
                told = find_job(store, job.id)
            killed += not told.finished
            later += not told.finished and told.doing not in {None, READING, "loading the model"}
            typer.echo(f"kill {kill + 1}: {told.done:,} read, {told.doing or told.state}")
        with _service(database, disturbed):
            _until(store, job, share=None)
        jobs = (find_job(store, first.id), find_job(store, job.id))
        return _count(store, jobs, (calm, disturbed), kills=killed, later=later)
    finally:
        store.close()


def _ask(store: Store) -> Job:
    asked = TopicsRequest.model_validate({"kind": "topics", "anew": True, "show": False})
    return create_job(store, kind="topics", parameters=asked.as_parameters(), by="measurement")


def _moment(kill: int, kills: int, moments: random.Random) -> dict[str, Any]:
    place = kill / max(kills - 1, 1)
    if place < 0.1:  # noqa: PLR2004, the first two of twenty
        return {"share": 0.0, "seconds": moments.uniform(0, START_SECONDS)}
    if place > 0.7:  # noqa: PLR2004, the last six
        return {"share": 1.0, "seconds": moments.uniform(0, LATE_SECONDS)}
    return {"share": moments.uniform(max(place - 0.2, 0.0), place) / 0.7, "seconds": 0.0}


def _until(store: Store, job: Job, *, share: float | None, seconds: float = 0.0) -> None:
    """Wait until so great a share is read and so long after it, or until the job has ended; to its end if None."""
    until, since = time.monotonic() + PATIENCE_SECONDS, None
    while time.monotonic() < until and not (told := find_job(store, job.id)).finished:
        if share is not None and (share == 0 or (told.total and told.done / told.total >= share)):
            since = since or time.monotonic()
            if time.monotonic() - since >= seconds:
                return
        time.sleep(LOOK_SECONDS)


@contextmanager
def _service(database: str, log: Path) -> Iterator[None]:
    """A service, which is killed when the block ends."""
    environment = {**os.environ, "STEMME_DATABASE": database, LOG: str(log)}
    with log.with_suffix(".log").open("ab") as output:
        process = subprocess.Popen([*SERVE], env=environment, stdout=output, stderr=subprocess.STDOUT)
    try:
        yield
    finally:
        process.kill()
        process.wait()


def _count(store: Store, jobs: tuple[Job, Job], logs: tuple[Path, Path], *, kills: int, later: int) -> Counted:
    """Compare the job that was left in peace with the other."""
    once, twice = map(_embedded, logs)
    ended = all(job.state == JobState.SUCCEEDED for job in jobs)
    with store.read() as session:
        runs = [session.scalar(select(CauseRun).where(CauseRun.job_id == each.id)) for each in jobs]
        causes = [{} if run is None else {each["topic"]: each for each in run.report["causes"]} for run in runs]
        columns = (CauseMember.topic, CauseMember.comment_version_id, CauseMember.start, CauseMember.end)
        members = [
            set()
            if run is None
            else {tuple(row) for row in session.execute(select(*columns).where(CauseMember.cause_run_id == run.id))}
            for run in runs
        ]
        left = session.scalar(select(func.count()).select_from(ClauseEmbeddings)) or 0
        in_part = session.scalar(select(func.count()).where(~CauseRun.ready)) or 0
    topics = causes[0].keys() | causes[1].keys()
    return Counted(
        comments=0 if runs[0] is None else runs[0].n_comments,
        causes=len(causes[0]),
        members=len(members[0]),
        kills=kills,
        killed_later=later,
        embedded_twice=sum(number > once[id_] for id_, number in twice.items()),
        not_ended=int(not ended),
        differing_causes=sum(causes[0].get(topic) != causes[1].get(topic) for topic in topics),
        differing_members=len(members[0] ^ members[1]),
        embeddings_left=left,
        runs_left_in_part=in_part,
    )


def _embedded(log: Path) -> Counter[str]:
    """How many clauses of each comment were embedded."""
    return Counter(log.read_text(encoding="utf-8").split()) if log.exists() else Counter()


def main(
    *,
    comments: Annotated[int, typer.Option("--comments", min=100, help="How many the store is filled with.")] = 20_000,
    kills: Annotated[int, typer.Option("--kills", min=1, help="How often the service is killed.")] = 20,
    database: Database = None,
    seed: Seed = 20261127,
) -> None:
    """Kill a service during a topics job, and count what was embedded twice and what differs."""
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="stemme-topics-") as folder:
        url = scratch_url(database, folder)
        counted = measure(url, Path(folder), comments=comments, kills=kills, seed=seed)
    tell(counted, seconds=time.monotonic() - begun)


if __name__ == "__main__":
    run_program(main)
