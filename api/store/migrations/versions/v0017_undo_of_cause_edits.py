"""Analysts' edits of causes can be undone: what stood before each is kept, for as long as that is possible."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from api.store.types import Json, RowId

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    op.add_column("cause_edits", sa.Column("undoes", RowId, nullable=True))
    op.create_index("uq_cause_edits_undoes", "cause_edits", ["undoes"], unique=True)
    op.create_table(
        "cause_undos",
        sa.Column("edit_id", RowId, autoincrement=False, nullable=False),
        sa.Column("report", Json, nullable=False),
        sa.Column("topics", sa.LargeBinary(), nullable=False),
        sa.Column("parents", Json, nullable=False),
        sa.Column("later", Json, nullable=False),
        sa.ForeignKeyConstraint(["edit_id"], ["cause_edits.id"], name="fk_cause_undos_edit_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("edit_id", name="pk_cause_undos"),
    )
