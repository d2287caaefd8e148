"""Every night one job that finds causes anew is asked for: by one process, also late, and only if something changed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta
from threading import Barrier, Thread
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select, update

pytest.importorskip("sklearn")
pytest.importorskip("simplemma")

from api.cause_runs.models import CauseRun
from api.cause_runs.runs import current_run
from api.files.errors import BadSettings
from api.jobs.jobs import create_job
from api.jobs.models import Job, JobState
from api.live_causes.models import NightOutcome, RefitNight
from api.live_causes.refit import NightlyRefit, last_due
from api.settings import Settings, read_settings
from api.store.database import Store
from api.store.models import now
from tests.api.cause_archive import add_archive, keep_causes
from tests.api.live_stub import add_tagged
from tests.api.serving import Served, wait_for

OSLO = ZoneInfo("Europe/Oslo")
NIGHT = timedelta(days=1)


def refit_of(store: Store, woken: list[int] | None = None) -> NightlyRefit:
    heard = [] if woken is None else woken
    return NightlyRefit(store, at=time(3), zone=OSLO, wake_jobs=lambda: heard.append(1))


def jobs(store: Store) -> list[Job]:
    with store.read() as session:
        return list(session.scalars(select(Job).order_by(Job.id)))


def end_jobs(store: Store) -> None:
    with store.write() as session:
        session.execute(update(Job).values(state=JobState.SUCCEEDED))


@pytest.mark.parametrize(
    ("moment", "due"),
    [
        ("2026-11-02T03:00+01:00", "2026-11-02T03:00+01:00"),
        ("2026-11-02T02:59+01:00", "2026-11-01T03:00+01:00"),
        ("2026-11-02T01:30+00:00", "2026-11-01T03:00+01:00"),
        ("2026-03-29T12:00+02:00", "2026-03-29T03:00+02:00"),  # the clock has been put forward at two
        ("2026-10-25T12:00+01:00", "2026-10-25T03:00+01:00"),  # and back at three
    ],
)
def test_a_night_begins_at_its_time_in_its_zone(moment: str, due: str) -> None:
    assert last_due(datetime.fromisoformat(moment), time(3), OSLO) == datetime.fromisoformat(due)


def test_a_time_that_the_clock_skips_or_repeats_comes_once() -> None:
    skipped = last_due(datetime(2026, 3, 29, 12, tzinfo=UTC), time(2, 30), OSLO)
    assert skipped.astimezone(UTC) == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)
    repeated = last_due(datetime(2026, 10, 25, 12, tzinfo=UTC), time(2, 30), OSLO)
    assert repeated.astimezone(UTC) == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)


@pytest.mark.slow
def test_nights_are_asked_for_once_and_only_if_something_has_changed(store: Store) -> None:
    add_archive(store)
    woken: list[int] = []
    refit, moment = refit_of(store, woken), now()
    assert refit.look(moment) is NightOutcome.FIRST  # it lies before the setting was made
    assert refit.look(moment) is None
    assert jobs(store) == []
    assert refit.look(moment + NIGHT) is NightOutcome.ASKED
    assert refit.look(moment + NIGHT) is None
    (job,) = jobs(store)
    assert (job.kind, job.created_by, job.parameters["show"], woken) == ("topics", "service", True, [1])
    assert refit.look(moment + 2 * NIGHT) is NightOutcome.UNDER_WAY
    end_jobs(store)
    keep_causes(store)
    assert refit.look(moment + 3 * NIGHT) is NightOutcome.NOTHING_NEW
    add_tagged(store, {"a": "Pakka kom sein i dag"})
    # Three nights without a service are made up for by one.
    assert refit.look(moment + 7 * NIGHT) is NightOutcome.ASKED
    assert refit.look(moment + 7 * NIGHT) is None
    with store.read() as session:
        nights = session.scalars(select(RefitNight).order_by(RefitNight.due_at)).all()
    assert [night.outcome for night in nights] == ["first", "asked", "under_way", "nothing_new", "asked"]
    assert nights[-1].job_id == jobs(store)[-1].id != job.id


def test_the_night_asks_as_the_current_run_was_asked(store: Store) -> None:
    add_archive(store)
    keep_causes(store)
    with store.write() as session:
        run = session.scalars(select(CauseRun)).one()
        run.parameters = {**run.parameters, "names": ["Møbelhuset"], "smallest": 7}
    refit, moment = refit_of(store), now()
    refit.look(moment)
    add_tagged(store, {"a": "Pakka kom sein i dag"})
    assert refit.look(moment + NIGHT) is NightOutcome.ASKED
    (job,) = jobs(store)
    assert (job.parameters["names"], job.parameters["smallest"]) == (["Møbelhuset"], 7)


def test_a_job_that_somebody_has_asked_for_since_is_the_nights(store: Store) -> None:
    add_archive(store)
    refit, moment = refit_of(store), now()
    refit.look(moment - NIGHT)
    create_job(store, kind="topics", parameters={}, by="somebody")
    end_jobs(store)
    with store.write() as session:
        session.execute(update(Job).values(created_at=moment + timedelta(hours=1)))
    assert refit.look(moment) is NightOutcome.UNDER_WAY
    assert len(jobs(store)) == 1


def test_another_time_of_day_does_not_make_a_night_of_the_past(store: Store) -> None:
    add_archive(store)
    moment = datetime(2026, 11, 2, 10, tzinfo=OSLO)
    assert refit_of(store).look(moment) is NightOutcome.FIRST
    later = NightlyRefit(store, at=time(12), zone=OSLO, wake_jobs=lambda: None)
    assert later.look(moment) is None  # noon of the day before
    assert later.look(moment + timedelta(hours=3)) is NightOutcome.ASKED


def test_of_many_services_one_asks(store: Store) -> None:
    add_archive(store, days=5)
    moment = now()
    refit_of(store).look(moment)
    barrier, outcomes = Barrier(4), []

    def look() -> None:
        barrier.wait()
        outcomes.append(refit_of(store).look(moment + NIGHT))

    threads = [Thread(target=look) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(map(str, outcomes)) == ["None", "None", "None", "asked"]
    assert len(jobs(store)) == 1


def test_the_setting() -> None:
    assert Settings(refit_at="03:30").refit_at == time(3, 30)
    assert Settings(refit_at="").refit_at is None
    with pytest.raises(
        BadSettings, match=r"--refit-at \(or STEMME_REFIT_AT\) is '25:00': allowed is a time from 00:00"
    ):
        read_settings(refit_at="25:00")
    with pytest.raises(BadSettings, match=r"STEMME_REFIT_TIME_ZONE.*no time zone"):
        read_settings(refit_time_zone="Mars/Olympus")


@pytest.mark.slow
def test_a_service_makes_up_for_the_night_that_it_missed(
    start: Callable[..., Served], store: Store, database: str
) -> None:
    add_archive(store)
    at = (now() - timedelta(hours=1)).astimezone(OSLO)
    with store.write() as session:
        session.add(RefitNight(due_at=now() - timedelta(days=3), outcome=NightOutcome.ASKED))
    served = start(
        "lambda model: LiveStub()",
        settings=f"port=0, open=True, database={database!r}, refit_at='{at:%H:%M}'",
        before="from tests.api.live_stub import LiveStub",
    )
    served.wait_until_ready()
    wait_for(lambda: current_run(store) is not None)
    assert "Causes are found anew: the nightly run of" in served.log
    (job,) = jobs(store)
    assert job.created_by == "service"
    with served.client() as client:
        wait_for(lambda: client.get("/v1/causes/drift").json().get("waiting") == 0)
        assert len(client.get("/v1/causes").json()["causes"]) == 3
