"""Exports in workbooks: real dates, numbers as numbers and as text, blank rows, several sheets."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest

from api.exports.errors import BadWorkbook, MissingTimeZone, UnknownSheet
from api.files.errors import EmptyInput
from tests.api.exports import Read, qualtrics

openpyxl = pytest.importorskip("openpyxl")
OSLO = "Europe/Oslo"


def workbook(path: Path, **sheets: list[list[Any]]) -> Path:
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    book.save(path)
    return path


HEADER = ["Answers", "Submitted on", "From"]


def test_dates_of_a_workbook_are_dates_in_the_zone_that_is_said(tmp_path: Path) -> None:
    rows = [HEADER, ["Bra", dt.datetime(2026, 7, 1, 9, 15), "Web"], ["Fint", dt.date(2026, 1, 2), "Web"]]
    path = workbook(tmp_path / "n.xlsx", Svar=rows)
    assert [c.submitted_at.isoformat() for c in Read(path, time_zone=OSLO).comments if c.submitted_at] == [
        "2026-07-01T09:15:00+02:00",
        "2026-01-02T00:00:00+01:00",
    ]
    with pytest.raises(MissingTimeZone):
        Read(path)


def test_numbers_as_numbers_and_as_text(tmp_path: Path) -> None:
    rows = [["nr", "nps", "svar"], [118342567890, 9, "Bra"], ["007", "10", "Fint"], [3, 8.5, "Tja"], [4, True, 12]]
    path = workbook(tmp_path / "e.xlsx", Svar=rows)
    (tmp_path / "own.toml").write_text(
        'name = "own"\nsource = "own"\ncolumns = { id = "nr", nps = "nps" }\ntext = [{ name = "svar" }]\n'
    )
    read = Read(path, str(tmp_path / "own.toml"))
    assert [(c.external_id, c.nps, c.text) for c in read.comments] == [("118342567890", 9, "Bra"), ("007", 10, "Fint")]
    assert read.rejected == [(4, "bad_nps"), (5, "bad_nps")]


def test_blank_rows_at_the_end_are_skipped_and_rows_above_keep_their_numbers(tmp_path: Path) -> None:
    path = workbook(tmp_path / "n.xlsx", Svar=[["Answers"], ["Bra"], [None], ["-"], [" "], [""]])
    read = Read(path)
    assert read.texts == ["Bra"]
    assert read.skipped[:2] == [(3, "blank row"), (4, "no answer")]
    assert {reason for _, reason in read.skipped[2:]} <= {"blank row"}


def test_a_table_that_begins_further_down_keeps_the_sheets_row_numbers(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    for row, value in ((4, "Answers"), (5, "Bra"), (6, "N/A")):
        book.active.cell(row, 3, value)
    book.save(tmp_path / "n.xlsx")
    read = Read(tmp_path / "n.xlsx")
    assert (read.texts, read.skipped) == (["Bra"], [(6, "no answer")])


def test_the_first_sheet_that_holds_anything_is_read_and_the_others_are_named(tmp_path: Path) -> None:
    path = workbook(tmp_path / "n.xlsx", Forside=[], Svar=[["Answers"], ["Bra"]], Kodebok=[["Kode"], ["1"]])
    read = Read(path)
    assert read.texts == ["Bra"]
    assert "Reading the sheet 'Svar'; there are also 'Forside', 'Kodebok'." in read.notices


@pytest.mark.parametrize("sheet", ["Mer", "2"], ids=["by name", "by number"])
def test_a_sheet_can_be_named(tmp_path: Path, sheet: str) -> None:
    path = workbook(tmp_path / "n.xlsx", Svar=[["Answers"], ["Bra"]], Mer=[["Answers"], ["Dyrt"]])
    assert Read(path, sheet=sheet).texts == ["Dyrt"]


@pytest.mark.parametrize("sheet", ["Svarr", "3", "0"])
def test_a_sheet_that_is_not_there_is_refused_with_those_that_are(tmp_path: Path, sheet: str) -> None:
    path = workbook(tmp_path / "n.xlsx", Svar=[["Answers"], ["Bra"]], Mer=[["Answers"], ["Dyrt"]])
    with pytest.raises(UnknownSheet, match=r"Sheets found: 'Svar', 'Mer'"):
        Read(path, sheet=sheet)


def test_a_hidden_sheet_is_not_read_unless_it_is_named(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    book.active.append(["Answers"])
    book.active.append(["Skjult"])
    book.active.sheet_state = "hidden"
    shown = book.create_sheet("Vist")
    shown.append(["Answers"])
    shown.append(["Vist"])
    book.active = 1
    book.save(tmp_path / "n.xlsx")
    assert Read(tmp_path / "n.xlsx").texts == ["Vist"]
    assert Read(tmp_path / "n.xlsx", sheet="1").texts == ["Skjult"]


def test_qualtrics_with_three_header_rows_in_a_workbook(tmp_path: Path) -> None:
    rows = [list(row) for row in qualtrics({"ResponseId": "R_1", "Q5": "Bra\nog rask"}, zone=OSLO)]
    (comment,) = Read(workbook(tmp_path / "q.xlsx", Sheet0=rows)).comments
    assert (comment.external_id, comment.text) == ("R_1:QID5_TEXT", "Bra\nog rask")
    assert comment.submitted_at is not None
    assert comment.submitted_at.isoformat() == "2026-03-02T09:05:01+01:00"


def test_what_is_no_workbook_is_refused(tmp_path: Path) -> None:
    (tmp_path / "n.xlsx").write_text("Answers\nBra\n")
    with pytest.raises(BadWorkbook, match="Save it anew"):
        Read(tmp_path / "n.xlsx")


def test_a_workbook_without_anything_in_it_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EmptyInput):
        Read(workbook(tmp_path / "n.xlsx", Tom=[]))
