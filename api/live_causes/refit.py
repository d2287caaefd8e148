"""The nightly run: at a time of day a job that finds causes anew is asked for, once, whatever number of services look.

A night is a row, and whoever adds it asks for the job in the same transaction: so no night is asked for twice, and one
that fell into a time without a service is made up for at the next start. A night on which nothing has changed since the
current run asks for nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, tzinfo
from typing import Any, Final

from sqlalchemy import exists, func, or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from api.background import Background
from api.cause_runs.models import CauseRun
from api.cause_runs.request import TopicsRequest
from api.cause_runs.runs import current_run_in
from api.corrections.models import Correction
from api.jobs.jobs import add_job
from api.jobs.models import UNFINISHED, Job
from api.live_causes.models import NightOutcome, RefitNight
from api.removal.models import Removal
from api.store.database import Store
from api.store.models import Tagging, now

logger = logging.getLogger(__name__)

KIND: Final = "topics"
LOOK_SECONDS: Final = 20.0
RETRY_SECONDS: Final = 10.0
ACTOR: Final = "service"


def last_due(moment: datetime, at: time, zone: tzinfo) -> datetime:
    """The last time that a nightly run was due, at this moment or before.

    On the night on which the clock is put forward a time that it skips is an hour later; on the one on which it is put
    back, a time that comes twice is the first.

    >>> from datetime import UTC
    >>> last_due(datetime(2026, 11, 2, 1, 30, tzinfo=UTC), time(3), UTC).isoformat()
    '2026-11-01T03:00:00+00:00'
    """
    today = moment.astimezone(zone).date()
    due = [datetime.combine(day, at, zone) for day in (today, today - timedelta(days=1), today - timedelta(days=2))]
    return next(each for each in due if each <= moment)


@dataclass(frozen=True, slots=True)
class Nightly:
    """When causes are found anew every night: a time of day, on the clock of a zone."""

    at: time
    zone: tzinfo

    def next_due(self, moment: datetime) -> datetime:
        """The first time that it is due after this moment.

        >>> from datetime import UTC
        >>> Nightly(time(3), UTC).next_due(datetime(2026, 11, 2, 3, tzinfo=UTC)).isoformat()
        '2026-11-03T03:00:00+00:00'
        """
        today = moment.astimezone(self.zone).date()
        due = [datetime.combine(today + timedelta(days=days), self.at, self.zone) for days in range(3)]
        return next(each.astimezone(UTC) for each in due if each > moment)


def decide(store: Store, due: datetime) -> NightOutcome | None:
    """Ask for the night's job if there is something to do, and note the night; None if somebody has decided already.

    The first night that a store ever has is not asked for: it lies before the setting was made. The job is asked with
    what the current run was asked with.

    Raises
    ------
    StoreUnavailable : if the database does not answer
    """
    with store.read() as session:
        last = session.scalar(select(func.max(RefitNight.due_at)))
    if last is not None and due <= last:  # before it only where the time of day was changed
        return None
    try:
        with store.write() as session:
            night = RefitNight(due_at=due, outcome=_outcome(session, due))
            session.add(night)
            session.flush()  # another process cannot add the same night from here on
            if night.outcome == NightOutcome.ASKED:
                night.job_id = add_job(session, kind=KIND, parameters=_parameters(session), by=ACTOR).id
            return NightOutcome(night.outcome)
    except IntegrityError:  # another process has decided it, or somebody has asked for such a job in this very moment
        return None


def _outcome(session: Session, due: datetime) -> NightOutcome:
    if not session.scalar(select(exists().select_from(RefitNight))):
        return NightOutcome.FIRST
    asked = select(exists().where(Job.kind == KIND, or_(Job.state.in_(UNFINISHED), Job.created_at >= due)))
    if session.scalar(asked):
        return NightOutcome.UNDER_WAY
    return NightOutcome.ASKED if has_changed(session) else NightOutcome.NOTHING_NEW


def _parameters(session: Session) -> dict[str, Any]:
    run = current_run_in(session)
    return TopicsRequest.model_validate({"kind": KIND}).as_parameters() if run is None else dict(run.parameters)


def has_changed(session: Session) -> bool:
    """Whether comments were tagged, corrected or removed since the current run of causes began to read."""
    newest = select(func.max(CauseRun.id)).where(CauseRun.shown).scalar_subquery()
    read_at = session.scalar(select(CauseRun.created_at).where(CauseRun.id == newest))
    if read_at is None:
        return bool(session.scalar(select(exists().where(Tagging.shown))))
    changes = (
        Tagging.tagged_at >= read_at,
        or_(Correction.at >= read_at, Correction.withdrawn_at >= read_at),
        Removal.removed_at >= read_at,
    )
    return any(session.scalar(select(exists().where(change))) for change in changes)


class NightlyRefit:
    """Looks at the clock and asks for a job once a night.

    Parameters
    ----------
    at, zone : when, on the clock of which zone
    wake_jobs : told when a job was asked for
    """

    def __init__(self, store: Store, *, at: time, zone: tzinfo, wake_jobs: Callable[[], None]) -> None:
        self._store, self._at, self._zone, self._wake = store, at, zone, wake_jobs
        self._background = Background(
            self._work,
            name="stemme-nightly-refit",
            logger=logger,
            waits="The nightly run waits",
            failed="The nightly run failed",
            retry_seconds=RETRY_SECONDS,
            bug_seconds=LOOK_SECONDS,
        )

    def start(self) -> None:
        self._background.start()

    def stop(self) -> None:
        """End it at once."""
        self._background.stop()

    def look(self, moment: datetime) -> NightOutcome | None:
        """Decide about the last night that was due, if nobody has.

        Raises
        ------
        StoreUnavailable : if the database does not answer
        """
        due = last_due(moment, self._at, self._zone)
        outcome = decide(self._store, due)
        if outcome is NightOutcome.ASKED:
            logger.info("Causes are found anew: the nightly run of %s.", due.isoformat())
            self._wake()
        elif outcome is NightOutcome.NOTHING_NEW:
            logger.info("Nothing has changed since causes were found: no nightly run at %s.", due.isoformat())
        return outcome

    def _work(self) -> float:
        self.look(now())
        return LOOK_SECONDS
