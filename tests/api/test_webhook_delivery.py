"""Messages reach a real receiver: at least once, under one id, however it fails."""

from __future__ import annotations

import logging
import socket
import ssl
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
import standardwebhooks
from sqlalchemy import select, update

from api.ingest.ingest import NewComment, ingest
from api.store.database import Store
from api.store.errors import StoreUnavailable
from api.store.models import now
from api.webhooks.address import AddressPolicy
from api.webhooks.deliverer import WebhookDeliverer
from api.webhooks.endpoints import add_webhook, change_secret, redeliver_dead, send_test
from api.webhooks.models import DeliveryState, Webhook, WebhookDelivery
from api.webhooks.outbox import Outcome, claim, settle
from api.webhooks.schemas import NewWebhook
from tests.api.alerting import UNHAPPY, add, tag, worker_with_alerts
from tests.api.receiver import Answer, Receiver, receiving, wait_until

Deliver = Callable[..., WebhookDeliverer]
LEASE = timedelta(seconds=30)


@pytest.fixture
def deliver(store: Store) -> Iterator[Deliver]:
    """Starts deliverers on the store; ends them with the test."""
    started: list[WebhookDeliverer] = []

    def begin(
        *, policy: AddressPolicy | None = None, timeout_seconds: float = 10, most_attempts: int = 5, **others: Any
    ) -> WebhookDeliverer:
        deliverer = WebhookDeliverer(
            store,
            policy=policy or AddressPolicy(),
            timeout_seconds=timeout_seconds,
            most_attempts=most_attempts,
            **others,
        )
        deliverer.start()
        started.append(deliverer)
        return deliverer

    yield begin
    for each in started:
        each.stop()


@pytest.fixture
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """What failed is tried again soon."""
    monkeypatch.setattr("api.webhooks.schedule.FIRST_WAIT_SECONDS", 0.05)
    monkeypatch.setattr("api.webhooks.schedule.FACTOR", 1.0)
    monkeypatch.setattr("api.webhooks.deliverer.POLL_SECONDS", 0.05)


def hook(store: Store, url: str, **fields: Any) -> str:
    """A webhook; its secret."""
    with store.write() as session:
        new = NewWebhook.model_validate({"url": url, **fields})
        return add_webhook(session, new, policy=AddressPolicy(), by="test").secret


def one_alert(store: Store, receiver: Receiver, **fields: Any) -> str:
    """A webhook to the receiver and a message that waits for it; the secret."""
    add(store)
    secret = hook(store, receiver.url, **fields)
    tag(store, {"question": "Kvifor?"})
    return secret


def states(store: Store) -> list[str]:
    with store.read() as session:
        return list(session.scalars(select(WebhookDelivery.state).order_by(WebhookDelivery.id)))


def row(store: Store, id_: int = 1) -> WebhookDelivery:
    with store.read() as session:
        return session.get_one(WebhookDelivery, id_)


def webhook(store: Store) -> Webhook:
    with store.read() as session:
        return session.get_one(Webhook, 1)


def settled(store: Store, state: str) -> Callable[[], bool]:
    return lambda: set(states(store)) == {state}


def test_a_message_arrives_signed_and_without_words(store: Store, deliver: Deliver) -> None:
    with receiving() as receiver:
        secret = one_alert(store, receiver)
        deliver()
        wait_until(settled(store, "delivered"))
    (request,) = receiver.received
    standardwebhooks.Webhook(secret).verify(request.body, dict(request.headers))
    assert request.message == row(store).message
    assert (request.path, request.headers["content-type"]) == ("/in", "application/json")
    assert request.headers["host"] == f"localhost:{receiver.port}"
    assert abs(int(request.headers["webhook-timestamp"]) - request.at) < 30
    assert request.payload == row(store).payload
    assert UNHAPPY not in request.body.decode()
    assert (row(store).attempts, row(store).last_status, row(store).leased_until) == (1, 204, None)


def test_the_text_goes_along_if_the_webhook_asks_for_it(store: Store, deliver: Deliver) -> None:
    with receiving() as receiver:
        secret = one_alert(store, receiver, include_text=True)
        deliver()
        wait_until(settled(store, "delivered"))
    (request,) = receiver.received
    standardwebhooks.Webhook(secret).verify(request.body, dict(request.headers))
    comment = request.payload["data"]["comment"]
    assert (comment["text"], comment["question"]) == (UNHAPPY, "Kvifor?")
    span = request.payload["data"]["record"]["churn_risk"]["spans"][0]
    assert comment["text"][span["start"] : span["end"]] == "Elendig!"


def test_after_a_change_of_the_secret_both_sign_for_a_day(store: Store, deliver: Deliver) -> None:
    with receiving() as receiver:
        old = one_alert(store, receiver)
        with store.write() as session:
            new = change_secret(session, 1, by="test").secret
        deliver()
        wait_until(settled(store, "delivered"))
        for secret in (old, new):
            standardwebhooks.Webhook(secret).verify(receiver.received[0].body, dict(receiver.received[0].headers))
        with store.write() as session:
            session.execute(update(Webhook).values(former_secret_until=now() - timedelta(seconds=1)))
        tag(store, {"text": "Nei!"})
        wait_until(lambda: len(receiver.received) == 2)
    last = receiver.received[1]
    standardwebhooks.Webhook(new).verify(last.body, dict(last.headers))
    with pytest.raises(standardwebhooks.WebhookVerificationError):
        standardwebhooks.Webhook(old).verify(last.body, dict(last.headers))


@pytest.mark.usefixtures("_quick")
def test_an_error_is_tried_again_under_the_same_id_with_the_same_body(
    store: Store, deliver: Deliver, caplog: pytest.LogCaptureFixture
) -> None:
    with receiving(Answer(500), Answer(404), Answer(302, {"Location": "http://localhost:1/"}), Answer(204)) as receiver:
        secret = one_alert(store, receiver)
        with caplog.at_level(logging.INFO):
            deliver()
            wait_until(settled(store, "delivered"))
    assert len({request.message for request in receiver.received}) == 1
    assert len({request.body for request in receiver.received}) == 1
    assert len(receiver.received) == row(store).attempts == 4  # the redirect was not followed
    for request in receiver.received:
        standardwebhooks.Webhook(secret).verify(request.body, dict(request.headers))
    assert "failed, attempt 1. The receiver answered 500." in caplog.text
    assert "302, a redirect, which is not followed" in caplog.text
    for private in (secret, "localhost", "/in", UNHAPPY):
        assert private not in caplog.text


@pytest.mark.usefixtures("_quick")
def test_a_receiver_that_is_down_gets_it_when_it_is_up(store: Store, deliver: Deliver) -> None:
    with receiving() as closed:
        port = closed.port
        one_alert(store, closed)
    deliver(most_attempts=1_000)
    wait_until(lambda: row(store).attempts > 1)
    assert row(store).last_status is None
    assert row(store).last_error == "No connection: connection refused."
    with receiving(port=port) as receiver:
        wait_until(settled(store, "delivered"))
    assert len(receiver.received) == 1


@pytest.mark.usefixtures("_quick")
def test_after_the_last_attempt_it_is_dead_and_can_be_sent_by_hand(store: Store, deliver: Deliver) -> None:
    with receiving(Answer(500), Answer(500), Answer(500), Answer(204)) as receiver:
        one_alert(store, receiver)
        deliver(most_attempts=3)
        wait_until(settled(store, "dead"))
        time.sleep(0.5)
        assert len(receiver.received) == 3
        assert row(store).last_error == "The receiver answered 500."
        with store.write() as session:
            assert redeliver_dead(session, 1, by="test") == 1
        wait_until(settled(store, "delivered"))
    assert len({request.message for request in receiver.received}) == 1


def test_410_switches_the_webhook_off_and_the_rest_goes_to_the_dead(
    store: Store, deliver: Deliver, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.webhooks.deliverer.MOST_PER_WEBHOOK", 1)
    with receiving(Answer(410)) as receiver:
        one_alert(store, receiver)
        tag(store, {"text": "Nei!"}, {"external_id": "2"})
        with caplog.at_level(logging.WARNING):
            deliver()
            wait_until(settled(store, "dead"))
        time.sleep(0.3)
        assert len(receiver.received) == 1
        assert (webhook(store).enabled, webhook(store).disabled_reason) == (False, "gone")
        assert "answered another message with 410 Gone" in str(row(store, 3).last_error)
        tag(store, {"external_id": "3"})
    assert states(store) == ["dead"] * 3  # nothing new is put in for it
    assert "Webhook 1 is switched off" in caplog.text


@pytest.mark.parametrize("as_time", [False, True])
def test_a_rest_that_the_receiver_asks_for_is_kept_for_the_whole_webhook(
    store: Store, deliver: Deliver, monkeypatch: pytest.MonkeyPatch, as_time: bool
) -> None:
    monkeypatch.setattr("api.webhooks.schedule.FIRST_WAIT_SECONDS", 0.05)
    asked = format_datetime(datetime.now(UTC) + timedelta(minutes=30), usegmt=True) if as_time else "1800"
    with receiving(Answer(503, {"Retry-After": asked})) as receiver:
        one_alert(store, receiver)
        deliverer = deliver()
        wait_until(lambda: row(store).last_status == 503)
        tag(store, {"external_id": "2"})
        deliverer.wake()
        time.sleep(1.5)
        assert len(receiver.received) == 1
    rest = row(store).next_attempt_at - now()
    assert timedelta(minutes=28) < rest <= timedelta(minutes=30)
    assert row(store, 2).attempts == 0


@pytest.mark.slow
@pytest.mark.parametrize("answer", [Answer(seconds=30), Answer(204, {"X": "y" * 500}, drips=True)])
def test_a_slow_receiver_is_given_up_in_time_and_holds_up_no_other(
    store: Store, deliver: Deliver, answer: Answer
) -> None:
    with receiving(answer) as slow, receiving() as quick:
        add(store)
        hook(store, slow.url)
        hook(store, quick.url)
        tag(store, *[{}] * 12)
        deliver(timeout_seconds=8)
        wait_until(lambda: len(quick.received) == 12)
        assert row(store).last_error is None  # the slow one is still waited for
        wait_until(lambda: row(store).last_error is not None, seconds=20)
    assert row(store).last_error == "No answer within 8 seconds."


def test_a_certificate_that_nobody_vouches_for_is_refused(
    store: Store, deliver: Deliver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate, context = own_certificate(tmp_path)
    trusting = ssl.create_default_context(cafile=str(certificate))
    with receiving(tls=context) as receiver:
        one_alert(store, receiver)
        first = deliver()
        wait_until(lambda: row(store).attempts == 1 and row(store).last_error)
        assert row(store).last_error == "No encrypted connection: self-signed certificate."
        assert receiver.received == []
        first.stop()
        with store.write() as session:
            session.execute(update(WebhookDelivery).values(next_attempt_at=now()))
        deliver(tls=trusting)
        wait_until(settled(store, "delivered"))
        # It is the name's, not the address's, although the connection goes to the address.
        with store.write() as session:
            session.execute(update(Webhook).values(url=receiver.url.replace("localhost", "127.0.0.1")))
            send_test(session, 1, by="test")
        wait_until(lambda: row(store, 2).state == "dead")
        assert "IP address mismatch" in str(row(store, 2).last_error)


def own_certificate(folder: Path) -> tuple[Path, ssl.SSLContext]:
    """A certificate for `localhost` that is signed by itself, and a server's context with it."""
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    request = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost"
    options = [*request.split(), "-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", certificate]
    subprocess.run(["openssl", *options], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return certificate, context


def test_a_name_that_leads_where_nothing_may_be_sent_is_not_connected_to(
    store: Store, deliver: Deliver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The name is checked when it is connected to: it may lead elsewhere than when the webhook was made."""
    real = socket.getaddrinfo

    def led_astray(host: Any, *others: Any, **named: Any) -> Any:
        return real("127.0.0.1" if host == "care.example" else host, *others, **named)

    monkeypatch.setattr("socket.getaddrinfo", led_astray)
    with receiving() as receiver:
        add(store)
        hook(store, f"https://care.example:{receiver.port}/in")
        tag(store, {})
        deliver(policy=AddressPolicy(networks="public"), most_attempts=1)
        wait_until(settled(store, "dead"))
    assert receiver.received == []
    assert row(store).last_error == ("127.0.0.1 is no public address; STEMME_WEBHOOK_NETWORKS=public allows no other.")


def test_a_name_that_is_not_found_is_said(store: Store, deliver: Deliver) -> None:
    add(store)
    hook(store, "https://care.invalid/in")
    tag(store, {})
    deliver(most_attempts=1)
    wait_until(settled(store, "dead"))
    assert str(row(store).last_error).startswith("The host's name was not found (")


def test_a_test_message_is_tried_once(store: Store, deliver: Deliver) -> None:
    with receiving(Answer(500), Answer(204)) as receiver:
        secret = hook(store, receiver.url, include_text=True)
        for _ in range(2):
            with store.write() as session:
                send_test(session, 1, by="test")
        deliver()
        wait_until(lambda: "pending" not in states(store))
    assert sorted(states(store)) == ["dead", "delivered"]
    for request in receiver.received:
        standardwebhooks.Webhook(secret).verify(request.body, dict(request.headers))
        assert request.payload["type"] == "webhook.test"


@pytest.mark.slow
def test_two_services_on_one_database_send_nothing_twice(store: Store, deliver: Deliver) -> None:
    with receiving(Answer(204, seconds=0.02)) as receiver:
        add(store)
        hook(store, receiver.url)
        ingest([NewComment("survey", str(number), f"Nei! {number}") for number in range(60)], store=store)
        deliver()
        deliver()
        worker = worker_with_alerts(store)
        while worker.tag_batch():
            pass
        wait_until(lambda: states(store) == ["delivered"] * 60)
        time.sleep(0.3)
    per_message = Counter(request.message for request in receiver.received)
    assert (len(per_message), set(per_message.values())) == (60, {1})


def test_what_one_has_claimed_another_gets_only_after_the_lease(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    with receiving() as receiver:
        one_alert(store, receiver)
    start = now()

    def take(seconds: float) -> list[Any]:
        monkeypatch.setattr("api.webhooks.outbox.now", lambda: start + timedelta(seconds=seconds))
        with store.write() as session:
            return claim(session, most=9, lease=LEASE)

    (first,) = take(0)
    assert take(29) == []
    (second,) = take(31)
    assert (second.message, second.attempt) == (first.message, 2)
    # The first one comes too late to say what became of it.
    with store.write() as session:
        assert settle(session, first, Outcome(500, "The receiver answered 500."), most_attempts=1) is None
        assert settle(session, second, Outcome(204, None), most_attempts=1) == DeliveryState.DELIVERED
    assert take(3_600) == []


def test_what_waits_for_a_webhook_that_is_off_waits_on(store: Store, deliver: Deliver) -> None:
    with receiving() as receiver:
        one_alert(store, receiver)
        with store.write() as session:
            session.execute(update(Webhook).values(enabled=False))
        deliver()
        time.sleep(1.3)
        assert (states(store), receiver.received) == (["pending"], [])
        with store.write() as session:
            session.execute(update(Webhook).values(enabled=True))
        wait_until(settled(store, "delivered"))


def test_a_store_that_does_not_answer_loses_nothing(
    store: Store, deliver: Deliver, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("api.webhooks.deliverer.RETRY_SECONDS", 0.05)
    failures = iter([True, True, True])
    original = WebhookDeliverer._claim

    def sometimes(self: WebhookDeliverer, most: int, full: set[int]) -> Any:
        if next(failures, False):
            raise StoreUnavailable(store.name)
        return original(self, most, full)

    monkeypatch.setattr(WebhookDeliverer, "_claim", sometimes)
    with receiving() as receiver, caplog.at_level(logging.WARNING):
        one_alert(store, receiver)
        deliver()
        wait_until(settled(store, "delivered"))
    assert caplog.text.count("Webhooks wait") == 3


def test_it_ends_after_the_attempt_in_hand(store: Store, deliver: Deliver) -> None:
    with receiving(Answer(204, seconds=1)) as receiver:
        one_alert(store, receiver)
        deliverer = deliver()
        wait_until(lambda: receiver.received)
        deliverer.stop()
        assert states(store) == ["delivered"]
