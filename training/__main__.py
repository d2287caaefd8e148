"""`python -m training`: from corpora to the model folder that ships, going on from where it was stopped."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated

import typer

from nlp.models.encoder import SHIPPED
from training.config import DEFAULT, load_recipe
from training.data import Corpora
from training.pipeline import Workshop
from training.ship import ship


def train(
    data: Annotated[Path, typer.Option(help="Folder of corpora; docs/model.md says what it must hold.")],
    work: Annotated[Path, typer.Option(help="Folder for what each step leaves; run again with it to go on.")],
    out: Annotated[Path, typer.Option(help="Model folder to write.")] = SHIPPED,
    recipe: Annotated[Path, typer.Option(help="Numbers of the run.")] = DEFAULT,
) -> None:
    """Tokenizer, skip-gram vectors, pre-training, fine-tuning, calibration and export."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    logging.getLogger("gensim").setLevel(logging.WARNING)
    work.mkdir(parents=True, exist_ok=True)
    parity = ship(Workshop(work, Corpora.open(data), load_recipe(recipe)), out)
    typer.echo(f"{out}: int8 gives {parity.same_tags:.2%} of full precision's tags")


if __name__ == "__main__":
    typer.run(train)
