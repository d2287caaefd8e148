"""Root causes: their runs, the places in comments that speak of each, whose words a run repeats; what a job does."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from api.store.types import Json, Moment, RowId

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    op.add_column("jobs", sa.Column("doing", sa.String(length=64), nullable=True))
    op.create_table(
        "cause_runs",
        sa.Column("id", RowId, nullable=False),
        sa.Column("job_id", RowId, nullable=True),
        sa.Column("tag_run_id", RowId, nullable=False),
        sa.Column("created_at", Moment(), nullable=False),
        sa.Column("finished_at", Moment(), nullable=False),
        sa.Column("shown", sa.Boolean(), nullable=False),
        sa.Column("encoder", sa.String(length=256), nullable=False),
        sa.Column("parameters", Json, nullable=False),
        sa.Column("n_comments", sa.Integer(), nullable=False),
        sa.Column("n_segments", sa.Integer(), nullable=False),
        sa.Column("report", Json, nullable=False),
        sa.Column("topics", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name="fk_cause_runs_job_id"),
        sa.ForeignKeyConstraint(["tag_run_id"], ["tag_runs.id"], name="fk_cause_runs_tag_run_id"),
        sa.PrimaryKeyConstraint("id", name="pk_cause_runs"),
        sqlite_autoincrement=True,
    )
    op.create_index("uq_cause_runs_job_id", "cause_runs", ["job_id"], unique=True)
    op.create_table(
        "cause_members",
        sa.Column("id", RowId, nullable=False),
        sa.Column("cause_run_id", RowId, nullable=False),
        sa.Column("comment_version_id", RowId, nullable=False),
        sa.Column("topic", sa.String(length=64), nullable=False),
        sa.Column("start", sa.Integer(), nullable=False),
        sa.Column("end", sa.Integer(), nullable=False),
        sa.Column("segment", sa.Integer(), nullable=True),
        sa.Column("assigned_at", Moment(), nullable=True),
        sa.ForeignKeyConstraint(
            ["cause_run_id"], ["cause_runs.id"], name="fk_cause_members_cause_run_id", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["comment_version_id"],
            ["comment_versions.id"],
            name="fk_cause_members_comment_version_id",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_cause_members"),
    )
    op.create_index(
        "ix_cause_members_cause_run_id_topic_comment_version_id",
        "cause_members",
        ["cause_run_id", "topic", "comment_version_id"],
        unique=False,
    )
    op.create_index("ix_cause_members_comment_version_id", "cause_members", ["comment_version_id"], unique=False)
    op.create_table(
        "cause_sources",
        sa.Column("cause_run_id", RowId, nullable=False),
        sa.Column("comment_version_id", RowId, nullable=False),
        sa.ForeignKeyConstraint(
            ["cause_run_id"], ["cause_runs.id"], name="fk_cause_sources_cause_run_id", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["comment_version_id"],
            ["comment_versions.id"],
            name="fk_cause_sources_comment_version_id",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("cause_run_id", "comment_version_id", name="pk_cause_sources"),
    )
    op.create_index("ix_cause_sources_comment_version_id", "cause_sources", ["comment_version_id"], unique=False)
