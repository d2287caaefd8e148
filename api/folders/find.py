"""Which files of a folder there are to tag, and whether the two folders of a run can be what they are named for."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from api.files.errors import InputIsFolder, InputNotFound, SameFile, UnreadableInput, UnwritableOutput
from api.files.formats import STANDARD_STREAM

_PARQUET: Final = ".parquet"
_NOT_YET_OR_NOT_DATA: Final = ("_", ".")  # what Spark, Hive and pyarrow skip: _SUCCESS, _temporary, .name.part


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One file of the folder: its name below it, with `/`, and what tells that it has changed.

    `size` is in bytes, `modified_ns` in nanoseconds since 1970; both are 0 for a link that leads nowhere.
    """

    name: str
    size: int
    modified_ns: int


def check_folders(input_: str, output: str) -> tuple[Path, Path]:
    """The two folders with their links followed.

    Raises
    ------
    InputIsFolder : if there is no folder to write to
    SameFile : if one lies in the other, so that a run would read what it writes, or write over what it reads
    UnwritableOutput : if the output is a file, or lies in a folder that is not there
    """
    if output == STANDARD_STREAM:
        raise InputIsFolder(f"{input_} is a folder of files to tag. Name a folder for the tagged ones with -o.")
    source, target = Path(input_).resolve(), Path(output).resolve()
    if source == target:
        raise SameFile(output)
    if source in target.parents or target in source.parents:
        raise UnwritableOutput(
            f"Of {input_} and {output} one lies in the other: a run would take the files of one for those of the "
            "other. Name an output folder beside the input."
        )
    if target.exists() and not target.is_dir():
        raise UnwritableOutput(f"{output} is a file; for a folder of files name a folder.")
    if target.suffix.lower() in {".csv", ".jsonl"} and not target.exists():
        raise UnwritableOutput(f"{output} is named like a file; a folder of .parquet files becomes a folder of them.")
    if not target.parent.is_dir():
        raise UnwritableOutput(f"{output} cannot be made: {target.parent} does not exist. Create it or name another.")
    return source, target


def find_files(folder: Path) -> list[SourceFile]:
    """Every .parquet file of a folder and of those below it, by name.

    Names that begin with `_` or `.` are left out, and so are whole folders of such names: they are not data, or being
    written.

    Raises
    ------
    InputNotFound : if there is none
    UnreadableInput : if a folder cannot be read
    """
    found = sorted(_walk(folder), key=lambda file: file.name)
    if not found:
        others = sorted({path.suffix for path in folder.rglob("*") if path.is_file() and path.suffix})
        hint = f" It has {', '.join(others[:5])}; those are tagged one by one." if others else ""
        raise InputNotFound(f"{folder} holds no .parquet file, nor does a folder in it.{hint}")
    return found


def has_files(folder: Path) -> bool:
    return any(True for _ in _walk(folder))


def _walk(folder: Path) -> Iterator[SourceFile]:
    been: set[str] = set()  # a link to a folder above would lead round and round
    for root, folders, names in os.walk(folder, onerror=_refuse, followlinks=True):
        here = os.path.realpath(root)
        if here in been:
            folders.clear()
            continue
        been.add(here)
        folders[:] = sorted(name for name in folders if not name.startswith(_NOT_YET_OR_NOT_DATA))
        for name in names:
            if name.lower().endswith(_PARQUET) and not name.startswith(_NOT_YET_OR_NOT_DATA):
                yield _described(Path(root, name), folder)


def _described(path: Path, folder: Path) -> SourceFile:
    name = path.relative_to(folder).as_posix()
    try:
        stat = path.stat()
    except OSError:  # tagging it will say what is wrong, and the others are tagged
        return SourceFile(name, 0, 0)
    return SourceFile(name, stat.st_size, stat.st_mtime_ns)


def _refuse(error: OSError) -> None:
    raise UnreadableInput(f"{error.filename} cannot be read: {error.strerror}.") from error
