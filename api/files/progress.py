"""How far a run is, for whoever waits at a terminal."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text


class ProgressBar:
    """A bar on standard error; nothing where that is no terminal, or `quiet` asks for nothing."""

    def __init__(self, console: Console, *, quiet: bool = False) -> None:
        self._console = console
        self._quiet = quiet
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            _Percent(),
            TextColumn("{task.fields[lines]}"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=console,
            disable=quiet or not console.is_terminal,
            transient=True,
        )
        self._task: TaskID | None = None

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._progress.stop()

    def notice(self, sentence: str) -> None:
        if not self._quiet:
            self._console.print(f"notice: {sentence}", markup=False, highlight=False, soft_wrap=True)

    def step(self, name: str, *, total: int | None) -> None:
        """Begin with something else; a bar moves to and fro where it is not known of how much (`total` None)."""
        if self._task is not None:
            self._progress.remove_task(self._task)
        self._task = self._progress.add_task(name, total=total, lines="")

    def advance(self, position: int, *, rows: int | None = None) -> None:
        """Say how far it is; `rows` are lines that have been read, None where the step reads none."""
        if self._task is not None:
            self._progress.update(self._task, completed=position, lines="" if rows is None else f"{rows:,} lines")


class _Percent(ProgressColumn):
    """The share that is done; nothing where it is not known of how much."""

    def render(self, task: Task) -> Text:
        return Text("" if task.total is None else f"{task.percentage:>3.0f} %")
