"""Options of reports: which comments, grouped how, as of when."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from api.nps import FEWEST_ANSWERS, Period

By = Annotated[
    list[str] | None,
    typer.Option("--by", help="A dimension to group by, such as department; may be said again.", show_default=False),
]
Where = Annotated[
    list[str] | None,
    typer.Option(
        "--where",
        metavar="NAME=VALUE",
        help="A filter, such as theme=delivery_time; may be said again.",
        show_default=False,
    ),
]
PeriodOption = Annotated[Period | None, typer.Option("--period", help="Group by time.", show_default=False)]
Minimum = Annotated[int, typer.Option("--minimum", help=f"Fewer answers give no NPS; {FEWEST_ANSWERS} at least.")]
Limit = Annotated[int, typer.Option("--limit", help="Groups at most, the largest.")]
Quotes = Annotated[int, typer.Option("--quotes", help="Quotes of each label at most.")]
AsOf = Annotated[
    str | None,
    typer.Option("--as-of", help="Answer as at this moment, such as 2026-11-02T08:30:00+01:00.", show_default=False),
]
Run = Annotated[int | None, typer.Option("--run", help="Read the tags of this run. Default: those that were shown.")]
Output = Annotated[Path | None, typer.Option("--output", "-o", help="Write the answer here, as JSON.")]
