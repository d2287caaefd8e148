"""How far a run over a folder is: files, lines, lines a second, and the time that is left."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn


class FolderProgress:
    """One bar over all files, on standard error; nothing where that is no terminal, or `quiet` asks for nothing.

    It measures bytes of the input, which are known before a file is opened. It is also the `Report` of the file in
    hand, so that a large file moves the bar as well.
    """

    def __init__(self, console: Console, *, quiet: bool = False) -> None:
        self._console, self._quiet = console, quiet
        self._progress = Progress(
            TextColumn("{task.fields[files]:,} of {task.fields[all_files]:,} files"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f} %"),
            TextColumn("{task.fields[rows]:,} lines, {task.fields[rate]:,.0f}/s"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=console,
            disable=quiet or not console.is_terminal,
            transient=True,
        )
        self._task = self._progress.add_task("", total=None, files=0, all_files=0, rows=0, rate=0.0, visible=False)
        self._files = self._rows = self._bytes = 0
        self._size, self._lines = 0, 0  # of the file in hand
        self._start = time.perf_counter()

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._progress.stop()

    def begin(self, *, files: int, size: int) -> None:
        """Say how much there is to do, `size` in bytes."""
        self._start = time.perf_counter()
        self._progress.update(self._task, total=size, all_files=files, visible=True)

    def open(self, size: int) -> None:
        """Begin a file of `size` bytes."""
        self._size, self._lines = size, 0

    def finish(self, size: int, *, rows: int) -> None:
        """Count a file of `size` bytes that is done, or could not be."""
        self._files += 1
        self._rows += rows
        self._bytes += size
        self._show(self._bytes, self._rows)

    def notice(self, sentence: str) -> None:
        if not self._quiet:
            self._console.print(f"notice: {sentence}", markup=False, highlight=False, soft_wrap=True)

    def step(self, name: str, *, total: int | None) -> None:  # noqa: ARG002, a folder has no bar for each file's steps
        self._lines = total or 0

    def advance(self, position: int, *, rows: int) -> None:
        share = position / self._lines if self._lines else 0.0
        self._show(self._bytes + round(share * self._size), self._rows + rows)

    def _show(self, completed: int, rows: int) -> None:
        rate = rows / max(time.perf_counter() - self._start, 1e-3)
        self._progress.update(self._task, completed=completed, files=self._files, rows=rows, rate=rate)
