"""`stemme train`: fine-tune on one's own labels, with before and after on comments that were held out.

Also `python -m eval.train_command`.
"""

from __future__ import annotations

import logging
import shutil
from pathlib import Path
from typing import Annotated, Final

import typer
from pydantic import ValidationError
from rich.console import Console

from api.files.errors import OutputExists
from api.terminal import INTERRUPTED
from eval.before_after import change_table, sentence
from eval.program import run_program
from nlp.errors import StemmeError, require
from nlp.models.manifest import Manifest
from nlp.models.shipped import SHIPPED

CUSTOM: Final = "-custom"


class BadName(StemmeError):
    code, title = "bad_name", "A model cannot have this name"


def train(
    labels: Annotated[Path, typer.Argument(help="Your labelled comments: JSON lines, .xz if compressed.")],
    *,
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder to write the new model to.")],
    model: Annotated[
        Path | None, typer.Option(help="Model folder to begin with; the shipped model by default.")
    ] = None,
    held_out: Annotated[
        Path | None, typer.Option(help="Labelled comments to measure on, in place of a fifth of LABELS.")
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="What records call the new model; by default the first one's name and -custom.")
    ] = None,
    epochs: Annotated[int, typer.Option(min=1, help="Passes over your comments.")] = 4,
    seed: Annotated[int, typer.Option(help="Of what is held out, and of the order of learning.")] = 1,
    threads: Annotated[int | None, typer.Option(min=1, help="Processor threads to learn with; all by default.")] = None,
) -> None:
    """Fine-tune a model on your own labels, and say what became better and what worse.

    A fifth of the comments is held out to measure both models on. An interrupted run goes on when the same command is
    given again. No text leaves this machine.
    """
    for module in ("torch", "transformers", "onnx", "scipy"):
        require(module, extra="train")
    from eval.customization import Customization  # noqa: PLC0415, needs the extra
    from training.customize import CustomRecipe  # noqa: PLC0415

    if output.exists():
        raise OutputExists(f"{output} is there already. Name another folder with --output, or remove this one.")
    begin, work = model or SHIPPED, output.with_name(f"{output.name}.work")
    wanted = Customization.of(
        labels,
        model=begin,
        held_out=held_out,
        work=work,
        name=_name(name, Manifest.load(begin)),
        seed=seed,
        recipe=CustomRecipe(epochs=epochs),
    )
    console = Console(stderr=True)
    for note in wanted.notes():
        console.print(note, markup=False, highlight=False)
    _own_the_process(threads)
    try:
        training = wanted.run(work / "model", console=console)
    except KeyboardInterrupt:
        left = f"interrupted. {output} was not written; the same command goes on after the last whole epoch."
        console.print(left, style="red", markup=False, highlight=False)
        raise typer.Exit(INTERRUPTED) from None
    (work / "model").replace(output)
    shutil.rmtree(work)
    shown = Console()
    shown.print(change_table(training.changes, held_out=len(training.held_out)))
    for line in (
        sentence(training.changes),
        f"{_calibration(training.calibrated)} {output} holds {training.model}.",
        f"Use it: stemme tag comments.csv --model {output} -o tagged.csv",
    ):
        shown.print(line, markup=False, highlight=False)


def _calibration(calibrated: int) -> str:
    if calibrated:
        return f"Temperatures were fitted on {calibrated:,} comments that were not learned from."
    return "Thresholds and temperatures were kept: there are too few comments to fit new ones."


def _name(name: str | None, base: Manifest) -> str:
    wanted = base.name.removesuffix(CUSTOM) + CUSTOM if name is None else name
    try:
        Manifest.model_validate({**base.model_dump(), "name": wanted})
    except ValidationError:
        raise BadName(
            f"--name {wanted!r} cannot be a model's. Begin with a letter or a digit, and use only A-Z, a-z, 0-9, dots, "
            "hyphens and underscores."
        ) from None
    return wanted


def _own_the_process(threads: int | None) -> None:
    """What only a command may set: the log, the threads, and that no library draws bars beside ours."""
    import torch  # noqa: PLC0415, needs the extra
    from transformers.utils import logging as transformers_logging  # noqa: PLC0415

    logging.basicConfig(level=logging.WARNING)
    transformers_logging.disable_progress_bar()
    if threads is not None:
        torch.set_num_threads(threads)


if __name__ == "__main__":
    run_program(train)
