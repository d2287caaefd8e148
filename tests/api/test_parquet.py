"""Parquet: types kept, groups bounded, and columns that must be known before the first row."""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet

from api.files.errors import AmbiguousColumn, MissingColumns, UnreadableInput
from api.files.formats import Format
from api.files.identify import Roles
from api.files.layout import NESTED_FIELDS
from api.files.write_parquet import RECORD_SCHEMA
from tests.api.runs import Outcome, tag, tag_path


def tag_table(folder: Path, table: Any, to: Format = Format.PARQUET) -> Outcome:
    parquet.write_table(table, folder / "in.parquet")
    return tag_path(folder / "in.parquet", folder / f"out.{to}")


def table(**columns: Any) -> Any:
    rows = len(next(iter(columns.values()), [0]))
    ids = pa.array([f"{n}" for n in range(rows)])
    return pa.table({"id": ids, "text": pa.array(["sein"] * rows), **columns})


def test_the_record_is_typed_and_nested(tmp_path: Path) -> None:
    out = tag(tmp_path, "id,text\na,hyggelig men bytter!\nb,\n", Format.CSV, Format.PARQUET)
    written = parquet.read_table(out.path)
    assert written.schema.names == ["id", "text", *NESTED_FIELDS[1:]]
    for field in RECORD_SCHEMA:
        assert written.schema.field(field.name).type == field.type
    tagged, failed = written.to_pylist()
    assert tagged["sentiment"]["probabilities"] == {"negative": 0.0, "neutral": 0.0, "mixed": 0.0, "positive": 1.0}
    assert tagged["themes"][0]["spans"] == [{"start": 0, "end": 8}]
    assert tagged["churn_risk"] == {"flag": True, "confidence": 0.9, "spans": [{"start": 13, "end": 19}]}
    assert tagged["error"] is None
    assert (failed["error"]["code"], failed["sentiment"], failed["themes"]) == ("empty_text", None, None)


def test_the_schema_has_every_field_of_the_record() -> None:
    assert tuple(RECORD_SCHEMA.names) == NESTED_FIELDS


@pytest.mark.parametrize(
    ("values", "type_", "stored"),
    [
        (["1", "2", "null"], pa.int64(), [1, 2, None]),
        (["1", "2.5", "null"], pa.float64(), [1.0, 2.5, None]),
        (["true", "false", "null"], pa.bool_(), [True, False, None]),
        (['"x"', '""', "null"], pa.string(), ["x", "", None]),
        (["null", "null", "null"], pa.string(), [None, None, None]),
        (['"x"', "1", "true"], pa.string(), ['"x"', "1", "true"]),
        (["[1]", '{"å": 1}', "null"], pa.string(), ["[1]", '{"å": 1}', None]),
        (["1", "true", "null"], pa.string(), ["1", "true", None]),
        (["1", "9223372036854775808", "null"], pa.string(), ["1", "9223372036854775808", None]),
        (["9223372036854775807", "-9223372036854775808", "1"], pa.int64(), [2**63 - 1, -(2**63), 1]),
        (["9007199254740993", "0.5", "1"], pa.string(), ["9007199254740993", "0.5", "1"]),
    ],
    ids=[
        *["integers", "numbers", "booleans", "strings", "nothing", "mixed", "parts", "integer and boolean"],
        *["too large for 64 bits", "just in 64 bits", "not exact as a double"],
    ],
)
def test_the_type_of_a_column_is_told_from_all_its_json_values(
    tmp_path: Path, values: list[str], type_: Any, stored: list[Any]
) -> None:
    lines = [f'{{"id": "{n}", "text": "sein", "x": {value}}}' for n, value in enumerate(values)]
    written = parquet.read_table(tag(tmp_path, "\n".join(lines), Format.JSONL, Format.PARQUET).path)
    assert written.schema.field("x").type == type_
    assert written.column("x").to_pylist() == stored


@pytest.mark.parametrize(
    ("bad", "stored"), [("7", "7"), ("true", "true"), ('["sein"]', '["sein"]'), ('{"å": 1.5}', '{"å": 1.5}')]
)
def test_one_text_that_is_no_string_leaves_the_others_as_they_are(tmp_path: Path, bad: str, stored: str) -> None:
    texts = ['"sein"', bad, "null", '"rask \\"levering\\""']
    lines = [f'{{"id": "{n}", "text": {text}, "question": {text}}}' for n, text in enumerate(texts)]
    written = parquet.read_table(tag(tmp_path, "\n".join(lines), Format.JSONL, Format.PARQUET).path)
    assert written.schema.field("text").type == pa.string()
    for column in ("text", "question"):
        assert written.column(column).to_pylist() == ["sein", stored, None, 'rask "levering"']
    errors = [error and error["code"] for error in written.column("error").to_pylist()]
    assert errors == [None, "text_not_a_string", "missing_text", None]


def test_a_column_of_texts_without_a_string_keeps_its_type(tmp_path: Path) -> None:
    lines = [f'{{"id": "{n}", "text": {n}, "question": {n}}}' for n in range(3)]
    written = parquet.read_table(tag(tmp_path, "\n".join(lines), Format.JSONL, Format.PARQUET).path)
    assert written.column("text").to_pylist() == [0, 1, 2] == written.column("question").to_pylist()


def test_the_text_column_is_the_one_that_is_named(tmp_path: Path) -> None:
    lines = ['{"nr": "a", "svar": "sein", "text": "x"}', '{"nr": "b", "svar": 7, "text": 8}']
    roles = Roles(id_column="nr", text_column="svar")
    written = parquet.read_table(tag(tmp_path, "\n".join(lines), Format.JSONL, Format.PARQUET, roles=roles).path)
    assert written.column("svar").to_pylist() == ["sein", "7"]
    assert written.column("text").to_pylist() == ['"x"', "8"]  # a mixture, which nobody reads as text


def test_a_key_that_only_the_last_line_has_is_a_column(tmp_path: Path) -> None:
    lines = [*(f'{{"id": "{n}", "text": "sein"}}' for n in range(300)), '{"id": "x", "text": "sein", "late": 1}']
    written = parquet.read_table(tag(tmp_path, "\n".join(lines), Format.JSONL, Format.PARQUET).path)
    assert written.column("late").to_pylist() == [*[None] * 300, 1]


# A column of each type that Parquet has and JSON has not, and how JSON says it.
TYPED = {
    "date": (pa.array([dt.date(2025, 3, 1), None]), ["2025-03-01", None]),
    "moment": (
        pa.array([1_740_000_000_000_000_001, None], pa.timestamp("ns", "UTC")),
        ["2025-02-19 21:20:00.000000001Z", None],
    ),
    "decimal": (pa.array([Decimal("19.90"), None]), ["19.90", None]),
    "bytes": (pa.array([b"\xff\x00", None]), ["/wA=", None]),
    "list": (pa.array([[dt.date(2025, 3, 1)], None]), [["2025-03-01"], None]),
    "struct": (pa.array([{"by": "Ås", "at": dt.date(2025, 3, 1)}, None]), [{"by": "Ås", "at": "2025-03-01"}, None]),
    "map": (pa.array([[("a", 1)], None], pa.map_(pa.string(), pa.int32())), [[["a", 1]], None]),
    "small": (pa.array([7, None], pa.int8()), [7, None]),
}


@pytest.mark.parametrize(("column", "as_json"), TYPED.values(), ids=TYPED.keys())
def test_a_column_keeps_its_type_from_parquet_to_parquet(tmp_path: Path, column: Any, as_json: Any) -> None:
    written = parquet.read_table(tag_table(tmp_path, table(x=column)).path)
    assert written.schema.field("x").type == column.type
    assert written.column("x").combine_chunks().equals(column)


def test_a_number_that_is_none_stays_so_in_parquet_and_is_null_in_json(tmp_path: Path) -> None:
    column = pa.array([float("nan"), float("-inf"), 1.5, None])
    written = parquet.read_table(tag_table(tmp_path, table(x=column)).path).column("x")
    assert written.combine_chunks().to_string() == column.to_string()  # as text: NaN is not equal to NaN
    assert [r["x"] for r in tag_table(tmp_path, table(x=column), Format.JSONL).records] == [None, None, 1.5, None]


@pytest.mark.parametrize(("column", "as_json"), TYPED.values(), ids=TYPED.keys())
def test_a_column_is_said_in_json_from_parquet_to_jsonl(tmp_path: Path, column: Any, as_json: Any) -> None:
    assert [r["x"] for r in tag_table(tmp_path, table(x=column), Format.JSONL).records] == as_json


def test_a_column_of_categories_comes_out_as_strings(tmp_path: Path) -> None:
    column = pa.array(["butikk", None, "butikk"]).dictionary_encode()
    assert parquet.read_table(tag_table(tmp_path, table(x=column)).path).column("x").to_pylist() == column.to_pylist()
    assert [r["x"] for r in tag_table(tmp_path, table(x=column), Format.JSONL).records] == column.to_pylist()


def test_integer_ids_become_strings(tmp_path: Path) -> None:
    data = pa.table({"id": pa.array([42, None, 42]), "text": ["sein", "sein", "rask"]})
    assert parquet.read_table(tag_table(tmp_path, data).path).column("id").to_pylist() == ["42", None, "42"]
    assert tag_table(tmp_path, data, Format.JSONL).codes == [None, "missing_id", "duplicate_id"]


@pytest.mark.parametrize(
    ("texts", "code"),
    [
        (pa.array([None], pa.string()), "missing_text"),
        (pa.array([7]), "text_not_a_string"),
        (pa.array([dt.date(2025, 3, 1)]), "text_not_a_string"),
        (pa.array([" "]), "empty_text"),
        (pa.array([b"bl\xe5"]).view(pa.string()), "invalid_unicode"),
    ],
    ids=["null", "a number", "a date", "blank", "not UTF-8"],
)
def test_a_bad_text_is_an_error_of_its_row(tmp_path: Path, texts: Any, code: str) -> None:
    assert tag_table(tmp_path, pa.table({"id": ["a"], "text": texts}), Format.JSONL).codes == [code]


def test_what_is_no_unicode_is_written_out(tmp_path: Path) -> None:
    out = tag(tmp_path, "id,text\na,blå\n".encode() + b"b,bl\xe5\n", Format.CSV, Format.PARQUET)
    assert parquet.read_table(out.path).column("text").to_pylist() == ["blå", "bl\\udce5"]


def test_row_groups_are_of_bounded_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.files.write_parquet.ROWS_PER_GROUP", 100)
    written = parquet.ParquetFile(tag_table(tmp_path, table(n=pa.array(range(310)))).path).metadata
    sizes = [written.row_group(n).num_rows for n in range(written.num_row_groups)]
    assert sizes == [128, 128, 54]  # whole batches of 64, as soon as they are 100 rows


def test_a_table_without_rows_gives_one_without_rows(tmp_path: Path) -> None:
    written = parquet.read_table(tag_table(tmp_path, table(x=pa.array([], pa.int8()))).path)
    assert written.num_rows == 0
    assert "themes" in written.schema.names


def test_a_missing_column_names_those_that_are_there(tmp_path: Path) -> None:
    with pytest.raises(MissingColumns, match="'nr', 'svar'"):
        tag_table(tmp_path, pa.table({"nr": [1], "svar": ["sein"]}))


def test_a_text_column_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    twice = pa.Table.from_arrays([pa.array(["a"])] * 3, names=["id", "text", "text"])
    with pytest.raises(AmbiguousColumn):
        tag_table(tmp_path, twice)


@pytest.mark.parametrize("data", ["id,text\na,sein\n", "PAR1"], ids=["CSV", "cut off"])
def test_a_file_that_is_not_parquet_is_refused(tmp_path: Path, data: str) -> None:
    with pytest.raises(UnreadableInput, match=r"in\.parquet cannot be read as Parquet"):
        tag(tmp_path, data, Format.PARQUET)


def test_flat_cells_say_the_same_as_nested_ones(tmp_path: Path) -> None:
    data = table(x=pa.array([dt.date(2025, 3, 1)]))
    (cells,) = tag_table(tmp_path, data, Format.CSV).cells
    (record,) = tag_table(tmp_path, data, Format.JSONL).records
    assert (cells["x"], cells["sentiment"]) == ("2025-03-01", record["sentiment"]["label"])
    assert json.loads(cells["themes"]) == record["themes"]
