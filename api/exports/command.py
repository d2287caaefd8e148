"""`stemme ingest` and `stemme mappings`."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from enum import StrEnum
from pathlib import PurePath
from typing import Annotated

import typer
from rich import box
from rich.console import Console
from rich.table import Table

from api.exports.mapping import Columns, load_mapping, ready_names, ready_text
from api.exports.run import Import, import_file, read_export
from api.files.errors import BadUsage
from api.files.formats import STANDARD_STREAM
from api.files.options import Quiet
from api.files.progress import ProgressBar
from api.files.read_csv import MAX_CELL
from api.store.command import Database
from api.terminal import interrupted, say, starts_over

REJECTED = ".rejected.csv"
COLUMN_FIELDS = ("text", *Columns.model_fields)
VALUE_FIELDS = tuple(
    field for field in Columns.model_fields if field not in {"id", "source", "submitted_at", "metadata"}
)


class DateOrder(StrEnum):
    """Which comes first in 01/02/2026."""

    DAY_FIRST = "day-first"
    MONTH_FIRST = "month-first"


def ingest(
    export: Annotated[
        str, typer.Argument(metavar="FILE", help="An export: .csv, .tsv, .txt, .jsonl, .parquet, .xlsx, .xls or .ods.")
    ],
    *,
    mapping: Annotated[
        str | None,
        typer.Option(
            "--mapping",
            "-m",
            help="A ready mapping by its name (see `stemme mappings`), or a TOML file of your own. Default: told from "
            "the columns.",
            show_default=False,
        ),
    ] = None,
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            help="A .jsonl, .csv or .parquet file for the comments, or -, in place of the store.",
            show_default=False,
        ),
    ] = None,
    database: Database = None,
    tag: Annotated[
        bool, typer.Option("--tag", help="Tag at once what waits in the store, in place of leaving it to the service.")
    ] = False,
    rejected: Annotated[
        str | None,
        typer.Option(
            "--rejected",
            help="A .csv file for the rows that cannot be understood. Default: beside the output, or the export.",
            show_default=False,
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Read all, show the first comments and the counts, write nothing.")
    ] = False,
    rows: Annotated[int, typer.Option("--rows", min=0, help="How many comments --dry-run shows.")] = 10,
    column: Annotated[
        list[str] | None,
        typer.Option(
            "--column",
            metavar="FIELD=NAME",
            help="The column of a field, such as text=Q5 or nps=Q3, in place of the mapping's. Can be repeated.",
        ),
    ] = None,
    value: Annotated[
        list[str] | None,
        typer.Option(
            "--value",
            metavar="FIELD=VALUE",
            help="A value for every comment, such as touchpoint=delivery. Can be repeated.",
        ),
    ] = None,
    source: Annotated[
        str | None,
        typer.Option(
            "--source", help="What to call the source. Default: as the mapping or a column says.", show_default=False
        ),
    ] = None,
    time_zone: Annotated[
        str | None,
        typer.Option("--time-zone", help="Of dates that state none, such as Europe/Oslo.", show_default=False),
    ] = None,
    date_order: Annotated[
        DateOrder | None,
        typer.Option("--date-order", help="Of dates such as 01/02/2026.", show_default=False),
    ] = None,
    sheet: Annotated[
        str | None,
        typer.Option("--sheet", help="Of a workbook, by name or number. Default: the first that holds anything."),
    ] = None,
    encoding: Annotated[
        str | None,
        typer.Option("--encoding", help="Of a text file, such as cp1252. Default: told from the file."),
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Read a survey platform's export, or a file with the API's field names, into the store or into a file.

    The same export again changes nothing in the store. Personal data is masked before it is stored. Rows that are no
    answers are skipped, rows that cannot be understood are rejected, and both are counted. No text leaves this machine.
    """
    order = Import(
        input=export,
        mapping=mapping,
        columns=_pairs("--column", column or (), COLUMN_FIELDS),
        values=_pairs("--value", value or (), VALUE_FIELDS),
        source=source,
        time_zone=time_zone,
        date_order=date_order,
        sheet=sheet,
        encoding=encoding,
    )
    csv.field_size_limit(MAX_CELL)
    if dry_run and (output is not None or rejected is not None or tag):
        raise BadUsage("--dry-run writes nothing. Leave --output, --rejected and --tag out, or --dry-run.")
    if output is not None and (database is not None or tag):
        raise BadUsage(
            "--output writes a file; --database and --tag are for the store. Leave the one or the others out."
        )
    if dry_run:
        _preview(order, rows=rows, quiet=quiet)
    elif output is not None:
        _import(order, output=output, rejected=rejected or rejected_beside(output), quiet=quiet)
    else:
        # Here, so that those who write a file need not wait for the database's libraries.
        from api.exports.store_command import store_export  # noqa: PLC0415

        beside = str(PurePath(export).with_suffix(REJECTED))
        store_export(order, database=database, rejected=rejected or beside, tag=tag, quiet=quiet)


def mappings(
    name: Annotated[
        str | None, typer.Argument(help="Prints this one, to read or to begin one of your own.", show_default=False)
    ] = None,
) -> None:
    """List the ready mappings of survey platforms, or print one."""
    if name is not None:
        typer.echo(ready_text(name), nl=False)
        return
    table = Table(box=box.SIMPLE_HEAD)
    for heading in ("name", "reads", "what it expects"):
        table.add_column(heading)
    for each in map(load_mapping, ready_names()):
        table.add_row(each.name, each.title, each.description)
    Console().print(table)


def rejected_beside(output: str) -> str | None:
    """Where rejected rows go unless it is said.

    >>> rejected_beside("out/comments.jsonl"), rejected_beside("-")
    ('out/comments.rejected.csv', None)
    """
    return None if output == STANDARD_STREAM else str(PurePath(output).with_suffix(REJECTED))


def _preview(order: Import, *, rows: int, quiet: bool) -> None:
    from api.exports.preview import preview  # noqa: PLC0415, only a dry run draws a table
    from api.exports.storable import not_storable  # noqa: PLC0415

    with read_export(order) as export:
        if not quiet:
            for notice in export.notices:
                say(f"notice: {notice}")
        preview(export, Console(), rows=rows, check=not_storable)


def _import(order: Import, *, output: str, rejected: str | None, quiet: bool) -> None:
    try:
        with ProgressBar(Console(stderr=True), quiet=quiet) as bar:
            counts = import_file(order, output=output, rejected=rejected, report=bar)
    except KeyboardInterrupt:
        raise interrupted(starts_over(output)) from None
    if quiet:
        return
    say(str(counts))
    if counts.rejected and rejected is not None:
        say(f"  The rejected rows and why: {rejected}")


def _pairs(option: str, given: Sequence[str], fields: Sequence[str]) -> dict[str, str]:
    """`FIELD=NAME` as pairs; a field that is named again has several columns, parted by line breaks."""
    pairs: dict[str, str] = {}
    for each in given:
        field, mark, name = each.partition("=")
        field = field.strip()
        if not mark or not name or field not in fields:
            raise BadUsage(f"{option} is {each!r}; FIELD=NAME is needed, with FIELD one of {', '.join(fields)}.")
        pairs[field] = f"{pairs[field]}\n{name}" if field in pairs else name
    return pairs
