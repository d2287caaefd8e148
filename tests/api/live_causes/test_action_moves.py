"""What was done about a cause stays with it: through merges and splits by analysts, and through later runs."""

from __future__ import annotations

from datetime import UTC, date, datetime
from hashlib import blake2b

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import insert, select, text

pytest.importorskip("ruptures", reason="needs the extra 'topics'")

from api.cause_actions.models import CauseAction, CauseActionMove
from api.cause_runs.models import CauseRun
from api.cause_runs.runs import load_topics
from api.live_causes.models import CauseEdit
from api.store.audit import AuditFilters, read_log
from api.store.database import Store
from tests.api.cause_archive import add_archive, keep_causes, run_topics, topic_of
from tests.api.live_causes.actions import add, complaints, read, split_body
from tests.api.live_causes.causes import THEMES, current, make_figures
from tests.api.live_stub import LiveStub


@pytest.mark.slow
def test_an_action_goes_with_a_cause_that_is_merged_and_counts_there(
    client: TestClient, store: Store, run: CauseRun
) -> None:
    late, dear, _ = (topic_of(run, theme) for theme in THEMES)
    own, other = add(client, late), add(client, dear, "Lavere pris")
    assert (complaints(own), complaints(other)) == ((10, 10), (10, 0))
    answer = client.post(f"/v1/causes/{late}/merge", json={"with": [dear]})
    assert answer.status_code == 200, answer.text
    edit = answer.json()
    assert edit["actions"] == [
        {"action": own["id"], "from": late, "to": late},
        {"action": other["id"], "from": dear, "to": late},
    ]
    assert edit["detail"] == {"with": [dear]}
    for action, was in ((own, late), (other, dear)):
        found = read(client, action)
        assert (found["topic"], complaints(found)) == (late, (20, 10))
        (came,) = found["came_from"]
        assert (came["topic"], came["became"], came["edit"], came["run"]) == (was, "merged", edit["id"], None)
        assert came["at"] >= edit["at"]
    make_figures(store)
    assert [each["id"] for each in client.get(f"/v1/causes/{late}/actions").json()["actions"]] == [
        other["id"],
        own["id"],
    ]
    with store.read() as session:
        lines = read_log(session, AuditFilters(action="cause_action.moved"), limit=10)
        merged = read_log(session, AuditFilters(action="cause.merged"), limit=10)
    assert [(line.subject, line.detail) for line in lines] == [
        (f"action {other['id']}", {"topic": late, "from": dear, "edit": edit["id"]})
    ]
    assert [line.detail["actions"] for line in merged] == [edit["actions"]]


def test_an_action_stays_with_the_part_that_keeps_the_id(client: TestClient, store: Store, run: CauseRun) -> None:
    late, dear, _ = (topic_of(run, theme) for theme in THEMES)
    other = add(client, dear, "Lavere pris")
    merge = client.post(f"/v1/causes/{late}/merge", json={"with": [dear]}).json()
    edit = client.post(f"/v1/causes/{late}/split", json=split_body(store, late)).json()
    assert edit["actions"] == [{"action": other["id"], "from": late, "to": late}]
    found = read(client, other)
    assert (found["topic"], complaints(found)) == (late, (10, 10))
    assert [(came["topic"], came["became"], came["edit"]) for came in found["came_from"]] == [
        (dear, "merged", merge["id"]),
        (late, "split", edit["id"]),
    ]
    # Whoever knows better moves it to the other part, and it has come from nowhere then.
    part = edit["detail"]["parts"][1]["topic"]
    moved = client.patch(f"/v1/actions/{other['id']}", json={"topic": part}).json()
    assert (moved["topic"], moved["came_from"], complaints(moved)) == (part, [], (10, 0))


def test_a_cause_without_actions_is_merged_as_before(client: TestClient, run: CauseRun) -> None:
    late, dear, kind = (topic_of(run, theme) for theme in THEMES)
    elsewhere = add(client, kind)
    assert client.post(f"/v1/causes/{late}/merge", json={"with": [dear]}).json()["actions"] == []
    assert read(client, elsewhere)["came_from"] == []


@pytest.mark.slow
def test_later_runs_lose_no_action(client: TestClient, store: Store, run: CauseRun) -> None:
    late, dear, kind = (topic_of(run, theme) for theme in THEMES)
    actions = [add(client, topic) for topic in (late, dear, kind)]
    client.post(f"/v1/causes/{late}/merge", json={"with": [dear]})
    for number in range(2):
        add_archive(store, days=6, first=30 + 6 * number)
        keep_causes(store, former=load_topics(store, current(store).id))
        found = [read(client, action) for action in actions]
        assert [action["topic"] for action in found] == [late, late, kind]
        assert [action["effect"]["run"] for action in found] == [current(store).id] * 3
        assert complaints(found[1]) == (20, 16 + 6 * number)


@pytest.mark.slow
def test_a_run_of_another_model_takes_the_actions_to_its_own_ids(
    client: TestClient, store: Store, run: CauseRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.ingest.live.PATIENCE_SECONDS", 0.3)
    late = topic_of(run, "delivery_time")
    with store.write() as session:
        gone = {"topic": "t-gone", "what": "Noe", "who": "Drift", "since": date(2026, 3, 1), "where": {}}
        session.add(CauseAction(**gone, created_by="test"))
    action = add(client, late)
    # Ids are made of places in comments: the same ones give the same id, which other models seldom choose.
    monkeypatch.setattr("nlp.clustering.describe.blake2b", lambda data, **named: blake2b(b"other " + data, **named))
    assert run_topics(store, reader=LiveStub(name="other@2")).state == "succeeded"
    again = current(store)
    found = read(client, action)
    assert found["topic"] == topic_of(again, "delivery_time") != late
    assert complaints(found) == complaints(action)
    (came,) = found["came_from"]
    assert (came["topic"], came["became"], came["edit"], came["run"]) == (late, "continued", None, again.id)
    assert client.get("/v1/actions", params={"limit": 9}).json()["actions"][1]["effect"]["verdict"] == "cause_gone"


@pytest.mark.slow
def test_a_run_that_is_kept_aside_takes_no_action_along(
    client: TestClient, store: Store, run: CauseRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.ingest.live.PATIENCE_SECONDS", 0.3)
    action = add(client, topic_of(run, "delivery_time"))
    monkeypatch.setattr("nlp.clustering.describe.blake2b", lambda data, **named: blake2b(b"other " + data, **named))
    assert run_topics(store, reader=LiveStub(name="other@2"), show=False).state == "succeeded"
    assert read(client, action)["topic"] == action["topic"]
    assert read(client, action)["came_from"] == []


def test_the_upgrade_moves_actions_on_causes_that_were_merged_before(database: str) -> None:
    store = Store.connect(database)
    store.upgrade(to="0014")
    early, late = datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 5, 1, tzinfo=UTC)
    same = {"what": "Noe", "who": "Drift", "since": early.date(), "where": {}, "created_by": "test"}
    edit = {"key": "k", "key_name": "", "kind": "merge", "at": datetime(2026, 4, 1, tzinfo=UTC)}
    with store.write() as session:
        session.execute(
            insert(CauseEdit.__table__),  # type: ignore[arg-type]  # by its columns of then
            [
                {**edit, "id": 1, "topic": "t-b", "detail": {"with": ["t-a"]}},
                {**edit, "id": 2, "topic": "t-c", "detail": {"with": ["t-b", "t-x"]}},
                {**edit, "id": 3, "topic": "t-c", "kind": "rename", "detail": {"label": {"nb": "Kø"}}},
            ],
        )
        session.execute(
            text("INSERT INTO tag_runs (id, model, taxonomy, started_at, state) VALUES (1, 'm', 't', :at, 'active')"),
            {"at": early.replace(tzinfo=None)},
        )
        session.execute(
            text(
                "INSERT INTO cause_runs (id, tag_run_id, created_at, finished_at, shown, encoder, parameters, "
                "n_comments, n_segments, report) VALUES (1, 1, :at, :at, :shown, 'e', '{}', 1, 1, :report)"
            ),
            {
                "at": early.replace(tzinfo=None),
                "shown": True,
                "report": '{"causes": [{"topic": "t-c"}, {"topic": "t-x"}]}',
            },
        )
        for id_, topic, at in (
            (1, "t-a", early),
            (2, "t-c", early),
            (3, "t-a", late),
            (4, "t-y", early),
            (5, "t-x", early),
        ):
            session.execute(
                text(
                    "INSERT INTO cause_actions (id, topic, what, who, since, places, created_by, created_at, "
                    "changed_at) VALUES (:id, :topic, :what, :who, :since, '{}', :created_by, :at, :at)"
                ),
                {**same, "id": id_, "topic": topic, "at": at.replace(tzinfo=None)},
            )
    store.upgrade()
    with store.read() as session:
        topics = dict(session.execute(select(CauseAction.id, CauseAction.topic)).tuples().all())
        moves = session.execute(
            select(CauseActionMove.action_id, CauseActionMove.topic, CauseActionMove.edit_id).order_by(
                CauseActionMove.id
            )
        ).all()
    assert topics == {1: "t-c", 2: "t-c", 3: "t-a", 4: "t-y", 5: "t-x"}, "t-x is there: a split brought it back"
    assert [tuple(move) for move in moves] == [(1, "t-a", 1), (1, "t-b", 2)]
    store.close()
