"""One file of a folder: the same function on this machine and on every node of a cluster, hence the same bytes."""

from __future__ import annotations

import errno
import traceback
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

from api.files.errors import UnwritableOutput
from api.files.formats import Format
from api.files.identify import Roles
from api.files.run import Report, Run, tag_file
from api.files.tagging import TagsComments
from nlp.errors import StemmeError

_NO_FILE_CAN_BE_WRITTEN: Final = {errno.ENOSPC, errno.EDQUOT, errno.EROFS}


class NamedTagger(TagsComments, Protocol):
    """A tagger that says which model it is."""

    name: str


@dataclass(frozen=True, slots=True)
class FolderRun:
    """What is the same for every file; the folders are absolute, with their links followed."""

    input: Path
    output: Path
    roles: Roles = field(default_factory=Roles)
    unique_ids: bool = True
    batch_size: int = 64


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one file; `reason` and `code` only of one that could not be tagged, and `stop` if no other can."""

    name: str
    rows: int = 0
    tagged: int = 0
    errors: dict[str, int] = field(default_factory=dict)
    output_size: int = 0
    code: str | None = None
    reason: str | None = None
    stop: bool = False


def tag_one(run: FolderRun, name: str, *, tagger: TagsComments, report: Report) -> Outcome:
    """Tag one file into the file of the same name in the output folder, as `stemme tag FILE -o FILE` does.

    A file that cannot be read, or whose columns are others, is an outcome and no exception: it stops no other file.
    """
    target = run.output / name
    job = Run(
        input=str(run.input / name),
        output=str(target),
        input_format=Format.PARQUET,
        output_format=Format.PARQUET,
        roles=run.roles,
        unique_ids=run.unique_ids,
        batch_size=run.batch_size,
    )
    try:
        _make_folder(target.parent)
        summary = tag_file(job, load_tagger=lambda: tagger, report=report)
        size = target.stat().st_size
    except StemmeError as error:
        return Outcome(name, code=error.code, reason=str(error), stop=_stops_all(error))
    except Exception as error:  # a bug that one file in thousands meets must not cost the night's run
        return Outcome(name, code="unexpected_error", reason=_place(error))
    errors = {code: count.count for code, count in summary.errors.items()}
    return Outcome(name, summary.rows, summary.tagged, errors, size)


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UnwritableOutput(f"{folder} cannot be made: {error.strerror}.") from error


def _stops_all(error: StemmeError) -> bool:
    cause = error.__cause__
    return isinstance(cause, OSError) and cause.errno in _NO_FILE_CAN_BE_WRITTEN


def _place(error: Exception) -> str:
    """Where it happened; not the exception's own words, which may be a customer's."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return (
        f"{type(error).__name__} in {Path(frame.filename).name}, line {frame.lineno}. Tag this file alone to see more."
    )
