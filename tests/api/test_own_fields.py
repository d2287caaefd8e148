"""Files whose columns are called as the fields of a comment: read without a mapping, and said how."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import api.cli
from api.cli import app
from api.exports.errors import BadMapping, MissingSource, UnrecognisedExport
from api.exports.mapping import load_mapping
from api.exports.plan import Rejected
from api.exports.run import Import, read_export
from api.files.errors import UnreadableInput
from tests.api.exports import Read, write

SAMPLE = Path(api.cli.__file__).with_name("sample") / "comments.csv"


def lines(path: Path, *values: Any) -> Path:
    path.write_text("".join(f"{json.dumps(value, ensure_ascii=False)}\n" for value in values), encoding="utf-8")
    return path


def call(*arguments: str) -> tuple[int, str]:
    result = CliRunner(env={"COLUMNS": "300"}).invoke(app, list(arguments))
    return result.exit_code, " ".join(result.output.split())


def test_the_shipped_sample_is_read_as_it_is() -> None:
    read = Read(SAMPLE)
    first = read.comments[0]
    assert (len(read.comments), read.skipped, read.rejected) == (445, [], [])
    assert (first.source, first.external_id, first.department, first.touchpoint, first.nps, first.respondent) == (
        *("Pakkeposten leveringsundersøkelse", "S0001", "logistikk", "levering", 9, "R-20411"),
    )
    assert first.submitted_at is not None
    assert first.submitted_at.isoformat() == "2025-11-01T00:00:00+01:00"
    assert len({comment.source for comment in read.comments}) > 1
    assert read.notices == [
        "Recognised columns called as stemme's own fields (--mapping stemme), by the columns text.",
        "Read: text, id, source, nps, touchpoint, department, respondent, submitted_at from date.",
        "Dates state no zone: they are read as of Europe/Oslo. --time-zone names another.",
    ]


def test_every_field_of_the_api_is_read_from_json_lines(tmp_path: Path) -> None:
    path = lines(
        tmp_path / "a.jsonl",
        {"source": "butikken", "external_id": 7, "text": "Snabb leverans", "nps": 9.0},
        {
            **{"source": "butikken", "external_id": "8", "text": "For dyrt", "question": "Hva kan bli bedre?"},
            **{"nps": None, "touchpoint": "kasse", "channel": "web", "department": "Bergen", "respondent": "k-8"},
            **{"submitted_at": "2026-11-02T08:30:00+01:00", "metadata": {"butikk": 17, "kunde": {"ny": True}}},
        },
    )
    read = Read(path)
    first, second = read.comments
    assert (first.external_id, first.nps, first.question, first.submitted_at) == ("7", 9, None, None)
    assert (second.source, second.question, second.nps, second.touchpoint, second.channel) == (
        *("butikken", "Hva kan bli bedre?", None, "kasse", "web"),
    )
    assert (second.department, second.respondent, dict(second.metadata)) == (
        *("Bergen", "k-8", {"butikk": 17, "kunde": {"ny": True}}),
    )
    assert read.notices[1] == (
        "Read: text, id from external_id, source, question, nps, touchpoint, channel, department, respondent, "
        "submitted_at, metadata."
    )
    assert len(read.notices) == 2  # each date states its zone, and every column is read


def test_a_field_that_only_a_late_line_has_is_read(tmp_path: Path) -> None:
    early = [{"id": number, "text": "Bra", "source": "s"} for number in range(300)]
    read = Read(lines(tmp_path / "a.jsonl", *early, {"id": "sist", "text": "Bra", "source": "s", "nps": 3}))
    assert [comment.nps for comment in read.comments[299:]] == [None, 3]


def test_lines_that_cannot_be_understood_are_rejected_and_the_others_read(tmp_path: Path) -> None:
    path = lines(
        tmp_path / "a.jsonl",
        {"id": "1", "text": ["Bra"]},
        {"id": "2", "text": "Bra", "metadata": [1]},
        {"id": {"nr": 3}, "text": "Bra"},
        ["Bra"],
        {"id": "5", "text": "Bra", "nps": 11},
        {"id": "6", "text": "Bra", "metadata": {}},
        {"id": "7", "text": None},
    )
    with path.open("a", encoding="utf-8") as file:
        file.write('{"id": "8", "text": \n')
    read = Read(path, source="s")
    assert [comment.external_id for comment in read.comments] == ["6"]
    assert read.skipped == [(7, "no answer")]
    assert read.rejected == [
        *[(1, "not_a_value"), (2, "bad_metadata"), (3, "not_a_value"), (4, "not_an_object"), (5, "bad_nps")],
        (8, "broken_json"),
    ]
    reasons = [result.reason for result in read.results if isinstance(result, Rejected)]
    assert "'text' holds a list" in reasons[0]
    assert not any("under 'raw'" in reason for reason in reasons)


@pytest.mark.parametrize("written", ['{"a": NaN}', "butikk 17", '"tekst"', '{"a": "\\ud800"}'])
def test_metadata_of_a_cell_is_an_object_that_json_has(tmp_path: Path, written: str) -> None:
    rows = [["id", "text", "metadata"], ["1", "Bra", written], ["2", "Bra", '{"butikk": 17}'], ["3", "Bra", ""]]
    read = Read(write(tmp_path / "a.csv", rows), source="s")
    assert read.rejected == [(2, "bad_metadata")]
    assert [dict(comment.metadata) for comment in read.comments] == [{"butikk": 17}, {}]


@pytest.mark.parametrize("extension", ["csv", "jsonl", "parquet"])
def test_what_ingest_wrote_is_read_again_as_it_was(tmp_path: Path, extension: str) -> None:
    path = lines(
        tmp_path / "a.jsonl",
        {
            "id": "1",
            "source": "s",
            "text": "Lækkert\ntøj",
            "nps": 9,
            "rating": 4.5,
            "metadata": {"by": "Århus", "n": 1},
        },
        {"id": "1", "source": "t", "text": "Bra", "submitted_at": "2026-03-02T09:05:01+01:00", "language_hint": "sv"},
    )
    target = tmp_path / f"b.{extension}"
    code, output = call("ingest", str(path), "-o", str(target))
    assert (code, "2 rows: 2 comments, 0 skipped, 0 rejected" in output) == (0, True)
    assert Read(target).comments == Read(path).comments


def test_one_id_may_stand_in_two_sources_and_once_in_each(tmp_path: Path) -> None:
    rows = [["source", "id", "text"], ["a", "1", "Bra"], ["b", "1", "Bra"], ["a", "1", "Dyrt"], ["a", "", "x"]]
    read = Read(write(tmp_path / "a.csv", rows))
    assert [(c.source, c.external_id) for c in read.comments[:2]] == [("a", "1"), ("b", "1")]
    assert read.rejected == [(4, "duplicate_id")]
    assert read.comments[2].external_id.startswith("auto-")


def test_without_a_source_it_is_asked_for(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", [["id", "text"], ["1", "Bra"]])
    with pytest.raises(MissingSource, match="--source kundeundersøkelsen"):
        Read(path)
    assert Read(path, source="kassen").comments[0].source == "kassen"


def test_a_blank_source_rejects_the_row_and_the_option_stands_before_the_column(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", [["id", "text", "source"], ["1", "Bra", "kassen"], ["2", "Bra", ""]])
    assert Read(path).rejected == [(3, "missing_source")]
    assert {comment.source for comment in Read(path, source="nettet").comments} == {"nettet"}


def test_columns_that_are_not_read_are_named_and_nearly_right_ones_asked_about(tmp_path: Path) -> None:
    rows = [["External ID", "Text", "Deparment", "ordre", "Source"], ["1", "Bra", "Bergen", "A1", "s"]]
    read = Read(write(tmp_path / "a.csv", rows))
    (comment,) = read.comments
    assert (comment.external_id, comment.department, dict(comment.metadata)) == ("1", None, {})
    assert read.notices[2] == ("Not read: Deparment (is it department?), ordre. --column names the column of a field.")


def test_a_zone_that_is_named_is_the_one_of_the_dates(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", [["text", "date", "source"], ["Bra", "2026-03-02 09:00", "s"]])
    read = Read(path, time_zone="Europe/Helsinki")
    assert read.comments[0].submitted_at is not None
    assert read.comments[0].submitted_at.isoformat() == "2026-03-02T09:00:00+02:00"
    assert not any("zone" in notice for notice in read.notices)


def test_the_text_by_its_option_is_enough_where_no_column_is_called_text(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", [["Nr", "Kommentar", "nps"], ["1", "Bra", "9"]])
    with pytest.raises(UnrecognisedExport, match="--column text=NAME"):
        Read(path)
    read = Read(path, columns={"text": "Kommentar", "id": "Nr"}, source="s")
    assert [(c.external_id, c.text, c.nps) for c in read.comments] == [("1", "Bra", 9)]
    assert read.notices[1] == "Read: text from Kommentar, id from Nr, nps."


def test_a_mapping_that_is_named_and_a_platform_stand_before_the_columns_names(tmp_path: Path) -> None:
    own = tmp_path / "own.toml"
    own.write_text('name = "own"\nsource = "own"\n[[text]]\nname = "svar"\n', encoding="utf-8")
    path = write(tmp_path / "a.csv", [["id", "text", "svar"], ["1", "Bra", "Dyrt"]])
    assert Read(path, str(own)).texts == ["Dyrt"]
    review = [["Review Id", "Review Title", "Review Content", "Review Stars", "text"], ["r1", "", "Rask", "5", "x"]]
    assert Read(write(tmp_path / "b.csv", review)).texts == ["Rask"]


def test_a_value_of_the_question_stands_before_the_column(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", [["text", "question", "source"], ["prisene", "Hva var bra?", "s"]])
    assert Read(path).comments[0].question == "Hva var bra?"
    assert Read(path, values={"question": "Hva var dyrt?"}).comments[0].question == "Hva var dyrt?"


def test_a_mapping_says_its_source_or_the_column_of_it(tmp_path: Path) -> None:
    own = tmp_path / "own.toml"
    own.write_text('name = "own"\n[[text]]\nname = "svar"\n', encoding="utf-8")
    with pytest.raises(BadMapping, match="source is missing"):
        load_mapping(str(own))
    own.write_text('name = "own"\n[columns]\nsource = "kilde"\n[[text]]\nname = "svar"\n', encoding="utf-8")
    path = write(tmp_path / "a.csv", [["svar", "kilde"], ["Bra", "kassen"]])
    assert Read(path, str(own)).comments[0].source == "kassen"


def test_names_that_are_data_are_refused(tmp_path: Path) -> None:
    path = lines(tmp_path / "a.jsonl", *({f"kommentar {number}": "Bra"} for number in range(1_002)))
    with (
        pytest.raises(UnreadableInput, match=r"more than 1,000 different names of fields by line 1,001"),
        read_export(Import(str(path))),
    ):
        pass


def test_a_dry_run_says_how_the_columns_are_understood(tmp_path: Path) -> None:
    path = lines(
        tmp_path / "a.jsonl", {"id": "1", "source": "s", "text": "Bra", "ordre": 1, "metadata": {"butikk": 17}}
    )
    code, output = call("ingest", str(path), "--dry-run")
    assert code == 0
    assert "Fields: id from 'id', source from 'source', metadata from 'metadata'" in output
    assert "Not read: ordre" in output
    assert "source: s, butikk: 17" in output
