"""Kinds of jobs: what each is asked with, and what it does. A new kind is registered where processes start."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from threading import Event
from typing import Any, ClassVar, Protocol, TypeVar

from api.store.database import Store

Result = TypeVar("Result")


class Stopped(BaseException):
    """The process is to end, or has lost its turn: the job goes on at its next start, where it was.

    No `Exception`, so that nothing between a step and the runner takes it for a failure and writes it down.
    """


class Steps(Protocol):
    """What makes a job durable: a step that was done once is not done again after a restart."""

    def do(self, name: str, step: Callable[[], Result]) -> Result:
        """What the step gives, or gave when it was done before. It has to be JSON, and the order of steps has to
        follow from what earlier ones gave.

        A process can die between the step's own transaction and the note that it was done, so the step is done again:
        it has to leave the same state when it is done twice.
        """


@dataclass(frozen=True, slots=True)
class JobContext:
    """What a job has to work with.

    `stopping` is set when the process is to end; a step that takes long looks at it and calls `refuse_if_stopping`.
    """

    id: int
    parameters: Mapping[str, Any]
    store: Store
    stopping: Event = field(default_factory=Event)

    def refuse_if_stopping(self) -> None:
        """End the work here if the process is to end.

        Raises
        ------
        Stopped : if so; nothing is lost but the step in hand
        """
        if self.stopping.is_set():
            raise Stopped

    def pause(self, seconds: float) -> None:
        """Wait, but not longer than until the process is to end.

        Raises
        ------
        Stopped : if it is to end
        """
        if self.stopping.wait(seconds):
            raise Stopped


class JobKind(Protocol):
    """A kind of job. What it is asked with over REST stands in `api.routes.jobs`; who runs it registers it."""

    name: ClassVar[str]

    def run(self, job: JobContext, steps: Steps) -> None:
        """Do the job: its own state, progress and result are the kind's to write, also when it is cancelled.

        Raises
        ------
        StemmeError : if it cannot go on; `fail` is then called, and the job has failed with this error
        """

    def fail(self, job: JobContext, steps: Steps) -> None:
        """Undo what a job that has failed leaves half done."""
