"""The survey's question in files and on the command line: it reaches the tagger, and never keeps a row from being
tagged."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet
from typer.testing import CliRunner

import api.cli
from api.cli import app
from api.demo import tag_sample
from api.files.errors import AmbiguousColumn, MissingColumns
from api.files.formats import Format
from api.files.identify import Roles
from api.question import LONGEST_QUESTION, as_question
from nlp.record import TaggedComment
from tests.api.runs import Outcome, tag, tag_path
from tests.stubs import StubTagger

ASKED = [("Hva var bra?", "positive"), ("Hva kan bli bedre?", "negative")]


def sentiments(out: Outcome) -> list[str]:
    return [record["sentiment"]["label"] for record in out.records]


def jsonl(*rows: dict[str, Any]) -> str:
    return "\n".join(json.dumps({"id": f"{n}", "text": "prisene", **row}) for n, row in enumerate(rows))


def table(**columns: Any) -> pa.Table:
    rows = len(next(iter(columns.values())))
    return pa.table({"id": [f"{n}" for n in range(rows)], "text": ["prisene"] * rows, **columns})


def test_the_question_column_of_a_csv_file_is_read_and_passes_through(tmp_path: Path) -> None:
    data = "id,question,text\n" + "".join(f"{n},{question},prisene\n" for n, (question, _) in enumerate(ASKED))
    out = tag(tmp_path, data, Format.CSV)
    assert [(r["question"], r["sentiment"]["label"]) for r in out.records] == ASKED
    out = tag(tmp_path, data, Format.CSV, Format.CSV)
    assert [(cells["question"], cells["sentiment"]) for cells in out.cells] == ASKED


def test_the_question_of_a_jsonl_file_is_read_and_passes_through(tmp_path: Path) -> None:
    out = tag(tmp_path, jsonl(*({"question": question} for question, _ in ASKED)), Format.JSONL)
    assert [(r["question"], r["sentiment"]["label"]) for r in out.records] == ASKED


@pytest.mark.parametrize("type_", [pa.string(), pa.dictionary(pa.int8(), pa.string())], ids=["text", "categories"])
def test_the_question_of_a_parquet_file_is_read_and_passes_through(tmp_path: Path, type_: pa.DataType) -> None:
    questions = pa.array([question for question, _ in ASKED]).cast(type_)
    parquet.write_table(table(question=questions), tmp_path / "in.parquet")
    out = tag_path(tmp_path / "in.parquet", tmp_path / "out.parquet")
    rows = parquet.read_table(out.path).to_pylist()
    assert [(row["question"], row["sentiment"]["label"]) for row in rows] == ASKED


def test_a_question_column_of_another_name_is_read_in_place_of_question(tmp_path: Path) -> None:
    data = jsonl(*({"sporsmal": question, "question": "Hva var bra?"} for question, _ in ASKED))
    out = tag(tmp_path, data, Format.JSONL, roles=Roles(question_column="sporsmal"))
    assert [(r["sporsmal"], r["sentiment"]["label"]) for r in out.records] == ASKED


@pytest.mark.parametrize("value", [None, "", " \n\u00a0", 7, 2.5, True, ["Hva var bra?"], {"nb": "Hva var bra?"}])
def test_what_is_no_question_passes_through_and_is_no_error(tmp_path: Path, value: Any) -> None:
    (record,) = tag(tmp_path, jsonl({"question": value}), Format.JSONL).records
    assert (record["question"], record["sentiment"]["label"]) == (value, "neutral")


def test_a_row_without_a_question_is_tagged_beside_rows_with_one(tmp_path: Path) -> None:
    out = tag(tmp_path, jsonl({}, {"question": "Hva var bra?"}), Format.JSONL)
    assert sentiments(out) == ["neutral", "positive"]
    out = tag(tmp_path, "id,text,q\na,prisene\nb,prisene,Hva var bra?\n", Format.CSV, roles=Roles(question_column="q"))
    assert sentiments(out) == ["neutral", "positive"]
    assert out.codes == [None, None]


def test_a_date_in_the_question_column_of_a_parquet_file_keeps_its_type(tmp_path: Path) -> None:
    parquet.write_table(table(question=pa.array([0], pa.date32())), tmp_path / "in.parquet")
    out = tag_path(tmp_path / "in.parquet", tmp_path / "out.parquet")
    written = parquet.read_table(out.path)
    assert written.schema.field("question").type == pa.date32()
    assert written.to_pylist()[0]["sentiment"]["label"] == "neutral"


def test_bytes_that_are_not_utf8_in_a_question_come_out_as_they_came(tmp_path: Path) -> None:
    row = "å,Hva var bra ".encode() + b"p\xe5" + " i går?,prisene\n".encode()
    out = tag(tmp_path, b"id,question,text\n" + row, Format.CSV, Format.CSV, encoding="utf-8")
    assert b"bra p\xe5 i g" in out.data
    assert out.cells[0]["sentiment"] == "positive"


def test_the_text_column_is_not_taken_for_the_question_as_well(tmp_path: Path) -> None:
    out = tag(tmp_path, "id,question\na,prisene er bra\n", Format.CSV, roles=Roles("id", "question"))
    assert sentiments(out) == ["neutral"]
    out = tag(tmp_path, "question,text\nbra,prisene\n", Format.CSV, roles=Roles("question"))
    assert sentiments(out) == ["neutral"]


@pytest.mark.parametrize("format_", list(Format))
def test_a_question_column_that_was_named_and_is_not_there_ends_the_run(tmp_path: Path, format_: Format) -> None:
    path = tmp_path / f"in.{format_}"
    if format_ is Format.PARQUET:
        parquet.write_table(table(spørsmål=["Hva var bra?"]), path)
    else:
        path.write_text("id,text,spørsmål\na,x,y\n" if format_ is Format.CSV else jsonl({"spørsmål": "y"}))
    said = r"no column 'spørsmal' \(--question-column\)\..*Did you mean 'spørsmål'\?"
    with pytest.raises(MissingColumns, match=said):
        tag_path(path, tmp_path / "out.jsonl", roles=Roles(question_column="spørsmal"))


def test_a_question_column_that_is_there_twice_is_refused_only_if_it_was_named(tmp_path: Path) -> None:
    data = "id,question,question,text\na,Hva var bra?,Hva kan bli bedre?,prisene\n"
    assert sentiments(tag(tmp_path, data, Format.CSV)) == ["positive"]
    with pytest.raises(AmbiguousColumn, match="'question'"):
        tag(tmp_path, data, Format.CSV, roles=Roles(question_column="question"))
    names = ["id", "text", "question", "question"]
    parquet.write_table(pa.table([["a"], ["prisene"], ["bra"], ["bedre"]], names=names), tmp_path / "in.parquet")
    with pytest.raises(AmbiguousColumn, match="'question'"):
        tag_path(tmp_path / "in.parquet", tmp_path / "out.jsonl", roles=Roles(question_column="question"))


def test_only_the_start_of_a_long_question_goes_to_the_tagger() -> None:
    assert as_question("å😀" * LONGEST_QUESTION) == "å😀" * (LONGEST_QUESTION // 2)


def test_the_demo_reads_the_question_where_the_sample_has_one(tmp_path: Path) -> None:
    (tmp_path / "comments.csv").write_text("id,text,question\n1,prisene,Hva var bra?\n", encoding="utf-8")
    ((_, record),) = tag_sample(StubTagger(), sample=tmp_path / "comments.csv")
    assert isinstance(record, TaggedComment)
    assert [theme.sentiment for theme in record.themes] == ["positive"]


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(api.cli, "load_tagger", StubTagger.load)
    return lambda *arguments, **options: CliRunner().invoke(app, ["tag", *map(str, arguments)], **options)


@pytest.mark.parametrize(("question", "sentiment"), [*ASKED, (" ", "neutral")])
def test_one_text_is_tagged_with_its_question(call: Any, question: str, sentiment: str) -> None:
    result = call("--text", "prisene", "--question", question)
    assert json.loads(result.stdout)["sentiment"]["label"] == sentiment


def test_the_question_column_is_an_option(call: Any) -> None:
    row = '{"id": 1, "text": "prisene", "question": "Hva var bra?", "spm": "Hva kan bli bedre?"}'
    assert json.loads(call("-", input=row).stdout)["sentiment"]["label"] == "positive"
    named = call("-", "--question-column", "spm", input=row)
    assert json.loads(named.stdout)["sentiment"]["label"] == "negative"
    missing = call("-", "--question-column", "question2", input=row)
    assert missing.exit_code == 2
    assert "no column 'question2' (--question-column)" in missing.stderr


def test_a_question_without_a_text_is_refused(call: Any) -> None:
    result = call("-", "--question", "Hva var bra?", input="")
    assert result.exit_code == 2
    assert "For an INPUT name its column: --question-column. (bad_usage)" in result.stderr


def test_the_page_states_how_much_of_a_question_is_read() -> None:
    page = (Path(api.cli.__file__).parents[1] / "docs" / "command-line.md").read_text(encoding="utf-8")
    assert f"gets the first {LONGEST_QUESTION:,} characters" in " ".join(page.split())
