"""Run a function of this package as a program of its own: options from its signature, errors as one sentence."""

from __future__ import annotations

import sys
from collections.abc import Callable

import typer
from rich.console import Console
from rich.text import Text

from nlp.errors import StemmeError

FAILED = 2


def run_program(function: Callable[..., None]) -> None:
    """Read the command line and call the function; a `StemmeError` is printed and ends the program with 2."""
    app = typer.Typer(add_completion=False, pretty_exceptions_show_locals=False)
    app.command()(function)
    try:
        app()
    except StemmeError as error:
        Console(stderr=True).print(Text(f"error: {error} ({error.code})", style="red"), soft_wrap=True)
        sys.exit(FAILED)
