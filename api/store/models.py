"""The tables. docs/store.md draws them; api/store/migrations makes them."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, ClassVar, Final

from sqlalchemy import (
    CheckConstraint,
    ColumnElement,
    Double,
    ForeignKey,
    Index,
    MetaData,
    String,
    Text,
    UniqueConstraint,
    or_,
    select,
    text,
)
from sqlalchemy.ext.hybrid import hybrid_property
from sqlalchemy.orm import DeclarativeBase, Mapped, aliased, mapped_column, object_session, relationship

from api.store.types import Json, Moment, RowId

LONGEST_NAME: Final = 256
"""Characters of a source, an external id, a touchpoint and the like."""

JSON_COLUMNS: Final[dict[Any, Any]] = {dict[str, Any]: Json, list[list[int]]: Json, list[str]: Json}
NAMES: Final = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


def now() -> datetime:
    """This moment, in UTC."""
    return datetime.now(UTC)


class Base(DeclarativeBase):
    metadata = MetaData(naming_convention=NAMES)
    type_annotation_map: ClassVar = {datetime: Moment, float: Double, **JSON_COLUMNS}


class Source(Base):
    """Where comments come from: a survey, a review site, a file."""

    __tablename__ = "sources"

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    name: Mapped[str] = mapped_column(String(LONGEST_NAME), unique=True)
    created_at: Mapped[datetime] = mapped_column(default=now)


class StoredComment(Base):
    """A comment, whatever its text has been: what is known about it and which version of its text stands."""

    __tablename__ = "comments"
    __table_args__ = (
        UniqueConstraint("source_id", "external_id"),
        CheckConstraint("nps BETWEEN 0 AND 10", name="nps"),
        Index(None, "respondent"),
        Index(None, "submitted_at"),
        {"sqlite_autoincrement": True},  # an id is never given twice, even after the newest row has gone
    )

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    source_id: Mapped[int] = mapped_column(ForeignKey("sources.id"))
    external_id: Mapped[str] = mapped_column(String(LONGEST_NAME))
    version: Mapped[int]
    nps: Mapped[int | None]
    touchpoint: Mapped[str | None] = mapped_column(String(LONGEST_NAME))
    channel: Mapped[str | None] = mapped_column(String(LONGEST_NAME))
    department: Mapped[str | None] = mapped_column(String(LONGEST_NAME))
    respondent: Mapped[str | None] = mapped_column(String(LONGEST_NAME))
    submitted_at: Mapped[datetime]
    received_at: Mapped[datetime] = mapped_column(default=now)
    extra: Mapped[dict[str, Any]] = mapped_column("metadata", default=dict)

    source: Mapped[Source] = relationship()
    versions: Mapped[list[CommentVersion]] = relationship(
        back_populates="comment", order_by="CommentVersion.number", cascade="all, delete-orphan", passive_deletes=True
    )


class CommentVersion(Base):
    """A text that a comment has or had, and the question it answers: what the tagger reads. Never changed."""

    __tablename__ = "comment_versions"
    __table_args__ = (UniqueConstraint("comment_id", "number"), {"sqlite_autoincrement": True})

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    comment_id: Mapped[int] = mapped_column(ForeignKey("comments.id", ondelete="CASCADE"))
    number: Mapped[int]
    text: Mapped[str] = mapped_column(Text)
    question: Mapped[str | None] = mapped_column(Text)
    received_at: Mapped[datetime] = mapped_column(default=now)

    comment: Mapped[StoredComment] = relationship(back_populates="versions")


class PendingVersion(Base):
    """A version that is stored and not yet tagged. The row goes in the transaction that stores the tags."""

    __tablename__ = "pending_versions"

    version_id: Mapped[int] = mapped_column(
        ForeignKey("comment_versions.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    attempts: Mapped[int] = mapped_column(default=0)
    not_before: Mapped[datetime | None]


class RunState(StrEnum):
    """What a run is. Only the first two have a rank, so only what they said is shown."""

    ACTIVE = "active"
    FORMER = "former"
    PREPARING = "preparing"
    CANCELLED = "cancelled"
    FAILED = "failed"


class TagRun(Base):
    """One model and one taxonomy at work. New comments are tagged in the active run, of which there is one.

    Of a version that several runs have tagged, the one with the highest `rank` is shown; a run without a rank is not
    shown. The active run has the highest, so making another run active is a change of one row, however many it tagged.
    `model_folder` is where its model lies; None if it came with this package.
    """

    __tablename__ = "tag_runs"
    __table_args__ = (
        Index(
            "uq_tag_runs_active",
            "state",
            unique=True,
            sqlite_where=text("state = 'active'"),
            postgresql_where=text("state = 'active'"),
        ),
        Index("uq_tag_runs_rank", "rank", unique=True),
    )

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    model: Mapped[str] = mapped_column(String(LONGEST_NAME))
    taxonomy: Mapped[str] = mapped_column(String(LONGEST_NAME))
    state: Mapped[str] = mapped_column(String(16))
    rank: Mapped[int | None] = mapped_column(RowId)
    model_folder: Mapped[str | None] = mapped_column(Text)
    started_at: Mapped[datetime] = mapped_column(default=now)


class Tagging(Base):
    """What one run said of one version: its tags, or why it could not be tagged. `shown` tells the one in answers."""

    __tablename__ = "taggings"
    __table_args__ = (UniqueConstraint("version_id", "run_id"), Index(None, "run_id", "version_id"))

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    version_id: Mapped[int] = mapped_column(ForeignKey("comment_versions.id", ondelete="CASCADE"))
    run_id: Mapped[int] = mapped_column(ForeignKey("tag_runs.id"))
    tagged_at: Mapped[datetime] = mapped_column(default=now)
    language: Mapped[str | None] = mapped_column(String(16))
    sentiment: Mapped[str | None] = mapped_column(String(16))
    score: Mapped[float | None]
    probabilities: Mapped[dict[str, Any] | None]
    error_code: Mapped[str | None] = mapped_column(String(64))
    error_message: Mapped[str | None] = mapped_column(Text)

    run: Mapped[TagRun] = relationship()
    tags: Mapped[list[Tag]] = relationship(order_by="Tag.id", cascade="all, delete-orphan", passive_deletes=True)

    @hybrid_property
    def shown(self) -> bool:
        """Whether no run with a higher rank has tagged the version. In a query it is a condition."""
        session = object_session(self)
        assert session is not None
        return session.scalar(select(Tagging.id).where(Tagging.id == self.id, Tagging.shown)) is not None

    @shown.inplace.expression
    @classmethod
    def _shown_expression(cls) -> ColumnElement[bool]:
        # Most versions are tagged in the active run: for them the database need not look at the others.
        other, run, active = aliased(Tagging), aliased(TagRun), aliased(TagRun)
        highest = (
            select(other.run_id)
            .join(run, run.id == other.run_id)
            .where(other.version_id == cls.version_id, run.rank.is_not(None))
            .order_by(run.rank.desc())
            .limit(1)
        )
        at_work = select(active.id).where(active.state == RunState.ACTIVE)
        return or_(
            cls.run_id == at_work.scalar_subquery(),
            cls.run_id == highest.correlate(cls).scalar_subquery(),
        )


class TagKind(StrEnum):
    THEME = "theme"
    FACTOR = "factor"
    FLAG = "flag"


class Tag(Base):
    """One tag with the words that show it; `sentiment` is a theme's sentiment or a factor's polarity.

    Both flags are always there; `raised` says whether the comment has the flag, and is true of themes and factors.
    `spans` are pairs of code points, as in the record.
    """

    __tablename__ = "tags"
    __table_args__ = (Index(None, "tagging_id"), Index(None, "kind", "label"))

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    tagging_id: Mapped[int] = mapped_column(ForeignKey("taggings.id", ondelete="CASCADE"))
    kind: Mapped[str] = mapped_column(String(16))
    label: Mapped[str] = mapped_column(String(64))
    stage: Mapped[str | None] = mapped_column(String(64))
    sentiment: Mapped[str | None] = mapped_column(String(16))
    raised: Mapped[bool]
    confidence: Mapped[float]
    spans: Mapped[list[list[int]]]


class ApiKey(Base):
    """A key by which a caller is known; its secret is kept as a hash only."""

    __tablename__ = "api_keys"

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    prefix: Mapped[str] = mapped_column(String(32), unique=True)
    hash: Mapped[str] = mapped_column(String(64))
    name: Mapped[str] = mapped_column(String(LONGEST_NAME))
    scopes: Mapped[list[str]]
    created_at: Mapped[datetime] = mapped_column(default=now)
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]


class AuditEntry(Base):
    """A line of the audit log. Lines are added, never changed."""

    __tablename__ = "audit_log"

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    at: Mapped[datetime] = mapped_column(default=now)
    actor: Mapped[str] = mapped_column(String(LONGEST_NAME))
    action: Mapped[str] = mapped_column(String(64))
    subject: Mapped[str] = mapped_column(String(LONGEST_NAME))
    detail: Mapped[dict[str, Any]]
