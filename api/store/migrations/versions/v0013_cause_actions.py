"""What was done about causes."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from api.store.types import Json, Moment, RowId

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    op.create_table(
        "cause_actions",
        sa.Column("id", RowId, nullable=False),
        sa.Column("topic", sa.String(length=64), nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("who", sa.String(length=256), nullable=False),
        sa.Column("since", sa.Date(), nullable=False),
        sa.Column("places", Json, nullable=False),
        sa.Column("baseline_from", sa.Date(), nullable=True),
        sa.Column("until", sa.Date(), nullable=True),
        sa.Column("created_by", sa.String(length=256), nullable=False),
        sa.Column("created_at", Moment(), nullable=False),
        sa.Column("changed_at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_cause_actions"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_cause_actions_topic", "cause_actions", ["topic"], unique=False)
