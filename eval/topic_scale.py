"""Measure what finding topics costs as segments grow: `python -m eval.topic_scale --segments DIR`.

Real segments (those that `eval.topic_quality` keeps in a folder) are drawn with replacement up to the wanted number,
each with the text of its original and an embedding jittered around it, under comment ids of its own. Large sets are
thus made, not collected: they show time and memory, not quality. Each size runs in a fresh process.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Annotated, Final

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from eval.program import run_program
from eval.topic_input import read_segments
from nlp.topic_segments import SegmentBatch

SIZES: Final = (1_000, 10_000, 100_000, 1_000_000)
JITTER: Final = 0.5  # length of the noise beside a unit vector: the cosine to the original is about 0.9
GIB: Final = 2**30
SEGMENTS_A_COMMENT: Final = 4
ROWS_AT_ONCE: Final = 16_384


@dataclass(frozen=True, slots=True)
class Cost:
    """One run. `seconds` are the clock's, `cpu_seconds` those of all cores; `gib` is the most the process ever held."""

    way: str
    segments: int
    topics: int
    outliers: float
    seconds: float
    cpu_seconds: float
    gib: float
    before_gib: float


def drawn(batch: SegmentBatch, n_segments: int, seed: int) -> SegmentBatch:
    """So many segments out of fewer: without replacement and as they are while there are enough, jittered beyond.

    >>> from nlp.topic_segments import Segment
    >>> few = SegmentBatch([Segment("A", 0, 2, "ok", "nb")], np.ones((1, 4), dtype=np.float32) / 2)
    >>> [segment.comment_id for segment in drawn(few, 5, seed=0).segments]
    ['S0', 'S0', 'S0', 'S0', 'S1']
    """
    random = np.random.default_rng(seed)
    n_known = len(batch.segments)
    is_enough = n_segments <= n_known
    rows = random.permutation(n_known)[:n_segments] if is_enough else random.integers(0, n_known, n_segments)
    vectors = batch.embeddings[rows]
    if not is_enough:
        for first in range(0, n_segments, ROWS_AT_ONCE):
            piece = vectors[first : first + ROWS_AT_ONCE]
            piece += random.normal(0, JITTER / piece.shape[1] ** 0.5, piece.shape).astype(np.float32)
            piece /= np.linalg.norm(piece, axis=1, keepdims=True)
    segments = [
        replace(
            batch.segments[row],
            comment_id=f"S{number // SEGMENTS_A_COMMENT}",
            start=10_000 * (number % SEGMENTS_A_COMMENT),
        )
        for number, row in enumerate(rows.tolist())
    ]
    return SegmentBatch(segments, vectors)


def cost(way: str, folder: Path, n_segments: int, seed: int) -> Cost:
    """Find topics in so many segments; meant for a fresh process."""
    from eval.topic_quality import WAYS, warm  # noqa: PLC0415, the parent process stays small

    batch = drawn(read_segments(folder), n_segments, seed)
    warm(batch)
    before = _most_bytes()
    started, cpu_started = time.perf_counter(), time.process_time()
    found = WAYS[way](batch, seed)
    seconds, cpu_seconds = time.perf_counter() - started, time.process_time() - cpu_started
    return Cost(
        way=way,
        segments=n_segments,
        topics=len(found.words),
        outliers=float((found.topics < 0).mean()),
        seconds=seconds,
        cpu_seconds=cpu_seconds,
        gib=_most_bytes() / GIB,
        before_gib=before / GIB,
    )


def _most_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def table(costs: Sequence[Cost]) -> Table:
    """The runs side by side."""
    shown = Table()
    for name in ("", "segments", "topics", "outliers", "seconds", "CPU seconds", "segments/CPU s", "GiB", "GiB before"):
        shown.add_column(name, justify="right" if name else "left")
    for it in costs:
        rate = it.segments / max(it.cpu_seconds, 1e-9)
        numbers = (
            f"{it.seconds:,.1f}",
            f"{it.cpu_seconds:,.1f}",
            f"{rate:,.0f}",
            f"{it.gib:.2f}",
            f"{it.before_gib:.2f}",
        )
        shown.add_row(it.way, f"{it.segments:,}", f"{it.topics:,}", f"{it.outliers:.3f}", *numbers)
    return shown


def main(
    segments: Annotated[Path, typer.Option(help="Folder of clauses and embeddings, as eval.topic_quality makes it.")],
    *,
    sizes: Annotated[list[int] | None, typer.Option("--size", min=1, help="Segments; 1,000 to 1,000,000.")] = None,
    ways: Annotated[
        list[str] | None, typer.Option("--way", help="As in eval.topic_quality; stemme by default.")
    ] = None,
    threads: Annotated[int, typer.Option(min=1, help="Threads of each numerical library.")] = 2,
    seed: Annotated[int, typer.Option(help="Of everything random.")] = 0,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Add the costs here, one JSON a line.")] = None,
) -> None:
    """Measure what finding topics costs as segments grow."""
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
        os.environ[name] = str(threads)  # read by the libraries when the fresh processes import them
    costs = []
    for way in ways or ["stemme"]:
        for n_segments in sizes or SIZES:
            with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
                costs.append(process.submit(cost, way, segments, n_segments, seed).result())
            print(json.dumps(asdict(costs[-1])), file=sys.stderr, flush=True)
            if output:
                with output.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(asdict(costs[-1])) + "\n")
    Console().print(table(costs))


if __name__ == "__main__":
    run_program(main)
