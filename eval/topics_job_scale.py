"""What a topics job costs over many comments, without the model: `python -m eval.topics_job_scale --comments 100000`.

A store is filled as for `python -m eval.store_scale`. Clauses are embedded by a stand-in that takes no time: along a
direction for the sentiment and the words, with some noise, in as many dimensions as the shipped model's. Everything
else is the job's own: reading, keeping, clustering, describing, storing. Time, the memory of the process after each
step, the longest write transaction and the size of the store are printed.
"""

from __future__ import annotations

import resource
import tempfile
import time
from collections.abc import Iterable, Iterator
from hashlib import blake2b
from pathlib import Path
from typing import Annotated, Any, Final
from zoneinfo import ZoneInfo

import numpy as np
import typer
from sqlalchemy import event

from api.cause_runs import reading
from api.cause_runs.discovery import Reading, discover
from api.cause_runs.embeddings import Pace, embed, forget_some
from api.cause_runs.models import ClauseEmbeddings
from api.cause_runs.request import TopicsRequest
from api.cause_runs.runs import show_run
from api.ingest.live import GiveWay
from api.interactive import InteractiveCalls
from api.jobs.jobs import create_job
from api.retag.request import filters_of
from api.store.database import Store
from eval.large_store import fill_large
from eval.program import run_program
from nlp.models.encoder import Floats
from nlp.record import Comment, Flag, Record, Sentiment, TaggedComment

WIDTH: Final = 256
"""Of the shipped model's embeddings."""
NOISE: Final = 0.03
GROUPS: Final = 150
LARGE_RUN: Final = 2
"""The active tag run of `fill_large`."""


class QuickReader:
    """Stands in for the model: texts that begin alike lie together."""

    name = "large@2.0.0"

    def __init__(self) -> None:
        self._random = np.random.default_rng(1)
        self._directions = self._random.normal(size=(GROUPS, WIDTH)).astype(np.float32)

    def tag_and_embed(self, comments: Iterable[Comment]) -> Iterator[tuple[Record, Floats | None]]:
        no = Flag(flag=False, confidence=0.0, spans=())
        for comment in comments:
            group = int.from_bytes(blake2b(comment.text[:12].encode(), digest_size=4).digest()) % GROUPS
            label: Any = ("negative", "positive", "neutral")[group % 3]
            record = TaggedComment(
                comment.id or "", "nb", Sentiment(label, 0.0, {}), (), (), no, no, self.name, "journey@1.0.0"
            )
            vector = self._directions[group] / np.sqrt(WIDTH) + self._random.normal(scale=NOISE, size=WIDTH)
            yield record, (vector / np.linalg.norm(vector)).astype(np.float32)


class Transactions:
    """The longest write transaction."""

    def __init__(self, store: Store) -> None:
        self.longest, self.number = 0.0, 0
        self._begun: dict[int, float] = {}
        engine = store._writing
        event.listen(engine, "begin", lambda connection: self._begun.update({id(connection): time.monotonic()}))
        event.listen(engine, "commit", self._end)

    def _end(self, connection: Any) -> None:
        begun = self._begun.pop(id(connection), None)
        if begun is not None:
            self.longest, self.number = max(self.longest, time.monotonic() - begun), self.number + 1


def measure(file: Path, comments: int) -> None:
    """Fill, read, find, show, forget; and print what each costs."""
    fill_large(file, comments, corrected=comments // 500, also_by_a_former_run=0.0)
    store = Store.open(f"sqlite:///{file}")
    try:
        before = file.stat().st_size
        parameters = TopicsRequest.model_validate({"kind": "topics", "anew": True}).as_parameters()
        job = create_job(store, kind="topics", parameters=parameters, by="measurement")
        with store.read() as session:
            up_to = reading.newest_version(session)
        begun_at, transactions, clock = store.settled_moment(), Transactions(store), _Clock()
        feedback = reading.read(store, filters_of(parameters), up_to=up_to, time_zone=ZoneInfo("Europe/Oslo"))
        pace = Pace(GiveWay(store), InteractiveCalls(), lambda _: None)
        embed(store, job.id, feedback, QuickReader(), model="measurement", pace=pace)
        clock.tell("read and keep")
        typer.echo(f"longest transaction: {transactions.longest:.2f} s of {transactions.number:,}")
        store.empty_write_ahead_log()
        typer.echo(f"the store grew by {(file.stat().st_size - before) / 2**20:,.0f} MiB")
        transactions.longest = 0.0
        read = Reading(
            job.id, parameters, comments, up_to, begun_at.isoformat(), LARGE_RUN, QuickReader.name, "measurement"
        )
        run_id = discover(store, read, progress=clock.step)
        clock.tell()
        assert run_id is not None
        with store.write() as session:
            run = show_run(session, run_id, shown=True)
        clock.tell("show")
        while True:
            with store.write() as session:
                if not forget_some(session, ClauseEmbeddings.job_id == job.id):
                    break
        clock.tell("forget")
        typer.echo(f"longest transaction: {transactions.longest:.2f} s of {transactions.number:,}")
        typer.echo(f"{run.n_comments:,} comments, {run.n_segments:,} clauses, {len(run.report['causes'])} causes")
    finally:
        store.close()


class _Clock:
    def __init__(self) -> None:
        self._begun, self._processor = time.monotonic(), time.process_time()
        self._name: str | None = None

    def step(self, name: str, _share: float) -> None:
        if name != self._name:
            self.tell()
            self._name = name

    def tell(self, name: str | None = None) -> None:
        name = name or self._name
        seconds, processor = time.monotonic() - self._begun, time.process_time() - self._processor
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
        if name is not None:
            typer.echo(
                f"{name:<20} {seconds:8.1f} s, {processor:7.1f} of the processor; {memory:,.0f} MiB at most so far"
            )
        self._begun, self._processor, self._name = time.monotonic(), time.process_time(), None


def main(
    *,
    comments: Annotated[int, typer.Option("--comments", min=1_000, help="How many the store holds.")] = 100_000,
) -> None:
    """Measure a topics job over a large SQLite store with a stand-in for the model."""
    with tempfile.TemporaryDirectory(prefix="stemme-topics-scale-") as folder:
        measure(Path(folder) / "store.db", comments)


if __name__ == "__main__":
    run_program(main)
