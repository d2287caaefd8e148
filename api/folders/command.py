"""`stemme tag FOLDER -o FOLDER`."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from pathlib import Path

import typer
from rich.console import Console

from api.files.errors import BadUsage
from api.files.identify import Roles
from api.folders.find import check_folders, find_files
from api.folders.local import tag_locally
from api.folders.one_file import FolderRun, NamedTagger
from api.folders.progress import FolderProgress
from api.folders.run import Engine, FolderSummary, tag_folder
from nlp.errors import require
from nlp.models.fingerprint import fingerprint
from nlp.models.shipped import SHIPPED, model_folder

SOME_FILES_FAILED = 1


class EngineName(StrEnum):
    """Where the files of a folder are tagged."""

    LOCAL = "local"
    RAY = "ray"


def tag_folder_command(
    input_: str,
    output: str,
    *,
    roles: Roles,
    unique_ids: bool,
    batch_size: int,
    overwrite: bool,
    engine: EngineName,
    ray_address: str | None,
    workers: int | None,
    threads: int | None,
    model: Path | None,
    load_tagger: Callable[[], NamedTagger],
    quiet: bool,
) -> None:
    """Tag a folder, say what was done, and name each file that could not be tagged, with its reason.

    Raises
    ------
    StemmeError : if the run cannot start, or no further file can be written
    typer.Exit : with 1 if files could not be tagged
    """
    source, target = check_folders(input_, output)
    files = find_files(source)
    chosen = _engine(engine, ray_address=ray_address, workers=workers, threads=threads, model=model)
    run = FolderRun(source, target, roles, unique_ids, batch_size)
    console = Console(stderr=True)
    tagger = load_tagger()
    with FolderProgress(console, quiet=quiet) as progress:
        summary = tag_folder(
            run,
            files,
            tagger=tagger,
            engine=chosen,
            weights=fingerprint(SHIPPED if model is None else model_folder(model)),
            overwrite=overwrite,
            progress=progress,
        )
    _tell(summary, console, quiet=quiet)
    if summary.failed:
        raise typer.Exit(SOME_FILES_FAILED)


def _engine(
    name: EngineName, *, ray_address: str | None, workers: int | None, threads: int | None, model: Path | None
) -> Engine:
    if name is EngineName.LOCAL:
        if ray_address is not None or workers is not None:
            option = "--workers" if ray_address is None else "--ray-address"
            raise BadUsage(f"{option} goes with --engine ray. On this machine alone, --threads limits the cores.")
        return tag_locally
    require("ray", extra="ray")  # before the model is loaded
    from api.folders.on_ray import RayEngine  # noqa: PLC0415, the runtime of the model with it

    return RayEngine(ray_address, workers, threads, None if model is None else model_folder(model).resolve())


def _tell(summary: FolderSummary, console: Console, *, quiet: bool) -> None:
    """The files that failed are said even to who wants it quiet: nothing else tells them."""
    if not quiet:
        console.print(str(summary), markup=False, highlight=False, soft_wrap=True)
    for outcome in summary.failed:
        line = f"not tagged: {outcome.name}: {outcome.reason} ({outcome.code})"
        printable = line.encode("utf-8", "backslashreplace").decode("utf-8")
        console.print(printable, style="red", markup=False, highlight=False, soft_wrap=True)
