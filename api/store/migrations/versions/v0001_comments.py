"""Sources, comments and the versions of their texts."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from api.store.types import Json, Moment, RowId

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "sources",
        sa.Column("id", RowId, nullable=False),
        sa.Column("name", sa.String(length=256), nullable=False),
        sa.Column("created_at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_sources"),
        sa.UniqueConstraint("name", name="uq_sources_name"),
    )
    op.create_table(
        "comments",
        sa.Column("id", RowId, nullable=False),
        sa.Column("source_id", RowId, nullable=False),
        sa.Column("external_id", sa.String(length=256), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("nps", sa.Integer(), nullable=True),
        sa.Column("touchpoint", sa.String(length=256), nullable=True),
        sa.Column("channel", sa.String(length=256), nullable=True),
        sa.Column("department", sa.String(length=256), nullable=True),
        sa.Column("respondent", sa.String(length=256), nullable=True),
        sa.Column("submitted_at", Moment(), nullable=False),
        sa.Column("received_at", Moment(), nullable=False),
        sa.Column("metadata", Json, nullable=False),
        sa.CheckConstraint("nps BETWEEN 0 AND 10", name="ck_comments_nps"),
        sa.ForeignKeyConstraint(["source_id"], ["sources.id"], name="fk_comments_source_id"),
        sa.PrimaryKeyConstraint("id", name="pk_comments"),
        sa.UniqueConstraint("source_id", "external_id", name="uq_comments_source_id_external_id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_comments_respondent", "comments", ["respondent"], unique=False)
    op.create_index("ix_comments_submitted_at", "comments", ["submitted_at"], unique=False)
    op.create_table(
        "comment_versions",
        sa.Column("id", RowId, nullable=False),
        sa.Column("comment_id", RowId, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("question", sa.Text(), nullable=True),
        sa.Column("received_at", Moment(), nullable=False),
        sa.ForeignKeyConstraint(
            ["comment_id"], ["comments.id"], name="fk_comment_versions_comment_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_comment_versions"),
        sa.UniqueConstraint("comment_id", "number", name="uq_comment_versions_comment_id_number"),
        sqlite_autoincrement=True,
    )
