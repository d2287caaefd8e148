"""Asking for jobs, looking at them, cancelling them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from api.jobs.errors import JobFinished, JobUnderWay, UnknownJob
from api.jobs.models import UNFINISHED, Job, JobState
from api.store.audit import note
from api.store.database import Store
from api.store.models import now


def create_job(store: Store, *, kind: str, parameters: Mapping[str, Any], by: str) -> Job:
    """Put a job into the queue; whatever process runs jobs on this store takes it up.

    Parameters
    ----------
    by : who asks for it, for the audit log

    Raises
    ------
    JobUnderWay : if there is an unfinished one of its kind
    """
    try:
        with store.write() as session:
            return add_job(session, kind=kind, parameters=parameters, by=by)
    except IntegrityError:
        under_way = unfinished_job(store, [kind])
        if under_way is None:  # it has ended in this very moment
            return create_job(store, kind=kind, parameters=parameters, by=by)
        raise JobUnderWay(kind, under_way.id) from None


def add_job(session: Session, *, kind: str, parameters: Mapping[str, Any], by: str) -> Job:
    """Put a job into the queue, in the caller's transaction.

    Raises
    ------
    sqlalchemy.exc.IntegrityError : if there is an unfinished one of its kind
    """
    job = Job(kind=kind, parameters=dict(parameters), created_by=by)
    session.add(job)
    session.flush()
    note(session, by=by, action="job.created", subject=str(job.id), detail={"kind": kind, **parameters})
    return job


def unfinished_job(store: Store, kinds: Collection[str]) -> Job | None:
    """The oldest job of these kinds that has not ended."""
    with store.read() as session:
        query = select(Job).where(Job.kind.in_(kinds), Job.state.in_(UNFINISHED)).order_by(Job.id).limit(1)
        return session.scalar(query)


def find_job(store: Store, id_: int) -> Job:
    """The job with this id.

    Raises
    ------
    UnknownJob : if there is none
    """
    with store.read() as session:
        return job_of(session, id_)


def job_of(session: Session, id_: int, *, to_change: bool = False) -> Job:
    """The job with this id, in a session.

    Raises
    ------
    UnknownJob : if there is none
    """
    job = session.get(Job, id_, with_for_update=to_change)
    if job is None:
        raise UnknownJob(id_)
    return job


def list_jobs(store: Store, *, limit: int, kind: str | None = None, state: JobState | None = None) -> Sequence[Job]:
    """The newest jobs, the newest first; only those of a kind, or in a state, if it is said."""
    query = select(Job).order_by(Job.id.desc()).limit(limit)
    if kind is not None:
        query = query.where(Job.kind == kind)
    if state is not None:
        query = query.where(Job.state == state)
    with store.read() as session:
        return session.scalars(query).all()


def cancel_job(store: Store, id_: int, *, by: str) -> Job:
    """End a job that has not ended; what it has not finished is undone. To cancel it again changes nothing.

    Raises
    ------
    UnknownJob : if there is none
    JobFinished : if it has ended
    """
    with store.write() as session:
        job = job_of(session, id_, to_change=True)
        if job.state in {JobState.CANCELLED, JobState.CANCELLING}:
            return job
        if job.finished:
            raise JobFinished(id_, job.state, job.kind)
        if job.state == JobState.QUEUED:  # nobody has begun it, so there is nothing to undo
            job.state, job.ended_at = JobState.CANCELLED, now()
        else:
            job.state = JobState.CANCELLING
        note(session, by=by, action="job.cancelled", subject=str(id_))
        return job
