"""`stemme topics`: files in, causes out as JSON, Parquet and a page."""

from __future__ import annotations

import io
import json
from datetime import date
from pathlib import Path

import pyarrow.parquet as pq
import pytest

pytest.importorskip("ruptures", reason="needs the extra 'topics'")

from rich.console import Console
from typer.testing import CliRunner

from api.causes.command import ShownSteps
from api.causes.page import page
from api.causes.reading import Columns, read_feedback
from api.cli import app
from api.files.errors import MissingColumns
from api.files.progress import ProgressBar
from nlp.root_causes import find_root_causes
from nlp.tagger import Tagger
from tests.api.runs import Silent
from tests.embedding_stub import EmbeddingStub

HEADER = "id,text,date,nps,department,respondent\n"
LANGUAGES = ("en", "nb", "nn", "da", "sv")


@pytest.fixture
def comments(tmp_path: Path) -> Path:
    path = tmp_path / "svar.csv"
    rows = [
        f"L{day},Pakka kom sein <b>i dag</b> nr {day},2026-03-{day:02},{day % 3},logistikk,r{day}"
        for day in range(10, 30)
    ]
    rows += [f"H{day},Alltid hyggelig hos dere nr {day},2026-03-{day:02},10,butikk,s{day}" for day in range(1, 31)]
    path.write_text(HEADER + "\n".join(rows) + "\n", encoding="utf-8")
    return path


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch):
    stub = EmbeddingStub()
    monkeypatch.setattr(Tagger, "load", lambda *_: stub)
    return lambda *arguments: CliRunner().invoke(app, ["topics", *map(str, arguments)])


def read(path: Path, columns: Columns | None = None):
    return read_feedback(str(path), columns or Columns(), load_tagger=EmbeddingStub, report=Silent())


def test_the_causes_of_a_file_as_json(run, comments: Path, tmp_path: Path) -> None:
    result = run(comments, "-o", tmp_path / "causes.json", "--language", "nb")
    assert result.exit_code == 0, result.output
    first, *_ = json.loads((tmp_path / "causes.json").read_text(encoding="utf-8"))
    assert (first["rank"], first["theme"], first["sentiment"], first["size"]) == (1, "delivery_time", "negative", 20)
    assert first["share"] == pytest.approx(20 / 50)
    lost = first["nps_points_lost"]
    assert 0 < lost["low"] <= lost["estimate"] <= lost["high"]
    assert first["change"]["date"] == "2026-03-10"
    assert [(each["dimension"], each["value"]) for each in first["concentration"]] == [("department", "logistikk")]
    assert first["comments"] == [f"L{day}" for day in range(10, 30)]
    quote = first["quotes"][0]
    text = f"Pakka kom sein <b>i dag</b> nr {quote['id'][1:]}"
    assert 0 <= quote["start"] < quote["end"] <= len(text)


def test_parquet_holds_what_json_holds(run, comments: Path, tmp_path: Path) -> None:
    for name in ("causes.json", "causes.parquet"):
        assert run(comments, "-o", tmp_path / name).exit_code == 0
    rows = json.loads((tmp_path / "causes.json").read_text(encoding="utf-8"))
    assert pq.read_table(tmp_path / "causes.parquet").to_pylist() == rows


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_page_says_in_each_language_what_was_found(comments: Path, language) -> None:
    given = read(comments)
    found = find_root_causes(given.feedback, EmbeddingStub(), encoder="stub@1.0.0", replicates=50)
    html = page(found, given.feedback, language=language, today=date(2026, 4, 1))
    label = found.model.topics[0].label[language]
    assert html.startswith("<!doctype html>")
    assert f'<html lang="{language}">' in html
    assert "stub@1.0.0" in html
    assert "<b>i dag" not in html, "what a customer wrote must not become markup"
    assert "src=" not in html
    assert "http" not in html.replace("http-equiv", ""), "the page needs nothing else"
    assert label.replace("<", "&lt;").replace(">", "&gt;") in html


def test_every_language_has_every_sentence() -> None:
    from api.causes.page import _texts

    texts = _texts()
    assert set(texts) == set(LANGUAGES)
    for language in LANGUAGES:
        assert texts[language].keys() == texts["en"].keys()


def test_the_next_run_knows_the_former_one(run, comments: Path, tmp_path: Path) -> None:
    assert run(comments, "-o", tmp_path / "first.json", "--keep", tmp_path / "topics").exit_code == 0
    result = run(comments, "-o", tmp_path / "second.json", "--former", tmp_path / "topics", "--seed", "9")
    assert result.exit_code == 0, result.output
    first, second = (json.loads((tmp_path / f"{name}.json").read_text()) for name in ("first", "second"))
    assert {cause["topic"] for cause in first} == {cause["topic"] for cause in second}


def test_values_that_cannot_be_read_are_not_known_and_counted(comments: Path) -> None:
    comments.write_text(HEADER + "a,Pakka kom sein,i går,11,x,\nb,Det var dyrt,2026-03-02T10:00,9,,r\n,tekst,,,,\n")
    given = read(comments)
    first, second = given.feedback
    assert (first.day, first.nps, first.respondent, first.dimensions) == (None, None, None, {"department": "x"})
    assert (second.day, second.nps, second.respondent, second.dimensions) == (date(2026, 3, 2), 9.0, "r", {})
    assert list(given.left_out.sentences()) == [
        "1 row left out: missing_id 1",
        "2 values taken for not known: bad_time 1, bad_score 1",
    ]


def test_a_column_that_is_named_must_be_there(comments: Path) -> None:
    with pytest.raises(MissingColumns, match="--score-column"):
        read(comments, Columns(score="karakter"))


@pytest.mark.parametrize("name", ["causes.txt", "causes"])
def test_an_output_of_another_kind_is_refused_before_work(run, comments: Path, tmp_path: Path, name: str) -> None:
    result = run(comments, "-o", tmp_path / name)
    assert result.exit_code == 2
    assert not (tmp_path / name).exists()
    assert ".html" in result.output


def _on_a_terminal(step: str, share: float) -> str:
    screen = io.StringIO()
    with ProgressBar(Console(file=screen, force_terminal=True, width=100)) as bar:
        ShownSteps(bar)(step, share)
    return screen.getvalue()


def test_a_terminal_sees_in_plain_words_how_far_the_search_is() -> None:
    shown = _on_a_terminal("clustering", 0.25)
    assert "Finding topics" in shown
    assert "25 %" in shown
    assert "lines" not in shown


def test_a_step_that_does_not_say_how_far_it_is_has_no_share() -> None:
    shown = _on_a_terminal("describing causes", 0.0)
    assert "Computing what each costs" in shown
    assert "%" not in shown


def test_what_is_read_after_tagging_is_clauses() -> None:
    assert "Reading clauses" in _on_a_terminal("embedding", 0.5)
