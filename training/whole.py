"""Files and folders that bear their name only once they are complete."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path


def write_whole(path: Path, write: Callable[[Path], object]) -> None:
    """Let `write` make a file or a folder under another name beside `path`, and give it its name at the end.

    A folder must not be there yet; a file is replaced.
    """
    part = path.with_name(f"part-{path.name}")
    if part.is_dir():
        shutil.rmtree(part)
    write(part)
    part.replace(path)
