"""Programs that kill a process at random moments: their options, and what they say in the end."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any, NoReturn

import typer

Seed = Annotated[int, typer.Option("--seed", help="Of the random moments.")]


def tell(counted: Any, *, seconds: float) -> NoReturn:
    """Say what was counted and whether all is well; the exit status says it too.

    Parameters
    ----------
    counted : a dataclass of numbers that knows whether they are `well`
    seconds : that the whole took
    """
    for name, number in asdict(counted).items():
        typer.echo(f"{name.replace('_', ' ')}: {number:,}")
    typer.echo(f"{'well' if counted.well else 'NOT WELL'}, after {seconds:,.0f} seconds")
    raise typer.Exit(0 if counted.well else 1)
