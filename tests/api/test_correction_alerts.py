"""A person's correction asks the alert rules again, in the transaction that stores it."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select

from api.access.keys import create_key
from api.access.scopes import Scope
from api.app import create_app
from api.settings import Settings
from api.store.database import Store
from api.webhooks.models import WebhookDelivery
from tests.api.alerting import RULE, add, raised, tag
from tests.api.rest_stub import StubTagger
from tests.api.test_webhooks import URL

AT_RISK, NOT_AT_RISK = {"churn_risk": {"flag": True}}, {"churn_risk": {"flag": False}}


@pytest.fixture
def client(store: Store) -> TestClient:
    """Of a service with a rule for churn risks; comment 1 and 2 are at risk and have alerts, comment 3 is not."""
    key = create_key(store, scopes=set(Scope), name="Ola", expires_at=None, by="test")
    settings = Settings(public_url="https://stemme.example/")
    headers = {"Authorization": f"Bearer {key}"}
    client = TestClient(create_app(settings, StubTagger(), store=store), headers=headers)
    add(store)
    tag(store, {}, {}, {"text": "Fint"})
    return client


def correct(client: TestClient, id_: int, **body: Any) -> int:
    """The status of the answer."""
    return client.patch(f"/v1/comments/{id_}/tags", json={"version": 1, **body}).status_code


def withdraw(client: TestClient, id_: int) -> None:
    (correction,) = client.get(f"/v1/comments/{id_}/corrections").json()["corrections"]
    assert client.delete(f"/v1/comments/{id_}/corrections/{correction['id']}").status_code == 200


def states(client: TestClient) -> dict[int, tuple[str, str | None, str]]:
    """State, owner and occasion of each comment's alert."""
    alerts = client.get("/v1/alerts").json()["alerts"]
    return {each["comment"]["id"]: (each["state"], each["owner"], each["occasion"]) for each in alerts}


OPEN = {1: ("new", None, "tagging"), 2: ("new", None, "tagging")}


def test_a_correction_raises_an_alert_and_its_withdrawal_closes_it(client: TestClient, store: Store) -> None:
    assert client.post("/v1/webhooks", json={"url": URL}).status_code == 201
    assert correct(client, 3, **AT_RISK) == 200
    assert states(client) == {**OPEN, 3: ("new", None, "correction")}
    with store.read() as session:
        (payload,) = session.scalars(select(WebhookDelivery.payload))
    alert = client.get("/v1/alerts").json()["alerts"][0]
    assert payload["data"]["alert"]["link"] == f"https://stemme.example/v1/alerts/{alert['id']}"
    withdraw(client, 3)
    assert states(client) == {**OPEN, 3: ("done", "Ola", "correction")}


def test_a_correction_closes_what_nobody_has_taken(client: TestClient) -> None:
    taken = {"revision": 1, "state": "taken", "owner": "Kari"}
    assert client.patch("/v1/alerts/2", json=taken).status_code == 200
    assert [correct(client, id_, **NOT_AT_RISK) for id_ in (1, 2)] == [200, 200]
    assert states(client) == {1: ("done", "Ola", "tagging"), 2: ("taken", "Kari", "tagging")}
    (line,) = client.get("/v1/alerts/1").json()["history"]
    prefix = client.headers["Authorization"].split("_")[1]
    assert (line["by"], line["state"], line["note"]) == (
        prefix,
        "done",
        "No longer meets its rule after a correction.",
    )
    withdraw(client, 1)  # once per rule and version: what was closed stays so
    assert states(client)[1] == ("done", "Ola", "tagging")


def test_other_corrections_and_those_that_are_refused_change_no_alert(client: TestClient, store: Store) -> None:
    assert correct(client, 1, language="nn") == 200
    assert correct(client, 3, **AT_RISK, themes=[{"theme": "delivery_time"}]) == 422  # a new theme needs a sentiment
    assert client.patch("/v1/comments/1/tags", json={"version": 2, **NOT_AT_RISK}).status_code == 409
    assert states(client) == OPEN
    assert raised(store) == [(RULE, "0"), (RULE, "1")]
