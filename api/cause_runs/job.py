"""The job `topics`: causes are looked for in the stored comments, and kept as a run that is shown from one moment on.

Steps:

    clear old runs      of runs that are old only the report stays; what an earlier job has left goes
    read                comments are read and their clauses embedded, what was read before a restart excepted
    find causes         topics are found and described, and the run is stored part by part, where nobody sees it
    show                everybody sees the run, unless the job was cancelled or the former topics were edited meanwhile
    discard             if the job is cancelled or fails: what was stored of the run goes
    forget              what was read goes: embeddings are personal data, and are kept no longer than the job
    note the end
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Final
from zoneinfo import ZoneInfo

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from api.cause_actions.moves import follow_run
from api.cause_actions.verdicts import ask_for_verdicts
from api.cause_runs import reading
from api.cause_runs.apart import discover_apart
from api.cause_runs.doing import DOING
from api.cause_runs.embeddings import Pace, embed, forget_some, model_of, not_kept
from api.cause_runs.models import CauseRun, ClauseEmbeddings
from api.cause_runs.report import Report
from api.cause_runs.request import require_extra
from api.cause_runs.runs import discard_some, drop_places, show_run
from api.ingest.live import GiveWay
from api.interactive import InteractiveCalls
from api.jobs.jobs import job_of
from api.jobs.kinds import JobContext, Steps
from api.jobs.models import Job, JobState
from api.live_causes.before import drop_before
from api.live_causes.topics import current_topics
from api.retag.request import filters_of
from api.store.audit import note
from api.store.errors import StoreUnavailable
from api.store.models import now
from api.store.runs import active_run

LoadReader = Callable[[Path | None], Any]
"""Loads a `nlp.topic_segments.Reader` with a `name`: a tagger that embeds."""

KEPT_RUNS: Final = 5
"""Runs that are whole, the new one among them; of older ones only the report stays."""
TELL_SECONDS: Final = 1.0
"""How often the job's row says how far it is, and is asked whether it is cancelled."""


class TopicsJob:
    """Looks for causes. A job keeps one run at most, by the store's own constraint.

    Parameters
    ----------
    calls : of this process, which go first: clauses are read when none is in hand, and causes are found in a process of
        its own; None where nobody calls this one
    """

    name: ClassVar[str] = "topics"

    def __init__(self, load: LoadReader, *, calls: InteractiveCalls | None = None) -> None:
        self._load, self._calls = load, calls

    def run(self, job: JobContext, steps: Steps) -> None:
        """Find causes and store them, or note that the job is cancelled."""
        while steps.do("clear old runs", partial(_clear, job)):
            pass
        outcome = self._until_shown(job, steps)
        if outcome == "cancelled":
            steps.do("discard", partial(_discard, job))
        _forget_all(job, steps)
        steps.do("note the end", partial(_end, job))

    def fail(self, job: JobContext, steps: Steps) -> None:
        """Take out what was stored of the run, and what was read."""
        steps.do("discard", partial(_discard, job))
        _forget_all(job, steps)

    def _until_shown(self, job: JobContext, steps: Steps) -> str:
        """`shown` or `cancelled`."""
        while True:
            read = steps.do("read", partial(self._read, job))
            if "outcome" in read:
                return str(read["outcome"])
            found = steps.do("find causes", partial(self._find, job, read))
            if "outcome" in found:
                return str(found["outcome"])
            if found["run"] is None:
                continue  # comments were tagged or corrected in the meantime: these are read too
            outcome = steps.do("show", partial(_show, job, found))
            if outcome != "edited":
                return outcome
            # Analysts have edited the former topics meanwhile: once more, with what they did.

    def _read(self, job: JobContext) -> dict[str, Any]:
        """What was read (fields of `Reading`), or the job's outcome."""
        require_extra()
        begun = job.store.settled_moment()  # what is tagged later bears a later time
        with job.store.read() as session:
            if session.scalar(select(exists().where(CauseRun.job_id == job.id, CauseRun.ready))):
                return {"outcome": "shown"}  # it was done, and the process died before it was noted
            up_to = reading.newest_version(session)
            total = reading.count(session, filters_of(job.parameters), up_to=up_to)
            active = active_run(session)
        if active is None or not total:
            from nlp.root_causes import NoTopics  # noqa: PLC0415, it needs the extra `topics`

            raise NoTopics(
                "No comment that is tagged is let through by the filters, so there is nothing to find causes in. Store "
                "comments and let them be tagged first, or ask for others."
            )
        folder = None if active.model_folder is None else Path(active.model_folder)
        try:
            told = _Told(job, total)
            told("loading", 0.0)
            reader = self._load(folder)
            model = model_of(folder, reader.name)
            self._embed(job, reader, model, told, up_to=up_to)
        except _Cancelled:
            return {"outcome": "cancelled"}
        return {
            "total": total,
            "up_to": up_to,
            "begun_at": begun.isoformat(),
            "tag_run_id": active.id,
            "encoder": reader.name,
            "model": model,
        }

    def _embed(self, job: JobContext, reader: Any, model: str, told: _Told, *, up_to: int) -> None:
        unread = not_kept(job.id, model)
        with job.store.read() as session:
            left = reading.count(session, filters_of(job.parameters), up_to=up_to, only=unread)
        live = GiveWay(job.store)
        comments = reading.read(
            job.store,
            filters_of(job.parameters),
            up_to=up_to,
            time_zone=ZoneInfo(job.parameters["time_zone"]),
            metadata=job.parameters["metadata"],
            only=unread,
        )
        embed(
            job.store,
            job.id,
            comments,
            reader,
            model=model,
            pace=Pace(live, self._calls or InteractiveCalls(), job.pause),
            progress=told.reading(left),
        )

    def _find(self, job: JobContext, read: dict[str, Any]) -> dict[str, Any]:
        """The run that was stored and which topics were the former ones; or the job's outcome."""
        from api.cause_runs.discovery import Reading, discover  # noqa: PLC0415, they need the extra `topics`

        _discard(job)  # of a process that was killed
        with job.store.read() as session:
            topics = current_topics(session)
        what = Reading(job.id, job.parameters, **read)
        find = discover if self._calls is None else discover_apart
        try:
            run = find(job.store, what, progress=_Told(job, what.total))
        except _Cancelled:
            return {"outcome": "cancelled"}
        return {"run": run, "topics": None if topics is None else asdict(topics)}


def _show(job: JobContext, found: dict[str, Any]) -> str:
    """Let everybody see the run, in one transaction, unless the former topics have been edited: `shown`, `edited`, or
    `cancelled`."""
    with job.store.write() as session:
        row = job_of(session, job.id, to_change=True)
        if session.scalar(select(exists().where(CauseRun.job_id == job.id, CauseRun.ready))):
            return "shown"  # it was done, and the process died before it was noted
        if row.state == JobState.CANCELLING:
            return "cancelled"
        if not job.parameters["anew"]:
            topics = current_topics(session, to_edit=True)
            if (None if topics is None else asdict(topics)) != found["topics"]:
                return "edited"
        run = show_run(session, found["run"], shown=job.parameters["show"])
        if run.shown:
            drop_before(session, but_of=run.id)
            follow_run(session, _continued(run.report), run_id=run.id, by=row.created_by)
            ask_for_verdicts(session, by=row.created_by)
        row.total = row.done = run.n_comments
        row.result = _result(run)
        row.doing, row.per_second = "tidying up", None
        note(session, by=row.created_by, action="causes.found", subject=str(run.id), detail=dict(row.result))
    return "shown"


def _result(run: CauseRun) -> dict[str, Any]:
    return {
        "cause_run": run.id,
        "shown": run.shown,
        "causes": len(run.report["causes"]),
        "comments": run.n_comments,
        "without_cause_or_theme": sum(run.report["without"].values()),
    }


def _continued(report: Report) -> dict[str, str]:
    """The ids of causes that had others in the former run, by these: after another model, or where it was asked so."""
    ids = {cause["topic"] for cause in report["causes"]}
    return {
        cause["since"]["former"]: cause["topic"]
        for cause in report["causes"]
        if cause["since"] is not None and cause["since"]["former"] not in {None, *ids}
    }


def _clear(job: JobContext) -> bool:
    """Whether there is more to clear."""
    with job.store.write() as session:
        left = discard_some(session, CauseRun.job_id != job.id)
        left |= forget_some(session, ClauseEmbeddings.job_id != job.id)
        return drop_places(session, kept=KEPT_RUNS - 1) or left


def _discard(job: JobContext) -> None:
    """Take out what was stored of the job's run, part by part, unless it is shown."""
    left = True
    while left:
        with job.store.write() as session:
            left = discard_some(session, CauseRun.job_id == job.id)


def _forget_all(job: JobContext, steps: Steps) -> None:
    def forget() -> None:
        left = True
        while left:
            with job.store.write() as session:
                left = forget_some(session, ClauseEmbeddings.job_id == job.id)

    steps.do("forget", forget)


def _end(job: JobContext) -> None:
    with job.store.write() as session:
        row = job_of(session, job.id, to_change=True)
        if not row.finished:
            row.state = JobState.SUCCEEDED if _is_shown(session, row) else JobState.CANCELLED
            row.ended_at, row.doing = now(), None


def _is_shown(session: Session, row: Job) -> bool:
    return bool(session.scalar(select(exists().where(CauseRun.job_id == row.id, CauseRun.ready))))


class _Cancelled(Exception):
    """The job was cancelled while it looked for causes."""


class _Told:
    """Says in the job's row how far it is, now and then, and ends the work if it is cancelled or the process ends."""

    def __init__(self, job: JobContext, total: int) -> None:
        self._job, self._total = job, total
        self._said, self._step = float("-inf"), ""

    def __call__(self, step: str, share: float) -> None:  # noqa: ARG002, shares are told of reading only
        """
        Raises
        ------
        Stopped : if the process is to end
        _Cancelled : if the job is cancelled
        """
        # Once all are read the rest takes as long as it takes: it is not told by a rate of comments.
        self._say(step, done=0 if step == "loading" else self._total, per_second=None)

    def reading(self, left: int) -> Callable[[int], None]:
        """What to call with the number of comments that were read, of those that are left."""
        begun = time.monotonic()

        def read(number: int) -> None:
            seconds = time.monotonic() - begun
            done = min(self._total - left + number, self._total)
            self._say("embedding", done=max(done, 0), per_second=number / seconds if seconds > 0 else None)

        return read

    def _say(self, step: str, *, done: int, per_second: float | None) -> None:
        self._job.refuse_if_stopping()
        if time.monotonic() - self._said < TELL_SECONDS and step == self._step:
            return
        self._said, self._step = time.monotonic(), step
        with suppress(StoreUnavailable), self._job.store.write() as session:  # the work goes on without it
            row = job_of(session, self._job.id, to_change=True)
            if row.state == JobState.CANCELLING:
                raise _Cancelled
            if row.state == JobState.QUEUED:
                row.state, row.started_at = JobState.RUNNING, now()
            row.doing, row.total, row.done, row.per_second = DOING.get(step, step), self._total, done, per_second
