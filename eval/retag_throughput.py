"""How fast a retag is beside the bare tagger: `python -m eval.retag_throughput`.

Both tag the same comments in pieces, by turns in one process, so that whatever else the machine does falls on both. A
piece of the retag is whole: its steps are noted by dbos, its tags are stored in transactions. The ratio of the two
rates is what is of interest; the goal is 0.85 at least.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from threading import Event
from typing import Annotated, Final, Self, TypeVar

import typer

from api.jobs.durable import DurableSteps, durable_jobs
from api.jobs.jobs import create_job
from api.jobs.kinds import JobContext
from api.retag.job import PER_STEP, RetagJob
from api.store.database import Store
from eval.program import run_program
from eval.retag_store import fill, texts_of
from eval.scratch_store import Database, scratch_url
from nlp.record import Comment
from nlp.tagger import Tagger

GOAL: Final = 0.85
BATCH: Final = 64
LONGEST: Final = 20_000

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Cost:
    """What a piece has cost: seconds on the clock, and of the processor."""

    wall: float
    processor: float

    @classmethod
    def of(cls, work: Callable[[], Result]) -> tuple[Result, Self]:
        """What the work gives, and its cost."""
        wall, processor = time.perf_counter(), time.process_time()
        result = work()
        return result, cls(time.perf_counter() - wall, time.process_time() - processor)


class Timed:
    """The steps of a job, with what the bare tagger does between them, and the seconds of both.

    Parameters
    ----------
    steps : do the job's steps
    bare : tags the next piece without storing it, whenever a piece of the retag has been done
    """

    def __init__(self, steps: DurableSteps, bare: Callable[[], Cost]) -> None:
        self._steps, self._bare = steps, bare
        self.pairs: list[tuple[Cost, Cost]] = []

    def do(self, name: str, step: Callable[[], Result]) -> Result:
        result, cost = Cost.of(lambda: self._steps.do(name, step))
        if name == "tag" and isinstance(result, dict) and result["state"] == "more":
            self.pairs.append((cost, self._bare()))
        return result


def measure(database: str, number: int) -> list[tuple[Cost, Cost]]:
    """The costs of the retag and of the bare tagger for each piece, which holds as many comments for both."""
    store = Store.connect(database)
    try:
        store.upgrade()
        fill(store, number)
        tagger = Tagger.load()
        pieces = iter(_pieces(texts_of(store), PER_STEP))
        job = create_job(store, kind="retag", parameters={"model": None, "filters": {}, "rate": None}, by="benchmark")
        kind = RetagJob(lambda _: tagger, batch_size=BATCH, max_text_length=LONGEST)
        pairs: list[tuple[Cost, Cost]] = []

        def bare() -> Cost:
            piece = next(pieces)
            return Cost.of(lambda: list(tagger.tag(piece, batch_size=BATCH)))[1]

        def work(job_id: int, steps: DurableSteps) -> None:
            timed = Timed(steps, bare)
            kind.run(JobContext(job_id, job.parameters, store), timed)
            pairs.extend(timed.pairs)

        with durable_jobs(store, {"retag": work}, Event()) as jobs:
            jobs.run("retag", job.id, may_go_on=lambda: True)
        return pairs
    finally:
        store.close()


def _pieces(comments: list[Comment], size: int) -> list[list[Comment]]:
    return [comments[first : first + size] for first in range(0, len(comments), size)]


def main(
    *,
    comments: Annotated[int, typer.Option("--comments", min=256, help="How many are tagged by both.")] = 5_120,
    database: Database = None,
) -> None:
    """Measure a retag's rate as a share of the bare tagger's."""
    with tempfile.TemporaryDirectory(prefix="stemme-retag-") as folder:
        pairs = measure(scratch_url(database, folder), comments)
    retag, bare = sum(pair[0].wall for pair in pairs), sum(pair[1].wall for pair in pairs)
    typer.echo(f"retag       {comments / retag:,.0f} comments a second")
    typer.echo(f"bare tagger {comments / bare:,.0f} comments a second")
    middle = median(pair[1].wall / pair[0].wall for pair in pairs)
    processor = sum(pair[1].processor for pair in pairs) / sum(pair[0].processor for pair in pairs)
    typer.echo(f"ratio       {bare / retag:.3f} (median of {len(pairs)} pieces {middle:.3f})")
    typer.echo(f"            {processor:.3f} in time of the processor")
    raise typer.Exit(0 if bare / retag >= GOAL else 1)


if __name__ == "__main__":
    run_program(main)
