"""Messages that were delivered long ago go, once a day; the others stay."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import func, select

from api.alerts.models import Alert
from api.removal.policy import RetentionPolicy
from api.removal.upkeep import Upkeep
from api.store.database import Store
from api.store.models import now
from api.webhooks.address import AddressPolicy
from api.webhooks.endpoints import add_webhook, redeliver
from api.webhooks.models import DeliveryState, WebhookDelivery
from api.webhooks.pruning import prune_delivered
from api.webhooks.schemas import NewWebhook
from tests.api.alerting import add, tag

AGES = {1: 40.0, 2: 31.0, 3: 29.0}
"""Days since a delivery, by its id; 4 and 5 are never delivered."""


@pytest.fixture
def outbox(store: Store) -> Store:
    add(store)
    with store.write() as session:
        add_webhook(session, NewWebhook(url="http://localhost:9/in"), policy=AddressPolicy(), by="test")
    tag(store, *({} for _ in range(5)))
    with store.write() as session:
        for delivery in session.scalars(select(WebhookDelivery)):
            if delivery.id in AGES:
                delivery.state, delivery.delivered_at = (
                    DeliveryState.DELIVERED,
                    now() - timedelta(days=AGES[delivery.id]),
                )
            elif delivery.id == 4:
                delivery.state, delivery.created_at = DeliveryState.DEAD, now() - timedelta(days=400)
    return store


def left(store: Store) -> list[int]:
    with store.read() as session:
        return list(session.scalars(select(WebhookDelivery.id).order_by(WebhookDelivery.id)))


def test_the_upkeep_prunes_what_was_delivered_before_the_setting(outbox: Store) -> None:
    Upkeep(outbox, RetentionPolicy(), keep_delivered=timedelta(days=30)).run_once()
    assert left(outbox) == [3, 4, 5]
    with outbox.read() as session:
        assert session.scalar(select(func.count()).select_from(Alert)) == 5  # alerts are not messages


def test_dead_ones_stay_however_old(outbox: Store) -> None:
    assert prune_delivered(outbox, before=now()) == 3
    assert left(outbox) == [4, 5]


def test_one_that_is_sent_again_is_no_longer_delivered(outbox: Store) -> None:
    with outbox.write() as session:
        redeliver(session, 1, by="test")
    assert prune_delivered(outbox, before=now() - timedelta(days=30)) == 1
    assert left(outbox) == [1, 3, 4, 5]


def test_it_goes_in_batches_and_can_be_ended(outbox: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.webhooks.pruning.BATCH", 1)
    asked: list[bool] = []

    def keep_on() -> bool:
        asked.append(True)
        return len(asked) <= 2

    assert prune_delivered(outbox, before=now(), keep_on=keep_on) == 2
    assert prune_delivered(outbox, before=now()) == 1


def test_a_pruned_message_is_not_made_again(outbox: Store) -> None:
    prune_delivered(outbox, before=now())
    tag(outbox, *({} for _ in range(5)))
    assert left(outbox) == [4, 5]
