"""A long file takes no more memory than a short one, and comes out in order."""

from __future__ import annotations

import json
import tracemalloc
from pathlib import Path

import pytest

from api.files.formats import Format
from api.files.run import Run, tag_file
from tests.api.runs import Silent, tag_path
from tests.stubs import StubTagger

SHORT, LONG = 1_000, 10_000


def write(folder: Path, rows: int, format_: Format) -> Path:
    """Rows as they come: tagged ones, broken ones, and ids that were there before."""
    jsonl = folder / f"{rows}.jsonl"
    with jsonl.open("w", encoding="utf-8") as stream:
        for n in range(rows):
            row = {"id": str(n if n % 50 else 0), "text": "pakka kom sein " * 5 if n % 7 else "", "by": "Tromsø"}
            stream.write(json.dumps(row) + "\n")
    if format_ is Format.JSONL:
        return jsonl
    path = folder / f"{rows}.{format_}"
    run = Run(str(jsonl), str(path))
    tag_file(run, load_tagger=StubTagger, report=Silent())
    return path


def peak(source: Path, target: Path) -> int:
    """The most bytes that a run held at once, without the parts of Arrow that bound themselves."""
    run = Run(str(source), str(target))
    tracemalloc.start()
    try:
        tag_file(run, load_tagger=StubTagger, report=Silent())
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("from_", list(Format))
@pytest.mark.parametrize("to", list(Format))
def test_ten_times_the_rows_take_no_more_memory(tmp_path: Path, from_: Format, to: Format) -> None:
    short, long = write(tmp_path, SHORT, from_), write(tmp_path, LONG, from_)
    peak(short, tmp_path / f"warm.{to}")  # what is loaded on first use stays, and is no part of either run
    small = peak(short, tmp_path / f"short.{to}")
    assert peak(long, tmp_path / f"long.{to}") < 1.3 * small + 100_000


def test_rows_that_are_all_broken_take_no_more_memory(tmp_path: Path) -> None:
    for rows in (SHORT, LONG):
        (tmp_path / f"{rows}.jsonl").write_text('{"id": \n' * rows)
    peak(tmp_path / f"{SHORT}.jsonl", tmp_path / "warm.jsonl")
    small = peak(tmp_path / f"{SHORT}.jsonl", tmp_path / "short.jsonl")
    assert peak(tmp_path / f"{LONG}.jsonl", tmp_path / "long.jsonl") < 1.3 * small + 100_000


def test_ten_thousand_rows_come_out_in_order(tmp_path: Path) -> None:
    out = tag_path(write(tmp_path, LONG, Format.JSONL), tmp_path / "out.jsonl")
    assert [record["id"] for record in out.records] == [str(n if n % 50 else 0) for n in range(LONG)]
    assert out.summary.rows == LONG
