"""Webhooks and deliveries in the store: made, changed, removed, found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from api.alerts.models import AlertRule
from api.alerts.rules import rule_ids
from api.store.audit import note
from api.store.models import now
from api.webhooks.address import AddressPolicy
from api.webhooks.errors import UnknownDelivery, UnknownWebhook, WebhookDisabled
from api.webhooks.models import DeliveryState, Webhook, WebhookDelivery
from api.webhooks.outbox import put_test_into_outbox, send_again
from api.webhooks.schemas import NewWebhook, WebhookPatch
from api.webhooks.signature import new_secret

BOTH_SECRETS: Final = timedelta(hours=24)
"""How long the former secret signs beside the new one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryFilters:
    """What a delivery has to be like; what is None does not matter."""

    state: str | None = None
    webhook: int | None = None

    @property
    def name(self) -> str:
        """The same for the same filters, and for no others."""
        return repr(sorted((name, str(value)) for name, value in asdict(self).items() if value is not None))


def list_webhooks(session: Session) -> Sequence[Webhook]:
    """Every webhook, oldest first."""
    return session.scalars(select(Webhook).order_by(Webhook.id).options(selectinload(Webhook.rules))).all()


def find_webhook(session: Session, id_: int) -> Webhook:
    """The webhook with this id.

    Raises
    ------
    UnknownWebhook : if there is none
    """
    webhook = session.get(Webhook, id_, options=[selectinload(Webhook.rules)])
    if webhook is None:
        raise UnknownWebhook(id_)
    return webhook


def add_webhook(session: Session, new: NewWebhook, *, policy: AddressPolicy, by: str) -> Webhook:
    """Make a webhook, with a secret of its own.

    Raises
    ------
    BadWebhookUrl : if nothing may be sent there
    UnknownRule : if it names a rule that there is not
    """
    policy.check_url(new.url)
    webhook = Webhook(
        url=new.url,
        description=new.description,
        every_rule=new.rules is None,
        include_text=new.include_text,
        enabled=True,
        secret=new_secret(),
        rules=_rules(session, new.rules),
    )
    session.add(webhook)
    session.flush()
    _note(session, webhook, action="webhook.added", by=by)
    return webhook


def change_webhook(session: Session, id_: int, patch: WebhookPatch, *, policy: AddressPolicy, by: str) -> Webhook:
    """Change what is named of a webhook.

    Raises
    ------
    UnknownWebhook : if there is none
    BadWebhookUrl : if nothing may be sent to the new address
    UnknownRule : if it names a rule that there is not
    """
    webhook = find_webhook(session, id_)
    if patch.url is not None:
        policy.check_url(patch.url)
        webhook.url, webhook.not_before = patch.url, None
    if patch.description is not None:
        webhook.description = patch.description
    if patch.include_text is not None:
        webhook.include_text = patch.include_text
    if patch.enabled is not None:
        webhook.enabled, webhook.disabled_reason = patch.enabled, None
    if "rules" in patch.model_fields_set:  # null says: of every rule
        webhook.every_rule, webhook.rules = patch.rules is None, _rules(session, patch.rules)
    session.flush()
    _note(session, webhook, action="webhook.changed", by=by)
    return webhook


def change_secret(session: Session, id_: int, *, by: str) -> Webhook:
    """Give a webhook a new secret. For a day the former one signs beside it, so that the receiver can change over.

    Raises
    ------
    UnknownWebhook : if there is none
    """
    webhook = find_webhook(session, id_)
    webhook.former_secret, webhook.former_secret_until = webhook.secret, now() + BOTH_SECRETS
    webhook.secret = new_secret()
    _note(session, webhook, action="webhook.secret_changed", by=by)
    return webhook


def remove_webhook(session: Session, id_: int, *, by: str) -> None:
    """Remove a webhook with its deliveries; what waits is not sent.

    Raises
    ------
    UnknownWebhook : if there is none
    """
    webhook = find_webhook(session, id_)
    _note(session, webhook, action="webhook.removed", by=by)
    session.delete(webhook)


def send_test(session: Session, id_: int, *, by: str) -> WebhookDelivery:
    """Put a test into the outbox.

    Raises
    ------
    UnknownWebhook : if there is none
    WebhookDisabled : if nothing is sent to it
    """
    webhook = find_webhook(session, id_)
    if not webhook.enabled:
        raise WebhookDisabled(id_)
    _note(session, webhook, action="webhook.tested", by=by)
    return put_test_into_outbox(session, webhook)


def find_deliveries(
    session: Session, filters: DeliveryFilters, *, before_id: int | None, limit: int
) -> Sequence[WebhookDelivery]:
    """Deliveries that the filters let through, newest first.

    Parameters
    ----------
    before_id : the id after which the page begins
    limit : deliveries at most
    """
    query = select(WebhookDelivery).order_by(WebhookDelivery.id.desc()).limit(limit)
    if filters.state is not None:
        query = query.where(WebhookDelivery.state == filters.state)
    if filters.webhook is not None:
        query = query.where(WebhookDelivery.webhook_id == filters.webhook)
    if before_id is not None:
        query = query.where(WebhookDelivery.id < before_id)
    return session.scalars(query).all()


def find_delivery(session: Session, id_: int) -> WebhookDelivery:
    """The delivery with this id.

    Raises
    ------
    UnknownDelivery : if there is none
    """
    delivery = session.get(WebhookDelivery, id_)
    if delivery is None:
        raise UnknownDelivery(id_)
    return delivery


def redeliver(session: Session, id_: int, *, by: str) -> WebhookDelivery:
    """Send a message once more, whatever became of it.

    Raises
    ------
    UnknownDelivery : if there is none
    WebhookDisabled : if nothing is sent to its webhook
    """
    delivery = find_delivery(session, id_)
    if not delivery.webhook.enabled:
        raise WebhookDisabled(delivery.webhook_id)
    send_again([delivery])
    note(session, by=by, action="webhook.redelivered", subject=f"webhook {delivery.webhook_id}", detail={"id": id_})
    session.flush()
    return delivery


def redeliver_dead(session: Session, webhook_id: int, *, by: str) -> int:
    """Send every dead message of a webhook once more; how many they are.

    Raises
    ------
    UnknownWebhook : if there is none
    WebhookDisabled : if nothing is sent to it
    """
    webhook = find_webhook(session, webhook_id)
    if not webhook.enabled:
        raise WebhookDisabled(webhook_id)
    dead = session.scalars(
        select(WebhookDelivery).where(
            WebhookDelivery.webhook_id == webhook_id, WebhookDelivery.state == DeliveryState.DEAD
        )
    ).all()
    send_again(dead)
    note(session, by=by, action="webhook.redelivered", subject=f"webhook {webhook_id}", detail={"count": len(dead)})
    return len(dead)


def _rules(session: Session, names: list[str] | None) -> list[AlertRule]:
    return [session.get_one(AlertRule, id_) for id_ in rule_ids(session, names or [])]


def _note(session: Session, webhook: Webhook, *, action: str, by: str) -> None:
    # Neither the secret nor the address, which may hold one.
    detail = {"enabled": webhook.enabled, "include_text": webhook.include_text}
    note(session, by=by, action=action, subject=f"webhook {webhook.id}", detail=detail)
