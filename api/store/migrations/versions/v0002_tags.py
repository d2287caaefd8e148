"""Tag runs and what they say of versions; every version that is there waits to be tagged."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from api.store.types import Json, Moment, RowId

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "tag_runs",
        sa.Column("id", RowId, nullable=False),
        sa.Column("model", sa.String(length=256), nullable=False),
        sa.Column("taxonomy", sa.String(length=256), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("started_at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_tag_runs"),
    )
    op.create_index(
        "uq_tag_runs_active",
        "tag_runs",
        ["state"],
        unique=True,
        sqlite_where=sa.text("state = 'active'"),
        postgresql_where=sa.text("state = 'active'"),
    )
    op.create_table(
        "pending_versions",
        sa.Column("version_id", RowId, autoincrement=False, nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("not_before", Moment(), nullable=True),
        sa.ForeignKeyConstraint(
            ["version_id"], ["comment_versions.id"], name="fk_pending_versions_version_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("version_id", name="pk_pending_versions"),
    )
    op.create_table(
        "taggings",
        sa.Column("id", RowId, nullable=False),
        sa.Column("version_id", RowId, nullable=False),
        sa.Column("run_id", RowId, nullable=False),
        sa.Column("shown", sa.Boolean(), nullable=False),
        sa.Column("tagged_at", Moment(), nullable=False),
        sa.Column("language", sa.String(length=16), nullable=True),
        sa.Column("sentiment", sa.String(length=16), nullable=True),
        sa.Column("score", sa.Double(), nullable=True),
        sa.Column("probabilities", Json, nullable=True),
        sa.Column("error_code", sa.String(length=64), nullable=True),
        sa.Column("error_message", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["run_id"], ["tag_runs.id"], name="fk_taggings_run_id"),
        sa.ForeignKeyConstraint(
            ["version_id"], ["comment_versions.id"], name="fk_taggings_version_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_taggings"),
        sa.UniqueConstraint("version_id", "run_id", name="uq_taggings_version_id_run_id"),
    )
    op.create_index("ix_taggings_run_id", "taggings", ["run_id"], unique=False)
    op.create_index(
        "uq_taggings_shown",
        "taggings",
        ["version_id"],
        unique=True,
        sqlite_where=sa.text("shown"),
        postgresql_where=sa.text("shown"),
    )
    op.create_table(
        "tags",
        sa.Column("id", RowId, nullable=False),
        sa.Column("tagging_id", RowId, nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("label", sa.String(length=64), nullable=False),
        sa.Column("stage", sa.String(length=64), nullable=True),
        sa.Column("sentiment", sa.String(length=16), nullable=True),
        sa.Column("raised", sa.Boolean(), nullable=False),
        sa.Column("confidence", sa.Double(), nullable=False),
        sa.Column("spans", Json, nullable=False),
        sa.ForeignKeyConstraint(["tagging_id"], ["taggings.id"], name="fk_tags_tagging_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_tags"),
    )
    op.create_index("ix_tags_kind_label", "tags", ["kind", "label"], unique=False)
    op.create_index("ix_tags_tagging_id", "tags", ["tagging_id"], unique=False)
    op.execute("INSERT INTO pending_versions (version_id, attempts) SELECT id, 0 FROM comment_versions")
