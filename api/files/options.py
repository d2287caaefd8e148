"""Options of every command that reads a file of comments: said once, so that they are called and explained alike."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from api.files.formats import Format
from api.files.identify import QUESTION_COLUMN

InputOrStore = Annotated[
    str | None,
    typer.Argument(
        metavar="INPUT",
        help="A .csv, .jsonl or .parquet file, or - for standard input. Default: the store.",
        show_default=False,
    ),
]
IdColumn = Annotated[str, typer.Option("--id-column", help="The column that holds each comment's id.")]
TextColumn = Annotated[str, typer.Option("--text-column", help="The column that holds each comment's text.")]
QuestionColumn = Annotated[
    str | None,
    typer.Option(
        "--question-column",
        help=f"The column that holds the survey's question. Default: {QUESTION_COLUMN}, if it is there.",
        show_default=False,
    ),
]
NumberRows = Annotated[bool, typer.Option("--number-rows", help="Number the rows from 1 in place of an id column.")]
InputFormat = Annotated[
    Format | None,
    typer.Option("--input-format", help="Default: by the extension; - is jsonl.", show_default=False),
]
Encoding = Annotated[
    str | None,
    typer.Option("--encoding", help="Of a .csv or .jsonl input, such as cp1252. Default: told from the file."),
]
Model = Annotated[
    Path | None,
    typer.Option(
        "--model",
        help="Folder of another model, or the name of a shipped one: stemme-small (the default), stemme-large.",
    ),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar, notices or summary.")]
