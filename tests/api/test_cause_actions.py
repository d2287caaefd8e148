"""`/v1/actions`: what was done about causes, and what came of it by the store's own comments."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

pytest.importorskip("ruptures", reason="needs the extra 'topics'")

from fastapi.testclient import TestClient
from sqlalchemy import insert, select

from api.access.keys import create_key
from api.access.scopes import Scope
from api.app import create_app
from api.cause_runs.models import CauseMember, CauseRun
from api.ingest.ingest import NewComment, ingest
from api.ingest.worker import TagWorker
from api.settings import Settings
from api.store.database import Store
from api.store.models import AuditEntry, CommentVersion, now
from api.store.runs import active_run
from tests.api import cause_archive
from tests.api.rest_stub import StubTagger

FIRST, SINCE = date(2026, 2, 15), date(2026, 4, 1)
DAYS = 85
LATE, DEAR = "t-late", "t-dear"
BERGEN = {"what": "Budene ringer først", "who": "Logistikk", "since": "2026-04-01", "where": {"department": "Bergen"}}


def late_on(day: date, place: str) -> int:
    return 1 if place == "Bergen" and day >= SINCE else 4


def add_days(store: Store, first: int, days: int) -> None:
    """Six comments a day and place: "sein" in Bergen falls from four to one; "dyrt" is said on every ninth day."""
    comments = []
    for number in range(first, first + days):
        day = FIRST + timedelta(days=number)
        when = datetime(day.year, day.month, day.day, 11, tzinfo=UTC)
        for place in ("Bergen", "Voss", None):
            for each in range(6 if place else 1):
                late = place and each < late_on(day, place)
                text = (
                    "Pakka kom sein" if late else "Det var dyrt" if not place and number % 9 == 0 else "Fint hos dere"
                )
                comments.append(
                    NewComment("survey", f"{number}-{place}-{each}", text, department=place, submitted_at=when)
                )
    ingest(comments, store=store)
    worker = TagWorker(store, StubTagger(), batch_size=500, max_text_length=20_000)
    while worker.tag_batch():
        pass


def versions_that_say(store: Store, words: str, *, after: int = 0) -> list[int]:
    with store.read() as session:
        query = select(CommentVersion.id).where(CommentVersion.text.contains(words), CommentVersion.id > after)
        return list(session.scalars(query))


def keep_run(store: Store, *topics: str) -> int:
    """A run that has read all comments; each comment of a cause has two places in it."""
    said = {LATE: "sein", DEAR: "dyrt"}
    with store.write() as session:
        newest = session.scalar(select(CommentVersion.id).order_by(CommentVersion.id.desc()).limit(1))
        active = active_run(session)
        assert active is not None
        run = CauseRun(
            tag_run_id=active.id,
            shown=True,
            encoder="stub@1",
            parameters={},
            n_comments=1,
            n_segments=1,
            report={"causes": [{"topic": topic} for topic in topics], "read_up_to": newest},
        )
        session.add(run)
        session.flush()
        run_id = run.id
    for topic in topics:
        add_members(store, run_id, topic, versions_that_say(store, said[topic]), assigned_at=None)
    return run_id


def add_members(store: Store, run_id: int, topic: str, versions: list[int], *, assigned_at: Any) -> None:
    rows = [
        {
            "cause_run_id": run_id,
            "comment_version_id": version,
            "topic": topic,
            "start": start,
            "end": start + 2,
            "segment": None,
            "assigned_at": assigned_at,
        }
        for version in versions
        for start in (0, 3)
    ]
    with store.write() as session:
        session.execute(insert(CauseMember), rows)


@pytest.fixture
def archive(store: Store) -> Store:
    add_days(store, 0, DAYS)
    keep_run(store, LATE, DEAR)
    return store


@pytest.fixture
def client(store: Store) -> TestClient:
    return client_with(store, *Scope)


def client_with(store: Store, *scopes: Scope) -> TestClient:
    key = create_key(store, scopes=scopes, name="", expires_at=None, by="test")
    app = create_app(Settings(), StubTagger(), store=store)
    return TestClient(app, headers={"Authorization": f"Bearer {key}"})


def add(client: TestClient, topic: str, **body: Any) -> dict[str, Any]:
    answer = client.post(f"/v1/causes/{topic}/actions", json={"what": "Noe", "who": "Drift", **body})
    assert answer.status_code == 201, answer.text
    return answer.json()


@pytest.mark.slow
def test_an_effect_that_is_there_one_that_is_not_too_early_and_no_baseline(archive: Store, client: TestClient) -> None:
    answer = client.post(f"/v1/causes/{LATE}/actions", json=BERGEN)
    assert answer.status_code == 201, answer.text
    found = answer.json()
    assert {name: found[name] for name in ("topic", "what", "who", "since", "where", "until")} == {
        "topic": LATE,
        "what": "Budene ringer først",
        "who": "Logistikk",
        "since": "2026-04-01",
        "where": {"department": ["Bergen"]},
        "until": None,
    }
    effect = found["effect"]
    assert effect["verdict"] == "fell"
    assert effect["fall"]["estimate"] == pytest.approx(0.75)
    assert 0 < effect["fall"]["low"] < 0.75 < effect["fall"]["high"] < 1
    assert (effect["complaints_before"], effect["comments_before"]) == (180, 270)
    assert (effect["complaints_after"], effect["comments_after"], effect["days"]) == (40, 240, 40)
    assert (effect["baseline"], effect["baseline_from"], effect["watched_to"]) == ("usual", "2026-02-15", "2026-05-10")
    # Comments without a department are neither here nor there.
    assert (effect["elsewhere"]["complaints_before"], effect["elsewhere"]["comments_before"]) == (180, 270)
    assert effect["elsewhere"]["fall"]["estimate"] == pytest.approx(0)
    voss = add(client, LATE, since="2026-04-01", where={"department": ["Voss"]})["effect"]
    assert (voss["verdict"], voss["fall"]["estimate"], voss["elsewhere"]) == ("too_early", pytest.approx(0), None)
    early = add(client, DEAR, since="2026-05-08", baseline_from="2026-02-15")["effect"]
    assert (early["verdict"], early["days"], early["elsewhere"]) == ("too_early", 3, None)
    nothing = add(client, DEAR, since="2026-03-01")["effect"]
    assert (nothing["verdict"], nothing["fall"], nothing["complaints_before"]) == ("no_baseline", None, 2)


@pytest.mark.slow
def test_comments_that_come_later_count_once_they_have_been_given_their_causes(
    archive: Store, client: TestClient
) -> None:
    before = add(client, LATE, **BERGEN)["effect"]
    newest = max(versions_that_say(archive, ""))
    add_days(archive, DAYS, 10)
    (waiting,) = client.get(f"/v1/causes/{LATE}/actions").json()["actions"]
    assert waiting["effect"] == before, "comments that nobody has asked for causes are no sign of a fall"
    with archive.read() as session:
        run_id = session.scalars(select(CauseRun.id)).one()
    add_members(archive, run_id, LATE, versions_that_say(archive, "sein", after=newest), assigned_at=now())
    (page,) = client.get(f"/v1/causes/{LATE}/actions").json()["actions"]
    assert (page["effect"]["complaints_after"], page["effect"]["days"]) == (50, 50)
    assert page["effect"]["watched_to"] == "2026-05-20"


@pytest.mark.slow
def test_a_cause_that_has_vanished_in_a_refit_says_so(archive: Store, client: TestClient) -> None:
    added = add(client, LATE, **BERGEN)
    run_id = keep_run(archive, DEAR)
    (gone,) = client.get(f"/v1/causes/{LATE}/actions").json()["actions"]
    assert (gone["effect"]["verdict"], gone["effect"]["run"]) == ("cause_gone", run_id)
    assert (gone["effect"]["fall"], gone["effect"]["complaints_before"]) == (None, None)
    moved = client.patch(f"/v1/actions/{added['id']}", json={"topic": DEAR})
    assert (moved.status_code, moved.json()["topic"], moved.json()["effect"]["complaints_before"]) == (200, DEAR, 0)


@pytest.mark.slow
def test_the_zone_says_where_days_begin(archive: Store, client: TestClient) -> None:
    add(client, LATE, **BERGEN)
    ends = {"Europe/Oslo": "2026-05-10", "Pacific/Kiritimati": "2026-05-11"}  # there it is already tomorrow
    for zone, last in ends.items():
        (action,) = client.get("/v1/actions", params={"time_zone": zone}).json()["actions"]
        assert action["effect"]["watched_to"] == last
    assert client.get("/v1/actions", params={"time_zone": "Oslo"}).status_code == 422


@pytest.mark.slow
def test_actions_are_listed_changed_and_removed_and_leave_lines_in_the_audit_log(
    archive: Store, client: TestClient
) -> None:
    first, second = add(client, LATE, **BERGEN), add(client, DEAR, since="2026-04-01")
    page = client.get("/v1/actions", params={"limit": 1}).json()
    assert [each["id"] for each in page["actions"]] == [second["id"]]
    page = client.get("/v1/actions", params={"limit": 1, "cursor": page["next"]}).json()
    assert ([each["id"] for each in page["actions"]], page["next"]) == ([first["id"]], None)
    assert [each["id"] for each in client.get(f"/v1/causes/{DEAR}/actions").json()["actions"]] == [second["id"]]
    changes = {"where": {"department": ["Bergen", "Voss"]}, "until": "2026-04-30", "who": None}
    changed = client.patch(f"/v1/actions/{first['id']}", json=changes).json()
    assert (changed["who"], changed["until"]) == ("Logistikk", "2026-04-30")
    assert (changed["effect"]["comments_after"], changed["effect"]["watched_to"]) == (360, "2026-04-30")
    assert client.patch(f"/v1/actions/{first['id']}", json={"until": None}).json()["until"] is None
    assert client.delete(f"/v1/actions/{first['id']}").status_code == 204
    gone = client.get(f"/v1/actions/{first['id']}")
    assert (gone.status_code, gone.json()["code"]) == (404, "unknown_action")
    with archive.read() as session:
        lines = session.scalars(select(AuditEntry).where(AuditEntry.action.startswith("cause_action"))).all()
    assert [(line.action, line.subject, line.detail) for line in lines] == [
        ("cause_action.added", f"action {first['id']}", {"topic": LATE}),
        ("cause_action.added", f"action {second['id']}", {"topic": DEAR}),
        ("cause_action.changed", f"action {first['id']}", {"topic": LATE, "fields": ["until", "where"]}),
        ("cause_action.changed", f"action {first['id']}", {"topic": LATE, "fields": ["until"]}),
        ("cause_action.removed", f"action {first['id']}", {"topic": LATE}),
    ]
    assert "Budene" not in str([line.detail for line in lines])


@pytest.mark.slow
def test_a_key_that_may_only_read_changes_nothing(archive: Store, client: TestClient) -> None:
    added = add(client, LATE, **BERGEN)
    reader = client_with(archive, Scope.READ)
    assert reader.get(f"/v1/actions/{added['id']}").status_code == 200
    for answer in (
        reader.post(f"/v1/causes/{LATE}/actions", json=BERGEN),
        reader.patch(f"/v1/actions/{added['id']}", json={"who": "Andre"}),
        reader.delete(f"/v1/actions/{added['id']}"),
    ):
        assert (answer.status_code, answer.json()["code"]) == (403, "missing_scope")


@pytest.mark.slow
def test_the_example_of_the_reference_works(archive: Store, client: TestClient) -> None:
    (example,) = client.get("/openapi.json").json()["components"]["schemas"]["NewAction"]["examples"]
    assert add(client, LATE, **example)["effect"]["verdict"] == "fell"


WRONG = [
    ({"since": "i vår"}, "invalid_request", "such as 2026-03-20"),
    ({"since": "2026-04-01", "what": " "}, "invalid_request", "say in a few words"),
    ({"since": "2026-04-01", "where": {"department": []}}, "invalid_request", '{"department": ["Bergen", "Voss"]}'),
    ({"since": "2026-04-01", "where": {"avdeling": "Bergen"}}, "unknown_dimension", "department"),
    ({"since": "2026-04-01", "where": {"theme": "price"}}, "unknown_dimension", "metadata.KEY"),
    ({"since": "2026-04-01", "baseline_from": "2026-04-01"}, "bad_action_days", "begins before it"),
    ({"since": "2026-04-01", "until": "2026-03-01"}, "bad_action_days", "not before its first"),
    ({"since": "2026-04-01", "hvor": "Bergen"}, "invalid_request", "Allowed: what, who, since, where"),
]


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_what_is_wrong_is_refused_with_what_to_do_and_nothing_is_kept(store: Store, client: TestClient) -> None:
    answer = client.post(f"/v1/causes/{LATE}/actions", json=BERGEN)
    assert (answer.status_code, answer.json()["code"]) == (404, "no_causes")
    add_days(store, 0, 5)
    keep_run(store, LATE)
    for body, code, said in WRONG:
        answer = client.post(f"/v1/causes/{LATE}/actions", json={"what": "Noe", "who": "Drift", **body})
        assert (answer.status_code, answer.json()["code"]) == (422, code)
        assert said in answer.json()["detail"]
    answer = client.post("/v1/causes/t-lat/actions", json=BERGEN)
    assert (answer.status_code, answer.json()["code"]) == (404, "unknown_cause")
    assert "Did you mean 't-late'" in answer.json()["detail"]
    assert client.get("/v1/causes/t-lat/actions").status_code == 404
    assert client.get("/v1/actions").json() == {"actions": [], "next": None}


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_causes_that_clustering_has_found_can_be_acted_upon(store: Store, client: TestClient) -> None:
    cause_archive.add_archive(store)
    run = cause_archive.keep_causes(store)
    late = cause_archive.topic_of(run, "delivery_time")
    body = {"since": "2026-03-25", "where": {"department": "logistikk"}}
    effect = add(client, late, **body)["effect"]
    assert (effect["complaints_before"], effect["complaints_after"], effect["days"]) == (14, 6, 6)
    assert (effect["baseline"], effect["baseline_from"]) == ("last_change", "2026-03-11")
    assert effect["verdict"] == "too_early"
