"""The tables of alerts: rules, what they raised, and what people did about it."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from api.store.models import LONGEST_NAME, Base, CommentVersion, now
from api.store.types import RowId

LONGEST_RULE_NAME: Final = 64


class Priority(StrEnum):
    LOW = "low"
    NORMAL = "normal"
    HIGH = "high"


class AlertState(StrEnum):
    NEW = "new"
    TAKEN = "taken"
    DONE = "done"


class Occasion(StrEnum):
    """What made the rules be asked."""

    TAGGING = "tagging"
    RETAGGING = "retagging"
    CORRECTION = "correction"


class AlertRule(Base):
    """Conditions over a tagged comment, under a name."""

    __tablename__ = "alert_rules"
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    name: Mapped[str] = mapped_column(String(LONGEST_RULE_NAME), unique=True)
    description: Mapped[str] = mapped_column(Text)
    priority: Mapped[str] = mapped_column(String(16))
    enabled: Mapped[bool]
    conditions: Mapped[dict[str, Any]]
    created_at: Mapped[datetime] = mapped_column(default=now)
    changed_at: Mapped[datetime] = mapped_column(default=now, onupdate=now)


class Alert(Base):
    """A version of a comment that met a rule: once per rule and version.

    `rule`, `priority` and `conditions` are as they were then, so that an alert outlives a change of its rule.
    `revision` counts the changes, so that of two people who change it at once the second is told.
    """

    __tablename__ = "alerts"
    __table_args__ = (
        UniqueConstraint("rule_id", "version_id"),
        Index(None, "version_id"),
        Index(None, "state"),
        Index(None, "raised_at"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    rule_id: Mapped[int | None] = mapped_column(ForeignKey("alert_rules.id", ondelete="SET NULL"))
    version_id: Mapped[int] = mapped_column(ForeignKey("comment_versions.id", ondelete="CASCADE"))
    rule: Mapped[str] = mapped_column(String(LONGEST_RULE_NAME))
    priority: Mapped[str] = mapped_column(String(16))
    conditions: Mapped[dict[str, Any]]
    occasion: Mapped[str] = mapped_column(String(16))
    raised_at: Mapped[datetime] = mapped_column(default=now)
    state: Mapped[str] = mapped_column(String(16), default=AlertState.NEW)
    owner: Mapped[str | None] = mapped_column(String(LONGEST_NAME))
    revision: Mapped[int] = mapped_column(default=1)
    changed_at: Mapped[datetime] = mapped_column(default=now)

    version: Mapped[CommentVersion] = relationship()
    changes: Mapped[list[AlertChange]] = relationship(
        order_by="AlertChange.revision", cascade="all, delete-orphan", passive_deletes=True
    )


class AlertChange(Base):
    """What somebody did about an alert. Lines are added, never changed; they go with the alert."""

    __tablename__ = "alert_changes"
    __table_args__ = (UniqueConstraint("alert_id", "revision"),)

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    alert_id: Mapped[int] = mapped_column(ForeignKey("alerts.id", ondelete="CASCADE"))
    revision: Mapped[int]
    at: Mapped[datetime] = mapped_column(default=now)
    actor: Mapped[str] = mapped_column(String(LONGEST_NAME))
    state: Mapped[str] = mapped_column(String(16))
    owner: Mapped[str | None] = mapped_column(String(LONGEST_NAME))
    note: Mapped[str | None] = mapped_column(Text)
