"""`stemme behaviour`: what a model can do, capability by capability. Also `python -m eval.behaviour.command`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from eval.behaviour.gate import SHIPPED as GATE
from eval.behaviour.gate import Gate
from eval.behaviour.report import failure_list, fall_table, rate_table, to_dict
from eval.behaviour.run import Behaviour, examine, prompts_of
from eval.behaviour.suite import SHIPPED, Capability, load_suite
from eval.program import run_program
from eval.tagging import Tagging, load_tagger
from nlp.errors import StemmeError


class NoGate(StemmeError):
    code, title = "no_gate", "A gate cannot be written from this run"


def behaviour(
    *,
    model: Annotated[Path | None, typer.Option(help="Model folder; the shipped model by default.")] = None,
    cases: Annotated[Path | None, typer.Option(help="Folder of TOML files; the shipped cases by default.")] = None,
    capability: Annotated[list[str] | None, typer.Option(help="Only this one; may be repeated.")] = None,
    language: Annotated[list[str] | None, typer.Option(help="Only nb, nn, da or sv; may be repeated.")] = None,
    failures: Annotated[bool, typer.Option("--failures", help="List the cases that failed, with their words.")] = False,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write the rates here, as JSON.")] = None,
    gate: Annotated[
        Path | None, typer.Option(help="Compare with the rates in this file; exit with 1 if one lies under it.")
    ] = None,
    write_gate: Annotated[
        bool, typer.Option("--write-gate", help="Write the rates to the file of --gate, or to the shipped gate.")
    ] = False,
) -> None:
    """Examine what a model can do: negation, contrast, irony, typos and more, in each written language."""
    if write_gate and (capability or language):
        raise NoGate("--write-gate writes every rate; leave out --capability and --language.")
    if write_gate and cases and not gate:
        raise NoGate("The shipped gate is for the shipped cases; name a file for yours with --gate.")
    suite = load_suite(cases or SHIPPED, capabilities=capability or (), languages=language or ())
    due = Gate.load(gate) if gate and not write_gate else None
    found = _with_bar(load_tagger(model), suite)
    falls = due.fallen(found) if due else []

    console = Console()
    console.print(found.model, highlight=False)
    console.print(rate_table(found))
    if failures:
        console.print(failure_list(found.failures))
    if falls:
        console.print(fall_table(falls))
    if output:
        text = json.dumps(to_dict(found, falls=falls, texts=failures), ensure_ascii=False, indent=2)
        output.write_text(text + "\n", encoding="utf-8")
    if write_gate:
        Gate.of(found).save(gate or GATE)
    if falls:
        raise typer.Exit(1)


def _with_bar(tagger: Tagging, suite: Sequence[Capability]) -> Behaviour:
    """Examine, with a bar where somebody watches."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        watch = partial(progress.track, total=len(prompts_of(suite)), description="Tagging")
        return examine(tagger, suite, watch=watch)


if __name__ == "__main__":
    run_program(behaviour)
