"""`stemme audit draw` and `stemme audit read`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.console import Console
from rich.table import Table

from api.files.errors import UnwritableOutput
from api.store.command import Database, open_store, user

if TYPE_CHECKING:
    from api.accuracy.card import AccuracyCard, Figure
    from api.accuracy.draw import Sample
    from api.accuracy.population import Population

audit_commands = typer.Typer(
    help="How right the tags are: a sample for your own people to check, and the card made of it.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
)
MOST_DRAWN: Final = 10_000


@audit_commands.command(
    "draw",
    epilog="""Examples:

- `stemme audit draw -n 200 -o sample.xlsx`
- `stemme audit draw -n 300 --records tagged.jsonl -o sample.csv`
""",
)
def draw(
    *,
    output: Annotated[Path, typer.Option("--output", "-o", help="The sheet: .csv, .xlsx or .jsonl.")],
    sample_size: Annotated[int, typer.Option("--number", "-n", min=30, max=MOST_DRAWN, help="Comments to draw.")] = 200,
    records: Annotated[
        Path | None, typer.Option("--records", help="Draw from this .jsonl of `stemme tag` in place of the store.")
    ] = None,
    text_column: Annotated[str, typer.Option("--text-column", help="Where --records has the text.")] = "text",
    shown: Annotated[
        bool, typer.Option("--shown", help="Fill in the model's tags, to be mended. Without it people judge blind.")
    ] = False,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Another one draws other comments.")] = 1,
    database: Database = None,
) -> None:
    """Draw a sample of tagged comments for people to check, rare labels and small languages among them.

    Beside the sheet the design is written, a file *.audit.json without texts, which `stemme audit read` needs.
    """
    from api.accuracy.design import design_file  # noqa: PLC0415, `--help` need not wait for the libraries
    from api.accuracy.errors import answers_there  # noqa: PLC0415
    from api.accuracy.population import FilePopulation, StoredPopulation  # noqa: PLC0415
    from api.accuracy.sheet import write_sheet  # noqa: PLC0415
    from nlp.taxonomy import Taxonomy  # noqa: PLC0415

    beside = design_file(output)
    for path in (output, beside):
        if path.exists():
            raise answers_there(path)
    if records is not None:
        sample = _drawn(FilePopulation(records, text_column=text_column), sample_size, seed, shown=shown, stored=False)
    else:
        with open_store(database) as store:
            sample = _drawn(StoredPopulation(store), sample_size, seed, shown=shown, stored=True)
    write_sheet(output, sample, Taxonomy.load())
    try:
        beside.write_text(sample.design.model_dump_json(), encoding="utf-8")
    except OSError as error:
        raise UnwritableOutput(f"{beside} cannot be written: {error.strerror}.") from None
    design = sample.design
    typer.echo(
        f"{len(design.sample):,} of {design.comments:,} comments from {len(design.strata)} strata are in {output}; "
        f"{beside} belongs to it. Put an x into `checked` of each row that is judged, then: stemme audit read "
        + str(output),
        err=True,
    )


@audit_commands.command("read", epilog="Example: `stemme audit read sample.xlsx -o card.json`")
def read(
    sheet: Annotated[Path, typer.Argument(metavar="SHEET", help="The sheet as people have filled it.")],
    *,
    design: Annotated[
        Path | None, typer.Option("--design", help="The file *.audit.json. Default: told from the sheet's folder.")
    ] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write the card here, as JSON.")] = None,
    database: Database = None,
) -> None:
    """Read the filled sheet, and print and keep the accuracy card.

    A card of a sample from the store is kept there, for `GET /v1/reports/accuracy`.
    """
    from api.accuracy.card import make_card  # noqa: PLC0415
    from api.accuracy.cards import keep_card  # noqa: PLC0415
    from api.accuracy.design import find_design, read_design  # noqa: PLC0415
    from api.accuracy.sheet import read_sheet  # noqa: PLC0415
    from api.store.models import now  # noqa: PLC0415
    from nlp.taxonomy import Taxonomy  # noqa: PLC0415

    taxonomy = Taxonomy.load()
    answers = read_sheet(sheet, taxonomy)
    if answers.filled_but_unchecked:
        typer.echo(
            f"{answers.filled_but_unchecked:,} rows are filled in and have no x in `checked`: they are left out.",
            err=True,
        )
    of_sheet = find_design(answers.audit, sheet.parent) if design is None else read_design(design)
    card = make_card(of_sheet, answers, taxonomy=taxonomy, moment=now())
    if of_sheet.from_store:
        with open_store(database) as store:
            keep_card(store, card, by=user())
    if output is not None:
        output.write_text(card.model_dump_json(indent=2) + "\n", encoding="utf-8")
    _show(card, Console())


def _drawn(population: Population, sample_size: int, seed: int, *, shown: bool, stored: bool) -> Sample:
    from api.accuracy.draw import draw_sample  # noqa: PLC0415
    from api.store.models import now  # noqa: PLC0415

    return draw_sample(population, sample_size=sample_size, seed=seed, shown=shown, from_store=stored, moment=now())


def _show(card: AccuracyCard, console: Console) -> None:
    console.print(
        f"{card.checked:,} of {card.drawn:,} drawn comments are checked; they stand for {card.comments:,}, tagged by "
        f"{', '.join(card.models)}. In % with 95 % intervals; – where too few were checked.",
        soft_wrap=True,
    )
    for each in card.sentiment:
        console.print(f"Sentiment right, {each.language or 'all languages'}: {_shown(each.right)}", highlight=False)
    table = Table("language", "label", "reported", "corrected", "precision", "recall", "checked")
    for row in card.labels:
        if row.language is None or row.precision is not None or row.recall is not None:
            figures = [_shown(figure) for figure in (row.corrected, row.precision, row.recall)]
            table.add_row(row.language or "all", row.label, f"{100 * row.reported:.1f}", *figures, str(row.checked))
    console.print(table)


def _shown(figure: Figure | None) -> str:
    return "–" if figure is None else f"{100 * figure.value:.1f} ({100 * figure.low:.1f}–{100 * figure.high:.1f})"
