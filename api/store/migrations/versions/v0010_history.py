"""What comments were before they changed, and when runs became active. Of comments what changed before is not known."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from api.store.types import Json, Moment, RowId

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.create_table(
        "comment_changes",
        sa.Column("id", RowId, nullable=False),
        sa.Column("comment_id", RowId, nullable=False),
        sa.Column("until", Moment(), nullable=False),
        sa.Column("nps", sa.Integer(), nullable=True),
        sa.Column("touchpoint", sa.String(length=256), nullable=True),
        sa.Column("channel", sa.String(length=256), nullable=True),
        sa.Column("department", sa.String(length=256), nullable=True),
        sa.Column("submitted_at", Moment(), nullable=False),
        sa.Column("metadata", Json, nullable=False),
        sa.ForeignKeyConstraint(
            ["comment_id"], ["comments.id"], name="fk_comment_changes_comment_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_comment_changes"),
    )
    op.create_index("ix_comment_changes_comment_id_until", "comment_changes", ["comment_id", "until"], unique=False)
    op.create_table(
        "run_activations",
        sa.Column("id", RowId, nullable=False),
        sa.Column("run_id", RowId, nullable=False),
        sa.Column("at", Moment(), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["tag_runs.id"], name="fk_run_activations_run_id"),
        sa.PrimaryKeyConstraint("id", name="pk_run_activations"),
    )
    op.create_index("ix_run_activations_run_id", "run_activations", ["run_id"], unique=False)
    # Until now a run was active from its start on.
    op.execute("INSERT INTO run_activations (run_id, at) SELECT id, started_at FROM tag_runs ORDER BY id")
