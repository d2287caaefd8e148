"""Any rows in: the same ids, in the same order, with the same columns beside them, from each format into each."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from api.files.formats import Format
from api.files.names import kept, unique
from tests.api.runs import Outcome, tag, tag_path

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
# A cell: any text, often with what delimits cells.
CELL = st.text(st.one_of(st.characters(exclude_categories=["Cs"]), st.sampled_from('",;\t\n\r\0')), max_size=20)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)
FIELDS = ("id", "sentiment", "error", "model", "input_model", "input_input_id", "language", "error_code", "raw")
NAME = TEXT | st.sampled_from(FIELDS)


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(st.lists(st.dictionaries(NAME, JSON, max_size=4), max_size=5))
def test_jsonl_to_jsonl(rows: list[dict[str, Any]]) -> None:
    ids = [f"{n}" for n in range(len(rows))]
    full = [{**row, "id": id_, "text": "sein"} for id_, row in zip(ids, rows, strict=True)]
    records = _tag("\n".join(map(json.dumps, full)) or "\n", Format.JSONL, Format.JSONL).records
    assert [record["id"] for record in records] == ids
    for row, record in zip(full, records, strict=True):
        through = {name if name in ("id", "text") else _nested(name): value for name, value in row.items()}
        assert {name: record[name] for name in through} == through


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(CELL, min_size=2, max_size=2), max_size=5), st.sampled_from(",;\t"))
def test_csv_to_csv(rows: list[list[str]], delimiter: str) -> None:
    full = [[f"{n}", "sein", *cells] for n, cells in enumerate(rows)]
    lines = [["id", "text", "a", "model"], *full]
    data = "\n".join(delimiter.join('"' + cell.replace('"', '""') + '"' for cell in line) for line in lines)
    out = _tag(data, Format.CSV, Format.CSV)
    names = ("id", "text", "a", "input_model")
    assert out.data.decode().startswith(delimiter.join(names))
    out.delimiter = delimiter
    assert [[cells[name] for name in names] for cells in out.cells] == full


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(st.none() | st.integers(-(2**63), 2**63 - 1), st.none() | st.floats(), st.none() | TEXT), max_size=5
    )
)
def test_parquet_to_parquet(rows: list[tuple[int | None, float | None, str | None]]) -> None:
    columns = list(zip(*rows, strict=True)) or [(), (), ()]
    table = pa.table(
        {
            "id": pa.array([f"{n}" for n in range(len(rows))], pa.string()),
            "text": pa.array(["sein"] * len(rows), pa.string()),
            "error": pa.array(columns[0], pa.int64()),
            "x": pa.array(columns[1], pa.float64()),
            "y": pa.array(columns[2], pa.string()),
        }
    )
    with TemporaryDirectory() as folder:
        parquet.write_table(table, Path(folder, "in.parquet"))
        out = tag_path(Path(folder, "in.parquet"), Path(folder, "out.parquet"))
        written = parquet.read_table(out.path)
    for name in ("id", "text", "x", "y"):
        assert _same(written.column(name).to_pylist(), table.column(name).to_pylist())
    assert written.column("input_error").to_pylist() == list(columns[0])


ROWS = [
    {"id": "a", "nps": "9", "by": "Tromsø", "text": "hyggelig"},
    {"id": "b", "nps": "", "by": 'Mo i\nRana, "nord"', "text": ""},
    {"id": "c", "nps": "0", "by": "📦;", "text": "sein"},
]


@pytest.mark.parametrize("from_", list(Format))
@pytest.mark.parametrize("to", list(Format))
def test_every_format_into_every_format(tmp_path: Path, from_: Format, to: Format) -> None:
    # Through one format into another and on into JSONL: what is read there is what came in, twice beside its tags.
    first = tag(tmp_path, "\n".join(map(json.dumps, ROWS)), Format.JSONL, from_)
    second = tag_path(first.path, tmp_path / f"second.{to}")
    third = tag_path(second.path, tmp_path / "third.jsonl").records
    assert [{name: record[name] for name in ("id", "nps", "by", "text")} for record in third] == ROWS
    assert [record.get("error", {}).get("code") for record in third] == [None, "empty_text", None]
    assert [record.get("sentiment", {}).get("label") for record in third] == ["positive", None, "negative"]


@given(st.lists(NAME, max_size=8))
def test_names_of_columns_never_meet(names: list[str]) -> None:
    own = unique(names)
    assert len(set(own)) == len(names)
    through = [kept(name, {"model", "error"}) for name in own]
    assert len({*through, "model", "error"}) == len(names) + 2


def _tag(data: str, from_: Format, to: Format) -> Outcome:
    """In a folder of its own, as Hypothesis runs many in one test."""
    with TemporaryDirectory() as folder:
        return tag(Path(folder), data, from_, to)


def _nested(name: str) -> str:
    fields = (
        "id",
        "language",
        "sentiment",
        "themes",
        "factors",
        "churn_risk",
        "follow_up",
        "model",
        "taxonomy",
        "error",
    )
    return kept(name, fields)


def _same(found: Sequence[Any], wanted: Sequence[Any]) -> bool:
    return list(map(_comparable, found)) == list(map(_comparable, wanted))


def _comparable(value: Any) -> Any:
    return "NaN" if isinstance(value, float) and math.isnan(value) else value
