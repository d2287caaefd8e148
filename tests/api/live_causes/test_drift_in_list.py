"""The list of causes has the drift in its head, as it is told alone, with the night on which they are found anew."""

from __future__ import annotations

from datetime import UTC, datetime, time
from zoneinfo import ZoneInfo

import pytest
from fastapi.testclient import TestClient

pytest.importorskip("ruptures", reason="needs the extra 'topics'")

from api.app import create_app
from api.cause_runs.models import CauseRun
from api.cause_runs.runs import load_topics
from api.live_causes.drift import CauseDrifts, drift_of_causes
from api.live_causes.edits import merge
from api.live_causes.refit import Nightly
from api.settings import Settings
from api.store.database import Store
from api.store.models import now
from nlp.topics import TopicModel
from tests.api.cause_archive import keep_causes, topic_of
from tests.api.live_causes.causes import EDITOR, THEMES
from tests.api.live_stub import LiveStub, add_tagged, assign

OSLO = ZoneInfo("Europe/Oslo")


def client_of(store: Store, at: time | None) -> TestClient:
    settings = Settings(open=True, refit_at=at, refit_time_zone="Europe/Oslo")
    return TestClient(create_app(settings, LiveStub(), store=store))


@pytest.mark.parametrize(
    ("moment", "at", "due"),
    [
        ("2026-11-02T02:59+01:00", time(3), "2026-11-02T02:00+00:00"),
        ("2026-11-02T03:00+01:00", time(3), "2026-11-03T02:00+00:00"),
        ("2026-11-02T23:30+00:00", time(0, 15), "2026-11-03T23:15+00:00"),  # past midnight in Oslo
        ("2026-03-29T00:30+01:00", time(2, 30), "2026-03-29T01:30+00:00"),  # the clock skips 02:30: it is 03:30
        ("2026-10-25T00:00+02:00", time(2, 30), "2026-10-25T00:30+00:00"),  # the first of two
    ],
)
def test_the_next_night_is_told(moment: str, at: time, due: str) -> None:
    found = Nightly(at, OSLO).next_due(datetime.fromisoformat(moment))
    assert (found, found.tzinfo) == (datetime.fromisoformat(due), UTC)


@pytest.mark.slow
def test_the_head_of_the_list_has_the_drift(store: Store, run: CauseRun) -> None:
    assign(store)
    add_tagged(store, {"a": "Pakka kom sein i dag", "b": "Det var dyrt igjen"})
    assign(store)
    client, at = client_of(store, time(3)), now()
    drift = client.get("/v1/causes").json()["drift"]
    assert drift == client.get("/v1/causes/drift").json()
    assert (drift["run"], drift["comments"], drift["refit"]) == (run.id, 2, False)
    assert "from 200 on" in drift["why"]
    next_refit = datetime.fromisoformat(drift["next_refit"])
    assert next_refit.astimezone(OSLO).time() == time(3)
    assert at < next_refit <= Nightly(time(3), OSLO).next_due(now())
    assert client_of(store, None).get("/v1/causes").json()["drift"]["next_refit"] is None


def test_a_run_that_is_not_the_current_one_has_no_drift(store: Store, run: CauseRun) -> None:
    second = keep_causes(store, former=load_topics(store, run.id))
    client = client_of(store, time(3))
    assert client.get("/v1/causes", params={"run": run.id}).json()["drift"] is None
    assert client.get("/v1/causes").json()["drift"]["run"] == second.id


def test_the_run_is_counted_once_until_somebody_edits_it(
    store: Store, run: CauseRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded: list[int] = []
    read = TopicModel.from_bytes

    def counted(archive: bytes) -> TopicModel:
        loaded.append(1)
        return read(archive)

    monkeypatch.setattr(TopicModel, "from_bytes", counted)
    assign(store)  # which reads the topics for itself
    loaded.clear()
    drifts = CauseDrifts()
    with store.read() as session:
        first, second = drifts.read(session), drifts.read(session)
    assert first is not None
    assert first == second
    assert len(loaded) == 1
    # What is assigned meanwhile is seen at once, and so are tags that send a comment to another topic.
    for text in ("Pakka kom sein i dag", "Det var dyrt i dag"):
        add_tagged(store, {"a": text})
        assign(store)
        with store.read() as session:
            assert drifts.read(session) == drift_of_causes(session) != first
    late, dear, _ = (topic_of(run, theme) for theme in THEMES)
    merge(store, late, [dear], editor=EDITOR)
    before = len(loaded)
    with store.read() as session:
        drifts.read(session)
        drifts.read(session)
    assert len(loaded) == before + 1
