"""How many comments were removed: counts, and nothing about whose they were."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from api.store.models import LONGEST_NAME, Base
from api.store.types import RowId


class Cause(StrEnum):
    """Why comments were removed."""

    ERASURE = "erasure"
    RETENTION = "retention"


class Removal(Base):
    """So many comments of a source and a month went at once; `audit_id` is the line of the audit log about it."""

    __tablename__ = "removals"
    __table_args__ = (Index(None, "removed_at"),)

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    audit_id: Mapped[int] = mapped_column(ForeignKey("audit_log.id"))
    removed_at: Mapped[datetime]
    cause: Mapped[str] = mapped_column(String(16))
    source: Mapped[str] = mapped_column(String(LONGEST_NAME))
    month: Mapped[str] = mapped_column(String(7))
    comments: Mapped[int]
