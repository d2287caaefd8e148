"""Actions follow causes that analysts merge; those of causes that were merged before are moved now."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from api.store.types import Json, Moment, RowId

revision = "0015"
down_revision = "0014"

EDITS = sa.table(
    "cause_edits",
    sa.column("id", RowId),
    sa.column("at", Moment()),
    sa.column("kind", sa.String()),
    sa.column("topic", sa.String()),
    sa.column("detail", Json),
)
ACTIONS = sa.table(
    "cause_actions", sa.column("id", RowId), sa.column("topic", sa.String()), sa.column("created_at", Moment())
)
RUNS = sa.table("cause_runs", sa.column("id", RowId), sa.column("shown", sa.Boolean()), sa.column("report", Json))
MOVES = sa.table(
    "cause_action_moves",
    sa.column("action_id", RowId),
    sa.column("became", sa.String()),
    sa.column("topic", sa.String()),
    sa.column("edit_id", RowId),
    sa.column("at", Moment()),
)


def upgrade() -> None:
    op.create_table(
        "cause_action_moves",
        sa.Column("id", RowId, nullable=False),
        sa.Column("action_id", RowId, nullable=False),
        sa.Column("became", sa.String(length=16), nullable=False),
        sa.Column("topic", sa.String(length=64), nullable=False),
        sa.Column("edit_id", RowId, nullable=True),
        sa.Column("cause_run_id", RowId, nullable=True),
        sa.Column("at", Moment(), nullable=False),
        sa.ForeignKeyConstraint(
            ["action_id"], ["cause_actions.id"], name="fk_cause_action_moves_action_id", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["edit_id"], ["cause_edits.id"], name="fk_cause_action_moves_edit_id", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["cause_run_id"], ["cause_runs.id"], name="fk_cause_action_moves_cause_run_id", ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_cause_action_moves"),
    )
    op.create_index("ix_cause_action_moves_action_id", "cause_action_moves", ["action_id"], unique=False)
    op.create_index("ix_cause_action_moves_edit_id", "cause_action_moves", ["edit_id"], unique=False)
    _follow_former_merges()


def _follow_former_merges() -> None:
    """An action stood at a cause that is gone although another had taken that in: it stands there from now on."""
    connection = op.get_bind()
    current = sa.select(RUNS.c.report).where(RUNS.c.shown).order_by(RUNS.c.id.desc()).limit(1)
    report = connection.execute(current).scalar() or {"causes": []}
    there = [cause["topic"] for cause in report["causes"]]
    for edit in connection.execute(sa.select(EDITS).where(EDITS.c.kind == "merge").order_by(EDITS.c.id)).all():
        gone = [topic for topic in edit.detail["with"] if topic not in there]
        left = sa.select(ACTIONS).where(ACTIONS.c.topic.in_(gone), ACTIONS.c.created_at <= edit.at)
        for action in connection.execute(left.order_by(ACTIONS.c.id)).all():
            connection.execute(
                sa.insert(MOVES).values(
                    action_id=action.id,
                    became="merged",
                    topic=action.topic,
                    edit_id=edit.id,
                    at=edit.at,
                )
            )
            connection.execute(sa.update(ACTIONS).where(ACTIONS.c.id == action.id).values(topic=edit.topic))
