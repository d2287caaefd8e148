"""`stemme keys`: make API keys, list them, revoke them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from getpass import getuser
from typing import TYPE_CHECKING, Annotated, Final

import typer

from api.access.scopes import Scope
from api.files.errors import BadUsage
from api.store.command import Database

if TYPE_CHECKING:
    from api.store.database import Store
    from api.store.models import ApiKey

keys_commands = typer.Typer(
    help="API keys: who may use the service, and for what.", no_args_is_help=True, rich_markup_mode="markdown"
)

LONGEST_LIFE_DAYS: Final = 36_500


@keys_commands.command(
    epilog="""Examples:

- `stemme keys create --scope classify`
- `stemme keys create --scope ingest --scope read --name "survey platform" --expires 90d`
"""
)
def create(
    *,
    scope: Annotated[list[Scope], typer.Option("--scope", help="What the key may do; several times for several.")],
    expires: Annotated[
        str | None,
        typer.Option("--expires", help="Days from now (90d), or a day (2027-01-31, UTC). Default: never."),
    ] = None,
    name: Annotated[str, typer.Option("--name", help="Whose key it is, for the list.")] = "",
    database: Database = None,
) -> None:
    """Make a key and print it, once: the store keeps no more than a hash of it."""
    from api.access.keys import create_key  # noqa: PLC0415, `--help` need not wait for the database's libraries

    expires_at = None if expires is None else expiry(expires, now=datetime.now(UTC))
    with _store(database) as store:
        key = create_key(store, scopes=set(scope), name=name, expires_at=expires_at, by=user())
    typer.echo(key)
    typer.echo("It is shown this once. Send it as `Authorization: Bearer KEY`.", err=True)


@keys_commands.command("list", epilog="Example: `stemme keys list`")
def list_(*, database: Database = None) -> None:
    """List every key by its prefix: what it may do, how long, and when it was last used."""
    from api.access.keys import list_keys  # noqa: PLC0415

    with _store(database) as store:
        keys = list_keys(store)
    if not keys:
        typer.echo("There is no key. Make one: stemme keys create --scope classify", err=True)
    for key in keys:
        typer.echo("  ".join(_columns(key, now=datetime.now(UTC))))


@keys_commands.command(epilog="Example: `stemme keys revoke 1f0c9a77e2`")
def revoke(
    prefix: Annotated[str, typer.Argument(metavar="PREFIX", help="The key's prefix, as the list shows it.")],
    *,
    database: Database = None,
) -> None:
    """End a key at once."""
    from api.access.keys import revoke_key  # noqa: PLC0415

    with _store(database) as store:
        revoke_key(store, prefix, by=user())
    typer.echo(f"{prefix} is revoked.")


def expiry(when: str, *, now: datetime) -> datetime:
    """The moment from which a key is no longer valid; a day counts to its end.

    Raises
    ------
    BadUsage : if it is neither days nor a day, or has passed

    >>> expiry("90d", now=datetime(2026, 1, 1, 12, tzinfo=UTC)).isoformat()
    '2026-04-01T12:00:00+00:00'
    >>> expiry("2027-01-31", now=datetime(2026, 1, 1, 12, tzinfo=UTC)).isoformat()
    '2027-02-01T00:00:00+00:00'
    """
    if days := re.fullmatch(r"(\d{1,5})d", when):
        at = now + timedelta(days=min(int(days[1]), LONGEST_LIFE_DAYS))
    else:
        try:
            at = datetime.strptime(when, "%Y-%m-%d").replace(tzinfo=UTC) + timedelta(days=1)
        except (ValueError, OverflowError):
            raise BadUsage(f"--expires is {when!r}. Allowed: days such as 90d, or a day such as 2027-01-31.") from None
    if at <= now:
        raise BadUsage(f"--expires is {when!r}, which has passed. Name a later day, or leave it out.")
    return at


def _columns(key: ApiKey, *, now: datetime) -> Iterator[str]:
    yield key.prefix
    yield ",".join(key.scopes)
    if key.revoked_at is not None:
        yield f"revoked {key.revoked_at:%Y-%m-%d}"
    elif key.expires_at is not None:
        yield f"{'expired' if key.expires_at <= now else 'expires'} {key.expires_at:%Y-%m-%d %H:%M}"
    else:
        yield "never expires"
    yield f"used {key.last_used_at:%Y-%m-%d %H:%M}" if key.last_used_at else "not used"
    if key.name:
        yield key.name


@contextmanager
def _store(database: str | None) -> Iterator[Store]:
    from api.settings import read_settings  # noqa: PLC0415
    from api.store.database import Store  # noqa: PLC0415

    store = Store.open(read_settings(database=database).database)
    try:
        yield store
    finally:
        store.close()


def user() -> str:
    """Who is at the command line, for the audit log."""
    try:
        return f"command line: {getuser()}"
    except (KeyError, OSError):  # a user without a name, as in some containers
        return "command line"
