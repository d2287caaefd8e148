"""How many comments were removed, by source and month."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from api.store.types import Moment, RowId

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.create_table(
        "removals",
        sa.Column("id", RowId, nullable=False),
        sa.Column("audit_id", RowId, nullable=False),
        sa.Column("removed_at", Moment(), nullable=False),
        sa.Column("cause", sa.String(length=16), nullable=False),
        sa.Column("source", sa.String(length=256), nullable=False),
        sa.Column("month", sa.String(length=7), nullable=False),
        sa.Column("comments", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["audit_id"], ["audit_log.id"], name="fk_removals_audit_id"),
        sa.PrimaryKeyConstraint("id", name="pk_removals"),
    )
    op.create_index("ix_removals_removed_at", "removals", ["removed_at"], unique=False)
