"""The tables of corrections. docs/corrections.md says what a row means."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from api.store.models import LONGEST_NAME, Base, now
from api.store.types import RowId


class Correction(Base):
    """What one person said of one version at one time; withdrawn or not, it stays. `why` may hold anything.

    `model` is whose tags the person had in sight, `taxonomy` which labels there were.
    """

    __tablename__ = "corrections"
    __table_args__ = (Index(None, "version_id"), {"sqlite_autoincrement": True})  # an id is never given twice

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    version_id: Mapped[int] = mapped_column(ForeignKey("comment_versions.id", ondelete="CASCADE"))
    at: Mapped[datetime] = mapped_column(default=now)
    key: Mapped[str] = mapped_column(String(LONGEST_NAME))
    key_name: Mapped[str] = mapped_column(String(LONGEST_NAME))
    by: Mapped[str | None] = mapped_column(String(LONGEST_NAME))
    why: Mapped[str | None] = mapped_column(Text)
    reviewed: Mapped[bool]
    model: Mapped[str] = mapped_column(String(LONGEST_NAME))
    taxonomy: Mapped[str] = mapped_column(String(LONGEST_NAME))
    withdrawn_at: Mapped[datetime | None]
    withdrawn_key: Mapped[str | None] = mapped_column(String(LONGEST_NAME))
    withdrawn_by: Mapped[str | None] = mapped_column(String(LONGEST_NAME))

    decisions: Mapped[list[LabelDecision]] = relationship(
        back_populates="correction", order_by="LabelDecision.id", cascade="all, delete-orphan", passive_deletes=True
    )


class DecisionKind(StrEnum):
    """What is decided. Themes, factors and flags are called as the kinds of tags are."""

    SENTIMENT = "sentiment"
    LANGUAGE = "language"
    THEME = "theme"
    FACTOR = "factor"
    FLAG = "flag"


class LabelDecision(Base):
    """One label of one version, decided by a person: there or not, and with which value.

    `label` names the theme, factor or flag and is empty for sentiment and language. A factor is decided for each
    `polarity` on its own, as both may hold; elsewhere it is empty. `value` is the overall sentiment, the language, or
    the sentiment about a theme that is there. `named` says whether the person spoke of this label; otherwise it follows
    from a review. `model_present` and `model_value` are what the model's tags in sight said.

    Of the decisions about a label one at most is `standing`: the latest that is not withdrawn.
    """

    __tablename__ = "label_decisions"
    __table_args__ = (
        Index(
            "uq_label_decisions_standing",
            "version_id",
            "kind",
            "label",
            "polarity",
            unique=True,
            sqlite_where=text("standing"),
            postgresql_where=text("standing"),
        ),
        # SQLite does not see that `standing = 1` is the condition of the index above, and would read every decision.
        Index(None, "version_id"),
        Index(None, "kind", "label"),
        Index(None, "correction_id"),
    )

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    correction_id: Mapped[int] = mapped_column(ForeignKey("corrections.id", ondelete="CASCADE"))
    version_id: Mapped[int] = mapped_column(ForeignKey("comment_versions.id", ondelete="CASCADE"))
    kind: Mapped[str] = mapped_column(String(16))
    label: Mapped[str] = mapped_column(String(64))
    polarity: Mapped[str] = mapped_column(String(16))
    present: Mapped[bool]
    value: Mapped[str | None] = mapped_column(String(16))
    stage: Mapped[str | None] = mapped_column(String(64))
    spans: Mapped[list[list[int]]]
    named: Mapped[bool]
    model_present: Mapped[bool]
    model_value: Mapped[str | None] = mapped_column(String(16))
    standing: Mapped[bool]

    correction: Mapped[Correction] = relationship(back_populates="decisions")
