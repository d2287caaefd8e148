"""Measure what tagging costs on this machine: `python -m eval.benchmarks`.

How long the tagger takes to load and how much memory it holds then, how many comments it tags a second, and whether
the memory of `stemme tag` stays the same when the file is ten times as long. Each measurement runs in a fresh process.
The comments are those of the shipped sample, repeated under new ids. Nothing is asserted: the numbers are for people.
"""

from __future__ import annotations

import csv
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import cycle, islice
from multiprocessing import get_context
from pathlib import Path
from typing import Annotated, Any, Final, TypeVar

import typer

from eval.program import run_program
from nlp.errors import StemmeError, require
from nlp.record import Comment, TaggedComment

SAMPLE: Final = Path(__file__).parents[1] / "api" / "sample" / "comments.csv"
STEMME: Final = (sys.executable, "-c", "from api.cli import main; main()")
TYPICAL_TOKENS: Final = range(30, 51)
MIB: Final = 2**20
_TOKEN: Final = re.compile(r"\w+|[^\w\s]")

Result = TypeVar("Result")


class BenchmarkFailed(StemmeError):
    code, title = "benchmark_failed", "A measured command failed"


@dataclass(frozen=True, slots=True)
class LoadCost:
    """Of a fresh process: seconds from nothing of the model imported to ready, resident MiB before and after."""

    seconds: float
    before_mib: float
    after_mib: float


@dataclass(frozen=True, slots=True)
class Speed:
    """`tokens` is the mean length of a comment in words and punctuation marks.

    `processor_seconds` count every thread, so that they tell machines apart from what else runs on them;
    `resident_mib` is what the process held after the last comment.
    """

    comments: int
    tokens: float
    seconds: float
    processor_seconds: float
    resident_mib: float

    @property
    def comments_per_second(self) -> float:
        return self.comments / self.seconds

    @property
    def milliseconds_each(self) -> float:
        """Of the processor, for one comment."""
        return 1_000 * self.processor_seconds / self.comments


@dataclass(frozen=True, slots=True)
class FileRun:
    """One run of `stemme tag`: `peak_mib` is the most that its process held at any moment."""

    lines: int
    seconds: float
    peak_mib: float
    order_kept: bool
    failed: int


def n_tokens(text: str) -> int:
    """Words and punctuation marks.

    >>> n_tokens("Kjapp levering, takk!")
    5
    """
    return len(_TOKEN.findall(text))


def sample_texts() -> list[str]:
    """The texts of the shipped sample, blank ones left out."""
    with SAMPLE.open(encoding="utf-8-sig", newline="") as file:
        return [row["text"] for row in csv.DictReader(file) if row["text"].strip()]


def typical(texts: Sequence[str]) -> list[str]:
    """Those of about 40 tokens."""
    return [text for text in texts if n_tokens(text) in TYPICAL_TOKENS]


def repeated(texts: Sequence[str], n_comments: int) -> Iterator[Comment]:
    """As many comments as wanted, the same texts over and over, each with an id of its own."""
    for number, text in enumerate(islice(cycle(texts), n_comments)):
        yield Comment(f"C{number:07}", text)


def load_cost(model: Path | None) -> LoadCost:
    """Load the tagger; meant for a fresh process."""
    process = require("psutil", extra="dev").Process()
    before = process.memory_info().rss
    started = time.perf_counter()
    _load(model)
    seconds = time.perf_counter() - started
    return LoadCost(seconds, before / MIB, process.memory_info().rss / MIB)


def speed(model: Path | None, n_comments: int) -> Speed:
    """Tag comments of about 40 tokens, after a first batch that does not count; meant for a fresh process."""
    process = require("psutil", extra="dev").Process()
    texts = typical(sample_texts())
    comments = list(repeated(texts, n_comments))
    tagger = _load(model)
    for _ in tagger.tag(repeated(texts, 64)):
        pass
    started, worked = time.perf_counter(), time.process_time()
    n_tagged = sum(isinstance(record, TaggedComment) for record in tagger.tag(comments))
    seconds, processor_seconds = time.perf_counter() - started, time.process_time() - worked
    if n_tagged < len(comments):
        raise BenchmarkFailed(f"{len(comments) - n_tagged} of {len(comments)} sample comments could not be tagged.")
    return Speed(
        comments=len(comments),
        tokens=sum(n_tokens(comment.text) for comment in comments) / len(comments),
        seconds=seconds,
        processor_seconds=processor_seconds,
        resident_mib=process.memory_info().rss / MIB,
    )


def file_run(folder: Path, model: Path | None, n_lines: int) -> FileRun:
    """Run `stemme tag` on a file of so many lines.

    Raises
    ------
    BenchmarkFailed : if the command exits with another status than 0
    """
    source, target = folder / f"in-{n_lines}.jsonl", folder / f"out-{n_lines}.jsonl"
    with source.open("w", encoding="utf-8") as file:
        for comment in repeated(sample_texts(), n_lines):
            file.write(json.dumps({"id": comment.id, "text": comment.text}, ensure_ascii=False) + "\n")
    chosen = () if model is None else ("--model", str(model))
    started = time.perf_counter()
    peak = _peak_bytes([*STEMME, "tag", str(source), "-o", str(target), *chosen])
    seconds = time.perf_counter() - started
    with source.open(encoding="utf-8") as asked, target.open(encoding="utf-8") as answered:
        wanted = [json.loads(line)["id"] for line in asked]
        records = [json.loads(line) for line in answered]
    return FileRun(
        lines=n_lines,
        seconds=seconds,
        peak_mib=peak / MIB,
        order_kept=[record["id"] for record in records] == wanted,
        failed=sum("error" in record for record in records),
    )


def fresh(task: Callable[..., Result], *arguments: object) -> Result:
    """Run a task in a process that has loaded nothing of the model yet."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
        return process.submit(task, *arguments).result()


def _load(model: Path | None) -> Any:
    from nlp.tagger import Tagger  # noqa: PLC0415, the import is part of what is measured

    return Tagger.load(model)


def _peak_bytes(command: Sequence[str]) -> int:
    """Run a command; the largest resident size of its process.

    A child starts as a copy of its parent, and the system counts that too: this module imports little for that reason.
    """
    with tempfile.TemporaryFile() as complaints:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=complaints)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            complaints.seek(0)
            said = complaints.read().decode(errors="replace").strip().splitlines()
            raise BenchmarkFailed(f"`stemme tag` ended with {process.returncode}: {said[-1] if said else 'no message'}")
    return usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def main(
    model: Annotated[Path | None, typer.Option(help="Model folder; the shipped model by default.")] = None,
    comments: Annotated[int, typer.Option(min=64, help="Comments of about 40 tokens to measure the speed on.")] = 2_000,
    lines: Annotated[int, typer.Option(min=1, help="Lines of the shorter file; the longer has ten times as many.")] = (
        1_000
    ),
) -> None:
    """Measure what tagging costs on this machine."""
    cores = f"{len(os.sched_getaffinity(0))} of " if hasattr(os, "sched_getaffinity") else ""
    print(f"{platform.machine()}, {cores}{os.cpu_count()} cores, Python {platform.python_version()}")
    load = fresh(load_cost, model)
    print(f"load          {load.seconds:.2f} s")
    print(f"memory        {load.after_mib:,.0f} MiB resident once loaded ({load.before_mib:,.0f} before)")
    run = fresh(speed, model, comments)
    print(f"speed         {run.comments_per_second:,.0f} comments/s ({run.comments:,} of {run.tokens:.0f} tokens)")
    busy = run.processor_seconds / run.seconds
    print(f"processor     {run.milliseconds_each:.2f} ms for a comment, {busy:.1f} cores busy")
    print(f"memory        {run.resident_mib:,.0f} MiB resident after tagging them")
    with tempfile.TemporaryDirectory() as folder:
        for n_lines in (lines, 10 * lines):
            it = file_run(Path(folder), model, n_lines)
            order = "order kept" if it.order_kept else "ORDER LOST"
            print(
                f"stemme tag    {it.lines:,} lines: {it.seconds:.1f} s, peak {it.peak_mib:,.0f} MiB, {order}, "
                f"{it.failed:,} could not be tagged"
            )


if __name__ == "__main__":
    run_program(main)
