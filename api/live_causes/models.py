"""The tables between two runs of causes: what waits, what was assigned, what analysts did, which nights are past."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey, Index, LargeBinary, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from api.store.models import LONGEST_NAME, Base, now
from api.store.types import RowId


class WaitingForCauses(Base):
    """A version that is tagged, or whose tags a person has changed, and whose clauses have no topics yet.

    The row is there in the transaction that stores the tags, and goes in the one that stores the topics. Queued again,
    it has another `queued_at`, so that topics that were found for the tags of before are not taken for the new ones.
    """

    __tablename__ = "cause_queue"

    version_id: Mapped[int] = mapped_column(
        ForeignKey("comment_versions.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    queued_at: Mapped[datetime] = mapped_column(default=now)
    attempts: Mapped[int] = mapped_column(default=0)
    not_before: Mapped[datetime | None]


class CauseAssignment(Base):
    """What assigning a version's clauses to the topics of a run came to; the places lie in `cause_members`.

    `clauses` are all of them, `fitting_none` those with an opinion that no topic fits, `similarity` is the sum of the
    cosines of those that have a topic. `assigned_again` says that the run had read the version itself, and that its
    tags were changed since: drift leaves it out.
    """

    __tablename__ = "cause_assignments"
    __table_args__ = (Index(None, "version_id"),)

    cause_run_id: Mapped[int] = mapped_column(
        ForeignKey("cause_runs.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    version_id: Mapped[int] = mapped_column(
        ForeignKey("comment_versions.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    assigned_at: Mapped[datetime] = mapped_column(default=now)
    clauses: Mapped[int]
    fitting_none: Mapped[int]
    similarity: Mapped[float]
    assigned_again: Mapped[bool]


class CauseCatchUp(Base):
    """A run of causes for which everything was queued that was tagged while it was being made."""

    __tablename__ = "cause_catch_ups"

    cause_run_id: Mapped[int] = mapped_column(
        ForeignKey("cause_runs.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    caught_up_at: Mapped[datetime] = mapped_column(default=now)


class EditKind(StrEnum):
    RENAME = "rename"
    MERGE = "merge"
    SPLIT = "split"
    UNDO = "undo"


class CauseEdit(Base):
    """What an analyst did to a topic. Rows are added, never changed; nothing in them is a customer's word.

    `detail` has the names that were given, the topics that were taken in, or the topics of the parts; and which actions
    stood at these topics and stand where now. An undo is an edit too: `undoes` is the one that it takes back.
    """

    __tablename__ = "cause_edits"
    __table_args__ = (Index(None, "cause_run_id"), Index("uq_cause_edits_undoes", "undoes", unique=True))

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    cause_run_id: Mapped[int | None] = mapped_column(ForeignKey("cause_runs.id", ondelete="SET NULL"))
    at: Mapped[datetime] = mapped_column(default=now)
    key: Mapped[str] = mapped_column(String(LONGEST_NAME))
    key_name: Mapped[str] = mapped_column(String(LONGEST_NAME))
    by: Mapped[str | None] = mapped_column(String(LONGEST_NAME))
    why: Mapped[str | None] = mapped_column(Text)
    kind: Mapped[str] = mapped_column(String(16))
    topic: Mapped[str] = mapped_column(String(64))
    detail: Mapped[dict[str, Any]]
    undoes: Mapped[int | None] = mapped_column(RowId)


class CauseUndo(Base):
    """What stood before an edit, to put it back: until another run takes the place of the edited one.

    `report` has the causes that were edited, as they stood in the run's report; `topics` are they as a part of its
    topic model (`TopicModel.part`). Both repeat customers' words, which go from here too when their comments go.
    `parents` are those of other topics that the edit gave another, `later` the places that were assigned since the run:
    by topic, of each its version and where it begins.
    """

    __tablename__ = "cause_undos"

    edit_id: Mapped[int] = mapped_column(
        ForeignKey("cause_edits.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    report: Mapped[dict[str, Any]]
    topics: Mapped[bytes] = mapped_column(LargeBinary, deferred=True)
    parents: Mapped[dict[str, Any]]
    later: Mapped[dict[str, Any]]


class NightOutcome(StrEnum):
    ASKED = "asked"
    UNDER_WAY = "under_way"
    NOTHING_NEW = "nothing_new"
    FIRST = "first"


class RefitNight(Base):
    """A nightly run that was due, and what was decided: one row, whatever number of processes looked at the clock."""

    __tablename__ = "cause_nights"

    due_at: Mapped[datetime] = mapped_column(primary_key=True)
    decided_at: Mapped[datetime] = mapped_column(default=now)
    outcome: Mapped[str] = mapped_column(String(16))
    job_id: Mapped[int | None] = mapped_column(ForeignKey("jobs.id"))
