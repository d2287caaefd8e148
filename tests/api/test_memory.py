"""A long file takes no more memory than a short one, and comes out in order."""

from __future__ import annotations

import csv
import gc
import json
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from api.demo import SAMPLE
from api.files.formats import Format
from api.files.rows import Row
from api.files.run import Run, tag_file
from nlp.record import Comment, FailedComment, Problem, Record, TaggedComment
from tests.api.runs import Silent, tag_path
from tests.stubs import StubTagger

ROOT = Path(__file__).parents[2]
BATCH = 16
PEAK = """
import sys
from pathlib import Path
from api.files.run import Run, tag_file
from tests.api.runs import Silent
from tests.stubs import StubTagger

tag_file(Run(sys.argv[1], sys.argv[2]), load_tagger=StubTagger, report=Silent())
status = Path("/proc/self/status").read_text()
print(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM")))
"""

SHIPPED_MODEL = PEAK.replace(
    "from tests.stubs import StubTagger", "from nlp.tagger import Tagger as StubTagger"
).replace("load_tagger=StubTagger", "load_tagger=StubTagger.load")


def alive() -> int:
    """How many rows and records there are in this process that were made since the test began."""
    return sum(type(thing) in {Row, FailedComment, TaggedComment} for thing in gc.get_objects())


@pytest.fixture(autouse=True)
def only_what_is_new() -> None:
    """What stood in memory before the test is not looked through each time: in a run of all tests that is a lot."""
    gc.collect()
    gc.freeze()


class Quick(StubTagger):
    """Gives up on every text."""

    def tag(self, comments: Iterable[Comment], *, batch_size: int = 64) -> Iterator[Record]:
        return (FailedComment(comment.id, Problem("stub", "stub")) for comment in comments)


class CountsRows(Quick):
    """Counts what is alive whenever it is asked for the next records."""

    def __init__(self) -> None:
        self.alive: list[int] = []

    def tag(self, comments: Iterable[Comment], *, batch_size: int = 64) -> Iterator[Record]:
        self.alive.append(alive())
        return super().tag(comments, batch_size=batch_size)


def write(folder: Path, rows: int, format_: Format, *, broken: bool = False) -> Path:
    """Rows as they come, some without a text; or broken ones only."""
    lines = [
        '{"id": ' if broken else json.dumps({"id": str(n), "text": "kom sein, " * 30 if n % 7 else "", "by": "Tromsø"})
        for n in range(rows)
    ]
    jsonl = folder / f"{rows}.jsonl"
    jsonl.write_text("\n".join(lines), encoding="utf-8")
    if format_ is Format.JSONL:
        return jsonl
    return tag_path(jsonl, folder / f"{rows}.{format_}").path


@pytest.mark.parametrize("from_", list(Format))
@pytest.mark.parametrize("to", list(Format))
def test_only_a_batch_of_rows_is_in_memory_at_a_time(tmp_path: Path, from_: Format, to: Format) -> None:
    source, tagger = write(tmp_path, 400, from_), CountsRows()
    before = alive()
    run = Run(str(source), str(tmp_path / f"out.{to}"), batch_size=BATCH)
    assert tag_file(run, load_tagger=lambda: tagger, report=Silent()).rows == 400
    assert len(tagger.alive) == 400 / BATCH
    assert (
        BATCH <= max(tagger.alive) - before <= 3 * BATCH + 2
    )  # the rows to be tagged; and rows and records just written


def test_only_a_batch_of_broken_rows_is_in_memory_at_a_time(tmp_path: Path) -> None:
    source, tagger = write(tmp_path, 400, Format.JSONL, broken=True), CountsRows()
    before = alive()
    run = Run(str(source), str(tmp_path / "out.jsonl"), batch_size=BATCH)
    tag_file(run, load_tagger=lambda: tagger, report=Silent())
    assert len(tagger.alive) == 400 / BATCH
    assert max(tagger.alive) - before <= 3 * BATCH + 2


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads the peak from Linux's own books")
@pytest.mark.parametrize(("from_", "to"), [(Format.CSV, Format.JSONL), (Format.JSONL, Format.PARQUET)])
def test_ten_thousand_rows_take_no_more_memory_than_a_thousand(tmp_path: Path, from_: Format, to: Format) -> None:
    peaks = []
    for rows in (1_000, 10_000):
        command = [sys.executable, "-c", PEAK, str(write(tmp_path, rows, from_)), str(tmp_path / f"out{rows}.{to}")]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        peaks.append(int(subprocess.run(command, env=environment, check=True, capture_output=True, timeout=300).stdout))
    assert peaks[1] <= 1.3 * peaks[0], peaks


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads the peak from Linux's own books")
@pytest.mark.slow
def test_the_shipped_model_takes_no_more_memory_for_a_long_file(tmp_path: Path) -> None:
    # A network frees large arrays after every batch, and rows that wait for their row group can pin what it frees: a
    # stub shows nothing of that. Both files are Parquet, as pyarrow takes memory by being loaded.
    texts = [row["text"] for row in csv.DictReader(SAMPLE.read_text(encoding="utf-8").splitlines()) if row["text"]]
    peaks = []
    for rows in (500, 4_000):
        source, target = tmp_path / f"{rows}.jsonl", tmp_path / f"{rows}.parquet"
        lines = (json.dumps({"id": str(n), "text": texts[n % len(texts)]}) for n in range(rows))
        source.write_text("\n".join(lines), encoding="utf-8")
        command = [sys.executable, "-c", SHIPPED_MODEL, str(source), str(target)]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        peaks.append(int(subprocess.run(command, env=environment, check=True, capture_output=True, timeout=300).stdout))
    assert peaks[1] <= 1.3 * peaks[0], peaks


def test_ten_thousand_rows_come_out_in_order(tmp_path: Path) -> None:
    source = write(tmp_path, 10_000, Format.JSONL)
    target = tmp_path / "out.jsonl"
    summary = tag_file(Run(str(source), str(target)), load_tagger=Quick, report=Silent())
    assert [json.loads(line)["id"] for line in target.read_text().splitlines()] == [str(n) for n in range(10_000)]
    assert summary.rows == 10_000
