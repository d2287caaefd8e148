"""Alerts are raised with the tags, once, and looked after by one person at a time."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from api.access.keys import create_key
from api.access.scopes import Scope
from api.alerts.models import Alert, AlertChange, AlertRule, Occasion
from api.alerts.raising import AlertRaiser, raise_alerts, reconsider
from api.app import create_app
from api.ingest.ingest import NewComment, ingest
from api.ingest.worker import TagWorker
from api.settings import Settings
from api.store.database import Store
from api.store.models import AuditEntry, CommentVersion, PendingVersion, StoredComment, Tagging
from api.store.records import store_records
from api.store.runs import ensure_run
from nlp.record import Comment, Record
from tests.api.alerting import RULE, UNHAPPY, add, days_ago, raised, tag, worker_with_alerts
from tests.api.rest_stub import StubTagger


@pytest.fixture
def client(store: Store) -> TestClient:
    return TestClient(create_app(Settings(open=True), StubTagger(), store=store))


def count(store: Store, table: type) -> int:
    with store.read() as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


class TestRaising:
    def test_what_meets_a_rule_raises_an_alert_and_nothing_else_does(self, store: Store) -> None:
        add(store)
        add(store, "bergen", department="Bergen")
        announced: list[bool] = []
        comments = [
            {},
            {"text": "Fint"},
            {"text": "Ja", "department": "Bergen"},
            {"department": "Bergen"},
            {"text": ""},
        ]
        tag(store, *comments, announced=announced)
        assert sorted(raised(store)) == [("bergen", "2"), ("bergen", "3"), (RULE, "0"), (RULE, "3")]
        assert announced == [True]  # one batch

    def test_without_a_rule_that_is_on_nothing_is_raised(self, store: Store, client: TestClient) -> None:
        add(store)
        client.patch(f"/v1/alert-rules/{RULE}", json={"enabled": False})
        announced: list[bool] = []
        tag(store, {}, announced=announced)
        assert (raised(store), announced) == ([], [])

    def test_an_archive_that_is_sent_in_stays_quiet(self, store: Store) -> None:
        add(store)
        tag(store, {"submitted_at": days_ago(3)}, {"submitted_at": days_ago(1.9)}, {}, max_age_days=2)
        assert raised(store) == [(RULE, "1"), (RULE, "2")]

    def test_only_the_version_that_stands_raises(self, store: Store) -> None:
        add(store)
        ingest([NewComment("survey", "0", "Nei! Først")], store=store)
        tag(store, {"text": "Nei! Endra"})
        with store.read() as session:
            numbers = session.scalars(select(CommentVersion.number).join(Alert, Alert.version_id == CommentVersion.id))
            assert numbers.all() == [2]

    def test_a_changed_text_is_asked_anew(self, store: Store) -> None:
        add(store)
        tag(store, {})
        tag(store, {})
        assert raised(store) == [(RULE, "0")]
        tag(store, {"text": "Enda verre!"})
        assert raised(store) == [(RULE, "0")] * 2

    def test_tags_and_alerts_are_stored_together_or_not_at_all(
        self, store: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        class Dies(BaseException):
            """As the process would, in the middle of the transaction."""

        original = AlertRaiser.raise_for

        def dies_after(self: AlertRaiser, session: Session, tagged: Sequence[tuple[int, Record]]) -> int:
            original(self, session, tagged)
            raise Dies

        add(store)
        monkeypatch.setattr(AlertRaiser, "raise_for", dies_after)
        with pytest.raises(Dies):
            tag(store, {})
        assert [count(store, table) for table in (Tagging, Alert, PendingVersion)] == [0, 0, 1]
        monkeypatch.undo()
        tag(store)
        assert [count(store, table) for table in (Tagging, Alert, PendingVersion)] == [1, 1, 0]

    def test_two_services_raise_everything_once(self, store: Store) -> None:
        add(store)
        ingest([NewComment("survey", str(number), f"Nei! {number}") for number in range(60)], store=store)
        workers = [worker_with_alerts(store, tagger=StubTagger(seconds_per_batch=0.01)) for _ in range(2)]
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(_drain, workers))
        assert sorted(raised(store)) == sorted((RULE, str(number)) for number in range(60))

    def test_a_rule_that_cannot_be_read_is_left_out_and_tagging_goes_on(
        self, store: Store, caplog: pytest.LogCaptureFixture
    ) -> None:
        add(store)
        add(store, "ny", nps_max=6)
        with store.write() as session:
            session.execute(update(AlertRule).where(AlertRule.name == "ny").values(conditions={"mood": "bad"}))
        with caplog.at_level(logging.ERROR):
            tag(store, {"nps": 1})
        assert raised(store) == [(RULE, "0")]
        assert "Alert rule ny cannot be read" in caplog.text

    def test_an_alert_keeps_what_its_rule_was(self, store: Store, client: TestClient) -> None:
        add(store)
        tag(store, {})
        client.patch(f"/v1/alert-rules/{RULE}", json={"conditions": {"nps_max": 0}, "priority": "low"})
        assert client.delete(f"/v1/alert-rules/{RULE}").status_code == 204
        alert = client.get("/v1/alerts/1").json()
        assert (alert["rule"], alert["conditions"], alert["priority"]) == (RULE, {"churn_risk": True}, "normal")


def _drain(worker: TagWorker) -> None:
    while worker.tag_batch():
        pass


class TestAgain:
    """Tags of old comments that are stored anew."""

    def retag(self, store: Store, *, asked: bool) -> int:
        class Newer(StubTagger):
            name = "stub@2.0.0"

        tagger = Newer()
        with store.write() as session:
            run = ensure_run(session, model=tagger.name, taxonomy=tagger.taxonomy)
            versions = session.execute(select(CommentVersion.id, CommentVersion.text)).all()
            tagged = [(id_, tagger.tag_one(Comment("x", text))) for id_, text in versions]
            store_records(session, run.id, tagged)
            return raise_alerts(session, tagged, occasion=Occasion.RETAGGING) if asked else 0

    def test_raises_nothing_by_itself(self, store: Store) -> None:
        tag(store, {})
        add(store)
        self.retag(store, asked=False)
        assert raised(store) == []

    def test_raises_what_is_new_when_it_is_asked_to_and_never_twice(self, store: Store) -> None:
        tag(store, {"external_id": "old"})
        add(store)
        tag(store, {"external_id": "new"})
        assert raised(store) == [(RULE, "new")]
        assert self.retag(store, asked=True) == 1
        assert raised(store) == [(RULE, "new"), (RULE, "old")]
        with store.read() as session:
            assert session.scalars(select(Alert.occasion).order_by(Alert.id)).all() == ["tagging", "retagging"]

    def test_a_correction_raises_and_closes(self, store: Store, client: TestClient) -> None:
        add(store)
        tag(store, {"external_id": "a"}, {"external_id": "b"}, {"external_id": "c", "text": "Fint"})
        client.patch("/v1/alerts/2", json={"revision": 1, "state": "taken", "owner": "Kari"})
        happy, unhappy = (StubTagger().tag_one(Comment("x", text)) for text in ("Fint", "Nei!"))
        with store.write() as session:
            ids = session.scalars(select(CommentVersion.id).order_by(CommentVersion.id)).all()
            made = [
                reconsider(session, id_, each, by="Ola") for id_, each in zip(ids, (happy, happy, unhappy), strict=True)
            ]
        assert made == [0, 0, 1]
        alerts = {each["comment"]["external_id"]: each for each in client.get("/v1/alerts").json()["alerts"]}
        assert {id_: (each["state"], each["owner"], each["occasion"]) for id_, each in alerts.items()} == {
            "a": ("done", "Ola", "tagging"),
            "b": ("taken", "Kari", "tagging"),  # in somebody's hands it stays there
            "c": ("new", None, "correction"),
        }
        (line,) = client.get(f"/v1/alerts/{alerts['a']['id']}").json()["history"]
        assert (line["by"], line["note"]) == ("Ola", "No longer meets its rule after a correction.")


class TestQueue:
    def take(self, client: TestClient, revision: int, owner: str = "Kari", **others: Any) -> Any:
        return client.patch("/v1/alerts/1", json={"revision": revision, "state": "taken", "owner": owner, **others})

    @pytest.fixture
    def _one(self, store: Store) -> None:
        add(store)
        tag(store, {"department": "Bergen", "nps": 2})

    @pytest.mark.usefixtures("_one")
    def test_an_alert_holds_the_comment_with_its_tags_and_evidence(self, client: TestClient) -> None:
        alert = client.get("/v1/alerts/1").json()
        assert (alert["state"], alert["owner"], alert["revision"], alert["outdated"]) == ("new", None, 1, False)
        assert (alert["rule"], alert["occasion"], alert["history"]) == (RULE, "tagging", [])
        comment = alert["comment"]
        assert (comment["text"], comment["department"], comment["nps"]) == (UNHAPPY, "Bergen", 2)
        (span,) = comment["record"]["churn_risk"]["spans"]
        assert UNHAPPY[span["start"] : span["end"]] == "Elendig!"

    @pytest.mark.usefixtures("_one")
    def test_it_is_taken_done_and_put_back_and_all_of_it_is_kept(self, client: TestClient) -> None:
        assert self.take(client, 1).status_code == 200
        client.patch("/v1/alerts/1", json={"revision": 2, "note": "Ringt, ikkje svar"})
        client.patch("/v1/alerts/1", json={"revision": 3, "state": "done"})
        client.patch("/v1/alerts/1", json={"revision": 4, "owner": "Ola", "state": "taken"})
        alert = client.patch("/v1/alerts/1", json={"revision": 5, "state": "new"}).json()
        assert (alert["state"], alert["owner"], alert["revision"]) == ("new", None, 6)
        assert [(line["state"], line["owner"], line["note"], line["by"]) for line in alert["history"]] == [
            ("taken", "Kari", None, "open"),
            ("taken", "Kari", "Ringt, ikkje svar", "open"),
            ("done", "Kari", None, "open"),
            ("taken", "Ola", None, "open"),
            ("new", None, None, "open"),
        ]
        times = [datetime.fromisoformat(line["at"]) for line in alert["history"]]
        assert times == sorted(times)

    @pytest.mark.usefixtures("_one")
    def test_who_comes_second_is_told_and_changes_nothing(self, client: TestClient) -> None:
        self.take(client, 1)
        answer = self.take(client, 1, owner="Ola", note="min")
        assert (answer.status_code, answer.json()["code"]) == (409, "alert_conflict")
        assert "It is now taken, owned by Kari; changed by open at " in answer.json()["detail"]
        assert "send revision 2" in answer.json()["detail"]
        alert = client.get("/v1/alerts/1").json()
        assert (alert["owner"], len(alert["history"])) == ("Kari", 1)
        assert self.take(client, 2, owner="Ola").json()["owner"] == "Ola"

    @pytest.mark.usefixtures("_one")
    def test_of_many_at_once_one_takes_it(self, client: TestClient, store: Store) -> None:
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda number: self.take(client, 1, owner=f"person {number}"), range(8)))
        assert sorted(answer.status_code for answer in answers) == [200] + [409] * 7
        (winner,) = (answer.json()["owner"] for answer in answers if answer.status_code == 200)
        with store.read() as session:
            assert session.scalars(select(AlertChange.owner)).all() == [winner]

    @pytest.mark.usefixtures("_one")
    @pytest.mark.parametrize(
        ("body", "code"),
        [
            ({"state": "taken", "owner": "Kari"}, "invalid_request"),  # no revision
            ({"revision": 1}, "invalid_request"),
            ({"revision": "1", "note": "x"}, "invalid_request"),
            ({"revision": 1.5, "note": "x"}, "invalid_request"),
            ({"revision": True, "note": "x"}, "invalid_request"),
            ({"revision": 1, "state": "lost"}, "invalid_request"),
            ({"revision": 1, "note": "x" * 2_001}, "invalid_request"),
            ({"revision": 1, "note": "\0"}, "invalid_request"),
            ({"revision": 1, "owner": " ", "state": "taken"}, "invalid_request"),
            ({"revision": 1, "state": "taken"}, "owner_needed"),
            ({"revision": 1, "state": "done"}, "owner_needed"),
            ({"revision": 1, "owner": "Kari"}, "owner_not_allowed"),
        ],
    )
    def test_a_change_that_makes_no_sense_is_refused(self, client: TestClient, body: Any, code: str) -> None:
        answer = client.patch("/v1/alerts/1", json=body)
        assert (answer.status_code, answer.json()["code"]) == (422, code)
        assert client.get("/v1/alerts/1").json()["revision"] == 1

    def test_an_alert_that_is_not_there(self, client: TestClient) -> None:
        answers = [client.get("/v1/alerts/7"), client.patch("/v1/alerts/7", json={"revision": 1, "note": "x"})]
        assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [(404, "unknown_alert")] * 2

    def test_filters(self, client: TestClient, store: Store) -> None:
        add(store)
        add(store, "bergen", department="Bergen")
        tag(store, {"department": "Bergen"}, {"department": "Oslo"}, {"text": "Fint", "department": "Bergen"})
        by_comment = {
            (each["rule"], each["comment"]["external_id"]): each["id"]
            for each in client.get("/v1/alerts").json()["alerts"]
        }
        assert set(by_comment) == {(RULE, "0"), (RULE, "1"), ("bergen", "0"), ("bergen", "2")}
        taken = by_comment[(RULE, "1")]
        client.patch(f"/v1/alerts/{taken}", json={"revision": 1, "state": "taken", "owner": "Kari"})
        later, earlier = (datetime.now(UTC) + timedelta(hours=sign) for sign in (1, -1))

        def found(**query: Any) -> int:
            answer = client.get("/v1/alerts", params=query)
            assert answer.status_code == 200, answer.text
            return len(answer.json()["alerts"])

        assert [found(state=state) for state in ("new", "taken", "done")] == [3, 1, 0]
        assert [found(rule="bergen"), found(rule="ukjent"), found(priority="normal"), found(priority="high")] == [
            2,
            0,
            4,
            0,
        ]
        assert [found(owner="Kari"), found(owner="Ola")] == [1, 0]
        assert [found(department="Bergen"), found(department="Bergen", rule=RULE)] == [3, 1]
        assert [found(since=earlier.isoformat()), found(since=later.isoformat())] == [4, 0]

    def test_pages(self, client: TestClient, store: Store) -> None:
        add(store)
        tag(store, *[{}] * 7)
        seen, query = [], {"limit": 3, "state": "new"}
        while True:
            page = client.get("/v1/alerts", params=query).json()
            seen += [each["id"] for each in page["alerts"]]
            if page["next"] is None:
                break
            query["cursor"] = page["next"]
        assert seen == [7, 6, 5, 4, 3, 2, 1]
        refused = client.get("/v1/alerts", params={"cursor": query["cursor"], "state": "done"})
        assert (refused.status_code, refused.json()["code"]) == (404, "bad_cursor")

    def test_a_misspelt_filter_is_refused(self, client: TestClient) -> None:
        answer = client.get("/v1/alerts", params={"sate": "new"})
        assert (answer.status_code, answer.json()["code"]) == (422, "unknown_filter")
        assert "Did you mean 'state'?" in answer.json()["detail"]

    def test_it_says_when_the_comment_has_another_text_since(self, client: TestClient, store: Store) -> None:
        add(store)
        tag(store, {})
        tag(store, {"text": "Det ordna seg"})
        alert = client.get("/v1/alerts/1").json()
        assert (alert["outdated"], alert["comment"]["text"], alert["comment"]["version"]) == (True, UNHAPPY, 1)
        assert alert["comment"]["record"]["sentiment"]["label"] == "negative"

    def test_it_goes_with_its_comment(self, client: TestClient, store: Store) -> None:
        add(store)
        tag(store, {})
        self.take(client, 1, note="Kari Nordmann ringer i morgon")
        with store.write() as session:
            session.delete(session.scalars(select(StoredComment)).one())
        assert [count(store, table) for table in (Alert, AlertChange)] == [0, 0]


class TestRules:
    def test_a_rule_is_made_read_changed_and_removed(self, client: TestClient, store: Store) -> None:
        rule = {"name": "bergen", "description": "Ring same dag", "conditions": {"department": "Bergen"}}
        made = client.post("/v1/alert-rules", json=rule)
        assert (made.status_code, made.json()["enabled"], made.json()["ready"]) == (201, True, False)
        assert client.get("/v1/alert-rules/bergen").json() == made.json()
        changed = client.patch("/v1/alert-rules/bergen", json={"priority": "high", "enabled": False}).json()
        assert (changed["priority"], changed["enabled"], changed["description"]) == ("high", False, "Ring same dag")
        assert changed["conditions"] == {"department": ["Bergen"]}
        assert client.delete("/v1/alert-rules/bergen").status_code == 204
        assert client.get("/v1/alert-rules/bergen").json()["code"] == "unknown_rule"
        with store.read() as session:
            lines = session.execute(select(AuditEntry.actor, AuditEntry.action, AuditEntry.subject)).all()
        assert [tuple(line) for line in lines] == [
            ("open", f"alert_rule.{what}", "bergen") for what in ("added", "changed", "removed")
        ]

    def test_those_that_come_with_stemme_are_off_until_they_are_switched_on(
        self, client: TestClient, store: Store
    ) -> None:
        listed = client.get("/v1/alert-rules").json()["rules"]
        assert [rule["name"] for rule in listed] == sorted(rule["name"] for rule in listed)
        assert {(rule["enabled"], rule["ready"], rule["changed_at"]) for rule in listed} == {(False, True, None)}
        assert client.patch("/v1/alert-rules/negative-churn-risk", json={"enabled": True}).json()["enabled"] is True
        tag(store, {})
        assert raised(store) == [("negative-churn-risk", "0")]
        assert client.delete("/v1/alert-rules/negative-churn-risk").status_code == 204
        assert client.get("/v1/alert-rules").json()["rules"] == listed

    def test_a_name_is_given_once(self, client: TestClient) -> None:
        rule = {"name": "bergen", "conditions": {"department": "Bergen"}}
        answers = [client.post("/v1/alert-rules", json=rule) for _ in range(2)]
        assert [answer.status_code for answer in answers] == [201, 409]
        assert answers[1].json()["code"] == "rule_exists"
        assert "PATCH /v1/alert-rules/bergen" in answers[1].json()["detail"]

    @pytest.mark.parametrize(
        ("rule", "code"),
        [
            ({"name": "x"}, "invalid_request"),
            ({"name": "x", "conditions": {}}, "invalid_request"),
            ({"name": "x", "conditions": {"nps_max": 6}, "on": True}, "invalid_request"),
            ({"name": "Stor", "conditions": {"nps_max": 6}}, "invalid_request"),
            ({"name": "x", "conditions": {"nps_max": 6}, "priority": "urgent"}, "invalid_request"),
            ({"name": "x", "conditions": {"themes": [{"theme": "delivery_tme"}]}}, "unknown_label"),
        ],
    )
    def test_a_rule_that_is_wrong_is_refused_and_not_kept(self, client: TestClient, rule: Any, code: str) -> None:
        answer = client.post("/v1/alert-rules", json=rule)
        assert (answer.status_code, answer.json()["code"]) == (422, code)
        assert client.get("/v1/alert-rules/x").status_code == 404

    def test_a_misspelt_name_is_told_the_nearest(self, client: TestClient) -> None:
        answer = client.patch("/v1/alert-rules/follow-up-neded", json={"enabled": True})
        assert (answer.status_code, answer.json()["code"]) == (404, "unknown_rule")
        assert "Did you mean 'follow-up-needed'?" in answer.json()["detail"]

    def test_a_dry_run_counts_and_raises_nothing(self, client: TestClient, store: Store) -> None:
        old = {"submitted_at": days_ago(40)}
        comments = [{"nps": 2}, {"nps": 9}, {"text": "Fint", "nps": 1}, {}, {**old, "nps": 0}, {"text": ""}]
        tag(store, *comments)
        for conditions, expected in (
            ({"churn_risk": True}, ["3", "1", "0"]),
            ({"nps_max": 6}, ["2", "0"]),
            ({"nps_max": 6, "sentiment": "negative"}, ["0"]),
            ({"source": "annet"}, []),
            ({"themes": [{"theme": "staff_service", "sentiment": "positive"}]}, ["2"]),
        ):
            answer = client.post("/v1/alert-rules/dry-run", json={"conditions": conditions, "days": 30}).json()
            assert (answer["comments"], answer["raised"]) == (4, len(expected))
            latest = [client.get(f"/v1/comments/{id_}").json()["external_id"] for id_ in answer["latest"]]
            assert latest == expected
        assert raised(store) == []

    def test_a_dry_run_goes_through_more_than_it_reads_at_once(
        self, client: TestClient, store: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("api.alerts.rehearsal.AT_ONCE", 3)
        tag(store, *[{}] * 25)
        answer = client.post("/v1/alert-rules/dry-run", json={"conditions": {"churn_risk": True}}).json()
        assert (answer["comments"], answer["raised"], len(answer["latest"])) == (25, 25, 20)


SCOPES = {
    ("GET", "/v1/alerts"): Scope.READ,
    ("GET", "/v1/alerts/1"): Scope.READ,
    ("PATCH", "/v1/alerts/1"): Scope.CORRECT,
    ("GET", "/v1/alert-rules"): Scope.ADMIN,
    ("POST", "/v1/alert-rules"): Scope.ADMIN,
    ("POST", "/v1/alert-rules/dry-run"): Scope.ADMIN,
    ("PATCH", "/v1/alert-rules/x"): Scope.ADMIN,
    ("DELETE", "/v1/alert-rules/x"): Scope.ADMIN,
    ("GET", "/v1/webhooks"): Scope.ADMIN,
    ("POST", "/v1/webhooks"): Scope.ADMIN,
    ("GET", "/v1/webhooks/deliveries"): Scope.ADMIN,
    ("POST", "/v1/webhooks/1/test"): Scope.ADMIN,
}


def test_each_route_asks_for_its_scope_and_no_other_opens_it(store: Store) -> None:
    client = TestClient(create_app(Settings(), StubTagger(), store=store))
    for needed in set(SCOPES.values()):
        key = create_key(store, scopes=set(Scope) - {needed}, name="", expires_at=None, by="test")
        for (method, path), scope in SCOPES.items():
            answer = client.request(method, path, headers={"Authorization": f"Bearer {key}"})
            assert (answer.status_code == 403) is (scope == needed), (method, path, needed)


def test_the_history_names_the_key(store: Store) -> None:
    add(store)
    tag(store, {})
    key = create_key(store, scopes=[Scope.CORRECT], name="", expires_at=None, by="test")
    client = TestClient(create_app(Settings(), StubTagger(), store=store), headers={"Authorization": f"Bearer {key}"})
    answer = client.patch("/v1/alerts/1", json={"revision": 1, "state": "taken", "owner": "Kari"})
    assert [line["by"] for line in answer.json()["history"]] == [key.split("_")[1]]
