"""Where records go: a file that is there whole or not at all, or standard output."""

from __future__ import annotations

import fcntl
import os
import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from glob import escape
from pathlib import Path
from typing import IO

from api.files.errors import SameFile, UnwritableOutput
from api.files.formats import STANDARD_STREAM
from api.files.source import Source

_RANDOM = "[0-9a-f]" * 8  # as a pattern


@contextmanager
def open_output(name: str, *, source: Source) -> Iterator[IO[bytes]]:
    """A stream for the output. A file appears under its name when the block ends, and not if it raises.

    Raises
    ------
    UnwritableOutput : if the folder is missing, the name is a folder's, or the operating system refuses
    SameFile : if the output is the input
    """
    if name == STANDARD_STREAM:
        yield sys.stdout.buffer
        return
    path = Path(name)
    _check(path, source)
    if path.exists() and not path.is_file():  # /dev/null, a named pipe: to rename over it would remove it
        with _closed(_opened(path, "wb")) as stream:
            yield stream
        return
    target = path.resolve()  # a link stays a link
    _remove_stale_parts(target)
    part = target.with_name(f"{_beginning(target)}{secrets.token_hex(4)}.part")
    try:
        with _closed(_opened(part, "xb", name=path)) as stream:
            with suppress(OSError):  # a file system without locks
                fcntl.flock(stream, fcntl.LOCK_SH)
            yield stream
            stream.flush()
            part.replace(target)  # while the lock is held
    finally:
        part.unlink(missing_ok=True)


def remove_parts(folder: Path) -> None:
    """Remove what killed runs left in a folder and in those below it. No run may begin a file there meanwhile."""
    for part in folder.rglob(f".*.{_RANDOM}.part"):
        _remove_unless_locked(part)


def _check(path: Path, source: Source) -> None:
    if path.is_dir():
        raise UnwritableOutput(f"{path} is a folder. Name a file in it, such as {path / 'tagged.jsonl'}.")
    if not path.parent.is_dir():
        what = "is a file, not a folder" if path.parent.exists() else "does not exist"
        raise UnwritableOutput(f"{path} cannot be written: {path.parent} {what}. Create the folder or name another.")
    if path.exists() and source.path is not None and path.samefile(source.path):
        raise SameFile(str(path))
    if path.exists() and not os.access(path, os.W_OK):
        raise UnwritableOutput(f"{path} is there and is read-only. Name another output, or make it writable.")


def _beginning(target: Path) -> str:
    return f".{target.name[:200]}."


def _remove_stale_parts(target: Path) -> None:
    """Remove what runs that were killed left behind: each run holds a lock on its part, and the lock dies with it."""
    for part in target.parent.glob(f"{escape(_beginning(target))}{_RANDOM}.part"):
        with suppress(OSError):
            if part.stat().st_size:  # an empty one may have been made this moment, and not be locked yet
                _remove_unless_locked(part)


def _remove_unless_locked(part: Path) -> None:
    with suppress(OSError), part.open("rb") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        part.unlink()


@contextmanager
def _closed(stream: IO[bytes]) -> Iterator[IO[bytes]]:
    """Close a stream; where the block raised, its error is what is heard, not that of a last attempt to write."""
    try:
        yield stream
    except BaseException:
        with suppress(OSError):
            stream.close()
        raise
    stream.close()


def _opened(path: Path, mode: str, *, name: Path | None = None) -> IO[bytes]:
    try:
        return path.open(mode)
    except OSError as error:
        raise UnwritableOutput(f"{name or path} cannot be written: {error.strerror}.") from error
