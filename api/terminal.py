"""What every command says on standard error, and how it ends when it is interrupted."""

from __future__ import annotations

from typing import Final

import typer
from rich.console import Console

from api.files.formats import STANDARD_STREAM

INTERRUPTED: Final = 130
"""The exit status after Ctrl-C, as a shell has it: 128 and the signal's number."""


def say(sentence: str, *, style: str | None = None) -> None:
    """Print a sentence on standard error, as it is: on one line, with nothing in it marked up."""
    Console(stderr=True).print(sentence, style=style, markup=False, highlight=False, soft_wrap=True)


def interrupted(left: str) -> typer.Exit:
    """Say that a command was interrupted and what it leaves behind; the exit to raise."""
    say(f"interrupted. {left}", style="red")
    return typer.Exit(INTERRUPTED)


def starts_over(output: str) -> str:
    """What a command leaves behind that writes its output whole or not at all.

    >>> starts_over("tagged.jsonl")
    'tagged.jsonl was not written; the same command starts over.'
    >>> starts_over("-")
    'The output is not complete; the same command starts over.'
    """
    left = "The output is not complete" if output == STANDARD_STREAM else f"{output} was not written"
    return f"{left}; the same command starts over."
