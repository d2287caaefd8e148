"""Exports of SurveyMonkey, Trustpilot, Netigate and Medallia, and how a platform is told by its columns."""

from __future__ import annotations

from pathlib import Path

import pytest

from api.exports.errors import AmbiguousDates, UnrecognisedExport
from tests.api.exports import Read, qualtrics, write

SURVEYMONKEY = [
    [
        *["Respondent ID", "Collector ID", "Start Date", "End Date", "Email Address", "Custom Data 1"],
        *["Hvor sannsynlig er det at du anbefaler oss?", "Hva er du fornøyd med?", "", "Hva kan bli bedre?"],
    ],
    ["", "", "", "", "", "", "Response", "Pris", "Service", "Open-Ended Response"],
]
WHEN = ["03/04/2026 09:00:00 AM", "03/04/2026 01:05:00 PM"]
ANSWERS = [
    ["118342567890", "4711", *WHEN, "", "kunde-1", "9", "Ja", "Nei", "Vert møtt med eit smil"],
    ["118342567891", "4711", *WHEN, "", "", "2", "", "", "-"],
]
SERVICE = ["Domain Url", "Review Id", "Review Created (UTC)", "Review Consumer User Id", "Review Title"]
SERVICE += ["Review Content", "Review Stars", "Source Of Review", "Reference Id"]


def test_surveymonkey(tmp_path: Path) -> None:
    path = write(tmp_path / "s.csv", [*SURVEYMONKEY, *ANSWERS])
    nps = {"nps": "Hvor sannsynlig er det at du anbefaler oss?"}
    read = Read(path, columns=nps, date_order="month-first", time_zone="Europe/Oslo")
    (comment,) = read.comments
    assert (comment.text, comment.question) == ("Vert møtt med eit smil", "Hva kan bli bedre?")
    assert comment.external_id.startswith("118342567890:")
    assert (comment.nps, comment.respondent, dict(comment.metadata)) == (9, "kunde-1", {"collector": "4711"})
    assert comment.submitted_at is not None
    assert comment.submitted_at.isoformat() == "2026-03-04T13:05:00+01:00"
    assert read.skipped == [(4, "no answer")]


def test_surveymonkeys_dates_must_have_their_order_stated(tmp_path: Path) -> None:
    with pytest.raises(AmbiguousDates, match="'End Date'"):
        Read(write(tmp_path / "s.csv", [*SURVEYMONKEY, *ANSWERS]), time_zone="Europe/Oslo")


def test_a_question_stands_over_all_its_columns_in_surveymonkeys_header(tmp_path: Path) -> None:
    path = write(tmp_path / "s.csv", [*SURVEYMONKEY, *ANSWERS])
    read = Read(path, columns={"text": "Service"}, date_order="month-first", time_zone="Europe/Oslo")
    assert [(c.text, c.question) for c in read.comments] == [("Nei", "Hva er du fornøyd med?")]


@pytest.mark.parametrize("change", [str, str.upper, str.lower, str.title], ids=["as is", "upper", "lower", "title"])
def test_trustpilots_service_reviews_in_any_letter_case(tmp_path: Path, change: type[str]) -> None:
    review = ["butikk.no", "r1", "2026-03-04 12:00:00", "u1", "Skuffende", "Pakken kom tre uger for sent."]
    review += ["2", "Organic", "ordre-9"]
    read = Read(write(tmp_path / "t.csv", [list(map(change, SERVICE)), review]))
    (comment,) = read.comments
    assert (comment.source, comment.external_id) == ("trustpilot", "r1")
    assert comment.text == "Skuffende\nPakken kom tre uger for sent."
    assert (comment.rating, comment.channel, comment.respondent) == (2.0, "Organic", "u1")
    assert dict(comment.metadata) == {"reference": "ordre-9", "domain": "butikk.no"}
    assert comment.submitted_at is not None
    assert comment.submitted_at.isoformat() == "2026-03-04T12:00:00+00:00"


@pytest.mark.parametrize(
    ("title", "content", "text"),
    [
        ("Kom aldri…", "Kom aldri frem. Trist.", "Kom aldri frem. Trist."),
        ("Bra", "", "Bra"),
        ("", "Fint", "Fint"),
        ("N/A", "Fint", "Fint"),
        ("Bra", "Bra", "Bra"),
    ],
)
def test_a_title_that_adds_nothing_is_left_out(tmp_path: Path, title: str, content: str, text: str) -> None:
    review = ["", "r1", "2026-03-04 12:00:00", "", title, content, "2", "", ""]
    assert Read(write(tmp_path / "t.csv", [SERVICE, review])).texts == [text]


def test_trustpilots_product_reviews(tmp_path: Path) -> None:
    rows = [
        ["review_id", "stars", "product_name", "product_sku", "content", "consumer_name", "created_at"],
        ["p1", "5", "Kaffetrakter", "K-1", "Lagar god kaffi", "Ola", "2026-03-04T12:00:00Z"],
    ]
    (comment,) = Read(write(tmp_path / "p.csv", rows)).comments
    assert (comment.source, comment.text, comment.rating) == ("trustpilot-products", "Lagar god kaffi", 5.0)
    assert dict(comment.metadata) == {"product_name": "Kaffetrakter", "product_sku": "K-1"}
    assert "Ola" not in str(comment)


def test_netigate_with_dates_and_the_question_said(tmp_path: Path) -> None:
    rows = [["Answers", "Submitted on", "From"], ["Bra bemötande", "2026-03-04 09:00", "Webb"]]
    read = Read(
        write(tmp_path / "n.csv", rows, delimiter=";"),
        values={"question": "Vad var bra?", "touchpoint": "support"},
        time_zone="Europe/Stockholm",
    )
    (comment,) = read.comments
    assert (comment.text, comment.question, comment.touchpoint) == ("Bra bemötande", "Vad var bra?", "support")
    assert comment.submitted_at is not None
    assert comment.submitted_at.isoformat() == "2026-03-04T09:00:00+01:00"
    assert dict(comment.metadata) == {"from": "Webb"}


def test_netigates_anonymous_surveys_have_one_column(tmp_path: Path) -> None:
    read = Read(write(tmp_path / "n.csv", [["Answers"], ["Bra, men dyrt"]]))
    assert read.texts == ["Bra, men dyrt"]
    assert read.notices[0] == ("Recognised Netigate, text answers (--mapping netigate), by the columns Answers.")


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_medallia_reads_comment_fields_and_takes_the_rest_by_name(tmp_path: Path, delimiter: str) -> None:
    rows = [["a_id", "q_ltr", "q_store_cmt", "q_web_cmt", "q_web_score"], ["7", "3", "Lang\nkø", "Treg side", "2"]]
    path = write(tmp_path / "m.csv", rows, delimiter=delimiter)
    read = Read(path, "medallia", columns={"id": "a_id", "nps": "q_ltr"})
    assert [(c.external_id, c.text, c.nps) for c in read.comments] == [
        ("7:q_store_cmt", "Lang\nkø", 3),
        ("7:q_web_cmt", "Treg side", 3),
    ]


def test_qualtrics_is_recognised(tmp_path: Path) -> None:
    read = Read(write(tmp_path / "q.csv", qualtrics({"Q5": "Bra"}, zone="UTC")))
    assert read.texts == ["Bra"]
    assert read.notices[0].startswith("Recognised Qualtrics (--mapping qualtrics), by the columns StartDate, EndDate")


def test_an_unknown_export_is_refused_with_its_columns(tmp_path: Path) -> None:
    with pytest.raises(UnrecognisedExport, match="Columns found: 'nr', 'svar'"):
        Read(write(tmp_path / "x.csv", [["nr", "svar"], ["1", "Bra"]]))
