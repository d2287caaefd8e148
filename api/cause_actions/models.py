"""The table of actions: what was done about a cause."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from api.store.models import LONGEST_NAME, Base, now
from api.store.types import Json, RowId

LONGEST_TOPIC = 64


class CauseAction(Base):
    """What was done about a cause, by whom, since when and where. Nothing in it comes from a customer.

    `topic` is no foreign key: topics keep their ids from run to run, and an action outlives one that fades. `where` has
    by dimension the values in which it was done; everywhere if it is empty. `until` is its last day.
    """

    __tablename__ = "cause_actions"
    __table_args__ = (Index(None, "topic"), {"sqlite_autoincrement": True})

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    topic: Mapped[str] = mapped_column(String(LONGEST_TOPIC))
    what: Mapped[str] = mapped_column(Text)
    who: Mapped[str] = mapped_column(String(LONGEST_NAME))
    since: Mapped[date]
    where: Mapped[dict[str, list[str]]] = mapped_column("places", Json)
    baseline_from: Mapped[date | None]
    until: Mapped[date | None]
    created_by: Mapped[str] = mapped_column(String(LONGEST_NAME))
    created_at: Mapped[datetime] = mapped_column(default=now)
    changed_at: Mapped[datetime] = mapped_column(default=now)
