"""A command that follows a job: run here unless another process runs it, with a bar that says how far it is."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Protocol, Self

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from api.job_kinds import job_kinds
from api.jobs.jobs import find_job
from api.jobs.models import Job
from api.jobs.runner import JobRunner
from api.settings import Settings
from api.store.database import Store
from api.terminal import INTERRUPTED

LOOK_SECONDS: Final = 0.3


class ShowsJob(Protocol):
    """What people see of a job while it runs."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...

    def show(self, job: Job) -> None: ...


class JobBar:
    """A bar on standard error, with the rate and the time left; nothing where that is no terminal.

    Parameters
    ----------
    otherwise : what a running job is at that does not say so itself
    """

    def __init__(self, otherwise: str, *, quiet: bool = False) -> None:
        console = Console(stderr=True)
        self._otherwise = otherwise
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.completed:,.0f} of {task.total:,.0f}"),
            TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(),
            console=console,
            disable=quiet or not console.is_terminal,
            transient=True,
        )
        self._task = self._progress.add_task("Starting", total=0, rate="")

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def show(self, job: Job) -> None:
        rate = "" if job.per_second is None else f"{job.per_second:,.0f} a second"
        doing = {"queued": "waiting", "cancelling": "cancelling"}.get(job.state, job.doing or self._otherwise)
        self._progress.update(
            self._task, description=doing.capitalize(), completed=job.done, total=job.total or 0, rate=rate
        )

    def advance(self, done: int, total: int) -> None:
        """Show how far work is that is no job."""
        self._progress.update(self._task, description=self._otherwise.capitalize(), completed=done, total=total)


def follow_job(
    store: Store,
    settings: Settings,
    job_id: int,
    *,
    load: Callable[[Path | None], Any],
    bar: ShowsJob,
    when_interrupted: Callable[[], None],
) -> Job:
    """The job when it has ended; it is run here if no other process does.

    Parameters
    ----------
    load : the tagger of a model folder; the shipped one if it is None
    when_interrupted : called on Ctrl-C or SIGTERM, while the job may still run here

    Raises
    ------
    typer.Exit : if it is interrupted
    """
    kinds = job_kinds(load, batch_size=settings.batch_size, max_text_length=settings.max_text_length)
    runner = JobRunner(store, kinds)
    with _terminated_as_interrupted(), bar:
        runner.start()
        try:
            while not (job := find_job(store, job_id)).finished:
                bar.show(job)
                time.sleep(LOOK_SECONDS)
        except KeyboardInterrupt:
            when_interrupted()
            raise typer.Exit(INTERRUPTED) from None
        finally:
            runner.stop()
    return job


@contextmanager
def _terminated_as_interrupted() -> Iterator[None]:
    """Let SIGTERM end the process as Ctrl-C does."""

    def interrupt(_number: int, _frame: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
