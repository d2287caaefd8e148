"""`stemme erase`, `stemme retention apply` and `stemme audit-log`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from api.files.errors import BadUsage
from api.files.jsontext import dumps
from api.store.command import Database, open_store, user

if TYPE_CHECKING:
    from api.removal.remove import Extent

retention_commands = typer.Typer(
    help="How long comments are kept: STEMME_RETENTION_DAYS and STEMME_RETENTION_DAYS_BY_SOURCE.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
)
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask. Nor is it asked where no terminal is.")]


def erase(
    *,
    respondent: Annotated[str, typer.Option("--respondent", help="Whose comments, as they have it in every letter.")],
    source: Annotated[
        str | None, typer.Option("--source", help="Only the comments of this source. Default: of all.")
    ] = None,
    dry_run: DryRun = False,
    yes: Yes = False,
    database: Database = None,
) -> None:
    """Remove every comment of a respondent for good: texts, versions, tags, all that hangs on them.

    It cannot be undone. The audit log gets counts and a receipt, and nothing about whose the comments were.
    """
    from api.removal.erasure import erase as erase_respondent  # noqa: PLC0415, `--help` need not wait for the database

    with open_store(database) as store:
        if dry_run or (not yes and sys.stdin.isatty()):
            would_go = erase_respondent(store, respondent, source=source, by=user(), dry_run=True)
            _show("would go", would_go.extent)
            if dry_run:
                return
            typer.confirm("Remove them for good?", abort=True)
        erasure = erase_respondent(store, respondent, source=source, by=user())
    _show("removed", erasure.extent)
    typer.echo(f"receipt: {erasure.receipt}")
    _say_if_not_wiped(erasure.wiped)


@retention_commands.command(
    epilog="""Examples:

- `STEMME_RETENTION_DAYS=730 stemme retention apply --dry-run`
- `STEMME_RETENTION_DAYS_BY_SOURCE='{"reviews": 90, "complaints": null}' stemme retention apply`
"""
)
def apply(*, dry_run: DryRun = False, yes: Yes = False, database: Database = None) -> None:
    """Remove the comments that are older than the policy allows, as the service does once a day.

    The policy comes from the environment, the same as the service's: days after a comment was submitted.
    """
    from api.removal.retention import apply_policy  # noqa: PLC0415
    from api.settings import read_settings  # noqa: PLC0415
    from api.store.models import now  # noqa: PLC0415

    policy = read_settings(database=database).retention
    if policy.keeps_everything:
        raise BadUsage(
            "No retention is set, so every comment is kept. Set STEMME_RETENTION_DAYS, or "
            'STEMME_RETENTION_DAYS_BY_SOURCE to a JSON object such as {"reviews": 90}.'
        )
    moment = now()
    with open_store(database) as store:
        would_go = apply_policy(store, policy, moment=moment, by=user(), dry_run=True)
        for name in would_go.unknown_sources:
            typer.echo(f"No source has the name {name!r}, which STEMME_RETENTION_DAYS_BY_SOURCE gives.", err=True)
        if dry_run or not would_go.extent.comments:
            _show("would go" if dry_run else "removed", would_go.extent)
            return
        if not yes and sys.stdin.isatty():
            _show("would go", would_go.extent)
            typer.confirm("Remove them for good?", abort=True)
        applied = apply_policy(store, policy, moment=moment, by=user(), report=_say_how_many)
    _show("removed", applied.extent)
    _say_if_not_wiped(applied.wiped)


def audit_log(
    *,
    action: Annotated[str | None, typer.Option("--action", help="Only this action: comments.erasure.")] = None,
    actor: Annotated[str | None, typer.Option("--actor", help="Only what this key or user did.")] = None,
    subject: Annotated[str | None, typer.Option("--subject", help="Only what was done to this.")] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="Lines at most, the newest.")] = 50,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
    database: Database = None,
) -> None:
    """Show the audit log, the newest line last: who did what, when. It never holds a text or a respondent."""
    from api.store.audit import AuditFilters, read_log  # noqa: PLC0415

    with open_store(database) as store, store.read() as session:
        lines = read_log(session, AuditFilters(action=action, actor=actor, subject=subject), limit=limit)
    for line in reversed(lines):
        fields = {name: getattr(line, name) for name in ("actor", "action", "subject")}
        if as_json:
            typer.echo(dumps({"id": line.id, "at": line.at.isoformat(), **fields, "detail": line.detail}))
        else:
            typer.echo("  ".join([f"{line.at:%Y-%m-%d %H:%M:%S}", *fields.values(), dumps(line.detail)]))


def _show(what: str, extent: Extent) -> None:
    typer.echo(f"{what}: {extent.comments:,} comment{'' if extent.comments == 1 else 's'}")
    for source, comments in sorted(extent.sources.items()):
        typer.echo(f"  of {source}: {comments:,}")
    for table, rows in extent.rows.items():
        typer.echo(f"  rows of {table}: {rows:,}")


def _say_how_many(comments: int) -> None:
    if sys.stderr.isatty():
        typer.echo(f"\r{comments:,} removed", nl=False, err=True)


def _say_if_not_wiped(wiped: bool) -> None:
    if not wiped:
        typer.echo(
            "The comments are gone, but somebody was reading, so some of their words still stand in the database's "
            "files. The service wipes them within a day.",
            err=True,
        )
