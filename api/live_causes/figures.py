"""Figures of causes after a merge or a split: unknown at once, and made anew by the job `cause_figures`.

The job counts again what the run has read, as it stands now: nothing is looked for and nothing is embedded. Edits that
come meanwhile make it begin again, so that one job is enough however many there are.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Final
from zoneinfo import ZoneInfo

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from api.cause_actions.verdicts import ask_for_verdicts
from api.cause_runs import reading
from api.cause_runs.models import CauseMember, CauseRun
from api.cause_runs.request import require_extra
from api.cause_runs.runs import find_run, keep_removals_out, load_topics, replace_report
from api.ingest.live import GiveWay
from api.jobs.jobs import add_job, job_of
from api.jobs.kinds import JobContext, Steps
from api.jobs.models import UNFINISHED, Job, JobState
from api.live_causes.models import CauseAssignment
from api.live_causes.topics import current_topics
from api.retag.request import filters_of
from api.store.database import Store
from api.store.models import now
from nlp.record import Span

if TYPE_CHECKING:
    from nlp.root_causes import Feedback  # needs the extra `topics`

KIND: Final = "cause_figures"
NUMBERS: Final = (
    *("nps_points_lost", "change", "stage", "mean_sentiment", "nps", "points_lost_now", "rank_rising"),
    *("points_risen", "growth", "since"),
)
LISTS: Final = ("concentration", "factors", "weeks", "earlier_causes")
KEPT_OF_HEAD: Final = ("without", "gone", "read_up_to")
"""What the run says of all comments, which no edit changes."""


def without_figures(report: dict[str, Any], topics: Collection[str]) -> dict[str, Any]:
    """The report in which nothing is said of these causes that was counted when they were others."""
    unknown: dict[str, Any] = {**dict.fromkeys(NUMBERS), **{name: [] for name in LISTS}, "pending": True}
    causes = []
    for cause in report["causes"]:
        earlier = [each for each in cause["earlier_causes"] if each["topic"] not in topics]
        causes.append({**cause, "earlier_causes": earlier, **(unknown if cause["topic"] in topics else {})})
    return {**report, "causes": causes}


def ask_for_figures(session: Session, run_id: int, *, by: str) -> None:
    """Ask for the job that makes the figures of a run anew; one that is under way begins again by itself."""
    under_way = exists().where(Job.kind == KIND, Job.state.in_(UNFINISHED))
    if not session.scalar(select(under_way)):
        add_job(session, kind=KIND, parameters={"run": run_id}, by=by)


class CauseFiguresJob:
    """Makes the figures of the current run anew."""

    name: ClassVar[str] = KIND

    def run(self, job: JobContext, steps: Steps) -> None:
        """Count and store, again for as long as analysts edit meanwhile."""
        while steps.do("describe causes", partial(_describe, job)) == "edited":
            pass

    def fail(self, job: JobContext, steps: Steps) -> None:
        """There is nothing to undo: figures stay unknown until the next run."""


def _describe(job: JobContext) -> str:
    from api.cause_runs.make_report import make_report  # noqa: PLC0415, it needs the extra `topics`
    from nlp.root_causes import described_again  # noqa: PLC0415

    require_extra()
    with job.store.write() as session:
        topics = current_topics(session)
        row = job_of(session, job.id, to_change=True)
        if row.finished:  # it was done, and the process died before it was noted
            return "done"
        if row.state == JobState.CANCELLING or topics is None:
            _end(row, JobState.CANCELLED)
            return "cancelled"
        row.state, row.started_at, row.doing = JobState.RUNNING, row.started_at or now(), "computing what each costs"
        run = find_run(session, topics.run_id)
    model = load_topics(job.store, run.id)
    found = described_again(_comments(job, run), _places(job.store, run.id), model, seed=run.parameters.get("seed", 0))
    report = make_report(found, read_up_to=run.report["read_up_to"], former=run.report)
    job.refuse_if_stopping()
    with job.store.write() as session:
        keep_removals_out(session)
        if current_topics(session, to_edit=True) != topics:
            return "edited"
        row = job_of(session, job.id, to_change=True)
        stored = find_run(session, run.id)
        replace_report(session, stored, _with_what_stays(report, stored.report), model)
        stored.n_comments = len(found.observations.ids)
        row.total = row.done = stored.n_comments
        row.result = {"cause_run": run.id, "causes": len(report["causes"]), "comments": stored.n_comments}
        _end(row, JobState.SUCCEEDED)
        ask_for_verdicts(session, by=row.created_by)
    return "done"


def _end(row: Job, state: JobState) -> None:
    row.state, row.ended_at, row.doing = state, now(), None


def _comments(job: JobContext, run: CauseRun) -> Iterator[Feedback]:
    """What the run has read and is still there."""
    with job.store.read() as session:
        later = select(CauseAssignment.version_id).where(
            CauseAssignment.cause_run_id == run.id, ~CauseAssignment.assigned_again
        )
        since = {str(version_id) for version_id in session.scalars(later)}
    live, asked = GiveWay(job.store), run.parameters
    comments = reading.read(
        job.store,
        filters_of(asked),
        up_to=run.report["read_up_to"],
        time_zone=ZoneInfo(asked["time_zone"]),
        metadata=asked["metadata"],
        before_each=lambda: live.wait(job.pause),
    )
    return (each for each in comments if each.comment.id not in since)


def _places(store: Store, run_id: int) -> dict[str, list[tuple[Span, str]]]:
    """Where each version speaks of which topic, of those that the run has read."""
    query = select(CauseMember.comment_version_id, CauseMember.start, CauseMember.end, CauseMember.topic)
    query = query.where(CauseMember.cause_run_id == run_id, CauseMember.assigned_at.is_(None)).order_by(CauseMember.id)
    places: defaultdict[str, list[tuple[Span, str]]] = defaultdict(list)
    with store.read() as session:
        for version_id, start, end, topic in session.execute(query.execution_options(yield_per=10_000)):
            places[str(version_id)].append((Span(start, end), topic))
    return places


def _with_what_stays(report: dict[str, Any], before: dict[str, Any]) -> dict[str, Any]:
    """The new report with what edits do not change: what is said of all comments, and what became of causes since the
    former run."""
    since = {cause["topic"]: cause["since"] for cause in before["causes"]}
    causes = [{**cause, "since": since.get(cause["topic"])} for cause in report["causes"]]
    return {**report, **{name: before[name] for name in KEPT_OF_HEAD}, "causes": causes}
