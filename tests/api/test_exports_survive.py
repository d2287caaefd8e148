"""What exports do to their readers: marks, delimiters, encodings, quotes, blanks and numbers as people write them."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.exports.errors import AmbiguousDates, AmbiguousExportColumn
from api.exports.mapping import DateRule, NumberRule
from api.exports.values import BadValue, as_moment, as_nps, as_number, time_zone
from api.files.errors import BrokenHeader, EmptyInput, UnknownFormat
from tests.api.exports import Read, write

MAPPING = """
name = "own"
source = "kundesenter"
[columns]
id = "nr"
nps = { name = "nps", optional = true }
rating = { name = "karakter", optional = true }
submitted_at = { name = "dato", optional = true, zone = "Europe/Copenhagen" }
[[text]]
name = "svar"
"""
NORWEGIAN, DANISH, SWEDISH = "Pakka kom seint på laurdag", "Dårlig kø på Ærø – øv", "Så trögt på lördag"


@pytest.fixture
def own(tmp_path: Path) -> str:
    path = tmp_path / "own.toml"
    path.write_text(MAPPING, encoding="utf-8")
    return str(path)


@pytest.mark.parametrize("end", ["\r\n", "\n"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
def test_delimiters_encodings_and_line_breaks(
    tmp_path: Path, own: str, encoding: str, delimiter: str, end: str
) -> None:
    rows = [["nr", "svar"], ["1", NORWEGIAN], ["2", DANISH], ["3", f'{SWEDISH};\tja, "{end}']]
    read = Read(write(tmp_path / "e.csv", rows, delimiter=delimiter, encoding=encoding, end=end), own)
    assert [(c.external_id, c.text) for c in read.comments] == [
        ("1", NORWEGIAN),
        ("2", DANISH),
        ("3", f'{SWEDISH};\tja, "'),
    ]
    assert any("cp1252" in notice for notice in read.notices) == (encoding == "cp1252")


def test_quoted_line_breaks_stay_in_the_text(tmp_path: Path, own: str) -> None:
    read = Read(write(tmp_path / "e.csv", [["nr", "svar"], ["1", "Først\r\nså\nsist"], ["2", "Bra"]]), own)
    assert read.texts == ["Først\r\nså\nsist", "Bra"]


@pytest.mark.parametrize(
    "header",
    [
        [["nr", "svar"]],
        [["nr", "svar"], ["Nr", "Hva var bra?"]],
        [["nr", "svar"], ["No.", "Hva var bra?"], ['{"ImportId":"QID1"}', '{"ImportId":"QID2_TEXT"}']],
    ],
    ids=["one", "two", "three"],
)
def test_one_to_three_header_rows(tmp_path: Path, own: str, header: list[list[str]]) -> None:
    assert Read(write(tmp_path / "e.csv", [*header, ["1", "Bra"]]), own).texts == ["Bra"]


def test_an_answer_that_looks_like_a_name_is_no_header(tmp_path: Path, own: str) -> None:
    assert Read(write(tmp_path / "e.csv", [["nr", "svar"], ["1", "Svar aldri"]]), own).texts == ["Svar aldri"]


@pytest.mark.parametrize("blank", ["", "  ", "\u00a0", "N/A", "n/a", "-", "–", ".", "...", " - "])
def test_what_is_no_answer_is_skipped(tmp_path: Path, own: str, blank: str) -> None:
    read = Read(write(tmp_path / "e.csv", [["nr", "svar"], ["1", blank], ["2", "Bra"]]), own)
    assert read.texts == ["Bra"]
    assert read.skipped == [(2, "no answer")]


@pytest.mark.parametrize("answer", ["ingen kommentar", "Nei", "?", "👍", "0", "null", "-5 i karakter", ".?"])
def test_short_answers_are_answers(tmp_path: Path, own: str, answer: str) -> None:
    assert Read(write(tmp_path / "e.csv", [["nr", "svar"], ["1", answer]]), own).texts == [answer]


def test_blank_rows_are_counted_apart(tmp_path: Path, own: str) -> None:
    read = Read(write(tmp_path / "e.csv", [["nr", "svar"], ["1", "Bra"], ["", " "]]), own)
    assert read.skipped == [(3, "blank row")]


@pytest.mark.parametrize(("written", "rating"), [("4,5", 4.5), ("4.5", 4.5), ("4", 4.0), ("N/A", None), ("", None)])
def test_decimal_comma_and_missing_values(tmp_path: Path, own: str, written: str, rating: float | None) -> None:
    rows = [["nr", "svar", "karakter"], ["1", "Bra", written]]
    (comment,) = Read(write(tmp_path / "e.csv", rows, delimiter=";"), own).comments
    assert comment.rating == rating


def test_missing_metadata(tmp_path: Path, own: str) -> None:
    (comment,) = Read(write(tmp_path / "e.csv", [["nr", "svar"], ["1", "Bra"]]), own).comments
    assert (comment.nps, comment.rating, comment.submitted_at, comment.respondent) == (None, None, None, None)


def test_rows_that_cannot_be_understood_are_rejected_with_their_line_and_code(tmp_path: Path, own: str) -> None:
    lines = ["nr,svar,nps,dato", "1,Bra,11,", "2,Fint,9,i går", "3,Ja,9,,for,mange", '4,"åpen "her,9,']
    lines += ["5,Flott,9,2026-03-01", "1x,Ja,9,,,", "5,Igjen,8,", ""]
    (tmp_path / "e.csv").write_text("\n".join(lines), encoding="utf-8")
    read = Read(tmp_path / "e.csv", own)
    assert read.rejected == [
        (2, "bad_nps"),
        (3, "bad_date"),
        (4, "wrong_number_of_columns"),
        (5, "broken_quotes"),
        (8, "duplicate_id"),
    ]
    assert read.texts == ["Flott", "Ja"]  # blank cells past the header are no error


def test_bytes_of_another_encoding_reject_their_row_only(tmp_path: Path, own: str) -> None:
    (tmp_path / "e.csv").write_bytes("nr,svar\n1,blåbær\n".encode() + b"2,bl\xe5b\xe6r\n3,Bra\n")
    read = Read(tmp_path / "e.csv", own)
    assert (read.texts, read.rejected) == (["blåbær", "Bra"], [(3, "invalid_unicode")])


@pytest.mark.parametrize(
    ("written", "order", "expected"),
    [
        ("01/02/2026 09:15", "day-first", "2026-02-01T09:15:00+01:00"),
        ("01/02/2026 09:15:30 PM", "month-first", "2026-01-02T21:15:30+01:00"),
        ("12/31/2026 12:00 AM", "month-first", "2026-12-31T00:00:00+01:00"),
        ("1.2.2026 kl", None, "bad_date"),
        ("1.2.2026", None, "2026-02-01T00:00:00+01:00"),
        ("2026-02-01 09:15", None, "2026-02-01T09:15:00+01:00"),
        ("2026-02-01T09:15:00Z", None, "2026-02-01T09:15:00+00:00"),
        ("01/02/2026", None, "ambiguous_date"),
        ("31/02/2026", "day-first", "bad_date"),
        ("01/02/2026 25:00", "day-first", "bad_date"),
    ],
)
def test_dates(written: str, order: str | None, expected: str) -> None:
    rule = DateRule.model_validate({"date_order": order})
    try:
        found = as_moment(written, rule, time_zone("Europe/Oslo", where="test"), column="dato").isoformat()
    except BadValue as error:
        found = error.problem.code
    assert found == expected


def test_an_order_of_day_and_month_that_is_not_stated_is_refused_before_the_first_row(tmp_path: Path, own: str) -> None:
    path = write(tmp_path / "e.csv", [["nr", "svar", "dato"], ["1", "Bra", "31/12/2026"]])
    with pytest.raises(AmbiguousDates, match="--date-order day-first"):
        Read(path, own)
    (comment,) = Read(path, own, date_order="day-first").comments
    assert comment.submitted_at is not None
    assert comment.submitted_at.isoformat() == "2026-12-31T00:00:00+01:00"


def test_a_date_of_a_workbook_needs_no_order() -> None:
    zone = time_zone("Europe/Stockholm", where="test")
    moment = as_moment(datetime(2026, 7, 1, 9, 15), DateRule(), zone, column="dato")
    assert moment.isoformat() == "2026-07-01T09:15:00+02:00"


@pytest.mark.parametrize(
    ("written", "nps"),
    [("9", 9), ("9,0", 9), ("10 - Svært sannsynlig", 10), ("0 (Slett ikke)", 0), ("Ja", 10), ("3", 0)],
)
def test_nps_as_number_label_and_code(written: str, nps: int) -> None:
    assert as_nps(written, NumberRule(translate={"ja": 10, "3": 0}), column="nps") == nps


@pytest.mark.parametrize("written", ["11", "-1", "8,5", "mye", "9-10", "5 5"])
def test_what_is_no_nps(written: str) -> None:
    with pytest.raises(BadValue, match="column 'Q3'"):
        as_nps(written, NumberRule(), column="Q3")


@given(st.integers(-99_999_999, 99_999_999), st.sampled_from([",", "."]))
def test_a_number_is_read_as_it_was_written(hundredths: int, mark: str) -> None:
    written = f"{hundredths / 100:.2f}".replace(".", mark)
    assert as_number(written, NumberRule(), column="x") == hundredths / 100
    assert as_number(written, NumberRule(decimal=mark), column="x") == hundredths / 100  # type: ignore[arg-type]


def test_two_columns_of_one_name_are_refused_for_a_field_that_can_have_one(tmp_path: Path, own: str) -> None:
    path = write(tmp_path / "e.csv", [["nr", "svar", "NPS", "nps"], ["1", "Bra", "9", "8"]])
    with pytest.raises(AmbiguousExportColumn, match="2 columns that fit nps"):
        Read(path, own)


@pytest.mark.parametrize(
    ("name", "data", "error"),
    [("e.csv", b"", EmptyInput), ("e.pdf", b"x", UnknownFormat), ("e.csv", b'nr,"svar\n1,2\n', BrokenHeader)],
)
def test_what_is_no_export_is_refused(tmp_path: Path, own: str, name: str, data: bytes, error: type[Exception]) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(error):
        Read(tmp_path / name, own)
