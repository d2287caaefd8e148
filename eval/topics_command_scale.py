"""What `stemme topics FILE` costs over many comments: `python -m eval.topics_command_scale --comments 100000`.

The file is composed (`eval.planted`). The command runs as a user would run it, in a process of its own and with a
terminal to show its progress on: how long it did what, its processor time and its memory are printed, then what the
page weighs and how long Chromium takes to show it. Needs the extras `topics` and `dev` and Debian's package `chromium`.
"""

from __future__ import annotations

import csv
import os
import pty
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, fields
from pathlib import Path
from shutil import which
from typing import Annotated, Any, Final

import typer

from eval.causes_picture import FLAGS
from eval.planted import PlantedComment, plant
from eval.program import run_program
from nlp.errors import StemmeError, require

STEMME: Final = (sys.executable, "-c", "from api.cli import main; main()")
TERMINAL: Final = {"TERM": "xterm", "COLUMNS": "100", "LINES": "40"}
STEP: Final = re.compile(r"(?:^|[\r\n])([A-Za-z][a-z ]*?) +[━╸╺]")
"""What a bar says it is doing: the words before it."""
CODES: Final = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
WRITTEN: Final = ("id", "text", "day", "nps", "respondent", "source", "department", "touchpoint")
PAINTED: Final = "() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? null"


class CommandFailed(StemmeError):
    code, title = "command_failed", "The command that is measured failed"


@dataclass(frozen=True, slots=True)
class Cost:
    """Of the command: the steps that its bar named, with the seconds after which each was first seen."""

    steps: tuple[tuple[str, float], ...]
    seconds: float
    processor_seconds: float
    most_bytes: int
    said: tuple[str, ...]


def write_comments(path: Path, comments: int) -> None:
    """A file of composed comments, as a survey platform would export them."""
    assert set(WRITTEN) <= {field.name for field in fields(PlantedComment)}
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(WRITTEN)
        writer.writerows([getattr(comment, name) for name in WRITTEN] for comment in plant(comments).comments)


def run(command: list[str]) -> Cost:
    """Run a command with its standard error on a terminal of its own.

    Raises
    ------
    CommandFailed : if it does; with what it said last
    """
    ours, its = pty.openpty()
    begun = time.monotonic()
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=its, env={**os.environ, **TERMINAL}
    )
    os.close(its)
    steps: dict[str, float] = {}
    said: list[str] = []
    for text in _shown(ours):
        for name in STEP.findall(text):
            steps.setdefault(name.strip(), time.monotonic() - begun)
        said += [line.strip() for line in re.split(r"[\r\n]+", text) if line.strip() and "━" not in line]
    os.close(ours)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise CommandFailed(f"It ended with {process.returncode}: {said[-1] if said else 'no message'}")
    seconds = time.monotonic() - begun
    unit = 1 if sys.platform == "darwin" else 1024
    return Cost(
        tuple(steps.items()),
        seconds,
        usage.ru_utime + usage.ru_stime,
        usage.ru_maxrss * unit,
        tuple(dict.fromkeys(said)),
    )


def _shown(terminal: int) -> Iterator[str]:
    """What comes to a terminal, without its codes, until nobody writes to it any more."""
    with suppress(OSError):  # so Linux says that the other end is closed
        while some := os.read(terminal, 65_536):
            yield CODES.sub("", some.decode(errors="replace"))


def open_page(page: Path) -> str:
    """How long Chromium takes to load and to show a page, and how high it is."""
    chromium = which("chromium")
    if chromium is None:
        return "Chromium is not installed: not opened"
    playwright: Any = require("playwright.sync_api", extra="dev")
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=chromium, args=list(FLAGS))
        try:
            shown = browser.new_page(viewport={"width": 1200, "height": 900})
            begun = time.monotonic()
            shown.goto(page.as_uri())
            loaded = time.monotonic() - begun
            height = shown.evaluate("() => document.documentElement.scrollHeight")
            painted = shown.evaluate(PAINTED)
        finally:
            browser.close()
    first = "" if painted is None else f", first shown after {painted / 1000:.2f} s"
    return f"loaded in {loaded:.2f} s{first}; {height:,} pixels high"


def main(
    *,
    comments: Annotated[int, typer.Option("--comments", min=200, help="How many the file holds.")] = 100_000,
    keep: Annotated[Path | None, typer.Option(help="Folder for the file and the page, to look at.")] = None,
) -> None:
    """Measure `stemme topics` over a file of composed comments, and what Chromium makes of its page."""
    with tempfile.TemporaryDirectory(prefix="stemme-topics-command-") as scratch:
        folder = Path(scratch) if keep is None else keep
        folder.mkdir(parents=True, exist_ok=True)
        file, page = folder / "comments.csv", folder / "causes.html"
        write_comments(file, comments)
        typer.echo(f"{comments:,} comments, {file.stat().st_size / 2**20:.1f} MiB")
        cost = run([*STEMME, "topics", str(file), "-o", str(page), "--language", "nb"])
        ends = [seconds for _, seconds in cost.steps[1:]] + [cost.seconds]
        for (name, begun), ended in zip(cost.steps, ends, strict=True):
            typer.echo(f"{begun:8.1f} s  {name}: {ended - begun:,.1f} s")
        typer.echo(
            f"{cost.seconds:,.1f} s, {cost.processor_seconds:,.1f} of the processor, {cost.most_bytes / 2**20:,.0f} MiB"
        )
        for line in cost.said:
            typer.echo(f"  {line}")
        typer.echo(f"the page: {page.stat().st_size / 2**20:.2f} MiB, {open_page(page)}")


if __name__ == "__main__":
    run_program(main)
