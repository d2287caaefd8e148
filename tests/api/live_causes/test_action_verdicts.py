"""Causes show what was done about them: the list how many actions and what came of the latest, a cause all of them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import event, select, update
from sqlalchemy.engine import Engine

pytest.importorskip("ruptures", reason="needs the extra 'topics'")

from api.cause_actions.job import ActionVerdictsJob
from api.cause_actions.models import CauseAction
from api.cause_actions.verdicts import ask_for_stale_verdicts
from api.cause_runs.models import CauseRun
from api.jobs.models import Job
from api.store.database import Store
from api.store.models import now
from tests.api.cause_archive import run_topics, topic_of
from tests.api.live_causes.actions import add, complaints
from tests.api.live_causes.causes import THEMES, make_figures
from tests.api.running import finish


@pytest.fixture
def statements() -> Iterator[list[str]]:
    """The SQL that is sent while the test runs."""
    sent: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        sent.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    yield sent
    event.remove(Engine, "before_cursor_execute", note)


def listed(client: TestClient) -> dict[str, tuple[int, dict[str, Any] | None]]:
    answer = client.get("/v1/causes")
    assert answer.status_code == 200, answer.text
    return {cause["topic"]: (cause["action_count"], cause["latest_verdict"]) for cause in answer.json()["causes"]}


def judge(store: Store) -> Job:
    """Let the job that judges all actions run to its end."""
    return finish(store, ActionVerdictsJob())


@pytest.mark.slow
def test_the_list_says_how_many_actions_and_what_came_of_the_latest(
    client: TestClient, store: Store, run: CauseRun
) -> None:
    late, dear, kind = (topic_of(run, theme) for theme in THEMES)
    begun, before = now(), {"baseline_from": "2026-03-01"}
    fell = add(client, dear, since="2026-03-11", **before)
    early = add(client, late, since="2026-03-29", **before)
    add(client, late, since="2026-03-12", **before)
    assert (fell["effect"]["verdict"], early["effect"]["verdict"]) == ("fell", "too_early")
    found = listed(client)
    assert {topic: count for topic, (count, _) in found.items()} == {late: 2, dear: 1, kind: 0}
    assert found[kind][1] is None
    for topic, action, verdict in ((dear, fell, "fell"), (late, early, "too_early")):
        latest = found[topic][1]
        assert latest is not None
        assert (latest["action"], latest["verdict"]) == (action["id"], verdict)
        assert latest["as_of"] >= begun.isoformat()
    # Another time to compare with is another verdict; other words are not.
    client.patch(f"/v1/actions/{fell['id']}", json={"who": "Økonomi"})
    assert (listed(client)[dear][1] or {})["verdict"] == "fell"
    client.patch(f"/v1/actions/{fell['id']}", json={"since": "2026-03-02", "baseline_from": "2026-03-01"})
    assert (listed(client)[dear][1] or {})["verdict"] == "no_baseline"


def test_the_list_sends_as_many_statements_with_actions_as_without(
    client: TestClient, run: CauseRun, statements: list[str]
) -> None:
    listed(client)  # connections say more when they are new
    statements.clear()
    listed(client)
    without = len(statements)
    for theme in THEMES:
        add(client, topic_of(run, theme))
    statements.clear()
    assert [count for count, _ in listed(client).values()] == [1, 1, 1]
    assert len(statements) == without


@pytest.mark.slow
def test_a_cause_has_its_actions_with_their_effects_and_reads_its_comments_once(
    client: TestClient, run: CauseRun, statements: list[str]
) -> None:
    late, dear, _ = (topic_of(run, theme) for theme in THEMES)
    actions = [add(client, late, what) for what in ("Ny budrute", "Budene ringer", "Større biler")]
    add(client, dear)
    statements.clear()
    cause = client.get(f"/v1/causes/{late}", params={"time_zone": "Europe/Stockholm"}).json()
    counting = [each for each in statements if "place_0" in each]
    assert len(counting) == 1
    assert [each["what"] for each in cause["actions"]] == ["Større biler", "Budene ringer", "Ny budrute"]
    assert [complaints(each) for each in cause["actions"]] == [complaints(each) for each in reversed(actions)]
    assert (cause["action_count"], cause["latest_verdict"]["action"]) == (3, actions[-1]["id"])
    assert client.get(f"/v1/causes/{late}", params={"time_zone": "Oslo"}).status_code == 422


def test_without_the_extra_a_cause_has_its_actions_without_effects(
    client: TestClient, run: CauseRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    late = topic_of(run, "delivery_time")
    action = add(client, late)
    monkeypatch.setattr("api.cause_actions.verdicts.NEEDED", ("scipy", "no_such_module"))
    cause = client.get(f"/v1/causes/{late}").json()
    assert [(each["id"], each["effect"]) for each in cause["actions"]] == [(action["id"], None)]
    assert listed(client)[late][0] == 1


@pytest.mark.slow
def test_a_merge_takes_verdicts_away_until_they_are_computed_anew(
    client: TestClient, store: Store, run: CauseRun
) -> None:
    late, dear, kind = (topic_of(run, theme) for theme in THEMES)
    own, other = add(client, late, since="2026-03-12"), add(client, dear, since="2026-03-20")
    add(client, kind)
    client.post(f"/v1/causes/{late}/merge", json={"with": [dear]})
    assert listed(client)[late] == (2, None)
    assert (listed(client)[kind][1] or {})["verdict"] is not None
    make_figures(store)  # asks for the verdicts at its end
    job = judge(store)
    assert (job.state, job.result) == ("succeeded", {"actions": 3})
    latest = listed(client)[late][1]
    assert latest is not None
    assert latest["action"] == other["id"] != own["id"]
    (again,) = [each for each in client.get(f"/v1/causes/{late}").json()["actions"] if each["id"] == other["id"]]
    assert latest["verdict"] == again["effect"]["verdict"]


@pytest.mark.slow
def test_verdicts_are_asked_for_after_a_run_and_when_they_are_an_hour_old(
    client: TestClient, store: Store, run: CauseRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.ingest.live.PATIENCE_SECONDS", 0.3)

    def asked() -> int:
        with store.read() as session:
            return len(session.scalars(select(Job.id).where(Job.kind == "action_verdicts")).all())

    assert not ask_for_stale_verdicts(store)
    run_topics(store)
    assert asked() == 0, "there is no action"
    late = topic_of(run, "delivery_time")
    add(client, late)
    assert not ask_for_stale_verdicts(store)
    run_topics(store)
    assert asked() == 1
    judge(store)
    with store.write() as session:
        session.execute(update(CauseAction).values(judged_at=now() - timedelta(minutes=61)))
    assert not ask_for_stale_verdicts(store), "it was asked for within the hour, and may have failed"
    with store.write() as session:
        session.execute(update(Job).values(created_at=now() - timedelta(minutes=61)))
    assert ask_for_stale_verdicts(store)
    ask_for_stale_verdicts(store)
    assert asked() == 2, "it is asked for once"
    assert judge(store).state == "succeeded"
    assert not ask_for_stale_verdicts(store)
