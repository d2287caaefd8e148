"""The tables of webhooks: where alerts are sent, and the outbox."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from api.alerts.models import AlertRule
from api.store.models import LONGEST_NAME, Base, now
from api.store.types import RowId

LONGEST_ADDRESS: Final = 2_048


class WebhookRule(Base):
    """A rule whose alerts a webhook gets."""

    __tablename__ = "webhook_rules"
    __table_args__ = (Index(None, "rule_id"),)

    webhook_id: Mapped[int] = mapped_column(
        ForeignKey("webhooks.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    rule_id: Mapped[int] = mapped_column(
        ForeignKey("alert_rules.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )


class Webhook(Base):
    """An address that alerts are sent to: those of every rule, or of the rules that are named.

    The secret signs, so it is kept as it is; after a change the former one signs beside it for a while.
    """

    __tablename__ = "webhooks"
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    url: Mapped[str] = mapped_column(Text)
    description: Mapped[str] = mapped_column(String(LONGEST_NAME))
    every_rule: Mapped[bool]
    include_text: Mapped[bool]
    enabled: Mapped[bool]
    disabled_reason: Mapped[str | None] = mapped_column(String(64))
    secret: Mapped[str] = mapped_column(String(128))
    former_secret: Mapped[str | None] = mapped_column(String(128))
    former_secret_until: Mapped[datetime | None]
    not_before: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(default=now)
    changed_at: Mapped[datetime] = mapped_column(default=now, onupdate=now)

    rules: Mapped[list[AlertRule]] = relationship(
        secondary=WebhookRule.__table__, order_by=AlertRule.name, passive_deletes=True
    )


class DeliveryState(StrEnum):
    PENDING = "pending"
    DELIVERED = "delivered"
    DEAD = "dead"


class WebhookDelivery(Base):
    """A message that has to reach a webhook: the outbox. Written in the transaction that raises the alert.

    `message` is its idempotency key, the same in each attempt. Who sends it holds it until `leased_until`. `payload`
    has no text of a comment: that is added when it is sent, and only if the webhook asks for it.
    """

    __tablename__ = "webhook_deliveries"
    __table_args__ = (
        UniqueConstraint("webhook_id", "alert_id"),
        Index(None, "alert_id"),
        Index(None, "state", "next_attempt_at"),
        Index(None, "state", "delivered_at"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    message: Mapped[str] = mapped_column(String(64), unique=True)
    webhook_id: Mapped[int] = mapped_column(ForeignKey("webhooks.id", ondelete="CASCADE"))
    alert_id: Mapped[int | None] = mapped_column(ForeignKey("alerts.id", ondelete="CASCADE"))
    type: Mapped[str] = mapped_column(String(64))
    payload: Mapped[dict[str, Any]]
    state: Mapped[str] = mapped_column(String(16), default=DeliveryState.PENDING)
    attempts: Mapped[int] = mapped_column(default=0)
    next_attempt_at: Mapped[datetime] = mapped_column(default=now)
    leased_until: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(default=now)
    last_attempt_at: Mapped[datetime | None]
    delivered_at: Mapped[datetime | None]
    last_status: Mapped[int | None]
    last_error: Mapped[str | None] = mapped_column(Text)

    webhook: Mapped[Webhook] = relationship()
