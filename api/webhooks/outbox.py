"""The outbox: messages are put in with their alerts, taken out by whoever sends them, and settled."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import exists, insert, or_, select, update
from sqlalchemy.orm import Session, contains_eager

from api.alerts.conditions import Case
from api.alerts.models import Alert
from api.store.models import CommentVersion, StoredComment, now
from api.webhooks.models import DeliveryState, Webhook, WebhookDelivery, WebhookRule
from api.webhooks.payload import ALERT_RAISED, TEST, alert_payload, test_payload
from api.webhooks.schedule import wait_after

GONE: Final = "gone"
TEST_ATTEMPTS: Final = 1


@dataclass(frozen=True, slots=True)
class Raised:
    """A new alert, as its message tells of it."""

    id: int
    rule: str
    priority: str
    at: datetime
    comment: StoredComment
    version: CommentVersion
    case: Case


@dataclass(frozen=True, slots=True)
class Claim:
    """A message that is ours to send until its lease ends; `attempt` tells this claim from a later one."""

    delivery_id: int
    webhook_id: int
    attempt: int
    message: str
    type: str
    url: str
    secrets: tuple[str, ...]
    payload: Mapping[str, Any]
    text: str | None
    question: str | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of an attempt.

    Parameters
    ----------
    status : the receiver's; None if it did not answer
    error : why it failed, in words without anything that the receiver wrote; None if it did not
    retry_after : in seconds, as the receiver asked
    gone : whether the receiver wants no more messages at all (410)
    """

    status: int | None
    error: str | None
    retry_after: float | None = None
    gone: bool = False


def put_into_outbox(
    session: Session, raised: Sequence[Raised], *, rule_ids: Mapping[int, int], public_url: str | None
) -> int:
    """Put a message for each webhook that wants these alerts into the outbox, in the caller's transaction.

    Parameters
    ----------
    rule_ids : by the alert's id

    Returns
    -------
    how many messages
    """
    webhooks = session.scalars(select(Webhook).where(Webhook.enabled)).all()
    if not webhooks or not raised:
        return 0
    chosen: dict[int, set[int]] = {}
    for webhook_id, rule_id in session.execute(select(WebhookRule.webhook_id, WebhookRule.rule_id)):
        chosen.setdefault(webhook_id, set()).add(rule_id)
    moment = now()
    rows = [
        _row(webhook.id, ALERT_RAISED, payload, at=moment, alert_id=alert.id)
        for alert in raised
        for payload in [alert_payload(alert, public_url=public_url)]
        for webhook in webhooks
        if webhook.every_rule or rule_ids[alert.id] in chosen.get(webhook.id, ())
    ]
    if rows:
        session.execute(insert(WebhookDelivery), rows)
    return len(rows)


def put_test_into_outbox(session: Session, webhook: Webhook) -> WebhookDelivery:
    """Put a message that says nothing into the outbox; it is tried once."""
    delivery = WebhookDelivery(**_row(webhook.id, TEST, test_payload(webhook.id), at=now(), alert_id=None))
    session.add(delivery)
    session.flush()
    return delivery


def _row(webhook_id: int, type_: str, payload: dict[str, Any], *, at: datetime, alert_id: int | None) -> dict[str, Any]:
    return {
        "message": f"msg_{secrets.token_hex(16)}",
        "webhook_id": webhook_id,
        "alert_id": alert_id,
        "type": type_,
        "payload": payload,
        "state": DeliveryState.PENDING,
        "attempts": 0,
        "next_attempt_at": at,
        "created_at": at,
    }


def anything_due(session: Session, *, without: Collection[int] = ()) -> bool:
    """Whether there is a message to send now, to another webhook than these."""
    return bool(session.scalar(select(exists().where(*_due(now(), without)))))


def claim(session: Session, *, most: int, lease: timedelta, without: Collection[int] = ()) -> list[Claim]:
    """Take messages that are due, for this process alone until the lease ends.

    Of two processes on one database each takes others: SQLite lets one write at a time, and PostgreSQL skips rows that
    another has locked. A process that dies leaves its lease to end; the message is then sent again under the same id.

    Parameters
    ----------
    most : messages at most
    without : webhooks that are not to be sent to now
    """
    moment = now()
    due = (
        select(WebhookDelivery)
        .join(WebhookDelivery.webhook)
        .where(*_due(moment, without))
        .order_by(WebhookDelivery.next_attempt_at, WebhookDelivery.id)
        .limit(most)
        .options(contains_eager(WebhookDelivery.webhook))
        .with_for_update(of=WebhookDelivery, skip_locked=True)
    )
    claims = []
    for delivery in session.scalars(due).all():
        delivery.attempts += 1
        delivery.leased_until, delivery.last_attempt_at = moment + lease, moment
        text, question = _words(session, delivery)
        claims.append(
            Claim(
                delivery_id=delivery.id,
                webhook_id=delivery.webhook_id,
                attempt=delivery.attempts,
                message=delivery.message,
                type=delivery.type,
                url=delivery.webhook.url,
                secrets=_secrets(delivery.webhook, moment),
                payload=delivery.payload,
                text=text,
                question=question,
            )
        )
    return claims


def _due(moment: datetime, without: Collection[int]) -> tuple[Any, ...]:
    ready = select(Webhook.id).where(
        Webhook.enabled,
        or_(Webhook.not_before.is_(None), Webhook.not_before <= moment),
        Webhook.id.not_in(without),
    )
    return (
        WebhookDelivery.state == DeliveryState.PENDING,
        WebhookDelivery.next_attempt_at <= moment,
        or_(WebhookDelivery.leased_until.is_(None), WebhookDelivery.leased_until <= moment),
        WebhookDelivery.webhook_id.in_(ready),
    )


def _words(session: Session, delivery: WebhookDelivery) -> tuple[str | None, str | None]:
    """The comment's text and question, if the webhook wants them. Versions never change, so each attempt is alike."""
    if not delivery.webhook.include_text or delivery.alert_id is None:
        return None, None
    words = (
        select(CommentVersion.text, CommentVersion.question)
        .join(Alert, Alert.version_id == CommentVersion.id)
        .where(Alert.id == delivery.alert_id)
    )
    text, question = session.execute(words).one().tuple()
    return text, question


def _secrets(webhook: Webhook, moment: datetime) -> tuple[str, ...]:
    until = webhook.former_secret_until
    if webhook.former_secret is not None and until is not None and until > moment:
        return webhook.secret, webhook.former_secret
    return (webhook.secret,)


def settle(session: Session, claimed: Claim, outcome: Outcome, *, most_attempts: int) -> DeliveryState | None:
    """Write down what came of an attempt: delivered, to be tried again later, or dead.

    Returns
    -------
    its state; None if it is no longer ours: the lease ended and another has it, or it was erased
    """
    delivery = session.scalar(
        select(WebhookDelivery)
        .where(WebhookDelivery.id == claimed.delivery_id, WebhookDelivery.attempts == claimed.attempt)
        .where(WebhookDelivery.state == DeliveryState.PENDING)
        .with_for_update(of=WebhookDelivery)
    )
    if delivery is None:
        return None
    moment = now()
    delivery.leased_until, delivery.last_status, delivery.last_error = None, outcome.status, outcome.error
    if outcome.error is None:
        delivery.state, delivery.delivered_at = DeliveryState.DELIVERED, moment
        return DeliveryState.DELIVERED
    if outcome.gone:
        _close(session, claimed.webhook_id)
    if outcome.gone or delivery.attempts >= (TEST_ATTEMPTS if delivery.type == TEST else most_attempts):
        delivery.state = DeliveryState.DEAD
        return DeliveryState.DEAD
    wait = timedelta(seconds=wait_after(delivery.attempts, retry_after=outcome.retry_after))
    delivery.next_attempt_at = moment + wait
    if outcome.retry_after is not None:
        # The receiver asked for a rest, not only from this message.
        session.execute(update(Webhook).where(Webhook.id == claimed.webhook_id).values(not_before=moment + wait))
    return DeliveryState.PENDING


def _close(session: Session, webhook_id: int) -> None:
    """Switch a webhook off whose receiver is gone; what waits for it goes to the dead, where it can be found."""
    session.execute(update(Webhook).where(Webhook.id == webhook_id).values(enabled=False, disabled_reason=GONE))
    waiting = update(WebhookDelivery).where(
        WebhookDelivery.webhook_id == webhook_id, WebhookDelivery.state == DeliveryState.PENDING
    )
    reason = "Not sent: the receiver answered another message with 410 Gone."
    session.execute(
        waiting.where(WebhookDelivery.leased_until.is_(None)).values(state=DeliveryState.DEAD, last_error=reason)
    )


def send_again(deliveries: Iterable[WebhookDelivery]) -> None:
    """Let messages be sent once more, now, under the ids that they had, with all their attempts before them."""
    for delivery in deliveries:
        delivery.state, delivery.next_attempt_at = DeliveryState.PENDING, now()
        delivery.attempts, delivery.leased_until = 0, None
        delivery.webhook.not_before = None
