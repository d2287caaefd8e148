"""The schema's revisions: which one a database has, which one we need, and the way from one to the other."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

# Tables of features: whoever opens the store has them among the models.
import api.accuracy.models
import api.alerts.models
import api.cause_actions.models
import api.cause_runs.models
import api.corrections.models
import api.jobs.models
import api.live_causes.models
import api.removal.models
import api.store.history
import api.webhooks.models  # noqa: F401
from api.store.errors import UnknownSchema

MIGRATIONS: Final = Path(__file__).with_name("migrations")
LOCK: Final = 0x7374656D6D65
"""Of PostgreSQL, for two upgrades at once: "stemme" in ASCII."""


def newest() -> str:
    """The revision that this version of stemme needs."""
    return revisions()[-1]


@cache
def revisions() -> tuple[str, ...]:
    """Every revision, oldest first."""
    scripts = ScriptDirectory(str(MIGRATIONS))
    return tuple(reversed([script.revision for script in scripts.walk_revisions()]))


def found(connection: Connection) -> str | None:
    """The revision of a database; None if it is empty."""
    return MigrationContext.configure(connection).get_current_revision()


def refuse_unknown(revision: str | None, *, database: str) -> None:
    """Refuse a schema that is not among ours.

    Raises
    ------
    UnknownSchema : if it is not; a newer version of stemme made it
    """
    if revision is not None and revision not in revisions():
        raise UnknownSchema(database, revision, newest())


def upgrade(connection: Connection, *, to: str | None = None) -> None:
    """Run the migrations that a database lacks, inside the transaction that its connection has begun."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, to or "head")
