"""Which files of a folder are done: a line for each, added when its output stands, so that a run can go on."""

from __future__ import annotations

import fcntl
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

from api.files.destination import remove_parts
from api.files.errors import UnwritableOutput
from api.folders.find import SourceFile, has_files

STATE_FILE: Final = "_stemme.jsonl"  # readers of Parquet folders skip a name that begins so
_HEADER: Final = {"stemme": "folder", "version": 1}


@dataclass(frozen=True, slots=True)
class Done:
    """A file as it was when it was tagged, its output's size in bytes, and how it was tagged: model and options."""

    source: SourceFile
    output_size: int
    how: Mapping[str, Any]


class FolderState:
    """The state file of an output folder, held by one run at a time."""

    def __init__(self, folder: Path, stream: IO[bytes]) -> None:
        self._folder, self._stream = folder, stream
        self._done: dict[str, Done] = {}
        for line in stream.read().splitlines():
            done = _parsed(line)
            if done is not None:
                self._done[done.source.name] = done
        if stream.tell() == 0:
            self._append(_HEADER)
        else:
            stream.seek(-1, 2)
            if stream.read(1) != b"\n":  # the run was killed while it wrote: that file is done again
                stream.write(b"\n")

    def is_done(self, file: SourceFile, how: Mapping[str, Any]) -> bool:
        """Whether the output stands, whole, and is of this file as it is now, tagged in the same way."""
        done = self._done.get(file.name)
        if done is None or done.source != file or done.how != how:
            return False
        try:
            # The size as well: after a power cut a file may have its name and not yet its bytes.
            return (self._folder / file.name).stat().st_size == done.output_size
        except OSError:
            return False

    def add(self, file: SourceFile, *, output_size: int, how: Mapping[str, Any]) -> None:
        """Remember that a file is done.

        Raises
        ------
        UnwritableOutput : if the state file cannot be written, as on a full disk
        """
        self._done[file.name] = Done(file, output_size, how)
        self._append(
            {
                "file": file.name,
                "size": file.size,
                "modified_ns": file.modified_ns,
                "output_size": output_size,
                "how": how,
            }
        )

    def _append(self, line: Mapping[str, Any]) -> None:
        try:
            self._stream.write(json.dumps(line).encode("ascii") + b"\n")
        except OSError as error:
            raise UnwritableOutput(f"{self._folder / STATE_FILE} cannot be written: {error.strerror}.") from error


@contextmanager
def open_state(folder: Path, *, overwrite: bool) -> Iterator[FolderState]:
    """Make the output folder if need be, and hold its state; with `overwrite` nothing in it counts as done.

    Raises
    ------
    UnwritableOutput : if the folder holds .parquet files of somebody else's, if another run writes to it, or if the
        operating system refuses
    """
    path = folder / STATE_FILE
    if not overwrite and not path.exists() and folder.is_dir() and has_files(folder):
        raise UnwritableOutput(
            f"{folder} holds .parquet files that no run of this command has written. Name a new folder, or replace "
            "those of the same names with --overwrite."
        )
    try:
        folder.mkdir(exist_ok=True)
        stream = path.open("a+b", buffering=0)  # a line is on its way when it is written, whatever then kills the run
    except OSError as error:
        raise UnwritableOutput(f"{path} cannot be written: {error.strerror}.") from error
    with stream:
        _lock(stream, folder)
        remove_parts(folder)
        if overwrite:
            stream.truncate(0)
        stream.seek(0)
        yield FolderState(folder, stream)


def _lock(stream: IO[bytes], folder: Path) -> None:
    with suppress(OSError):  # a file system without locks
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UnwritableOutput(
                f"Another run is writing to {folder}. Wait for it, or name another folder."
            ) from None


def _parsed(line: bytes) -> Done | None:
    """A line, or None for the header and for one that is not whole."""
    try:
        entry = json.loads(line)
        source = SourceFile(entry["file"], entry["size"], entry["modified_ns"])
        return Done(source, entry["output_size"], entry["how"])
    except (ValueError, KeyError, TypeError):
        return None
