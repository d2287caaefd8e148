"""Pruning the outbox: messages that were delivered long ago go; dead ones stay until somebody sees to them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final

from sqlalchemy import delete, select

from api.store.database import Store
from api.webhooks.models import DeliveryState, WebhookDelivery

BATCH: Final = 1_000
"""Messages that go in one transaction, so that others can write in between."""


def prune_delivered(store: Store, *, before: datetime, keep_on: Callable[[], bool] = lambda: True) -> int:
    """Delete the messages that were delivered before a moment, a batch at a time; how many.

    Their alerts stay, and so does the outbox's promise: an alert is raised once, and so its message is not made again.

    Parameters
    ----------
    keep_on : asked before each batch; False ends it

    Raises
    ------
    StoreUnavailable : if the database does not answer; what has gone is gone
    """
    old = (
        select(WebhookDelivery.id)
        .where(WebhookDelivery.state == DeliveryState.DELIVERED, WebhookDelivery.delivered_at < before)
        .limit(BATCH)
    )
    pruned = 0
    while keep_on():
        with store.write() as session:
            # Sent again meanwhile it is pending, so the state is asked in the statement that deletes.
            gone = session.execute(
                delete(WebhookDelivery).where(WebhookDelivery.id.in_(old)).returning(WebhookDelivery.id)
            ).all()
        pruned += len(gone)
        if len(gone) < BATCH:
            break
    return pruned
