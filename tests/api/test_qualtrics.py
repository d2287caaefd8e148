"""Exports of Qualtrics, from three header rows to none of its metadata."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from api.exports.errors import MissingExportColumn, MissingTimeZone
from api.time_zone import UnknownTimeZone
from tests.api.exports import Read, qualtrics, write

ZONE = "Europe/Oslo"


def test_each_answered_question_is_a_comment_under_the_question_that_was_asked(tmp_path: Path) -> None:
    answer = {"ResponseId": "R_1", "Q5": 'Rask levering,\nmen "dyrt"', "Q6": "Takk!"}
    read = Read(write(tmp_path / "q.csv", qualtrics(answer, zone=ZONE)), "qualtrics")
    assert [(c.external_id, c.text, c.question) for c in read.comments] == [
        ("R_1:QID5_TEXT", 'Rask levering,\nmen "dyrt"', "Hva er bra, og hva kan bli bedre?"),
        ("R_1:QID6_TEXT", "Takk!", "Noe mer?"),
    ]


def test_metadata_becomes_the_fields_of_a_comment(tmp_path: Path) -> None:
    answer = {"ResponseId": "R_1", "Q3": "9", "Q5": "Bra", "ExternalReference": "k7"}
    answer |= {"DistributionChannel": "email", "UserLanguage": "NO"}
    (comment,) = Read(
        write(tmp_path / "q.csv", qualtrics(answer, zone=ZONE)), "qualtrics", columns={"nps": "Q3"}
    ).comments
    assert (comment.source, comment.nps, comment.respondent) == ("qualtrics", 9, "k7")
    assert (comment.channel, comment.language_hint) == ("email", "NO")


@pytest.mark.parametrize(
    ("recorded", "zone", "expected"),
    [
        ("2026-03-02 09:05:01", "Europe/Oslo", "2026-03-02T09:05:01+01:00"),
        ("2026-07-02 09:05:01", "Europe/Oslo", "2026-07-02T09:05:01+02:00"),
        ("2026-07-02 09:05:01", "America/Denver", "2026-07-02T09:05:01-06:00"),
    ],
)
def test_the_header_states_the_zone(tmp_path: Path, recorded: str, zone: str, expected: str) -> None:
    answer = {"ResponseId": "R_1", "Q5": "Bra", "RecordedDate": recorded}
    (comment,) = Read(write(tmp_path / "q.csv", qualtrics(answer, zone=zone)), "qualtrics").comments
    assert comment.submitted_at is not None
    assert comment.submitted_at.isoformat() == expected


def test_the_headers_zone_goes_before_the_option_and_a_notice_says_so(tmp_path: Path) -> None:
    path = write(tmp_path / "q.csv", qualtrics({"ResponseId": "R_1", "Q5": "Bra"}, zone="America/Denver"))
    read = Read(path, "qualtrics", time_zone=ZONE)
    assert read.comments[0].submitted_at is not None
    assert read.comments[0].submitted_at.utcoffset() == timedelta(hours=-7)
    assert any("America/Denver; --time-zone Europe/Oslo is not used" in notice for notice in read.notices)


def test_dates_without_a_zone_anywhere_are_refused_until_it_is_said(tmp_path: Path) -> None:
    path = write(tmp_path / "q.csv", qualtrics({"ResponseId": "R_1", "Q5": "Bra"}))
    with pytest.raises(MissingTimeZone, match="'RecordedDate' without a zone"):
        Read(path, "qualtrics")
    with pytest.raises(UnknownTimeZone, match="--time-zone is 'Europe/Osl'"):
        Read(path, "qualtrics", time_zone="Europe/Osl")
    (comment,) = Read(path, "qualtrics", time_zone=ZONE).comments
    assert comment.submitted_at is not None
    assert comment.submitted_at.isoformat() == "2026-03-02T09:05:01+01:00"


@pytest.mark.parametrize(("status", "finished"), [("IP Address", "True"), ("0", "1")], ids=["labels", "codes"])
def test_labels_and_codes(tmp_path: Path, status: str, finished: str) -> None:
    preview = {"IP Address": "Survey Preview", "0": "1"}[status]
    unfinished = {"True": "False", "1": "0"}[finished]
    answers = (
        {"Q5": "Bra", "Status": status, "Finished": finished},
        {"Q5": "Test", "Status": preview, "Finished": finished},
        {"Q5": "Halvveis", "Status": status, "Finished": unfinished},
    )
    read = Read(write(tmp_path / "q.csv", qualtrics(*answers, zone=ZONE)), "qualtrics")
    assert read.texts == ["Bra"]
    assert [reason for _, reason in read.skipped] == ["no answer", "preview or test", "not finished"]


def test_columns_of_text_iq_are_no_answers(tmp_path: Path) -> None:
    answer = {"ResponseId": "R_1", "Q5": "Bra", "Q5 - Topics": "Levering", "Q5 - Sentiment": "Positive"}
    rows = qualtrics(answer, zone=ZONE)
    assert Read(write(tmp_path / "q.csv", rows), "qualtrics").texts == ["Bra"]
    with pytest.raises(MissingExportColumn):
        Read(tmp_path / "q.csv", "qualtrics", columns={"text": "Q5 - Topics"})


def test_an_anonymised_export_lacks_reference_and_channel(tmp_path: Path) -> None:
    rows = qualtrics(
        {"ResponseId": "R_1", "Q5": "Bra"}, without=["ExternalReference", "DistributionChannel"], zone=ZONE
    )
    (comment,) = Read(write(tmp_path / "q.csv", rows), "qualtrics").comments
    assert (comment.respondent, comment.channel) == (None, None)


def test_two_header_rows_where_the_third_was_deleted(tmp_path: Path) -> None:
    path = write(tmp_path / "q.csv", qualtrics({"ResponseId": "R_1", "Q5": "Bra"}, header_rows=2))
    (comment,) = Read(path, "qualtrics", columns={"text": "Q5"}, time_zone=ZONE).comments
    assert (comment.external_id, comment.text) == ("R_1", "Bra")
    assert comment.question == "Hva er bra, og hva kan bli bedre?"


def test_without_the_third_row_no_column_is_known_to_hold_text(tmp_path: Path) -> None:
    path = write(tmp_path / "q.csv", qualtrics({"ResponseId": "R_1", "Q5": "Bra"}, header_rows=2))
    with pytest.raises(MissingExportColumn, match="--column text=NAME"):
        Read(path, "qualtrics", time_zone=ZONE)


def test_the_two_header_rows_of_older_files(tmp_path: Path) -> None:
    rows = [
        ["V1", "V2", "V8", "V9", "V10", "Q5"],
        ["ResponseID", "ResponseSet", "StartDate", "EndDate", "Finished", "Hva kan vi gjøre bedre?"],
        ["R_old", "Default Response Set", "2015-05-04 10:00:00", "2015-05-04 10:03:00", "1", "Ta telefonen"],
    ]
    read = Read(write(tmp_path / "old.csv", rows), columns={"text": "Q5"}, time_zone=ZONE)
    (comment,) = read.comments
    assert (comment.external_id, comment.text, comment.question) == ("R_old", "Ta telefonen", "Hva kan vi gjøre bedre?")
    assert comment.submitted_at is not None
    assert comment.submitted_at.isoformat() == "2015-05-04T10:03:00+02:00"
    assert read.notices[0].startswith("Recognised Qualtrics (--mapping qualtrics), by the columns ResponseID")
