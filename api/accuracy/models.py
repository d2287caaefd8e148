"""Accuracy cards that were made: rates and counts, no comment."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from api.store.models import Base
from api.store.types import RowId


class StoredCard(Base):
    """A card as it was when the answers were read."""

    __tablename__ = "accuracy_cards"

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    audit: Mapped[str] = mapped_column(String(64))
    read_at: Mapped[datetime]
    card: Mapped[dict[str, Any]]
