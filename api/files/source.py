"""Where comments come from: a file that can be opened again and again, or standard input."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from api.files.errors import EmptyInput, InputIsFolder, InputNotFound, UnreadableInput
from api.files.formats import STANDARD_STREAM


@dataclass(frozen=True, slots=True)
class Source:
    """`path` is None for standard input that is read once, as it comes."""

    name: str
    path: Path | None

    def open(self) -> IO[bytes]:
        """The bytes from the start, unbuffered where that can be had: the reader brings its own buffer.

        Raises
        ------
        UnreadableInput : if the operating system refuses
        """
        if self.path is None:
            # The layer below the buffer: a buffer on top of a buffer waits for 64 KiB before it gives the first line.
            stdin: IO[bytes] = getattr(sys.stdin.buffer, "raw", sys.stdin.buffer)
            return stdin
        try:
            return self.path.open("rb", buffering=0)
        except OSError as error:
            raise UnreadableInput(f"{self.name} cannot be opened: {error.strerror}.") from error

    @property
    def size(self) -> int | None:
        """In bytes; unknown for a pipe."""
        if self.path is None or not self.path.is_file():
            return None
        return self.path.stat().st_size


@contextmanager
def open_source(name: str, *, again: bool) -> Iterator[Source]:
    """Check the input. With `again`, what can be read once only (standard input, a named pipe) is kept in a temporary
    file, for a format that needs two passes.

    Raises
    ------
    InputNotFound, InputIsFolder, EmptyInput, UnreadableInput : if there is nothing to read
    """
    source = Source("standard input", None) if name == STANDARD_STREAM else Source(name, _checked(name))
    if not again or (source.path is not None and source.path.is_file()):
        yield source
        return
    with tempfile.NamedTemporaryFile(prefix="stemme-") as kept:
        with nullcontext(sys.stdin.buffer) if source.path is None else source.open() as stream:
            shutil.copyfileobj(stream, kept)
        kept.flush()
        if not kept.tell():
            raise EmptyInput(source.name)
        yield Source(source.name, Path(kept.name))


def refuse_folder(name: str) -> None:
    """Call a folder a folder, before its name is asked for an extension.

    Raises
    ------
    InputIsFolder : if `name` is one
    """
    if Path(name).is_dir():
        raise InputIsFolder(f"{name} is a folder. Name one file, .csv, .jsonl or .parquet.")


def _checked(name: str) -> Path:
    refuse_folder(name)
    path = Path(name)
    if not path.exists():
        near = sorted(other.name for other in path.parent.glob("*") if other.suffix in {".csv", ".jsonl", ".parquet"})
        hint = f" Files there: {', '.join(near[:10])}." if near else ""
        raise InputNotFound(f"{name} does not exist.{hint}")
    if path.is_file() and not path.stat().st_size:
        raise EmptyInput(name)
    return path
