"""The job `retag`: a new run is tagged beside the one that is shown, a batch at a time, and then takes its place.

Steps, each in one transaction:

    prepare      the run is made, the comments are counted
    tag          the next versions are tagged, until there is none
    look again   from the start, for what has come or changed meanwhile
    switch over  if nothing has come since; else what has is tagged first
    discard      if the job is cancelled or fails: what the run has tagged goes, a part at a time
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any, ClassVar, Final

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from api.dependencies import CommentTagger
from api.ingest.live import GiveWay
from api.interactive import InteractiveCalls
from api.jobs.jobs import job_of
from api.jobs.kinds import JobContext, Steps
from api.jobs.models import Job, JobState
from api.retag import archive
from api.retag.request import filters_of
from api.retag.tagging import Pace, tag_versions
from api.store.audit import note
from api.store.models import RunState, Tagging, now
from api.store.records import store_records
from api.store.runs import active_run, find_run, lock_active, make_active, prepare_run
from nlp.errors import BadModel

LoadTagger = Callable[[Path | None], CommentTagger]

PER_STEP: Final = 512
"""Comments of a step: what is done again after a kill, and how long a cancelled job goes on."""
SECONDS_PER_STEP: Final = 2.0
"""Of a job that has a rate, so that a slow one can be cancelled too."""
DISCARDED_AT_ONCE: Final = 500
WEIGHT_OF_LAST: Final = 0.3
"""Of the last step's rate in the job's."""


class ModelChanged(BadModel):
    def __init__(self, folder: str | None, found: str, wanted: str) -> None:
        super().__init__(
            f"The retag began with {wanted}, and now {folder or 'the shipped model'} is {found}. Its tags were "
            "discarded; start it anew."
        )


class RetagJob:
    """Re-tags stored comments. Each version is tagged once in the job's run, by the store's own constraint.

    Parameters
    ----------
    calls : of this process, which go first; None where nobody calls it
    """

    name: ClassVar[str] = "retag"

    def __init__(
        self, load: LoadTagger, *, batch_size: int, max_text_length: int, calls: InteractiveCalls | None = None
    ) -> None:
        self._load, self._batch_size, self._max_text_length = load, batch_size, max_text_length
        self._calls = calls or InteractiveCalls()
        self._loaded: tuple[str | None, CommentTagger] | None = None

    def run(self, job: JobContext, steps: Steps) -> None:
        """Tag, switch over; or discard what was tagged, if the job is cancelled."""
        try:
            self._run(job, steps)
        finally:
            self._loaded = None

    def fail(self, job: JobContext, steps: Steps) -> None:
        """Discard what was tagged."""
        self._discard(job, steps, RunState.FAILED)

    def _run(self, job: JobContext, steps: Steps) -> None:
        steps.do("prepare", partial(self._prepare, job))
        live, settled, outcome = GiveWay(job.store), 0, "more"
        for number in count():
            # The second pass begins at the start too, and finds what has changed during the first.
            after = settled if number > 1 else 0
            settled = steps.do("begin pass", partial(self._settled, job))
            outcome = self._pass(job, steps, live, after)
            if outcome == "end" and number > 0:
                outcome = steps.do("switch over", partial(self._switch_over, job, after=settled))
            if outcome in {"done", "cancelled"}:
                break
        if outcome == "cancelled":
            self._discard(job, steps, RunState.CANCELLED)
            steps.do("note the end", partial(_end, job, JobState.CANCELLED))

    def _pass(self, job: JobContext, steps: Steps, live: GiveWay, after: int) -> str:
        """Tag until there is nothing left: `end`, or `cancelled`."""
        while True:
            outcome = steps.do("tag", partial(self._tag, job, live, after))
            if outcome["state"] != "more":
                return str(outcome["state"])
            after = outcome["after"]

    def _prepare(self, job: JobContext) -> None:
        filters = filters_of(job.parameters)
        with job.store.read() as session:
            total = archive.count(session, filters)
            folder = self._folder(session, job)
            run_id = job_of(session, job.id).run_id
        tagger = self._tagger(folder)
        with job.store.write() as session:
            row = job_of(session, job.id, to_change=True)
            if row.state == JobState.QUEUED:
                row.state, row.started_at = JobState.RUNNING, now()
            row.total = total
            if run_id is None:
                run = prepare_run(session, model=tagger.name, taxonomy=tagger.taxonomy, folder=folder)
                row.run_id = run.id

    @staticmethod
    def _settled(job: JobContext) -> int:
        with job.store.read() as session:
            return archive.settled_up_to(session)

    def _tag(self, job: JobContext, live: GiveWay, after: int) -> dict[str, Any]:
        begun = time.monotonic()
        pace = Pace(self._batch_size, self._max_text_length, job.parameters["rate"])
        filters = filters_of(job.parameters)
        with job.store.read() as session:
            row = job_of(session, job.id)
            if row.state == JobState.CANCELLING:
                return {"state": "cancelled"}
            run = find_run(session, _run_id(row))
            versions = archive.next_versions(session, filters, run_id=run.id, after=after, limit=_per_step(pace))
            wanted, folder = run.model, run.model_folder
        if not versions:
            return {"state": "end"}
        tagger = self._tagger(folder)
        if tagger.name != wanted:
            raise ModelChanged(folder, tagger.name, wanted)
        records = tag_versions(versions, tagger=tagger, pace=pace, live=live, calls=self._calls, job=job)
        with job.store.write() as session:
            row = job_of(session, job.id, to_change=True)
            if row.state == JobState.CANCELLING:
                return {"state": "cancelled"}
            ours = archive.still_untagged(session, [each.id for each in versions], run_id=run.id)
            store_records(session, run.id, [(id_, record) for id_, record in records if id_ in ours])
            _progress(row, len(ours), seconds=time.monotonic() - begun)
        return {"state": "more", "after": versions[-1].id}

    def _switch_over(self, job: JobContext, *, after: int) -> str:
        """Show the run in place of what was shown: `done`, `cancelled`, or `more` if something has come meanwhile.

        The active run's row is locked first: the worker stores nothing in it from then on, so what is looked at stays
        as it is until the transaction ends. Only versions after `after` are looked at, few whatever the archive's size.
        """
        filters = filters_of(job.parameters)
        with job.store.write() as session:
            lock_active(session)
            row = job_of(session, job.id, to_change=True)
            if row.state == JobState.CANCELLING:
                return "cancelled"
            run = find_run(session, _run_id(row))
            if row.state == JobState.SUCCEEDED:  # it was done, and the process died before it was noted
                return "done"
            if archive.any_left(session, filters, run_id=run.id, after=after):
                return "more"
            former = active_run(session)
            make_active(session, run)
            row.total = row.done
            row.result = {"run": run.id, "former_run": None if former is None else former.id, "tagged": row.done}
            row.state, row.ended_at = JobState.SUCCEEDED, now()
            note(session, by=row.created_by, action="run.activated", subject=str(run.id), detail=dict(row.result))
        return "done"

    @staticmethod
    def _discard(job: JobContext, steps: Steps, state: RunState) -> None:
        while steps.do("discard", partial(_discard_some, job)):
            pass
        steps.do("close the run", partial(_close, job, state))

    @staticmethod
    def _folder(session: Session, job: JobContext) -> str | None:
        """Of the model that was asked for; else of the active run's."""
        if job.parameters["model"] is not None:
            return str(job.parameters["model"])
        active = active_run(session)
        return None if active is None else active.model_folder

    def _tagger(self, folder: str | None) -> CommentTagger:
        if self._loaded is None or self._loaded[0] != folder:
            self._loaded = folder, self._load(None if folder is None else Path(folder))
        return self._loaded[1]


def _per_step(pace: Pace) -> int:
    return PER_STEP if pace.rate is None else max(1, min(PER_STEP, int(pace.rate * SECONDS_PER_STEP)))


def _run_id(job: Job) -> int:
    assert job.run_id is not None  # the step `prepare` has set it
    return job.run_id


def _progress(job: Job, tagged: int, *, seconds: float) -> None:
    rate = tagged / seconds if seconds > 0 else 0.0
    before = rate if job.per_second is None else job.per_second
    job.done += tagged
    job.total = max(job.total or 0, job.done)
    job.per_second = (1 - WEIGHT_OF_LAST) * before + WEIGHT_OF_LAST * rate


def _discard_some(job: JobContext) -> bool:
    """Delete some of what the job's run has tagged; whether there was any."""
    with job.store.write() as session:
        row = job_of(session, job.id)
        if row.run_id is None or find_run(session, row.run_id).rank is not None:
            return False
        some = select(Tagging.id).where(Tagging.run_id == row.run_id).limit(DISCARDED_AT_ONCE)
        gone = session.execute(delete(Tagging).where(Tagging.id.in_(some)).returning(Tagging.id)).all()
        return bool(gone)


def _close(job: JobContext, state: RunState) -> None:
    with job.store.write() as session:
        row = job_of(session, job.id)
        if row.run_id is not None:
            run = find_run(session, row.run_id)
            if run.state == RunState.PREPARING:
                run.state = state


def _end(job: JobContext, state: JobState) -> None:
    with job.store.write() as session:
        row = job_of(session, job.id, to_change=True)
        row.state, row.ended_at = state, now()
