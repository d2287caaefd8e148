"""The index of a run's taggings holds their versions too, so that counting what a run is shown of reads no rows."""

from __future__ import annotations

from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    op.drop_index("ix_taggings_run_id", "taggings")
    op.create_index("ix_taggings_run_id_version_id", "taggings", ["run_id", "version_id"], unique=False)
    op.create_index(
        "ix_webhook_deliveries_state_delivered_at", "webhook_deliveries", ["state", "delivered_at"], unique=False
    )
