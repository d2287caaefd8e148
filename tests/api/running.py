"""Running jobs in the test's own process."""

from __future__ import annotations

from sqlalchemy import select

from api.jobs.jobs import find_job
from api.jobs.kinds import JobKind
from api.jobs.models import Job
from api.jobs.runner import JobRunner
from api.store.database import Store
from tests.api.serving import wait_for


def finish(store: Store, kind: JobKind, job_id: int | None = None) -> Job:
    """Run a job of this kind to its end; unless one is named, the one that was asked for last."""
    if job_id is None:
        with store.read() as session:
            job_id = session.scalar(select(Job.id).where(Job.kind == kind.name).order_by(Job.id.desc()))
        assert job_id is not None
    runner = JobRunner(store, [kind])
    runner.start()
    try:
        wait_for(lambda: find_job(store, job_id).finished)
    finally:
        runner.stop()
    return find_job(store, job_id)
