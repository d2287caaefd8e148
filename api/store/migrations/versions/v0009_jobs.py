"""Jobs; and what is shown of a version is told by the rank of the run, no longer by a mark on each row."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from api.store.types import Json, Moment, RowId

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    # Each run began when another model came, so the newest is shown; and no version was tagged by two of them.
    op.add_column("tag_runs", sa.Column("rank", RowId, nullable=True))
    op.add_column("tag_runs", sa.Column("model_folder", sa.Text(), nullable=True))
    op.execute("UPDATE tag_runs SET rank = id")
    op.create_index("uq_tag_runs_rank", "tag_runs", ["rank"], unique=True)
    op.drop_index("uq_taggings_shown", "taggings")
    op.drop_column("taggings", "shown")
    op.create_table(
        "jobs",
        sa.Column("id", RowId, nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("parameters", Json, nullable=False),
        sa.Column("created_by", sa.String(length=256), nullable=False),
        sa.Column("created_at", Moment(), nullable=False),
        sa.Column("started_at", Moment(), nullable=True),
        sa.Column("ended_at", Moment(), nullable=True),
        sa.Column("run_id", RowId, nullable=True),
        sa.Column("total", RowId, nullable=True),
        sa.Column("done", RowId, nullable=False),
        sa.Column("per_second", sa.Double(), nullable=True),
        sa.Column("result", Json, nullable=True),
        sa.Column("error_code", sa.String(length=64), nullable=True),
        sa.Column("error_message", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["run_id"], ["tag_runs.id"], name="fk_jobs_run_id"),
        sa.PrimaryKeyConstraint("id", name="pk_jobs"),
    )
    op.create_index(
        "uq_jobs_unfinished",
        "jobs",
        ["kind"],
        unique=True,
        sqlite_where=sa.text("state IN ('queued', 'running', 'cancelling')"),
        postgresql_where=sa.text("state IN ('queued', 'running', 'cancelling')"),
    )
