"""`stemme corrections`: hand people's corrections on to training, and say how far a model and people agree."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from api.corrections.agreement import ALL, MINIMUM, Agreement, Share
from api.corrections.agreement import agreement as rows_of
from api.files.destination import open_output
from api.files.formats import STANDARD_STREAM
from api.files.jsontext import dumps
from api.files.source import Source
from api.files.write_jsonl import json_line
from api.store.command import Database, open_store
from api.terminal import INTERRUPTED, say, starts_over

if TYPE_CHECKING:
    pass

corrections_commands = typer.Typer(
    help="What people have corrected.", no_args_is_help=True, rich_markup_mode="markdown"
)


@corrections_commands.command(
    epilog="""Examples:

- `stemme corrections export -o labels.jsonl`, then `stemme train labels.jsonl -o our-model`
- `stemme corrections export --all -o labels.jsonl`
"""
)
def export(
    *,
    output: Annotated[str, typer.Option("--output", "-o", help="A .jsonl file, or - for standard output.")],
    reviewed_only: Annotated[
        bool,
        typer.Option(
            "--reviewed-only/--all",
            help="Only texts of which people have decided every label; or all that somebody has corrected, where the "
            "rest of the labels is the model's.",
        ),
    ] = True,
    database: Database = None,
) -> None:
    """Write corrected comments as a labelled file, for `stemme train` and `stemme eval`.

    It holds the customers' texts: treat it as you treat the store.
    """
    from api.corrections.answers import taxonomy  # noqa: PLC0415, `--help` need not wait for the database's libraries
    from api.corrections.export import Exported, labelled_lines  # noqa: PLC0415

    exported = Exported()
    try:
        with open_store(database) as store, open_output(output, source=Source("the store", None)) as stream:
            with store.read() as session:
                for line in labelled_lines(session, taxonomy(), reviewed_only=reviewed_only, exported=exported):
                    stream.write(json_line(line))
            stream.flush()
    except KeyboardInterrupt:
        say(f"interrupted. {starts_over(output)}")
        raise typer.Exit(INTERRUPTED) from None
    say(f"{exported.written:,} texts, {exported.reviewed:,} of them reviewed.")
    if exported.not_reviewed:
        say(f"{exported.not_reviewed:,} that are corrected and not reviewed were left out; --all takes them too.")
    if exported.untagged:
        say(f"{exported.untagged:,} that the model could not tag were left out.")
    if exported.labels:
        say(f"Themes that the taxonomy no longer has were left out: {', '.join(sorted(exported.labels))}.")


@corrections_commands.command(
    epilog="""Examples:

- `stemme corrections agreement`
- `stemme corrections agreement --by-language -o agreement.json`
"""
)
def agreement(
    *,
    minimum: Annotated[int, typer.Option("--minimum", help="Fewer decisions give no share; 10 at least.")] = MINIMUM,
    by_language: Annotated[bool, typer.Option("--by-language", help="Each language's rows as well.")] = False,
    output: Annotated[
        str | None, typer.Option("--output", "-o", help="Write every number here, as JSON; - for standard output.")
    ] = None,
    database: Database = None,
) -> None:
    """How far each model and people agree, label by label, with 95 % intervals.

    People correct what they notice: only reviewed comments tell how often a model is right, and what it misses.
    """
    from api.corrections.answers import taxonomy  # noqa: PLC0415
    from api.corrections.judged import judged  # noqa: PLC0415

    with open_store(database) as store, store.read() as session:
        rows = rows_of(judged(session, taxonomy()), minimum=minimum)
    if output is not None:
        with open_output(output, source=Source("the store", None)) as stream:
            stream.write((dumps([asdict(row) for row in rows], indent=2) + "\n").encode())
    if output == STANDARD_STREAM:
        return
    if not rows:
        say("Nobody has corrected anything yet. docs/corrections.md says how.")
        return
    _print([row for row in rows if by_language or row.language == ALL])
    say(
        "In hundredths, with the 95 % interval. confirmed: of the labels that the model or a person gave; people "
        "correct what they notice. precision, recall, kappa: of reviewed comments only. –: too few to say."
    )


def _print(rows: list[Agreement]) -> None:
    console = Console()
    for model, language in dict.fromkeys((row.model, row.language) for row in rows):
        group = [row for row in rows if (row.model, row.language) == (model, language)]
        reviewed = max(row.reviewed.comments for row in group)
        where = "all languages" if language == ALL else language
        title = f"{model}, {where}: {reviewed:,} reviewed"
        table = Table(title=title, title_justify="left", title_style="bold", box=None, padding=(0, 1, 0, 0))
        table.add_column("", no_wrap=True)
        for heading in ("decided", "changed", "confirmed", "precision", "recall", "kappa"):
            table.add_column(heading, justify="right")
        for row in group:
            # Labels that nobody gave have nothing to tell.
            if row.decisions:
                name = row.kind if row.label == ALL else f" {row.label}"
                scores = (row.share_confirmed, row.reviewed.precision, row.reviewed.recall, row.reviewed.kappa)
                table.add_row(name, f"{row.decisions:,}", f"{row.changed:,}", *map(_percent, scores))
        console.print(table)


def _percent(share: Share | None) -> str:
    """In hundredths, with the interval: "75 60–86"."""
    return "–" if share is None else f"{100 * share.value:.0f} {100 * share.low:.0f}–{100 * share.high:.0f}"
