"""What came of an action is kept with it, so that a list of causes can show it without counting."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from api.store.types import Moment

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    op.add_column("cause_actions", sa.Column("verdict", sa.String(length=16), nullable=True))
    op.add_column("cause_actions", sa.Column("judged_at", Moment(), nullable=True))
