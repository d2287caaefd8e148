"""`stemme store`: which schema the database has, and the way to the one that is needed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from getpass import getuser
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from api.settings import Settings
    from api.store.database import Store

store_commands = typer.Typer(help="Look after the database.", no_args_is_help=True, rich_markup_mode="markdown")

Database = Annotated[
    str | None,
    typer.Option(
        "--database",
        help="URL of the database. Default: STEMME_DATABASE, else an SQLite file in the user's data folder.",
        show_default=False,
    ),
]


@store_commands.command(epilog="Example: `stemme store upgrade --database postgresql://stemme@localhost/stemme`")
def upgrade(*, database: Database = None) -> None:
    """Bring the database's schema up to date, in one transaction. Make a backup first."""
    from api.settings import read_settings  # noqa: PLC0415, `--help` need not wait for the database's libraries
    from api.store import schema  # noqa: PLC0415
    from api.store.database import Store  # noqa: PLC0415

    with closing(Store.connect(read_settings(database=database).database)) as store:
        before, after = store.upgrade(), schema.newest()
    if before == after:
        typer.echo(f"{store.name} has schema {after} already.")
    else:
        typer.echo(f"{store.name}: from {before or 'no schema'} to {after}.")


@store_commands.command(epilog="Example: `stemme store status`")
def status(*, database: Database = None) -> None:
    """Say where the database lies and which schema it has."""
    from api.settings import read_settings  # noqa: PLC0415
    from api.store import schema  # noqa: PLC0415
    from api.store.database import Store  # noqa: PLC0415

    with closing(Store.connect(read_settings(database=database).database)) as store:
        found = store.schema()
    typer.echo(f"{store.name}\nschema: {found or 'none'}; needed: {schema.newest()}")


@contextmanager
def open_store(database: str | None) -> Iterator[Store]:
    """The store that a command works on; closed at its end."""
    with open_with_settings(database) as (store, _):
        yield store


@contextmanager
def open_with_settings(database: str | None) -> Iterator[tuple[Store, Settings]]:
    """The store that a command works on, closed at its end, and the settings that it was opened with."""
    from api.settings import read_settings  # noqa: PLC0415
    from api.store.database import Store  # noqa: PLC0415

    settings = read_settings(database=database)
    with closing(Store.open(settings.database)) as store:
        yield store, settings


def user() -> str:
    """Who calls a command, for the audit log."""
    try:
        return f"command line: {getuser()}"
    except (KeyError, OSError):  # a user without a name, as in some containers
        return "command line"
