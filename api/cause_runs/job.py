"""The job `topics`: causes are looked for in the stored comments, and kept as a run in one transaction.

Steps:

    clear old runs    of runs that are old only the report stays
    find causes       comments are read and embedded, topics found and described, and the run is stored, with the
                      job's end. Interrupted it begins anew: embeddings are personal data and are left nowhere
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final
from zoneinfo import ZoneInfo

from sqlalchemy import select

from api.cause_actions.moves import follow_run
from api.cause_actions.verdicts import ask_for_verdicts
from api.cause_runs import reading
from api.cause_runs.errors import TopicsNotKept
from api.cause_runs.models import CauseMember, CauseRun
from api.cause_runs.report import Report
from api.cause_runs.request import require_extra
from api.cause_runs.runs import current_run, drop_places, load_topics, save_run
from api.ingest.live import GiveWay
from api.jobs.jobs import job_of
from api.jobs.kinds import JobContext, Steps
from api.jobs.models import JobState
from api.live_causes.before import drop_before
from api.live_causes.topics import CurrentTopics, current_topics
from api.retag.request import filters_of
from api.store.audit import note
from api.store.database import Store
from api.store.errors import StoreUnavailable
from api.store.models import TagRun, now
from api.store.runs import active_run
from api.store.search import Filters
from nlp.topics import TopicModel, TopicSettings

if TYPE_CHECKING:
    from nlp.causes.rank import Developments
    from nlp.root_causes import Feedback, RootCauses  # need the extra `topics`

LoadReader = Callable[[Path | None], Any]
"""Loads a `nlp.topic_segments.Reader` with a `name`: a tagger that embeds."""

KEPT_RUNS: Final = 5
"""Runs that are whole, the new one among them; of older ones only the report stays."""
TELL_SECONDS: Final = 1.0
"""How often the job's row says how far it is, and is asked whether it is cancelled."""
DOING: Final[Mapping[str, str]] = {
    "loading": "loading the model",
    "embedding": "reading comments",
    "clustering": "finding topics",
    "identity": "finding former topics again",
    "describing": "naming topics",
    "describing causes": "computing what each costs",
    "comparing": "comparing with the former run",
    "storing": "storing",
}


class TopicsJob:
    """Looks for causes. A job keeps one run at most, by the store's own constraint."""

    name: ClassVar[str] = "topics"

    def __init__(self, load: LoadReader) -> None:
        self._load = load

    def run(self, job: JobContext, steps: Steps) -> None:
        """Find causes and store them, or note that the job is cancelled."""
        while steps.do("clear old runs", partial(_clear, job)):
            pass
        while (outcome := steps.do("find causes", partial(self._find, job))) == "edited":
            pass  # analysts have edited the former topics meanwhile: with what they did now
        if outcome == "cancelled":
            steps.do("note the end", partial(_end, job))

    def fail(self, job: JobContext, steps: Steps) -> None:
        """There is nothing to undo: a run is stored whole or not at all."""

    def _find(self, job: JobContext) -> str:
        require_extra()
        begun = job.store.settled_moment()  # what is tagged later bears a later time
        with job.store.read() as session:
            if session.scalar(select(CauseRun.id).where(CauseRun.job_id == job.id)) is not None:
                return "done"  # it was done, and the process died before it was noted
            up_to = reading.newest_version(session)
            total = reading.count(session, filters_of(job.parameters), up_to=up_to)
            active, topics = active_run(session), current_topics(session)
        try:
            told = _Told(job, total)
            found, since, former = self._found(job, active, told, up_to=up_to, total=total)
            return _store(job, found, since, former, told, begun=begun, up_to=up_to, tag_run=active, topics=topics)
        except _Cancelled:
            return "cancelled"

    def _found(
        self, job: JobContext, active: TagRun | None, told: _Told, *, up_to: int, total: int
    ) -> tuple[RootCauses, Developments | None, CauseRun | None]:
        from nlp.root_causes import NoTopics, find_root_causes  # noqa: PLC0415, they need the extra `topics`

        if active is None or not total:
            raise NoTopics(
                "No comment that is tagged is let through by the filters, so there is nothing to find causes in. Store "
                "comments and let them be tagged first, or ask for others."
            )
        told("loading", 0.0)
        reader = self._load(None if active.model_folder is None else Path(active.model_folder))
        former = current_run(job.store)
        asked = job.parameters
        found = find_root_causes(
            _comments(job, up_to),
            reader,
            settings=TopicSettings(min_topic_size=asked["smallest"], names=tuple(asked["names"])),
            former=None if asked["anew"] else _former_topics(job.store, former, encoder=reader.name),
            encoder=reader.name,
            seed=asked["seed"],
            expected=total,
            spool=True,
            progress=told,
        )
        told("comparing", 0.0)
        since = None if former is None else _developments(job.store, found, former)
        return found, since, former


def _comments(job: JobContext, up_to: int) -> Iterator[Feedback]:
    live = GiveWay(job.store)
    return reading.read(
        job.store,
        filters_of(job.parameters),
        up_to=up_to,
        time_zone=ZoneInfo(job.parameters["time_zone"]),
        metadata=job.parameters["metadata"],
        before_each=lambda: live.wait(job.pause),
    )


def _former_topics(store: Store, former: CauseRun | None, *, encoder: str) -> TopicModel | None:
    """The topics that keep their identity; embeddings of another encoder cannot be compared."""
    if former is None or former.encoder != encoder:
        return None
    with suppress(TopicsNotKept):
        return load_topics(store, former.id)
    return None


def _developments(store: Store, found: RootCauses, former: CauseRun) -> Developments | None:
    """What became of each cause since the former run."""
    from nlp.causes.rank import FormerRun, developments  # noqa: PLC0415, it needs the extra `topics`

    causes: dict[str, set[str]] = {cause["topic"]: set() for cause in former.report["causes"]}
    with store.read() as session:
        of_run = select(CauseMember.topic, CauseMember.comment_version_id).where(
            CauseMember.cause_run_id == former.id, CauseMember.assigned_at.is_(None)
        )
        for topic, version in session.execute(of_run.execution_options(yield_per=10_000)):
            causes.setdefault(topic, set()).add(str(version))
        comments = reading.ids(session, _filters_then(former), up_to=former.report.get("read_up_to", 0))
    comments.update(*causes.values())
    if not comments:
        return None  # all that it read is gone
    return developments(set(found.observations.ids), found.members, FormerRun(comments, causes))


def _filters_then(former: CauseRun) -> Filters:
    return filters_of(former.parameters) if "filters" in former.parameters else Filters()


def _store(
    job: JobContext,
    found: RootCauses,
    since: Developments | None,
    former: CauseRun | None,
    told: _Told,
    *,
    begun: Any,
    up_to: int,
    tag_run: TagRun | None,
    topics: CurrentTopics | None,
) -> str:
    """Keep the run and end the job, in one transaction, unless the former topics have been edited meanwhile.

    Parameters
    ----------
    topics : the former ones, as they were when the job began
    """
    from api.cause_runs.make_report import make_report  # noqa: PLC0415, it needs the extra `topics`

    assert tag_run is not None  # or nothing would have been found
    told("storing", 0.0)
    report = make_report(found, read_up_to=up_to, since=since, former=None if former is None else former.report)
    job.refuse_if_stopping()
    with job.store.write() as session:
        row = job_of(session, job.id, to_change=True)
        if row.state == JobState.CANCELLING:
            return "cancelled"
        if not job.parameters["anew"] and current_topics(session, to_edit=True) != topics:
            return "edited"
        run = save_run(
            session,
            found=found,
            report=report,
            parameters=job.parameters,
            tag_run_id=tag_run.id,
            created_at=begun,
            shown=job.parameters["show"],
            job_id=job.id,
        )
        if run.shown:
            drop_before(session, but_of=run.id)
            follow_run(session, _continued(report), run_id=run.id, by=row.created_by)
            ask_for_verdicts(session, by=row.created_by)
        row.total = row.done = run.n_comments
        row.result = {
            "cause_run": run.id,
            "shown": run.shown,
            "causes": len(report["causes"]),
            "comments": run.n_comments,
            "without_cause_or_theme": sum(report["without"].values()),
        }
        row.state, row.ended_at, row.doing, row.per_second = JobState.SUCCEEDED, now(), None, None
        note(session, by=row.created_by, action="causes.found", subject=str(run.id), detail=dict(row.result))
    return "done"


def _continued(report: Report) -> dict[str, str]:
    """The ids of causes that had others in the former run, by these: after another model, or where it was asked so."""
    ids = {cause["topic"] for cause in report["causes"]}
    return {
        cause["since"]["former"]: cause["topic"]
        for cause in report["causes"]
        if cause["since"] is not None and cause["since"]["former"] not in {None, *ids}
    }


def _clear(job: JobContext) -> bool:
    with job.store.write() as session:
        return drop_places(session, kept=KEPT_RUNS - 1)


def _end(job: JobContext) -> None:
    with job.store.write() as session:
        row = job_of(session, job.id, to_change=True)
        row.state, row.ended_at, row.doing = JobState.CANCELLED, now(), None


class _Cancelled(Exception):
    """The job was cancelled while it looked for causes."""


class _Told:
    """Says in the job's row how far it is, now and then, and ends the work if it is cancelled or the process ends."""

    def __init__(self, job: JobContext, total: int) -> None:
        self._job, self._total = job, total
        self._begun = time.monotonic()
        self._said, self._step = float("-inf"), ""

    def __call__(self, step: str, share: float) -> None:
        """
        Raises
        ------
        Stopped : if the process is to end
        _Cancelled : if the job is cancelled
        """
        self._job.refuse_if_stopping()
        since = time.monotonic() - self._said
        if since < TELL_SECONDS and step == self._step:
            return
        self._said, self._step = time.monotonic(), step
        with suppress(StoreUnavailable):  # it is only word of how far it is; the work goes on
            self._tell(DOING.get(step, step), share if step == "embedding" else None)

    def _tell(self, doing: str, read: float | None) -> None:
        seconds = time.monotonic() - self._begun
        with self._job.store.write() as session:
            row = job_of(session, self._job.id, to_change=True)
            if row.state == JobState.CANCELLING:
                raise _Cancelled
            if row.state == JobState.QUEUED:
                row.state, row.started_at = JobState.RUNNING, now()
            row.doing, row.total = doing, self._total
            row.done = self._total if read is None else round(read * self._total)
            # Once all are read the rest takes as long as it takes: it is not told by a rate of comments.
            row.per_second = row.done / seconds if read is not None and seconds > 0 else None
