"""`stemme alerts`: the queue, and the rules that fill it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from api.files.errors import BadUsage
from api.options import AsJson
from api.store.command import Database, open_store, user

if TYPE_CHECKING:
    from api.alerts.queue import FoundAlert
    from api.alerts.rules import Rule

alerts_commands = typer.Typer(
    help="Alerts: unhappy customers, and the rules that find them.", no_args_is_help=True, rich_markup_mode="markdown"
)
rules_commands = typer.Typer(help="Which comments raise an alert.", no_args_is_help=True, rich_markup_mode="markdown")
alerts_commands.add_typer(rules_commands, name="rules")

SHOWN_OF_TEXT: Final = 60
Name = Annotated[str, typer.Argument(metavar="NAME", help="The rule's name, as the list shows it.")]


@alerts_commands.command(
    "list",
    epilog="""Examples:

- `stemme alerts list --state new`
- `stemme alerts list --department Bergen --since 7d --json`
""",
)
def list_(
    *,
    state: Annotated[
        str | None, typer.Option("--state", help="new, taken or done. Default: those that are not done.")
    ] = None,
    rule: Annotated[str | None, typer.Option("--rule", help="Raised by this rule.")] = None,
    owner: Annotated[str | None, typer.Option("--owner", help="Looked after by this owner.")] = None,
    department: Annotated[str | None, typer.Option("--department", help="Of this department.")] = None,
    since: Annotated[
        str | None, typer.Option("--since", help="Raised in the last days (7d) or hours (12h), or since a day.")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=10_000, help="Alerts at most.")] = 50,
    as_json: AsJson = False,
    database: Database = None,
) -> None:
    """List alerts, those that were raised last first."""
    from api.alerts.queue import AlertFilters, find_alerts  # noqa: PLC0415
    from api.alerts.schemas import AlertWithHistory  # noqa: PLC0415

    filters = AlertFilters(
        state=_state(state),
        rule=rule,
        owner=owner,
        department=department,
        since=None if since is None else moment_since(since, now=datetime.now(UTC)),
    )
    with open_store(database) as store, store.read() as session:
        found = find_alerts(session, filters, before_id=None, limit=limit, open_only=state is None)
        for each in found:
            if as_json:
                typer.echo(AlertWithHistory.of(each).model_dump_json())
            else:
                typer.echo("  ".join(_columns(each)))
    if not found:
        typer.echo("There is no such alert. `stemme alerts rules list` shows which rules are on.", err=True)


@rules_commands.command("list", epilog="Example: `stemme alerts rules list`")
def list_rules(*, database: Database = None) -> None:
    """List every rule, those that come with stemme too: on or off, priority, and what a comment has to be like."""
    from api.alerts.rules import list_rules as stored_rules  # noqa: PLC0415

    with open_store(database) as store, store.read() as session:
        for rule in stored_rules(session):
            typer.echo("  ".join(_rule_columns(rule)))


@rules_commands.command(
    epilog="""Examples:

- `stemme alerts rules add bergen.toml`
- `stemme alerts rules add rules.json --replace`
"""
)
def add(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A .toml or .json file with a rule or several.")],
    *,
    replace: Annotated[bool, typer.Option("--replace", help="Take the place of rules of the same name.")] = False,
    database: Database = None,
) -> None:
    """Add the rules of a file, all or none."""
    from api.alerts.rule_file import read_rules  # noqa: PLC0415
    from api.alerts.rules import add_rule  # noqa: PLC0415

    rules = read_rules(file)
    with open_store(database) as store, store.write() as session:
        added = [add_rule(session, rule, by=user(), replace=replace) for rule in rules]
    for each in added:
        typer.echo(f"{each.name} is {'on' if each.enabled else 'off'}.")


@rules_commands.command(epilog="Example: `stemme alerts rules enable negative-churn-risk`")
def enable(name: Name, *, database: Database = None) -> None:
    """Switch a rule on, for comments that are tagged from now on."""
    _switch(name, on=True, database=database)


@rules_commands.command(epilog="Example: `stemme alerts rules disable negative-churn-risk`")
def disable(name: Name, *, database: Database = None) -> None:
    """Switch a rule off; its alerts stay."""
    _switch(name, on=False, database=database)


@rules_commands.command(epilog="Example: `stemme alerts rules remove bergen`")
def remove(name: Name, *, database: Database = None) -> None:
    """Remove a rule; its alerts stay. One that comes with stemme is off then, and as it came."""
    from api.alerts.rules import remove_rule  # noqa: PLC0415

    with open_store(database) as store, store.write() as session:
        remove_rule(session, name, by=user())
    typer.echo(f"{name} is removed.")


@rules_commands.command(
    "dry-run",
    epilog="""Examples:

- `stemme alerts rules dry-run negative-churn-risk --days 90`
- `stemme alerts rules dry-run bergen.toml`
""",
)
def dry_run(
    rule: Annotated[str, typer.Argument(metavar="RULE", help="A rule's name, or a .toml or .json file.")],
    *,
    days: Annotated[float, typer.Option("--days", min=0.01, max=3_650, help="Comments written in the last days.")] = 30,
    database: Database = None,
) -> None:
    """Say how many of the last days' comments a rule would have raised. Nothing is raised."""
    from api.alerts.conditions import Conditions, refuse_unknown_themes  # noqa: PLC0415
    from api.alerts.rehearsal import rehearse  # noqa: PLC0415
    from api.alerts.rule_file import read_rules  # noqa: PLC0415
    from api.alerts.rules import find_rule  # noqa: PLC0415

    with open_store(database) as store, store.read() as session:
        if Path(rule).suffix.lower() in {".toml", ".json"}:
            tried = [(each.name, each.conditions) for each in read_rules(Path(rule))]
        else:
            tried = [(rule, Conditions.model_validate(find_rule(session, rule).conditions))]
        for name, conditions in tried:
            refuse_unknown_themes(conditions)
            done = rehearse(session, conditions, days=days)
            share = f" ({done.raised / done.comments:.1%})" if done.comments else ""
            typer.echo(
                f"{name}: {done.raised:,} of {done.comments:,} comments{share} since {done.since:%Y-%m-%d %H:%M} UTC"
            )
            if done.latest:
                typer.echo(f"  the last ones: {', '.join(map(str, done.latest))}")


def moment_since(when: str, *, now: datetime) -> datetime:
    """The moment that `7d`, `12h` or a day names.

    Raises
    ------
    BadUsage : if it is none of them

    >>> moment_since("12h", now=datetime(2026, 1, 1, 12, tzinfo=UTC)).isoformat()
    '2026-01-01T00:00:00+00:00'
    >>> moment_since("2026-01-31", now=datetime(2026, 2, 1, tzinfo=UTC)).isoformat()
    '2026-01-31T00:00:00+00:00'
    """
    if span := re.fullmatch(r"(\d{1,5})([dh])", when):
        return now - (timedelta(days=int(span[1])) if span[2] == "d" else timedelta(hours=int(span[1])))
    try:
        return datetime.strptime(when, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        raise BadUsage(
            f"--since is {when!r}. Allowed: days such as 7d, hours such as 12h, or a day such as 2027-01-31."
        ) from None


def _state(state: str | None) -> str | None:
    from api.alerts.models import AlertState  # noqa: PLC0415

    if state is not None and state not in set(AlertState):
        raise BadUsage(f"--state is {state!r}. Allowed: {', '.join(AlertState)}.")
    return state


def _switch(name: str, *, on: bool, database: str | None) -> None:
    from api.alerts.rules import RuleChanges, change_rule  # noqa: PLC0415

    with open_store(database) as store, store.write() as session:
        change_rule(session, name, RuleChanges.model_validate({"enabled": on}), by=user())
    typer.echo(f"{name} is {'on' if on else 'off'}.")


def _columns(each: FoundAlert) -> Iterator[str]:
    alert, comment = each.alert, each.found.comment
    yield str(alert.id)
    yield alert.state
    yield alert.priority
    yield alert.rule
    yield f"{alert.raised_at:%Y-%m-%d %H:%M}"
    yield alert.owner or "-"
    yield comment.department or "-"
    text = " ".join(each.found.version.text.split())
    yield text if len(text) <= SHOWN_OF_TEXT else f"{text[: SHOWN_OF_TEXT - 1]}…"


def _rule_columns(rule: Rule) -> Iterator[str]:
    yield "on " if rule.enabled else "off"
    yield rule.name
    yield rule.priority
    yield _said(rule.conditions)
    if rule.description:
        yield rule.description


def _said(conditions: dict[str, Any]) -> str:
    from api.files.jsontext import dumps  # noqa: PLC0415

    return dumps(conditions)
