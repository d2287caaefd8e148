"""Causes from day to day: what waits for topics, what was assigned, analysts' edits, nights that are done with."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from api.store.types import Json, Moment, RowId

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    op.create_table(
        "cause_queue",
        sa.Column("version_id", RowId, autoincrement=False, nullable=False),
        sa.Column("queued_at", Moment(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("not_before", Moment(), nullable=True),
        sa.ForeignKeyConstraint(
            ["version_id"], ["comment_versions.id"], name="fk_cause_queue_version_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("version_id", name="pk_cause_queue"),
    )
    op.create_table(
        "cause_assignments",
        sa.Column("cause_run_id", RowId, autoincrement=False, nullable=False),
        sa.Column("version_id", RowId, autoincrement=False, nullable=False),
        sa.Column("assigned_at", Moment(), nullable=False),
        sa.Column("clauses", sa.Integer(), nullable=False),
        sa.Column("fitting_none", sa.Integer(), nullable=False),
        sa.Column("similarity", sa.Double(), nullable=False),
        sa.Column("assigned_again", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["cause_run_id"], ["cause_runs.id"], name="fk_cause_assignments_cause_run_id", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["version_id"], ["comment_versions.id"], name="fk_cause_assignments_version_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("cause_run_id", "version_id", name="pk_cause_assignments"),
    )
    op.create_index("ix_cause_assignments_version_id", "cause_assignments", ["version_id"], unique=False)
    op.create_table(
        "cause_catch_ups",
        sa.Column("cause_run_id", RowId, autoincrement=False, nullable=False),
        sa.Column("caught_up_at", Moment(), nullable=False),
        sa.ForeignKeyConstraint(
            ["cause_run_id"], ["cause_runs.id"], name="fk_cause_catch_ups_cause_run_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("cause_run_id", name="pk_cause_catch_ups"),
    )
    op.create_table(
        "cause_edits",
        sa.Column("id", RowId, nullable=False),
        sa.Column("cause_run_id", RowId, nullable=True),
        sa.Column("at", Moment(), nullable=False),
        sa.Column("key", sa.String(length=256), nullable=False),
        sa.Column("key_name", sa.String(length=256), nullable=False),
        sa.Column("by", sa.String(length=256), nullable=True),
        sa.Column("why", sa.Text(), nullable=True),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("topic", sa.String(length=64), nullable=False),
        sa.Column("detail", Json, nullable=False),
        sa.ForeignKeyConstraint(
            ["cause_run_id"], ["cause_runs.id"], name="fk_cause_edits_cause_run_id", ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_cause_edits"),
    )
    op.create_index("ix_cause_edits_cause_run_id", "cause_edits", ["cause_run_id"], unique=False)
    op.create_table(
        "cause_nights",
        sa.Column("due_at", Moment(), nullable=False),
        sa.Column("decided_at", Moment(), nullable=False),
        sa.Column("outcome", sa.String(length=16), nullable=False),
        sa.Column("job_id", RowId, nullable=True),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name="fk_cause_nights_job_id"),
        sa.PrimaryKeyConstraint("due_at", name="pk_cause_nights"),
    )
