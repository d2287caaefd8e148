"""`stemme causes`: what analysts do to causes, what was done about them, and how far these have drifted."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from api.cause_actions.command import actions_commands
from api.files.errors import BadUsage
from api.live_causes.options import Topic
from api.options import AsJson
from api.store.command import Database, open_store, user

if TYPE_CHECKING:
    from api.live_causes.edits import Editor, Place
    from api.live_causes.models import CauseEdit

causes_commands = typer.Typer(
    help="Root causes in the store: names, merges, splits, undo, actions, drift.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
)
causes_commands.add_typer(actions_commands, name="actions")

Why = Annotated[str | None, typer.Option("--why", help="Why, for whoever reads `stemme causes edits`.")]
By = Annotated[str | None, typer.Option("--by", help="The person, if it is not the user of this machine.")]
_PLACE: Final = re.compile(r"(\d+):(\d+)-(\d+)")


@causes_commands.command(
    epilog="Example: `stemme causes rename t-3f2a9c01d7be --label 'nb=Lang telefonkø' --label 'en=Long queue'`"
)
def rename(
    topic: Topic,
    *,
    label: Annotated[
        list[str], typer.Option("--label", metavar="LANGUAGE=NAME", help="A reader's language and the name; again.")
    ],
    why: Why = None,
    by: By = None,
    database: Database = None,
) -> None:
    """Give a cause a name, now and in every later run."""
    from api.live_causes.edits import rename as rename_cause  # noqa: PLC0415, `--help` need not wait for the database

    names = {}
    for each in label:
        language, found, name = each.partition("=")
        if not found:
            raise BadUsage(f"--label {each!r} has no =. Write it as nb=NAME.")
        names[language.strip()] = name
    with open_store(database) as store:
        _show(rename_cause(store, topic, names, editor=_editor(by, why)))


@causes_commands.command(epilog="Example: `stemme causes merge t-3f2a9c01d7be t-0b61c4e88a52 --why 'Samme kø'`")
def merge(
    topic: Topic,
    others: Annotated[list[str], typer.Argument(metavar="OTHER...", help="Topics that it takes in.")],
    *,
    why: Why = None,
    by: By = None,
    database: Database = None,
) -> None:
    """Let a cause take in others, now and in every later run. A running service makes the figures anew."""
    from api.live_causes.edits import merge as merge_causes  # noqa: PLC0415

    with open_store(database) as store:
        _show(merge_causes(store, topic, others, editor=_editor(by, why)))


@causes_commands.command(
    epilog="Example: `stemme causes split t-3f2a9c01d7be --part 17:0-31,23:12-40 --part 41:0-26`",
)
def split(
    topic: Topic,
    *,
    part: Annotated[
        list[str],
        typer.Option(
            "--part",
            metavar="COMMENT:START-END,...",
            help="Places of one part: the comment's id in the store, and code points of its text; said for each part.",
        ),
    ],
    why: Why = None,
    by: By = None,
    model: Annotated[
        Path | None, typer.Option("--model", help="Folder of the model that causes were found with.")
    ] = None,
    database: Database = None,
) -> None:
    """Part a cause, now and in every later run. A running service makes the figures anew."""
    from api.live_causes.edits import split as split_cause  # noqa: PLC0415
    from nlp.tagger import Tagger  # noqa: PLC0415

    parts = [_places(each) for each in part]
    with open_store(database) as store:
        _show(split_cause(store, topic, parts, reader=Tagger.load(model), editor=_editor(by, why)))


@causes_commands.command(epilog="Example: `stemme causes undo 12 --why 'De var to ting likevel'`")
def undo(
    edit: Annotated[int, typer.Argument(min=1, metavar="EDIT", help="The edit's id: `stemme causes edits`.")],
    *,
    why: Why = None,
    by: By = None,
    database: Database = None,
) -> None:
    """Let causes be as they were before an edit: the latest of a cause, until a run finds causes anew."""
    from api.live_causes.undo import undo as undo_edit  # noqa: PLC0415

    with open_store(database) as store:
        _show(undo_edit(store, edit, editor=_editor(by, why)))


@causes_commands.command(epilog="Example: `stemme causes edits -n 20`")
def edits(
    *,
    topic: Annotated[
        str | None,
        typer.Option("--topic", help="Only what changed this cause, took it away or made it.", show_default=False),
    ] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=10_000, help="Edits at most.")] = 50,
    as_json: AsJson = False,
    database: Database = None,
) -> None:
    """List what analysts did to causes, the newest first."""
    from api.live_causes.edits import list_edits  # noqa: PLC0415
    from api.live_causes.schemas import CauseEditOut  # noqa: PLC0415
    from api.live_causes.undo import undone_by  # noqa: PLC0415

    with open_store(database) as store, store.read() as session:
        found = list_edits(session, topic=topic, limit=limit)
        undone = undone_by(session, [each.id for each in found])
    for each in found:
        by = undone.get(each.id)
        told = CauseEditOut.of(each, undone_by=by).model_dump_json(by_alias=True)
        typer.echo(told if as_json else "  ".join([*_columns(each), *([] if by is None else [f"undone by {by}"])]))
    if not found:
        typer.echo("Nobody has edited a cause.", err=True)


@causes_commands.command(epilog="Example: `stemme causes drift`")
def drift(
    *,
    as_json: Annotated[bool, typer.Option("--json", help="As over REST.")] = False,
    database: Database = None,
) -> None:
    """Say how far the comments that came since causes were found are from those that they were found in."""
    from api.cause_runs.errors import NoCauses  # noqa: PLC0415
    from api.live_causes.drift import drift_of_causes  # noqa: PLC0415
    from api.live_causes.refit import Nightly  # noqa: PLC0415
    from api.live_causes.schemas import CauseDriftOut  # noqa: PLC0415
    from api.settings import read_settings  # noqa: PLC0415
    from api.store.models import now  # noqa: PLC0415

    nightly = read_settings(database=database).nightly
    with open_store(database) as store, store.read() as session:
        found = drift_of_causes(session)
    if found is None:
        raise NoCauses
    told = CauseDriftOut.of(found, next_refit=None if nightly is None else Nightly(*nightly).next_due(now()))
    if as_json:
        typer.echo(told.model_dump_json())
        return
    shown: dict[str, Any] = told.model_dump(mode="json")
    for name, value in shown.items():
        typer.echo(f"{name}: {round(value, 4) if isinstance(value, float) else value}")


def _editor(by: str | None, why: str | None) -> Editor:
    from api.access.keys import Caller  # noqa: PLC0415
    from api.live_causes.edits import Editor  # noqa: PLC0415

    return Editor(Caller(user(), frozenset()), by, why)


def _places(part: str) -> list[Place]:
    """The places of a part.

    >>> _places("17:0-31")
    [Place(comment=17, start=0, end=31)]
    """
    from api.live_causes.edits import Place  # noqa: PLC0415

    found = [_PLACE.fullmatch(each.strip()) for each in part.split(",")]
    places = [Place(*map(int, each.groups())) for each in found if each is not None]
    if len(places) < len(found):
        raise BadUsage(f"--part {part!r} cannot be read. Write places as COMMENT:START-END, with commas between them.")
    return places


def _show(edit: CauseEdit) -> None:
    typer.echo("  ".join(_columns(edit)))


def _columns(edit: CauseEdit) -> list[str]:
    detail = edit.detail
    if edit.undoes is not None:
        what = f"took back {detail['kind']} {edit.undoes}"
    elif "label" in detail:
        what = "; ".join(f"{reader}: {name}" for reader, name in detail["label"].items())
    elif "with" in detail:
        what = f"took in {', '.join(detail['with'])}"
    else:
        what = ", ".join(f"{part['topic']} ({part['places']})" for part in detail["parts"])
    shown = [str(edit.id), edit.at.isoformat(timespec="seconds"), edit.kind, edit.topic, what, edit.by or edit.key]
    return [*shown, *([] if edit.why is None else [edit.why])]
