"""`/v1/jobs` and `/v1/runs` as callers see them, and whose turn it is."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from api.access.keys import create_key
from api.access.scopes import Scope
from api.app import create_app
from api.job_kinds import job_kinds
from api.jobs.jobs import cancel_job, create_job, find_job
from api.jobs.runner import JobRunner
from api.jobs.turn import turn_of
from api.retag.job import RetagJob
from api.settings import Settings
from api.store.database import Store
from nlp.models.shipped import SHIPPED
from tests.api.rest_stub import StubTagger
from tests.api.retagging import EVERYTHING, OtherTagger, add_tagged, loads, retag, run_jobs, shown
from tests.api.serving import ROOT, Served, wait_for


@pytest.fixture
def client(store: Store) -> TestClient:
    key = create_key(store, scopes=[Scope.ADMIN], name="", expires_at=None, by="test")
    app = create_app(Settings(), StubTagger(), store=store)
    return TestClient(app, headers={"Authorization": f"Bearer {key}"})


def test_a_job_is_asked_for_looked_at_and_cancelled(client: TestClient, store: Store) -> None:
    asked = client.post("/v1/jobs", json={"kind": "retag", "filters": {"department": "Bergen"}, "rate": 50})
    assert asked.status_code == 202
    job = asked.json()
    assert (job["kind"], job["state"], job["done"], job["run"]) == ("retag", "queued", 0, None)
    assert job["parameters"] == {"model": None, "filters": {"department": "Bergen"}, "rate": 50.0}
    assert client.get(f"/v1/jobs/{job['id']}").json() == job
    assert client.get("/v1/jobs").json() == {"jobs": [job]}
    second = client.post("/v1/jobs", json={"kind": "retag"})
    assert (second.status_code, second.json()["code"]) == (409, "job_under_way")
    assert client.delete(f"/v1/jobs/{job['id']}").json()["state"] == "cancelled"
    assert client.post("/v1/jobs", json={"kind": "retag"}).status_code == 202


def test_jobs_of_a_kind_or_in_a_state_are_listed(client: TestClient, store: Store) -> None:
    first = client.post("/v1/jobs", json={"kind": "retag"}).json()["id"]
    client.delete(f"/v1/jobs/{first}")
    second = client.post("/v1/jobs", json={"kind": "retag"}).json()["id"]
    other = create_job(store, kind="cause_figures", parameters={}, by="test").id

    def listed(query: str) -> list[int]:
        return [job["id"] for job in client.get(f"/v1/jobs{query}").json()["jobs"]]

    assert listed("") == [other, second, first]
    assert listed("?kind=retag") == [second, first]
    assert listed("?state=queued") == [other, second]
    assert listed("?kind=retag&state=cancelled") == [first]
    refused = client.get("/v1/jobs?state=done")
    assert (refused.status_code, "'succeeded'" in refused.json()["detail"]) == (422, True)
    assert client.get("/v1/jobs?kind=retak").status_code == 422


def test_every_kind_of_job_can_be_listed(client: TestClient) -> None:
    for kind in job_kinds(loads(OtherTagger()), batch_size=1, max_text_length=1):
        assert client.get("/v1/jobs", params={"kind": kind.name}).json() == {"jobs": []}, kind.name


def test_a_job_that_is_cancelled_while_its_model_is_loaded_does_not_go_on(store: Store) -> None:
    add_tagged(store, "Bra", "Nei!")
    job = create_job(store, kind="retag", parameters=EVERYTHING, by="test")
    states: list[str] = []

    def load(_: Path | None) -> OtherTagger:
        states.append(cancel_job(store, job.id, by="test").state)
        return OtherTagger()

    runner = JobRunner(store, [RetagJob(load, batch_size=2, max_text_length=20_000)])
    runner.start()
    try:
        wait_for(lambda: find_job(store, job.id).finished)
    finally:
        runner.stop()
    assert states[0] == "cancelling"
    assert find_job(store, job.id).state == "cancelled"
    assert set(shown(store).values()) == {StubTagger.name}


def test_how_far_a_job_came_is_told(client: TestClient, store: Store) -> None:
    add_tagged(store, "a", "b", "c")
    job = retag(store, OtherTagger())
    told = client.get(f"/v1/jobs/{job.id}").json()
    assert (told["state"], told["done"], told["total"]) == ("succeeded", 3, 3)
    assert told["per_second"] > 0
    assert told["seconds_left"] is None
    ended = client.delete(f"/v1/jobs/{job.id}")
    assert (ended.status_code, ended.json()["code"]) == (409, "job_finished")
    assert "stemme retag rollback" in ended.json()["detail"]


def test_every_filter_is_kept_as_it_was_asked(client: TestClient) -> None:
    filters = {
        "source": "survey",
        "department": "Bergen",
        "nps_max": 6,
        "submitted_from": "2026-01-01T00:00:00+01:00",
        "language": "nn",
        "theme": "delivery_time",
        "flag": "churn_risk",
    }
    job = client.post("/v1/jobs", json={"kind": "retag", "filters": filters}).json()
    assert job["parameters"]["filters"] == {**filters, "submitted_from": "2025-12-31T23:00:00+00:00"}


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({}, 422, "invalid_request"),
        ({"kind": "topic"}, 422, "invalid_request"),
        ({"kind": "retag", "rate": 0}, 422, "invalid_request"),
        ({"kind": "retag", "model": "\ud800"}, 422, "invalid_request"),
        ({"kind": "retag", "modell": "x"}, 422, "invalid_request"),
        ({"kind": "retag", "filters": {"avdeling": "Bergen"}}, 422, "invalid_request"),
        ({"kind": "retag", "filters": {"submitted_from": "2026-01-01T00:00:00"}}, 422, "invalid_request"),
        ({"kind": "retag", "filters": {"theme": "delivery_tme"}}, 422, "unknown_label"),
        ({"kind": "retag", "model": "/no/such/folder"}, 404, "unknown_model"),
    ],
)
def test_what_cannot_be_done_is_refused_and_leaves_no_job(
    client: TestClient, body: dict[str, Any], status: int, code: str
) -> None:
    answer = client.post("/v1/jobs", content=json.dumps(body), headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert "avdeling" not in answer.text
    assert client.get("/v1/jobs").json() == {"jobs": []}


def test_a_folder_s_path_is_kept_whole(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(SHIPPED.parent)
    job = client.post("/v1/jobs", json={"kind": "retag", "model": SHIPPED.name}).json()
    assert job["parameters"]["model"] == str(SHIPPED)


@pytest.mark.parametrize(("method", "path"), [("get", "/v1/jobs/9"), ("delete", "/v1/jobs/9")])
def test_a_job_that_there_is_not(client: TestClient, method: str, path: str) -> None:
    answer = client.request(method, path)
    assert (answer.status_code, answer.json()["code"]) == (404, "unknown_job")


@pytest.mark.slow
def test_runs_are_listed_and_one_is_made_active(client: TestClient, store: Store) -> None:
    add_tagged(store, "a", "b")
    retag(store, OtherTagger())
    other, former = client.get("/v1/runs").json()["runs"]
    assert (other["model"], other["state"], other["tagged"], other["shown"]) == ("other@2.0.0", "active", 2, 2)
    assert (former["model"], former["state"], former["tagged"], former["shown"]) == ("stub@1.0.0", "former", 2, 0)
    refused = client.post(f"/v1/runs/{former['id']}/activate")
    assert (refused.status_code, refused.json()["code"]) == (409, "run_model_missing")
    active = client.post(f"/v1/runs/{former['id']}/activate", params={"force": True})
    assert (active.json()["state"], active.json()["shown"]) == ("active", 2)
    assert client.post("/v1/runs/99/activate").json()["code"] == "unknown_run"


@pytest.mark.slow
def test_one_process_has_the_turn_until_it_ends(store: Store, database: str) -> None:
    code = (
        "import sys, time\nfrom api.jobs.turn import turn_of\nfrom api.store.database import Store\n"
        f"turn = turn_of(Store.connect({database!r}))\nprint(turn.take(), flush=True)\ntime.sleep(600)"
    )
    holder = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE)
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"True\n"
    turn = turn_of(store)
    assert not turn.take()
    holder.send_signal(signal.SIGKILL)
    holder.communicate()
    wait_for(turn.take)
    assert turn.kept()
    assert not turn_of(store).take()
    turn.give_back()
    assert not turn.kept()


@pytest.mark.slow
def test_a_service_does_a_job_and_another_goes_on_with_it_after_a_kill(
    start: Callable[..., Served], store: Store, database: str, tmp_path: Path
) -> None:
    add_tagged(store, *(f"{n}!" for n in range(400)))
    job = create_job(store, kind="retag", parameters={**EVERYTHING, "model": "/models/ours"}, by="test")
    load = "lambda folder: StubTagger() if folder is None else Slow(lambda _: time.sleep(0.05))"
    settings = f"port=0, open=True, database={database!r}, batch_size=4"
    before = "from tests.api.retagging import OtherTagger as Slow\nimport api.retag.job\napi.retag.job.PER_STEP = 16"
    served = start(load, settings=settings, before=before)
    served.wait_until_ready()
    with served.client() as client:
        wait_for(lambda: client.get(f"/v1/jobs/{job.id}").json()["done"] >= 32)
        assert {run["model"] for run in client.get("/v1/runs").json()["runs"] if run["shown"]} == {"stub@1.0.0"}
    served.process.kill()
    served.process.wait()
    done = run_jobs(store, OtherTagger(), job.id, batch_size=64)
    assert (done.state, done.done) == ("succeeded", 400)
