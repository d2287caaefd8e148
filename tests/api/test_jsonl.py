"""JSON Lines: what passes through, and every kind of line that is no comment."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from api.files.columns import MAX_COLUMNS
from api.files.errors import EmptyInput, MissingColumns, TooManyColumns
from api.files.formats import Format
from api.files.identify import Roles
from tests.api.runs import tag

GOOD = '{"id": "ok", "text": "sein"}'


def test_columns_come_first_as_they_are_then_the_record(tmp_path: Path) -> None:
    row = {"nps": 9, "id": "a", "tags": ["x", {"y": None}], "price": 1.5, "text": "hyggelig", "vip": True}
    (record,) = tag(tmp_path, json.dumps(row), Format.JSONL).records
    assert list(record) == [
        *["nps", "id", "tags", "price", "text", "vip"],
        *["language", "sentiment", "themes", "factors", "churn_risk", "follow_up", "model", "taxonomy"],
    ]
    assert {name: record[name] for name in row} == row
    assert record["sentiment"]["label"] == "positive"


def test_letters_are_written_as_letters(tmp_path: Path) -> None:
    out = tag(tmp_path, '{"id": "a", "text": "sein p\\u00e5 \\u00c6r\\u00f8 \\ud83d\\udce6"}', Format.JSONL)
    assert '"sein på Ærø 📦"'.encode() in out.data


def test_a_record_is_one_line_to_everybody(tmp_path: Path) -> None:
    out = tag(tmp_path, '{"id": "a", "text": "sein\u2028og\u2029for\x85dyrt"}', Format.JSONL)
    (line,) = out.data.decode().splitlines()
    assert json.loads(line)["text"] == "sein\u2028og\u2029for\x85dyrt"


@pytest.mark.parametrize(("id_", "as_text"), [("42", "42"), ("4.5", "4.5"), ('"042"', "042")])
def test_a_number_as_id_becomes_a_string(tmp_path: Path, id_: str, as_text: str) -> None:
    assert [r["id"] for r in tag(tmp_path, f'{{"id": {id_}, "text": "sein"}}', Format.JSONL).records] == [as_text]


def test_an_id_column_of_another_name_passes_through_as_it_is(tmp_path: Path) -> None:
    (record,) = tag(tmp_path, '{"nr": 42, "text": "sein"}', Format.JSONL, roles=Roles("nr")).records
    assert (record["nr"], record["id"]) == (42, "42")


def test_a_column_called_as_a_field_of_the_record_is_kept_beside_it(tmp_path: Path) -> None:
    row = {"id": "a", "text": "sein", "sentiment": 3, "input_sentiment": 4, "input_x": 5}
    (record,) = tag(tmp_path, json.dumps(row), Format.JSONL).records
    assert record["sentiment"]["label"] == "negative"
    assert (record["input_sentiment"], record["input_input_sentiment"], record["input_x"]) == (3, 4, 5)


def test_a_broken_line_says_where_in_plain_words(tmp_path: Path) -> None:
    (record,) = tag(tmp_path, '{"id": "a", "text": "sein', Format.JSONL).records
    assert record["error"]["message"].startswith("The line is not JSON: Unterminated string starting at character 21.")


# Each of these lines is a row's own error; the line after it is tagged.
BAD_LINES = {
    "not JSON": ('{"id": "a", "text": "sein"', "broken_json"),
    "single quotes": ("{'id': 'a', 'text': 'sein'}", "broken_json"),
    "two objects": ('{"id": "a", "text": "x"} {"id": "b"}', "broken_json"),
    "a line break in a string": ('{"id": "a", "text": "se\tin"}', "broken_json"),
    "a list": ('["a", "sein"]', "not_an_object"),
    "a string": ('"sein"', "not_an_object"),
    "null": ("null", "not_an_object"),
    "no text": ('{"id": "a"}', "missing_text"),
    "text null": ('{"id": "a", "text": null}', "missing_text"),
    "text NaN, as pandas writes it": ('{"id": "a", "text": NaN}', "missing_text"),
    "text a number": ('{"id": "a", "text": 7}', "text_not_a_string"),
    "text a list": ('{"id": "a", "text": ["sein"]}', "text_not_a_string"),
    "text empty": ('{"id": "a", "text": ""}', "empty_text"),
    "text white space": ('{"id": "a", "text": " \\n\\u00a0"}', "empty_text"),
    "text too long": (json.dumps({"id": "a", "text": "x" * 20_001}), "text_too_long"),
    "half of a surrogate pair": ('{"id": "a", "text": "\\ud83d"}', "invalid_unicode"),
    "NUL": ('{"id": "a", "text": "se\\u0000in"}', "nul_character"),
    "no id": ('{"text": "sein"}', "missing_id"),
    "id null": ('{"id": null, "text": "sein"}', "missing_id"),
    "id blank": ('{"id": " ", "text": "sein"}', "missing_id"),
    "id true": ('{"id": true, "text": "sein"}', "bad_id"),
    "id a list": ('{"id": [1], "text": "sein"}', "bad_id"),
    "id half of a surrogate pair": ('{"id": "a\\ud83d", "text": "sein"}', "invalid_unicode"),
    "id there already": ('{"id": "first", "text": "sein"}', "duplicate_id"),
    "nested a hundred thousand deep": ('{"id": "a", "text": "x", "y": ' + "[" * 100_000, "nested_too_deep"),
    "nested deep and closed": (f'{{"id": "a", "text": "x", "y": {"[" * 500}{"]" * 500}}}', "nested_too_deep"),
}


@pytest.mark.parametrize(("line", "code"), BAD_LINES.values(), ids=BAD_LINES.keys())
@pytest.mark.parametrize("to", list(Format))
def test_a_bad_line_is_an_error_in_its_place_and_stops_nothing(
    tmp_path: Path, line: str, code: str, to: Format
) -> None:
    data = f'{{"id": "first", "text": "rask"}}\n{line}\n{GOOD}\n'
    summary = tag(tmp_path, data, Format.JSONL, to).summary
    assert (summary.rows, summary.tagged, {c: e.first_line for c, e in summary.errors.items()}) == (3, 2, {code: 2})
    assert tag(tmp_path, data, Format.JSONL).codes == [None, code, None]


@pytest.mark.parametrize("line", ['{"id": "a", "text": "sein"', "[1]", "{'id'}"])
def test_a_line_that_is_no_object_is_kept_as_it_came_with_its_number(tmp_path: Path, line: str) -> None:
    record = tag(tmp_path, f"{GOOD}\n\n{line}\r\n", Format.JSONL).records[1]
    assert (record["line"], record["raw"], record["id"]) == (3, line, None)
    assert "text" not in record


def test_no_error_repeats_what_the_customer_wrote(tmp_path: Path) -> None:
    lines = [GOOD, *(line.replace("sein", "Kari Nordmann") for line, _ in BAD_LINES.values())]
    for record in tag(tmp_path, "\n".join(lines), Format.JSONL).records:
        assert "Kari" not in record.get("error", {}).get("message", "")


@pytest.mark.parametrize(
    ("number", "value"),
    [
        ("123456789012345678901234567890", 123456789012345678901234567890),
        ("9" * 5000, "9" * 5000),  # more digits than Python turns into a number: kept as text
        ("1e400", "1e400"),
        ("NaN", None),
        ("-Infinity", None),
    ],
)
def test_numbers_that_few_can_hold_do_not_stop_the_run(tmp_path: Path, number: str, value: Any) -> None:
    (record,) = tag(tmp_path, f'{{"id": "a", "text": "sein", "n": {number}}}', Format.JSONL).records
    assert record["n"] == value
    assert record["sentiment"]["label"] == "negative"


def test_blank_lines_are_no_rows(tmp_path: Path) -> None:
    assert tag(tmp_path, f"\n{GOOD}\n \n\r\n", Format.JSONL).summary.rows == 1


def test_a_last_line_without_a_line_break_counts(tmp_path: Path) -> None:
    data = GOOD + '\n{"id": "b", "text": "rask"}'
    assert [r["id"] for r in tag(tmp_path, data, Format.JSONL).records] == ["ok", "b"]


def test_files_with_byte_order_marks_glued_together(tmp_path: Path) -> None:
    data = f"\ufeff{GOOD}\n\ufeff" + GOOD.replace("ok", "b")
    assert tag(tmp_path, data, Format.JSONL).codes == [None, None]


def test_a_file_in_utf16_as_powershell_writes_it(tmp_path: Path) -> None:
    out = tag(tmp_path, '{"id": "a", "text": "sein på Ærø"}\r\n'.encode("utf-16"), Format.JSONL)
    assert [r["text"] for r in out.records] == ["sein på Ærø"]


def test_bytes_that_are_not_utf8_are_an_error_of_their_row_only(tmp_path: Path) -> None:
    data = '{"id": "a", "text": "blå"}\n'.encode() + b'{"id": "b", "text": "bl\xe5"}\n' + GOOD.encode()
    assert tag(tmp_path, data, Format.JSONL).codes == [None, "invalid_unicode", None]


def test_ids_that_differ_only_in_type_are_one_id(tmp_path: Path) -> None:
    out = tag(tmp_path, '{"id": 7, "text": "sein"}\n{"id": "7", "text": "rask"}', Format.JSONL)
    assert out.codes == [None, "duplicate_id"]


def test_a_file_whose_texts_have_another_name_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MissingColumns, match=r"no column 'text' .*'id', 'kommentar'.*--text-column"):
        tag(tmp_path, '{"id": "a", "kommentar": "sein"}\n' * 3, Format.JSONL)


def test_a_file_without_bytes_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EmptyInput):
        tag(tmp_path, "", Format.JSONL)


def test_more_keys_than_a_table_can_have_columns_are_refused(tmp_path: Path) -> None:
    rows = [{"id": str(n), "text": "sein", **{f"k{n}_{m}": 1 for m in range(100)}} for n in range(MAX_COLUMNS // 100)]
    data = "\n".join(map(json.dumps, rows))
    with pytest.raises(TooManyColumns, match="10,000"):
        tag(tmp_path, data, Format.JSONL, Format.CSV)
    assert tag(tmp_path, data, Format.JSONL).summary.tagged == 100
