"""Alert rules, alerts and what people did about them; webhooks and their outbox."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from api.store.types import Json, Moment, RowId

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    _make_alerts()
    _make_webhooks()


def _make_alerts() -> None:
    op.create_table(
        "alert_rules",
        sa.Column("id", RowId, nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("priority", sa.String(length=16), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("conditions", Json, nullable=False),
        sa.Column("created_at", Moment(), nullable=False),
        sa.Column("changed_at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_alert_rules"),
        sa.UniqueConstraint("name", name="uq_alert_rules_name"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "alerts",
        sa.Column("id", RowId, nullable=False),
        sa.Column("rule_id", RowId, nullable=True),
        sa.Column("version_id", RowId, nullable=False),
        sa.Column("rule", sa.String(length=64), nullable=False),
        sa.Column("priority", sa.String(length=16), nullable=False),
        sa.Column("conditions", Json, nullable=False),
        sa.Column("occasion", sa.String(length=16), nullable=False),
        sa.Column("raised_at", Moment(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("owner", sa.String(length=256), nullable=True),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("changed_at", Moment(), nullable=False),
        sa.ForeignKeyConstraint(["rule_id"], ["alert_rules.id"], name="fk_alerts_rule_id", ondelete="SET NULL"),
        sa.ForeignKeyConstraint(
            ["version_id"], ["comment_versions.id"], name="fk_alerts_version_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_alerts"),
        sa.UniqueConstraint("rule_id", "version_id", name="uq_alerts_rule_id_version_id"),
        sqlite_autoincrement=True,
    )
    for column in ("version_id", "state", "raised_at"):
        op.create_index(f"ix_alerts_{column}", "alerts", [column], unique=False)
    op.create_table(
        "alert_changes",
        sa.Column("id", RowId, nullable=False),
        sa.Column("alert_id", RowId, nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("at", Moment(), nullable=False),
        sa.Column("actor", sa.String(length=256), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("owner", sa.String(length=256), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["alert_id"], ["alerts.id"], name="fk_alert_changes_alert_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_alert_changes"),
        sa.UniqueConstraint("alert_id", "revision", name="uq_alert_changes_alert_id_revision"),
    )


def _make_webhooks() -> None:
    op.create_table(
        "webhooks",
        sa.Column("id", RowId, nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("description", sa.String(length=256), nullable=False),
        sa.Column("every_rule", sa.Boolean(), nullable=False),
        sa.Column("include_text", sa.Boolean(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("disabled_reason", sa.String(length=64), nullable=True),
        sa.Column("secret", sa.String(length=128), nullable=False),
        sa.Column("former_secret", sa.String(length=128), nullable=True),
        sa.Column("former_secret_until", Moment(), nullable=True),
        sa.Column("not_before", Moment(), nullable=True),
        sa.Column("created_at", Moment(), nullable=False),
        sa.Column("changed_at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_webhooks"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "webhook_rules",
        sa.Column("webhook_id", RowId, autoincrement=False, nullable=False),
        sa.Column("rule_id", RowId, autoincrement=False, nullable=False),
        sa.ForeignKeyConstraint(
            ["webhook_id"], ["webhooks.id"], name="fk_webhook_rules_webhook_id", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["rule_id"], ["alert_rules.id"], name="fk_webhook_rules_rule_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("webhook_id", "rule_id", name="pk_webhook_rules"),
    )
    op.create_index("ix_webhook_rules_rule_id", "webhook_rules", ["rule_id"], unique=False)
    op.create_table(
        "webhook_deliveries",
        sa.Column("id", RowId, nullable=False),
        sa.Column("message", sa.String(length=64), nullable=False),
        sa.Column("webhook_id", RowId, nullable=False),
        sa.Column("alert_id", RowId, nullable=True),
        sa.Column("type", sa.String(length=64), nullable=False),
        sa.Column("payload", Json, nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_attempt_at", Moment(), nullable=False),
        sa.Column("leased_until", Moment(), nullable=True),
        sa.Column("created_at", Moment(), nullable=False),
        sa.Column("last_attempt_at", Moment(), nullable=True),
        sa.Column("delivered_at", Moment(), nullable=True),
        sa.Column("last_status", sa.Integer(), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["webhook_id"], ["webhooks.id"], name="fk_webhook_deliveries_webhook_id", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["alert_id"], ["alerts.id"], name="fk_webhook_deliveries_alert_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_webhook_deliveries"),
        sa.UniqueConstraint("message", name="uq_webhook_deliveries_message"),
        sa.UniqueConstraint("webhook_id", "alert_id", name="uq_webhook_deliveries_webhook_id_alert_id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_webhook_deliveries_alert_id", "webhook_deliveries", ["alert_id"], unique=False)
    op.create_index(
        "ix_webhook_deliveries_state_next_attempt_at", "webhook_deliveries", ["state", "next_attempt_at"], unique=False
    )
