"""Webhooks: made, changed and removed over REST; which addresses are allowed; how messages are signed."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from ipaddress import ip_address
from typing import Any

import pytest
import standardwebhooks
from fastapi.testclient import TestClient
from sqlalchemy import select, update

from api.app import create_app
from api.settings import Settings
from api.store.database import Store
from api.store.models import AuditEntry
from api.webhooks.address import AddressPolicy
from api.webhooks.errors import BadWebhookUrl
from api.webhooks.models import DeliveryState, Webhook, WebhookDelivery
from api.webhooks.schedule import LONGEST_REST_SECONDS, base_wait, wait_after
from api.webhooks.schemas import ADDRESS
from api.webhooks.signature import new_secret, signature_headers
from tests.api.alerting import RULE, UNHAPPY, add, tag
from tests.api.rest_stub import StubTagger

URL = "https://care.example/in/hemmeleg-sti"


@pytest.fixture
def client(store: Store) -> TestClient:
    return TestClient(create_app(Settings(open=True), StubTagger(), store=store))


def make(client: TestClient, **fields: Any) -> Any:
    answer = client.post("/v1/webhooks", json={"url": URL, **fields})
    assert answer.status_code == 201, answer.text
    return answer.json()


def deliveries(client: TestClient, **query: Any) -> list[Any]:
    answer = client.get("/v1/webhooks/deliveries", params=query)
    assert answer.status_code == 200, answer.text
    found: list[Any] = answer.json()["deliveries"]
    return found


class TestRest:
    def test_the_secret_is_shown_once(self, client: TestClient, store: Store) -> None:
        made = make(client, description="Kundesenteret")
        secret = made.pop("secret")
        assert secret.startswith("whsec_")
        assert made["rules"] is None
        assert made["include_text"] is False
        for answer in (
            client.get("/v1/webhooks"),
            client.get("/v1/webhooks/1"),
            client.patch("/v1/webhooks/1", json={"description": "x"}),
        ):
            assert answer.status_code == 200
            assert secret.removeprefix("whsec_") not in answer.text
        assert client.get("/v1/webhooks/1").json() == {**made, "description": "x"}
        assert make(client)["secret"] != secret

    def test_the_audit_log_has_neither_secret_nor_address(self, client: TestClient, store: Store) -> None:
        secret = make(client)["secret"]
        client.patch("/v1/webhooks/1", json={"url": URL + "2"})
        client.post("/v1/webhooks/1/secret")
        client.post("/v1/webhooks/1/test")
        client.delete("/v1/webhooks/1")
        with store.read() as session:
            lines = session.scalars(select(AuditEntry)).all()
        assert [(line.action, line.subject) for line in lines] == [
            (f"webhook.{what}", "webhook 1") for what in ("added", "changed", "secret_changed", "tested", "removed")
        ]
        written = json.dumps([line.detail for line in lines])
        assert secret not in written
        assert "hemmeleg" not in written

    def test_rules_are_chosen_and_changed(self, client: TestClient, store: Store) -> None:
        add(store)
        assert make(client, rules=[RULE, "follow-up-needed", RULE])["rules"] == ["follow-up-needed", RULE]
        assert client.get("/v1/alert-rules/follow-up-needed").json()["enabled"] is False  # only named
        assert client.patch("/v1/webhooks/1", json={"rules": ["detractor-staff"]}).json()["rules"] == [
            "detractor-staff"
        ]
        assert client.patch("/v1/webhooks/1", json={"enabled": False}).json()["rules"] == ["detractor-staff"]
        assert client.patch("/v1/webhooks/1", json={"rules": None}).json()["rules"] is None
        refused = client.patch("/v1/webhooks/1", json={"rules": ["folow-up-needed"]})
        assert (refused.status_code, refused.json()["code"]) == (404, "unknown_rule")

    def test_a_webhook_whose_rule_is_removed_does_not_get_the_others(self, client: TestClient, store: Store) -> None:
        add(store)
        add(store, "annan")
        make(client, rules=["annan"])
        client.delete("/v1/alert-rules/annan")
        assert client.get("/v1/webhooks/1").json()["rules"] == []
        tag(store, {})
        assert deliveries(client) == []

    @pytest.mark.parametrize(
        ("body", "code"),
        [
            ({}, "invalid_request"),
            ({"url": 7}, "invalid_request"),
            ({"url": URL, "secret": "mine"}, "invalid_request"),
            ({"url": URL, "rules": []}, "invalid_request"),
            ({"url": URL, "include_text": "no"}, "invalid_request"),
            ({"url": "http://care.example/in"}, "bad_webhook_url"),
            ({"url": "ftp://care.example/in"}, "bad_webhook_url"),
            ({"url": "care.example"}, "bad_webhook_url"),
            ({"url": "https://"}, "bad_webhook_url"),
            ({"url": "https://kari:hemmeleg@care.example/"}, "bad_webhook_url"),
            ({"url": "https://care.example/#x"}, "bad_webhook_url"),
            ({"url": "https://169.254.169.254/latest/meta-data"}, "bad_webhook_url"),
            ({"url": "https://[::ffff:169.254.169.254]/"}, "bad_webhook_url"),
            ({"url": "https://0.0.0.0/"}, "bad_webhook_url"),
        ],
    )
    def test_what_is_wrong_is_refused_and_not_repeated(self, client: TestClient, body: Any, code: str) -> None:
        answer = client.post("/v1/webhooks", json=body)
        assert (answer.status_code, answer.json()["code"]) == (422, code)
        assert "hemmeleg" not in answer.text
        assert client.get("/v1/webhooks").json()["webhooks"] == []

    def test_loopback_may_do_without_encryption(self, client: TestClient) -> None:
        for host in ("localhost:9000", "127.0.0.1", "[::1]:9000"):
            assert make(client, url=f"http://{host}/in")["url"] == f"http://{host}/in"

    @pytest.mark.parametrize("rest", ["", "/in?token=a*b&to=alerts", "/inn/søknad/{id}", "?to=alerts", "/a%20b|c"])
    def test_the_published_pattern_allows_what_is_accepted(self, client: TestClient, rest: str) -> None:
        url = f"https://care.example:8443{rest}"
        assert re.search(ADDRESS, url)
        assert make(client, url=url)["url"] == url

    @pytest.mark.parametrize("rest", ["/in#part", "/in\nto"])
    def test_the_published_pattern_refuses_what_is_refused(self, client: TestClient, rest: str) -> None:
        url = f"https://care.example{rest}"
        assert not re.search(ADDRESS, url)
        assert client.post("/v1/webhooks", json={"url": url}).status_code == 422

    def test_what_is_not_there(self, client: TestClient) -> None:
        answers = [
            client.get("/v1/webhooks/7"),
            client.patch("/v1/webhooks/7", json={"enabled": True}),
            client.delete("/v1/webhooks/7"),
            *(client.post(f"/v1/webhooks/7/{what}") for what in ("test", "secret", "redeliver")),
        ]
        assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [(404, "unknown_webhook")] * 6
        answers = [client.get("/v1/webhooks/deliveries/7"), client.post("/v1/webhooks/deliveries/7/redeliver")]
        assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [(404, "unknown_delivery")] * 2

    def test_nothing_is_sent_to_one_that_is_off(self, client: TestClient, store: Store) -> None:
        add(store)
        make(client)
        client.patch("/v1/webhooks/1", json={"enabled": False})
        tag(store, {})
        assert deliveries(client) == []
        for what in ("test", "redeliver"):
            answer = client.post(f"/v1/webhooks/1/{what}")
            assert (answer.status_code, answer.json()["code"]) == (409, "webhook_disabled")


class TestOutbox:
    def test_a_message_lies_in_it_for_each_webhook_that_wants_the_alert(self, client: TestClient, store: Store) -> None:
        add(store)
        add(store, "bergen", department="Bergen")
        make(client)
        make(client, rules=["bergen"])
        tag(store, {"department": "Bergen"}, {})
        rows = [(each["webhook"], each["payload"]["data"]["alert"]["rule"]) for each in deliveries(client)]
        assert sorted(rows) == [(1, "bergen"), (1, RULE), (1, RULE), (2, "bergen")]
        messages = {each["message"] for each in deliveries(client)}
        assert len(messages) == 4
        assert not any("." in message for message in messages)

    def test_the_payload_has_ids_tags_and_a_link_and_no_words(self, client: TestClient, store: Store) -> None:
        add(store)
        make(client, include_text=True)
        private = {"respondent": "kunde-48213", "metadata": {"telefon": "99 99 99 99"}}
        tag(store, {"nps": 2, "department": "Bergen", "question": "Kvifor?", **private})
        (delivery,) = deliveries(client)
        assert (delivery["state"], delivery["attempts"], delivery["type"]) == ("pending", 0, "alert.raised")
        payload = delivery["payload"]
        assert payload["type"] == "alert.raised"
        assert datetime.fromisoformat(payload["timestamp"]).tzinfo is not None
        assert payload["data"]["alert"] == {
            "id": 1,
            "rule": RULE,
            "priority": "normal",
            "raised_at": payload["timestamp"],
            "link": "https://stemme.example/v1/alerts/1",
        }
        comment = payload["data"]["comment"]
        assert (comment["id"], comment["external_id"], comment["nps"], comment["department"]) == (1, "0", 2, "Bergen")
        alert = client.get("/v1/alerts/1").json()
        assert payload["data"]["record"] == alert["comment"]["record"]
        written = json.dumps(payload, ensure_ascii=False)
        assert [word for word in (UNHAPPY, "Kvifor?", "48213", "99 99") if word in written] == []

    def test_dead_letters_are_found_and_sent_once_more_under_their_ids(self, client: TestClient, store: Store) -> None:
        add(store)
        make(client)
        tag(store, {}, {}, {})
        with store.write() as session:
            session.execute(
                update(WebhookDelivery)
                .where(WebhookDelivery.id.in_([1, 2]))
                .values(state=DeliveryState.DEAD, attempts=10, last_status=500)
            )
        dead = deliveries(client, state="dead")
        assert [each["id"] for each in dead] == [2, 1]
        assert [each["next_attempt_at"] for each in dead] == [None, None]
        once_more = client.post("/v1/webhooks/deliveries/2/redeliver")
        assert once_more.status_code == 202
        assert {**once_more.json(), "next_attempt_at": None} == {**dead[0], "state": "pending", "attempts": 0}
        assert client.post("/v1/webhooks/1/redeliver").json() == {"deliveries": 1}
        assert deliveries(client, state="dead") == []
        assert len(deliveries(client, state="pending", webhook=1)) == 3
        assert deliveries(client, webhook=2) == []

    def test_pages_of_deliveries(self, client: TestClient, store: Store) -> None:
        add(store)
        make(client)
        tag(store, *[{}] * 5)
        page = client.get("/v1/webhooks/deliveries", params={"limit": 3}).json()
        assert [each["id"] for each in page["deliveries"]] == [5, 4, 3]
        page = client.get("/v1/webhooks/deliveries", params={"limit": 3, "cursor": page["next"]}).json()
        assert ([each["id"] for each in page["deliveries"]], page["next"]) == ([2, 1], None)
        assert client.get("/v1/webhooks/deliveries", params={"sate": "dead"}).json()["code"] == "unknown_filter"

    def test_a_webhook_that_is_removed_takes_its_messages_with_it(self, client: TestClient, store: Store) -> None:
        add(store)
        make(client)
        tag(store, {})
        assert client.delete("/v1/webhooks/1").status_code == 204
        with store.read() as session:
            assert session.scalars(select(WebhookDelivery)).all() == []
            assert session.scalars(select(Webhook)).all() == []


class TestAddresses:
    INSIDE = (
        "127.0.0.1",
        "::1",
        "10.1.2.3",
        "192.168.1.1",
        "172.16.0.9",
        "fd12::1",
        "::ffff:10.0.0.1",
        "64:ff9b::a00:1",
    )
    OUTSIDE = ("8.8.8.8", "2001:4860:4860::8888", "::ffff:8.8.8.8", "2002:808:808::1")
    NOWHERE = (
        "169.254.169.254",
        "fe80::1",
        "0.0.0.0",
        "::",
        "224.0.0.1",
        "ff02::1",
        "::ffff:169.254.169.254",
        "fd00:ec2::254",
        "64:ff9b::a9fe:a9fe",
    )

    @pytest.mark.parametrize(
        ("networks", "allowed"), [("any", INSIDE + OUTSIDE), ("internal", INSIDE), ("public", OUTSIDE)]
    )
    def test_the_setting_says_which_networks_are_meant(self, networks: Any, allowed: tuple[str, ...]) -> None:
        policy = AddressPolicy(networks=networks)
        everything = self.INSIDE + self.OUTSIDE + self.NOWHERE
        let_through = [each for each in everything if policy.refusal(ip_address(each), scheme="https") is None]
        assert let_through == list(allowed)

    def test_without_encryption_only_this_machine_is_connected_to(self) -> None:
        found = {each: AddressPolicy().refusal(ip_address(each), scheme="http") is None for each in self.INSIDE}
        assert [each for each, allowed in found.items() if allowed] == ["127.0.0.1", "::1"]
        assert AddressPolicy(allow_http=True).refusal(ip_address("10.1.2.3"), scheme="http") is None

    def test_of_a_name_only_the_allowed_addresses_are_used(self) -> None:
        policy = AddressPolicy(networks="internal")
        assert policy.allowed(["8.8.8.8", "10.0.0.1", "fd12::1"], scheme="https") == ["10.0.0.1", "fd12::1"]
        with pytest.raises(BadWebhookUrl, match="STEMME_WEBHOOK_NETWORKS=internal"):
            policy.allowed(["8.8.8.8"], scheme="https")

    def test_the_setting_opens_http(self) -> None:
        assert AddressPolicy(allow_http=True).check_url("http://care.intern/in").host == "care.intern"
        with pytest.raises(BadWebhookUrl, match="STEMME_WEBHOOK_ALLOW_HTTP=true"):
            AddressPolicy().check_url("http://care.intern/in")


class TestSignature:
    BODY = '{"type":"alert.raised","data":{"text":"Blåbær 😡"}}'.encode()

    def signed(self, *keys: str, at: int | None = None) -> dict[str, str]:
        timestamp = int(datetime.now(UTC).timestamp()) if at is None else at
        return signature_headers(keys, message="msg_1", timestamp=timestamp, body=self.BODY)

    def test_the_reference_library_accepts_it(self) -> None:
        key = new_secret()
        verified = standardwebhooks.Webhook(key).verify(self.BODY, self.signed(key))
        assert verified == json.loads(self.BODY)

    def test_the_reference_library_refuses_another_body_id_time_or_secret(self) -> None:
        key = new_secret()
        headers = self.signed(key)
        verifier = standardwebhooks.Webhook(key)
        changed = [
            {**headers, "webhook-id": "msg_2"},
            {**headers, "webhook-timestamp": str(int(headers["webhook-timestamp"]) + 1)},
            self.signed(new_secret()),
        ]
        for each in changed:
            with pytest.raises(standardwebhooks.WebhookVerificationError):
                verifier.verify(self.BODY, each)
        with pytest.raises(standardwebhooks.WebhookVerificationError):
            verifier.verify(self.BODY + b" ", headers)

    def test_it_is_the_reference_library_s_own(self) -> None:
        key, moment = new_secret(), datetime(2026, 11, 2, 8, 30, tzinfo=UTC)
        theirs = standardwebhooks.Webhook(key).sign("msg_1", moment, self.BODY.decode())
        assert self.signed(key, at=int(moment.timestamp()))["webhook-signature"] == theirs

    def test_while_the_secret_changes_both_are_accepted(self) -> None:
        old, new = new_secret(), new_secret()
        headers = self.signed(new, old)
        for key in (old, new):
            standardwebhooks.Webhook(key).verify(self.BODY, headers)


class TestSchedule:
    def test_waits_grow_and_are_spread(self) -> None:
        for failures in (1, 2, 5, 9, 100):
            waits = [wait_after(failures) for _ in range(200)]
            assert len(set(waits)) > 100
            assert 0.75 * base_wait(failures) <= min(waits) < max(waits) <= 1.25 * base_wait(failures)

    def test_ten_attempts_span_more_than_a_day_and_the_first_two_are_within_the_minute(self) -> None:
        waits = [base_wait(failures) for failures in range(1, 10)]
        assert sum(waits) > 24 * 3_600
        assert sum(waits[:2]) * 1.25 < 60

    def test_a_receiver_s_wish_is_the_least_and_has_a_limit(self) -> None:
        assert wait_after(1, retry_after=600) == 600
        assert wait_after(9, retry_after=1) > 1
        assert wait_after(1, retry_after=10**9) == LONGEST_REST_SECONDS
