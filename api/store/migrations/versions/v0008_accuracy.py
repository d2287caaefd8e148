"""Accuracy cards."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from api.store.types import Json, Moment, RowId

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.create_table(
        "accuracy_cards",
        sa.Column("id", RowId, nullable=False),
        sa.Column("audit", sa.String(length=64), nullable=False),
        sa.Column("read_at", Moment(), nullable=False),
        sa.Column("card", Json, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_accuracy_cards"),
    )
