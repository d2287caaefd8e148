"""Durable steps, by dbos: each is noted in its system database when it is done, and not done again after a crash.

With PostgreSQL the system database is the schema `dbos` of the store's database; with SQLite it is a file beside the
store, as its tables have names that others may want, and its writes need not wait for the store's. Neither holds texts:
what steps give back are positions and counts. Lost, it loses no tag: steps are then done again and find their
work done.
"""

from __future__ import annotations

import logging
import os
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import count
from threading import Event, Lock
from typing import Any, Final, TypeVar

from dbos import DBOS, DBOSPortableJSONSerializer, SetWorkflowID
from sqlalchemy.exc import DBAPIError, IntegrityError

from api.jobs.errors import JobBroke, RecordedError
from api.jobs.kinds import Stopped
from api.problems import describe_bug
from api.store.database import Store
from api.store.errors import StoreUnavailable
from nlp.errors import StemmeError

logger = logging.getLogger(__name__)

Result = TypeVar("Result")
Work = Callable[[int, "DurableSteps"], None]

EXECUTOR: Final = "stemme"
"""One for all processes, so that whoever has the turn takes up what another left."""
ORDER_OF_STEPS: Final = "1"
"""To be raised when a kind's steps come in another order, as notes of the old order then mean something else."""
LOOK_SECONDS: Final = 1.0
"""How often a running job's surroundings are looked at: whether it may go on."""
RETRY_SECONDS: Final = 2.0
MOST_COLLISIONS: Final = 5
MOST_RECOVERIES: Final = 1_000_000
"""A job is never given up for having been interrupted."""
GOING_ON: Final = {"PENDING", "ENQUEUED", "DELAYED"}


class DurableSteps:
    """The steps of one job."""

    def __init__(self, job_id: int, stopping: Event) -> None:
        self._job_id, self._stopping = job_id, stopping

    def do(self, name: str, step: Callable[[], Result]) -> Result:
        """What the step gives, or gave before. While the store does not answer, the step waits and is tried again.

        Raises
        ------
        RecordedError : if the step raised an error of ours, now or before
        Stopped : if the process is to end
        """
        try:
            outcome: dict[str, Any] = DBOS.run_step({"name": name}, self._outcome, name, step)
        except DBAPIError as error:  # of the system database
            logger.warning("Job %d waits: the database of its steps does not answer.", self._job_id)
            raise Stopped from error
        if "error" in outcome:
            raise RecordedError(**outcome["error"])
        result: Result = outcome["result"]
        return result

    def _outcome(self, name: str, step: Callable[[], Any]) -> dict[str, Any]:
        # An exception is never dbos's to see: it would write its message down, which may quote a text.
        collisions = 0
        while True:
            if self._stopping.is_set():
                raise Stopped
            try:
                return {"result": step()}
            except StoreUnavailable as error:
                logger.warning("Job %d waits: %s", self._job_id, error)
                self._stopping.wait(RETRY_SECONDS)
            except StemmeError as error:
                return {"error": {"code": error.code, "message": str(error)}}
            except Exception as bug:
                collisions += isinstance(bug, IntegrityError)  # with another process, which came first
                if isinstance(bug, IntegrityError) and collisions < MOST_COLLISIONS:
                    continue
                logger.error("Step %s of job %d failed. %s", name, self._job_id, describe_bug(bug))  # noqa: TRY400
                broke = JobBroke(self._job_id)
                return {"error": {"code": broke.code, "message": str(broke)}}


class DurableJobs:
    """Runs jobs by their ids, for as long as it is open. There is one in a process, as dbos is one."""

    def __init__(self, works: Mapping[str, Work], stopping: Event) -> None:
        self._stopping = stopping
        self._one_at_a_time = Lock()
        self._ended: dict[int, Event] = {}
        self._workflows = {
            kind: DBOS.workflow(name=kind, max_recovery_attempts=MOST_RECOVERIES)(self._workflow(work))
            for kind, work in works.items()
        }

    def run(self, kind: str, job_id: int, *, may_go_on: Callable[[], bool]) -> None:
        """Do the job, from where it was left, to its end or until it may not go on.

        Parameters
        ----------
        may_go_on : asked once a second
        """
        ended = self._ended.setdefault(job_id, Event())
        self._start_if_new(kind, job_id)
        while not ended.wait(LOOK_SECONDS):
            if not may_go_on():
                self._stopping.set()
            if self._stopping.is_set() and not self._one_at_a_time.locked():
                return

    def _start_if_new(self, kind: str, job_id: int) -> None:
        """Hand the job to dbos, unless dbos has it and has found it by itself when it was launched."""
        for attempt in count(1):
            name = f"{kind}-{job_id}-{attempt}"
            status = DBOS.get_workflow_status(name)
            if status is None:
                with SetWorkflowID(name):
                    DBOS.start_workflow(self._workflows[kind], job_id)
                return
            if status.status in GOING_ON:
                return
            # dbos has this one for ended, and the job has not: the store is a backup from before its end.

    def _workflow(self, work: Work) -> Callable[[int], None]:
        def workflow(job_id: int) -> None:
            try:
                with self._one_at_a_time:
                    work(job_id, DurableSteps(job_id, self._stopping))
            finally:
                self._ended.setdefault(job_id, Event()).set()

        return workflow


@contextmanager
def durable_jobs(store: Store, works: Mapping[str, Work], stopping: Event) -> Iterator[DurableJobs]:
    """Open dbos for a store; jobs that were left begin to go on at once.

    Parameters
    ----------
    works : what each kind of job does, by the kind's name
    stopping : ends the jobs at their next step when it is set
    """
    log = logging.getLogger("dbos")
    if not log.handlers:
        log.addHandler(logging.NullHandler())  # or dbos adds one of its own, to what is standard error just now
    try:
        DBOS(
            config={
                "name": "stemme",
                "system_database_url": _system_database(store),
                "application_version": ORDER_OF_STEPS,
                "executor_id": EXECUTOR,
                "log_level": "ERROR",
                "enable_otlp": False,
                "use_listen_notify": False,
                # The default, pickle, would run whatever somebody has put into the database.
                "serializer": DBOSPortableJSONSerializer(),
            }
        )
        jobs = DurableJobs(works, stopping)
        DBOS.launch()
        yield jobs
    finally:
        DBOS.destroy(destroy_registry=True)


def _system_database(store: Store) -> str:
    if not store.is_sqlite:
        return store.url.render_as_string(hide_password=False)
    file = f"{store.url.database}-steps"
    os.close(os.open(file, os.O_RDWR | os.O_CREAT, 0o600))
    with sqlite3.connect(file) as connection:
        connection.execute("PRAGMA journal_mode = WAL")  # it stays so
    connection.close()
    return f"sqlite:///{file}"
