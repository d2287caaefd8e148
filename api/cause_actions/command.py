"""`stemme causes actions`: what was done about causes of the store, and what came of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from api.checked_options import checked, option_of
from api.files.errors import BadUsage
from api.live_causes.options import Topic
from api.options import AsJson, TimeZone
from api.store.command import Database, open_store, user

if TYPE_CHECKING:
    from api.cause_actions.models import CauseAction
    from api.cause_actions.schemas import ActionOut, FallOut
    from api.reports.zones import Zone
    from api.store.database import Store

actions_commands = typer.Typer(
    help="What was done about causes, and what came of it.", no_args_is_help=True, rich_markup_mode="markdown"
)

NONE: Final = "none"
ActionId = Annotated[
    int, typer.Argument(min=1, metavar="ACTION", help="The action's id: `stemme causes actions list`.")
]
Where = Annotated[
    list[str] | None,
    typer.Option(
        "--where",
        metavar="NAME=VALUE",
        help="Where it was done: source, department, touchpoint, channel or metadata.KEY, and a value; again for more. "
        "Default: everywhere.",
        show_default=False,
    ),
]


@actions_commands.command("list", epilog="Example: `stemme causes actions list t-3f2a9c01d7be`")
def list_(
    topic: Annotated[
        str | None,
        typer.Argument(metavar="TOPIC", help="Only of this cause. Default: of all.", show_default=False),
    ] = None,
    *,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=10_000, help="Actions at most.")] = 50,
    as_json: AsJson = False,
    time_zone: TimeZone = "Europe/Oslo",
    database: Database = None,
) -> None:
    """List what was done about causes and what came of it as of now, the newest first."""
    from api.cause_actions.actions import ActionFilters, list_actions, refuse_unknown_cause  # noqa: PLC0415
    from api.reports.zones import Zone  # noqa: PLC0415

    zone = Zone.named(time_zone)
    with open_store(database) as store:
        with store.read() as session:
            found = list_actions(session, ActionFilters(topic=topic), limit=limit)
            if topic is not None and not found:
                refuse_unknown_cause(session, topic)
        _show(store, found, zone=zone, as_json=as_json)
    if not found:
        typer.echo("Nothing was done about it yet, as far as is known.", err=True)


@actions_commands.command(
    epilog="""Example:

`stemme causes actions add t-3f2a9c01d7be --what "Budene ringer først" --who Logistikk --since 2026-03-20
--where department=Bergen --where department=Voss`
"""
)
def add(
    topic: Topic,
    *,
    what: Annotated[str, typer.Option("--what", help="What was done, in a few words, without personal data.")],
    who: Annotated[str, typer.Option("--who", help="Who sees to it: best a department or a role.")],
    since: Annotated[str, typer.Option("--since", metavar="DAY", help="The first day on which it could show.")],
    where: Where = None,
    baseline_from: Annotated[
        str | None,
        typer.Option(
            "--baseline-from",
            metavar="DAY",
            help="The first day that it is compared with. Default: the cause's last change before it, else 90 days.",
            show_default=False,
        ),
    ] = None,
    until: Annotated[
        str | None,
        typer.Option("--until", metavar="DAY", help="Its last day. Default: it goes on.", show_default=False),
    ] = None,
    as_json: AsJson = False,
    time_zone: TimeZone = "Europe/Oslo",
    database: Database = None,
) -> None:
    """Say what was done about a cause; from then on it is told what came of it."""
    from api.cause_actions.actions import add_action  # noqa: PLC0415, `--help` need not wait for the database
    from api.cause_actions.schemas import NewAction  # noqa: PLC0415
    from api.cause_actions.told import require_statistics  # noqa: PLC0415
    from api.reports.zones import Zone  # noqa: PLC0415

    zone = Zone.named(time_zone)
    given = {"what": what, "who": who, "since": since, "baseline_from": baseline_from, "until": until}
    body = checked(NewAction, {**given, "where": _places(where or ())}, option=option_of)
    require_statistics()
    with open_store(database) as store:
        with store.write() as session:
            action = add_action(session, topic, **body.model_dump(), by=user())
        _show(store, [action], zone=zone, as_json=as_json, keep=True)


@actions_commands.command(epilog="Example: `stemme causes actions change 7 --since 2026-03-22 --baseline-from none`")
def change(
    action: ActionId,
    *,
    topic: Annotated[
        str | None, typer.Option("--topic", metavar="TOPIC", help="Move it to another cause.", show_default=False)
    ] = None,
    what: Annotated[str | None, typer.Option("--what", help="What was done.", show_default=False)] = None,
    who: Annotated[str | None, typer.Option("--who", help="Who sees to it.", show_default=False)] = None,
    since: Annotated[
        str | None, typer.Option("--since", metavar="DAY", help="Its first day.", show_default=False)
    ] = None,
    where: Where = None,
    everywhere: Annotated[bool, typer.Option("--everywhere", help="It was done everywhere.")] = False,
    baseline_from: Annotated[
        str | None,
        typer.Option(
            "--baseline-from",
            metavar="DAY",
            help="The first day that it is compared with; none takes it away.",
            show_default=False,
        ),
    ] = None,
    until: Annotated[
        str | None,
        typer.Option(
            "--until", metavar="DAY", help="Its last day; none takes it away: it goes on.", show_default=False
        ),
    ] = None,
    as_json: AsJson = False,
    time_zone: TimeZone = "Europe/Oslo",
    database: Database = None,
) -> None:
    """Change what is named of an action.

    Whoever tries days and places until the verdict pleases gives up the stated false-alarm rate.
    """
    from api.reports.zones import Zone  # noqa: PLC0415

    if everywhere and where:
        raise BadUsage("--everywhere and --where exclude each other. Say one of them.")
    named = {"topic": topic, "what": what, "who": who, "since": since}
    changes: dict[str, Any] = {name: value for name, value in named.items() if value is not None}
    days = {"baseline_from": baseline_from, "until": until}
    changes |= {name: None if day == NONE else day for name, day in days.items() if day is not None}
    if everywhere or where:
        changes["where"] = _places(where or ())
    if not changes:
        raise BadUsage("Nothing is to be changed. Name what: --topic, --what, --who, --since, --where, --until …")
    _change(action, changes, zone=Zone.named(time_zone), as_json=as_json, database=database)


@actions_commands.command(epilog="Example: `stemme causes actions end 7 --on 2026-06-30`")
def end(
    action: ActionId,
    *,
    on: Annotated[
        str | None, typer.Option("--on", metavar="DAY", help="Its last day. Default: today.", show_default=False)
    ] = None,
    as_json: AsJson = False,
    time_zone: TimeZone = "Europe/Oslo",
    database: Database = None,
) -> None:
    """Say that an action has ended: what comes later is not looked at."""
    from api.reports.zones import Zone  # noqa: PLC0415

    zone = Zone.named(time_zone)
    until = on or datetime.now(zone.info).date().isoformat()
    _change(action, {"until": until}, zone=zone, as_json=as_json, database=database)


@actions_commands.command(epilog="Example: `stemme causes actions remove 7`")
def remove(action: ActionId, *, database: Database = None) -> None:
    """Remove an action that was never taken. One that has ended is better ended."""
    from api.cause_actions.actions import remove_action  # noqa: PLC0415

    with open_store(database) as store, store.write() as session:
        remove_action(session, action, by=user())
    typer.echo(f"Action {action} is removed.")


def _change(action: int, changes: dict[str, Any], *, zone: Zone, as_json: bool, database: str | None) -> None:
    from api.cause_actions.actions import change_action  # noqa: PLC0415
    from api.cause_actions.schemas import ActionChanges  # noqa: PLC0415
    from api.cause_actions.told import require_statistics  # noqa: PLC0415

    body = checked(ActionChanges, changes, option=option_of)
    require_statistics()
    with open_store(database) as store:
        with store.write() as session:
            changed = change_action(session, action, body.changes(), by=user())
        _show(store, [changed], zone=zone, as_json=as_json, keep=True)


def _places(where: Sequence[str]) -> dict[str, list[str]]:
    """By dimension the values that were named.

    >>> _places(["department=Bergen", "channel=web", "department=Voss"])
    {'department': ['Bergen', 'Voss'], 'channel': ['web']}
    """
    places: defaultdict[str, list[str]] = defaultdict(list)
    for each in where:
        name, found, value = each.partition("=")
        if not found:
            raise BadUsage(f"--where {each!r} has no =. Write it as department=Bergen.")
        places[name.strip()].append(value.strip())
    return dict(places)


def _show(store: Store, actions: Sequence[CauseAction], *, zone: Zone, as_json: bool, keep: bool = False) -> None:
    from api.cause_actions.told import told  # noqa: PLC0415

    if not actions:
        return
    for each in told(store, actions, zone=zone, keep=keep):
        typer.echo(each.model_dump_json() if as_json else "  ".join(_columns(each)))


def _columns(action: ActionOut) -> list[str]:
    days = f"{action.since} to {action.until or '…'}"
    where = "; ".join(f"{name}: {', '.join(values)}" for name, values in action.where.items()) or "everywhere"
    effect = action.effect
    change = [] if effect is None or effect.fall is None else [_change_of(effect.fall)]
    verdict = " ".join(["" if effect is None else effect.verdict, *change])
    came = [f"from {each.topic} ({each.became})" for each in action.came_from if each.topic != action.topic]
    return [str(action.id), action.topic, days, verdict, action.what, action.who, where, *came]


def _change_of(fall: FallOut) -> str:
    """How much its share changed, in hundredths, with the interval.

    >>> from api.cause_actions.schemas import FallOut
    >>> _change_of(FallOut(estimate=0.55, low=0.4, high=0.66)), _change_of(FallOut(estimate=-0.1, low=None, high=0.3))
    ('-55 % [-66, -40]', '+10 % [-30, …]')
    """
    low, high = ("…" if each is None else f"{-100 * each:+.0f}" for each in (fall.high, fall.low))
    return f"{-100 * fall.estimate:+.0f} % [{low}, {high}]"
