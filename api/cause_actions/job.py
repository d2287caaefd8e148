"""The job `action_verdicts`: computes what came of every action, cause by cause, and keeps it with the action."""

from __future__ import annotations

from functools import partial
from typing import ClassVar

from sqlalchemy import select

from api.cause_actions.models import CauseAction
from api.cause_actions.verdicts import KIND, NEEDED, keep_verdicts
from api.cause_runs.runs import current_run_in
from api.ingest.live import GiveWay
from api.jobs.jobs import job_of
from api.jobs.kinds import JobContext, Steps
from api.jobs.models import JobState
from api.live_causes.topics import current_topics
from api.reports.zones import Zone
from api.store.models import now
from nlp.errors import require


class ActionVerdictsJob:
    """Computes what came of every action; done twice it comes to the same."""

    name: ClassVar[str] = KIND

    def run(self, job: JobContext, steps: Steps) -> None:
        """Judge all actions, again for as long as another run or an edit of causes comes meanwhile."""
        while steps.do("judge actions", partial(_judge, job)) == "overtaken":
            pass

    def fail(self, job: JobContext, steps: Steps) -> None:
        """There is nothing to undo: verdicts stay as they were."""


def _judge(job: JobContext) -> str:
    for module in NEEDED:
        require(module, extra="topics")
    from api.cause_actions.effects import effects_of  # noqa: PLC0415, it needs the extra

    with job.store.write() as session:
        row = job_of(session, job.id, to_change=True)
        if row.finished:  # it was done, and the process died before it was noted
            return "done"
        if row.state == JobState.QUEUED:
            row.state = JobState.RUNNING
        row.started_at, row.doing = row.started_at or now(), "judging what was done"
    with job.store.read() as session:
        topics, run = current_topics(session), current_run_in(session)
        causes = session.scalars(select(CauseAction.topic).distinct().order_by(CauseAction.topic)).all()
    zone = Zone.named("Europe/Oslo" if run is None else run.parameters.get("time_zone", "Europe/Oslo"))
    live, judged = GiveWay(job.store), 0
    for topic in causes:
        live.wait(job.pause)
        job.refuse_if_stopping()
        with job.store.read() as session:
            actions = session.scalars(select(CauseAction).where(CauseAction.topic == topic)).all()
        effects = effects_of(job.store, actions, zone=zone)
        with job.store.write() as session:
            if current_topics(session, to_use=True) != topics:
                return "overtaken"
            if job_of(session, job.id).state == JobState.CANCELLING:
                break
            keep_verdicts(session, effects, judged={action.id: action.changed_at for action in actions})
        judged += len(actions)
    with job.store.write() as session:
        row = job_of(session, job.id, to_change=True)
        cancelled = row.state == JobState.CANCELLING
        row.state = JobState.CANCELLED if cancelled else JobState.SUCCEEDED
        row.ended_at, row.doing, row.result = now(), None, {"actions": judged}
    return "done"
