"""From a comment to the receiver: a real service, a real receiver, and a process that is killed in between."""

from __future__ import annotations

import time
from collections.abc import Callable

import httpx
import pytest
import standardwebhooks
from sqlalchemy import func, select

from api.alerts.models import Alert
from api.store.database import Store
from api.webhooks.models import WebhookDelivery
from tests.api.receiver import Answer, Receiver, receiving, wait_until
from tests.api.serving import QUICK, Served

pytestmark = pytest.mark.slow

RULE = "negative-churn-risk"
SENDS_NOTHING = "from api.webhooks.deliverer import WebhookDeliverer as D; D.start = D.stop = lambda self: None"
SHORT_LEASE = "import api.webhooks.deliverer as d; d.LEASE_MARGIN_SECONDS = 0.0"
WITHIN_SECONDS = 5.0

Start = Callable[..., Served]


@pytest.fixture
def serve(start: Start, store: Store, database: str) -> Callable[..., Served]:
    """Starts services on the test's database."""

    def ready(*, before: str = "", timeout_seconds: float = 10) -> Served:
        settings = (
            f"port=0, open=True, database={database!r}, webhook_timeout_seconds={timeout_seconds}, "
            "public_url='https://stemme.example'"
        )
        served = start(QUICK, settings=settings, before=before)
        served.wait_until_ready()
        return served

    return ready


def set_up(client: httpx.Client, receiver: Receiver) -> str:
    """A rule that is on and a webhook to the receiver; its secret."""
    assert client.patch(f"/v1/alert-rules/{RULE}", json={"enabled": True}).status_code == 200
    answer = client.post("/v1/webhooks", json={"url": receiver.url, "rules": [RULE]})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["secret"])


def send(client: httpx.Client, text: str = "Elendig! Eg byter butikk.") -> None:
    comment = {"source": "survey", "external_id": text, "text": text}
    assert client.post("/v1/comments", json={"comments": [comment]}).status_code == 202


def counts(store: Store) -> tuple[int, int]:
    with store.read() as session:
        return tuple(session.scalar(select(func.count()).select_from(table)) or 0 for table in (Alert, WebhookDelivery))  # type: ignore[return-value]


def test_an_unhappy_customer_is_heard_of_within_seconds(serve: Callable[..., Served], store: Store) -> None:
    with receiving() as receiver, serve().client() as client:
        secret = set_up(client, receiver)
        send(client, "Fint")
        took = []
        for number in range(3):
            began = time.time()
            send(client, f"Elendig! {number}")
            wait_until(lambda number=number: len(receiver.received) == number + 1)
            took.append(receiver.received[-1].at - began)
        time.sleep(1.5)
        link = receiver.received[0].payload["data"]["alert"]["link"]
        alert = client.get(link.removeprefix("https://stemme.example")).json()
    assert max(took) < WITHIN_SECONDS
    print(f"from POST to the receiver: {', '.join(f'{each:.2f} s' for each in took)}")
    assert len(receiver.received) == 3
    assert counts(store) == (3, 3)
    for request in receiver.received:
        standardwebhooks.Webhook(secret).verify(request.body, dict(request.headers))
    assert alert["comment"]["text"] == "Elendig! 0"


def test_a_kill_between_tags_and_delivery_loses_no_message(serve: Callable[..., Served], store: Store) -> None:
    with receiving() as receiver:
        first = serve(before=SENDS_NOTHING)
        with first.client() as client:
            secret = set_up(client, receiver)
            send(client)
        wait_until(lambda: counts(store) == (1, 1))
        first.process.kill()
        first.process.wait()
        assert receiver.received == []
        with store.read() as session:
            message = session.scalars(select(WebhookDelivery.message)).one()

        serve()
        wait_until(lambda: receiver.received)
        time.sleep(1.5)
    (request,) = receiver.received
    assert request.message == message
    standardwebhooks.Webhook(secret).verify(request.body, dict(request.headers))
    assert counts(store) == (1, 1)


def test_a_kill_in_the_middle_of_a_delivery_sends_it_again_under_the_same_id(
    serve: Callable[..., Served], store: Store
) -> None:
    with receiving(Answer(204, seconds=8), Answer(204)) as receiver:
        first = serve(before=SHORT_LEASE, timeout_seconds=6)
        with first.client() as client:
            secret = set_up(client, receiver)
            send(client)
            wait_until(lambda: receiver.received)
        first.process.kill()
        first.process.wait()

        serve()
        wait_until(lambda: len(receiver.received) == 2)
        time.sleep(1.5)
    one, other = receiver.received
    assert one.message == other.message
    assert one.body == other.body
    for request in receiver.received:
        standardwebhooks.Webhook(secret).verify(request.body, dict(request.headers))
    with store.read() as session:
        (delivery,) = session.scalars(select(WebhookDelivery))
    assert (delivery.state, delivery.attempts) == ("delivered", 2)


def test_the_log_of_a_service_that_delivers_holds_nothing_private(serve: Callable[..., Served], store: Store) -> None:
    with receiving(Answer(500), Answer(204)) as receiver:
        served = serve(before="import api.webhooks.schedule as s; s.FIRST_WAIT_SECONDS = 0.1")
        with served.client() as client:
            secret = set_up(client, receiver)
            send(client)
            wait_until(lambda: len(receiver.received) == 2)
            wait_until(lambda: "reached webhook 1, attempt 2" in served.log)
    assert "Delivery 1 to webhook 1 failed, attempt 1. The receiver answered 500." in served.log
    for private in (secret.removeprefix("whsec_"), receiver.url, "Elendig"):
        assert private not in served.log
