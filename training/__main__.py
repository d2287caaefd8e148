"""`python -m training`: from corpora to the model folder that ships, going on from where it was stopped."""

from __future__ import annotations

import shlex
import sys
import tomllib
from enum import StrEnum
from pathlib import Path
from typing import Annotated, NoReturn

import torch
import typer
from pydantic import ValidationError

from nlp.errors import StemmeError
from nlp.models.shipped import SHIPPED
from training.checkpoint import Checkpoint, UnfitCheckpoint
from training.config import DEFAULT, load_recipe
from training.data import OWN_LABELS, Corpora
from training.journal import log, log_to
from training.pipeline import Workshop
from training.ship import ship


class Device(StrEnum):
    CPU = "cpu"
    CUDA = "cuda"


class NoDevice(StemmeError):
    code, title = "no_device", "There is no such device"


def train(
    *,
    data: Annotated[Path, typer.Option(help="Folder of corpora; docs/from-corpora.md says what it must hold.")],
    work: Annotated[Path, typer.Option(help="Folder for what each step leaves; run again with it to go on.")],
    out: Annotated[Path, typer.Option(help="Model folder to write.")] = SHIPPED,
    recipe: Annotated[Path, typer.Option(help="Numbers of the run.")] = DEFAULT,
    start: Annotated[
        Path | None,
        typer.Option(
            "--from",
            help="Folder of a network to go on from: config.json, model.safetensors, tokenizer.json, and "
            "heads.safetensors where it has heads. Its word pieces are taken too; the recipe says what else is kept.",
        ),
    ] = None,
    teacher: Annotated[
        list[Path] | None,
        typer.Option(help="Folder of a network with heads that teaches in the distillation; may be given again."),
    ] = None,
    own_labels: Annotated[Path, typer.Option(help="Folder of the project's own labels.")] = OWN_LABELS,
    workers: Annotated[int, typer.Option(min=1, help="Processes on a CPU, one a core; on GPUs one each.")] = 2,
    device: Annotated[Device, typer.Option(help="Where pre-training and fine-tuning run.")] = Device.CPU,
) -> None:
    """Tokenizer, skip-gram vectors, pre-training, fine-tuning, distillation, calibration and export."""
    try:
        work.mkdir(parents=True, exist_ok=True)
        log_to(work / "training.log")
        log.info("python -m training %s", shlex.join(sys.argv[1:]))
        workshop = Workshop(
            work,
            Corpora.open(data, own_labels=own_labels),
            load_recipe(recipe),
            workers=_processes(device, workers),
            device=device.value,
            start=None if start is None else Checkpoint.open(start),
            teachers=tuple(map(Checkpoint.open, teacher or ())),
        )
        workshop.check()
        _check_apart(out, [*([] if start is None else [start]), *(teacher or ())])
        parity = ship(workshop, out)
    except StemmeError as error:
        _refuse(f"{error} ({error.code})")
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        _refuse(f"{recipe}: {'.'.join(map(str, first['loc']))}: {first['msg']}.")
    except tomllib.TOMLDecodeError as error:
        _refuse(f"{recipe}: {error}.")
    except FileNotFoundError as error:
        _refuse(f"{error.filename} is missing.")
    typer.echo(f"{out}: int8 gives {parity.same_tags:.2%} of full precision's tags")


def _processes(device: Device, workers: int) -> int:
    if device is Device.CPU:
        return workers
    count = torch.cuda.device_count()
    if not count:
        raise NoDevice("PyTorch sees no CUDA device. Train with --device cpu, or install a PyTorch built for CUDA.")
    return count


def _check_apart(out: Path, networks: list[Path]) -> None:
    if out.resolve() in [folder.resolve() for folder in networks]:
        raise UnfitCheckpoint(f"{out} is a network to go on from or to learn from. Name another folder with --out.")


def _refuse(message: str) -> NoReturn:
    log.error("error: %s", message)
    raise typer.Exit(2)


if __name__ == "__main__":
    typer.run(train)
