"""A topics job keeps what it has read, and puts its run into the store part by part.

And decisions are found by their version.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from api.store.types import Json, RowId

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    op.add_column("cause_runs", sa.Column("ready", sa.Boolean(), nullable=False, server_default=sa.true()))
    op.create_index("ix_label_decisions_version_id", "label_decisions", ["version_id"], unique=False)
    op.create_table(
        "clause_embeddings",
        sa.Column("version_id", RowId, autoincrement=False, nullable=False),
        sa.Column("job_id", RowId, nullable=False),
        sa.Column("model", sa.String(length=64), nullable=False),
        sa.Column("clauses", Json, nullable=False),
        sa.Column("vectors", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["version_id"], ["comment_versions.id"], name="fk_clause_embeddings_version_id", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name="fk_clause_embeddings_job_id"),
        sa.PrimaryKeyConstraint("version_id", name="pk_clause_embeddings"),
    )
