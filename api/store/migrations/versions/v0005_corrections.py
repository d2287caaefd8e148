"""People's corrections, label by label."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from api.store.types import Json, Moment, RowId

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.create_table(
        "corrections",
        sa.Column("id", RowId, nullable=False),
        sa.Column("version_id", RowId, nullable=False),
        sa.Column("at", Moment(), nullable=False),
        sa.Column("key", sa.String(length=256), nullable=False),
        sa.Column("key_name", sa.String(length=256), nullable=False),
        sa.Column("by", sa.String(length=256), nullable=True),
        sa.Column("why", sa.Text(), nullable=True),
        sa.Column("reviewed", sa.Boolean(), nullable=False),
        sa.Column("model", sa.String(length=256), nullable=False),
        sa.Column("taxonomy", sa.String(length=256), nullable=False),
        sa.Column("withdrawn_at", Moment(), nullable=True),
        sa.Column("withdrawn_key", sa.String(length=256), nullable=True),
        sa.Column("withdrawn_by", sa.String(length=256), nullable=True),
        sa.ForeignKeyConstraint(
            ["version_id"], ["comment_versions.id"], name="fk_corrections_version_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_corrections"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_corrections_version_id", "corrections", ["version_id"], unique=False)
    op.create_table(
        "label_decisions",
        sa.Column("id", RowId, nullable=False),
        sa.Column("correction_id", RowId, nullable=False),
        sa.Column("version_id", RowId, nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("label", sa.String(length=64), nullable=False),
        sa.Column("polarity", sa.String(length=16), nullable=False),
        sa.Column("present", sa.Boolean(), nullable=False),
        sa.Column("value", sa.String(length=16), nullable=True),
        sa.Column("stage", sa.String(length=64), nullable=True),
        sa.Column("spans", Json, nullable=False),
        sa.Column("named", sa.Boolean(), nullable=False),
        sa.Column("model_present", sa.Boolean(), nullable=False),
        sa.Column("model_value", sa.String(length=16), nullable=True),
        sa.Column("standing", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["correction_id"], ["corrections.id"], name="fk_label_decisions_correction_id", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["version_id"], ["comment_versions.id"], name="fk_label_decisions_version_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_label_decisions"),
    )
    op.create_index("ix_label_decisions_correction_id", "label_decisions", ["correction_id"], unique=False)
    op.create_index("ix_label_decisions_kind_label", "label_decisions", ["kind", "label"], unique=False)
    op.create_index(
        "uq_label_decisions_standing",
        "label_decisions",
        ["version_id", "kind", "label", "polarity"],
        unique=True,
        sqlite_where=sa.text("standing"),
        postgresql_where=sa.text("standing"),
    )
