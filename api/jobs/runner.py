"""The runner: a thread that takes up jobs when it is this process's turn, and goes on with those that were left."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from threading import Event
from typing import TYPE_CHECKING, Final

from api.background import Background
from api.jobs.errors import JobBroke, UnknownJob
from api.jobs.jobs import job_of, unfinished_job
from api.jobs.kinds import JobContext, JobKind
from api.jobs.models import Job, JobState
from api.jobs.turn import turn_of
from api.problems import describe_bug
from api.store.database import Store
from api.store.models import now
from nlp.errors import StemmeError

if TYPE_CHECKING:
    from api.jobs.durable import DurableSteps, Work

logger = logging.getLogger(__name__)

POLL_SECONDS: Final = 1.0
"""How soon a job is found that another process has put into the queue, or has left."""
RETRY_SECONDS: Final = 2.0


class JobRunner:
    """Runs the jobs of a store, one at a time.

    Of all processes that have a runner on the store one has the turn; the others look whether it has become theirs.
    dbos is loaded while there is a job, and costs a service nothing else.
    """

    def __init__(self, store: Store, kinds: Sequence[JobKind]) -> None:
        self._store = store
        self._kinds = {kind.name: kind for kind in kinds}
        self._interrupted = Event()
        self._background = Background(
            self._work,
            name="stemme-job-runner",
            logger=logger,
            waits="Jobs wait",
            failed="Jobs failed",
            retry_seconds=RETRY_SECONDS,
            bug_seconds=RETRY_SECONDS,
        )

    def start(self) -> None:
        self._background.start()

    def wake(self) -> None:
        """Tell it that there is a job."""
        self._background.wake()

    def stop(self) -> None:
        """End it; the job in hand goes on when a runner is started again, in this process or another."""
        self._background.tell_to_stop()
        self._interrupted.set()
        self._background.join()

    def _work(self) -> float:
        self._take_turn()
        return POLL_SECONDS

    def _take_turn(self) -> None:
        """Run the jobs that there are, if it is our turn."""
        if unfinished_job(self._store, self._kinds) is None:
            return
        turn = turn_of(self._store)
        if not turn.take():
            return
        try:
            from api.jobs.durable import durable_jobs  # noqa: PLC0415, dbos takes a second to load

            self._interrupted.clear()
            works = {name: self._work_of(kind) for name, kind in self._kinds.items()}
            with durable_jobs(self._store, works, self._interrupted) as jobs:
                while not self._background.stopping and not self._interrupted.is_set():
                    job = unfinished_job(self._store, self._kinds)
                    if job is None:
                        return
                    if not self._begun(job.id):
                        continue
                    logger.info("Job %d (%s) begins or goes on.", job.id, job.kind)
                    jobs.run(job.kind, job.id, may_go_on=lambda: not self._background.stopping and turn.kept())
        finally:
            turn.give_back()

    def _begun(self, job_id: int) -> bool:
        """Note that a job is in hand; whether it still is to be done.

        Before anything of it is done, as a job that waits is cancelled at once and by itself: it would go on.
        """
        with self._store.write() as session:
            job = job_of(session, job_id, to_change=True)
            if job.state == JobState.QUEUED:
                job.state, job.started_at = JobState.RUNNING, now()
            return not job.finished

    def _work_of(self, kind: JobKind) -> Work:
        def work(job_id: int, steps: DurableSteps) -> None:
            try:
                with self._store.read() as session:
                    parameters = job_of(session, job_id).parameters
            except UnknownJob:
                return  # the store is a backup from before the job
            context = JobContext(job_id, parameters, self._store, self._interrupted)
            try:
                kind.run(context, steps)
            except StemmeError as error:
                self._fail(kind, context, steps, error)
            except Exception as bug:
                logger.error("Job %d failed. %s", job_id, describe_bug(bug))  # noqa: TRY400
                self._fail(kind, context, steps, JobBroke(job_id))

        return work

    def _fail(self, kind: JobKind, context: JobContext, steps: DurableSteps, error: StemmeError) -> None:
        logger.error("Job %d (%s) has failed: %s", context.id, kind.name, error)
        try:
            kind.fail(context, steps)
        except StemmeError as another:
            logger.error("What job %d left could not be undone: %s", context.id, another)  # noqa: TRY400
        steps.do("note the failure", lambda: _note_failure(self._store, context.id, error))


def _note_failure(store: Store, job_id: int, error: StemmeError) -> None:
    with store.write() as session:
        job: Job = job_of(session, job_id, to_change=True)
        job.state, job.ended_at = JobState.FAILED, now()
        job.error_code, job.error_message = error.code, str(error)
