"""The tables of actions: what was done about a cause, and which causes it stood at before."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from api.store.models import LONGEST_NAME, Base, now
from api.store.types import Json, RowId

LONGEST_TOPIC = 64


class CauseAction(Base):
    """What was done about a cause, by whom, since when and where. Nothing in it comes from a customer.

    `topic` is no foreign key: topics keep their ids from run to run, and an action outlives one that fades. `where` has
    by dimension the values in which it was done; everywhere if it is empty. `until` is its last day.
    `verdict` is what came of it at `judged_at`; None until that is known, and once the action or its cause is another.
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
    verdict: Mapped[str | None] = mapped_column(String(16))
    judged_at: Mapped[datetime | None]


class Became(StrEnum):
    """What became of the cause that an action stood at."""

    MERGED = "merged"
    SPLIT = "split"
    CONTINUED = "continued"


class CauseActionMove(Base):
    """A cause that an action stood at, `topic`, and what became of it: the action followed.

    `edit_id` is the merge or the split; of a cause that a run found again under another id it is None, and the run is
    `cause_run_id`. When an edit is undone its rows go; when a person moves the action, all of the action's rows do.
    """

    __tablename__ = "cause_action_moves"
    __table_args__ = (Index(None, "action_id"), Index(None, "edit_id"))

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    action_id: Mapped[int] = mapped_column(ForeignKey("cause_actions.id", ondelete="CASCADE"))
    became: Mapped[str] = mapped_column(String(16))
    topic: Mapped[str] = mapped_column(String(LONGEST_TOPIC))
    edit_id: Mapped[int | None] = mapped_column(ForeignKey("cause_edits.id", ondelete="CASCADE"))
    cause_run_id: Mapped[int | None] = mapped_column(ForeignKey("cause_runs.id", ondelete="SET NULL"))
    at: Mapped[datetime] = mapped_column(default=now)
