"""`stemme demo`: figures and quotes of a handful of comments that one can count by hand, and of the shipped sample."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from pyarrow import parquet
from rich.console import Console
from typer.testing import CliRunner

import api.cli
from api.demo import (
    SAMPLE,
    SHORT,
    Quote,
    Tagged,
    choose_quote,
    excerpt,
    factor_findings,
    flag_findings,
    show,
    tag_sample,
    theme_findings,
)
from nlp.record import Span
from nlp.taxonomy import Taxonomy
from tests.stubs import StubTagger

COMMENTS = """id,text
1,pakka kom sein
2,altfor sein!
3,"kom sein, men det var ein lang dag, og eg hadde så mykje anna å tenke på at eg ikkje la merke til det før i kveld!"
4,rask og hyggelig!
5,hyggelig men dyrt
6,dyrt så eg bytter!
7,kan de ring meg
8,kva
9,
"""


@pytest.fixture
def tagged(tmp_path: Path) -> Tagged:
    (tmp_path / "comments.csv").write_text(COMMENTS, encoding="utf-8")
    return tag_sample(StubTagger(), sample=tmp_path / "comments.csv")


def printed(tagged: Tagged, *, terminal: bool = False) -> str:
    screen = io.StringIO()
    console = Console(file=screen, width=120, force_terminal=terminal)
    show(tagged, console, taxonomy=Taxonomy.load(), model="stub@1.0.0")
    return screen.getvalue()


def test_themes_are_counted_by_the_sentiment_about_them(tagged: Tagged) -> None:
    assert [(f.label, f.felt, f.count) for f in theme_findings(tagged)] == [
        ("delivery_time", "negative", 3),
        ("delivery_time", "positive", 1),
        ("price_value", "negative", 2),
        ("staff_service", "positive", 2),
    ]


def quote(text: str, confidence: float) -> Quote:
    return Quote(text, (Span(0, 4),), confidence, "nb")


def test_the_surest_of_the_short_quotes_is_chosen() -> None:
    long, sure, unsure = quote("sein " * 40, 0.9), quote("sein, svært sein", 0.8), quote("sein", 0.7)
    assert choose_quote([unsure, long, sure]) is sure
    assert choose_quote([long]) is long


def test_a_quote_that_shows_no_words_is_the_last_choice() -> None:
    silent = Quote("sein", (), 0.9, "nb")
    assert choose_quote([silent, quote("sein", 0.6)]).spans == (Span(0, 4),)


def test_a_comment_is_quoted_once_if_there_is_another() -> None:
    both, other = quote("sein og dyrt", 0.9), quote("dyrt", 0.7)
    assert choose_quote([both, other], used={both.text}) is other
    assert choose_quote([both], used={both.text}) is both


def test_each_finding_has_a_quote_of_its_own(tagged: Tagged) -> None:
    assert [f.quote.text for f in theme_findings(tagged)] == [
        "altfor sein!",
        "rask og hyggelig!",
        "dyrt så eg bytter!",
        "hyggelig men dyrt",
    ]


def test_factors_are_counted_by_polarity(tagged: Tagged) -> None:
    assert [(f.label, f.felt, f.count) for f in factor_findings(tagged)] == [("sympathetic", "positive", 2)]


def test_flags_are_counted_by_the_sentiment_of_the_comment(tagged: Tagged) -> None:
    assert [(f.label, f.felt, f.count, f.quote.text) for f in flag_findings(tagged)] == [
        ("churn_risk", "negative", 1, "dyrt så eg bytter!"),
        ("follow_up", "neutral", 1, "kan de ring meg"),
    ]


def test_a_long_quote_is_cut_around_its_words() -> None:
    text = "ord " * 40 + "pakka kom for seint " + "ord " * 40
    start = text.index("pakka")
    cut, (span,) = excerpt(Quote(text, (Span(start, start + 19),), 0.9, "nn"))
    assert cut[span.start : span.end] == "pakka kom for seint"
    assert len(cut) <= SHORT + len("… ") + len(" …")
    assert cut.startswith("… ord ")
    assert cut.endswith(" …")


def test_a_quote_stands_on_one_line_and_its_words_stay_in_place() -> None:
    assert excerpt(Quote("😡 kom\r\nsein", (Span(7, 11),), 0.9, "nb")) == ("😡 kom  sein", (Span(7, 11),))


def test_the_summary_shows_every_part_with_the_words_that_carried_it(tagged: Tagged) -> None:
    text = printed(tagged)
    assert "9 comments, 8 nb" in text
    assert "tagged by stub@1.0.0 with journey@1.0.0" in text
    rows = [" ".join(line.split()) for line in text.splitlines()]
    assert "Negative 4 50% ████████████████████" in rows
    assert "Delivery time negative 3 altfor *sein*! (nb)" in rows
    assert "positive 1 *rask* og hyggelig! (nb)" in rows
    assert "Sympathetic positive 2 rask og *hyggelig*! (nb)" in rows
    assert "Churn risk negative 1 dyrt så eg *bytter*! (nb)" in rows
    assert "Follow-up neutral 1 kan de *ring meg* (nb)" in rows


def test_a_terminal_shows_the_words_in_colour_in_place_of_asterisks(tagged: Tagged) -> None:
    text = printed(tagged, terminal=True)
    assert "\x1b[1;31msein\x1b[0m" in text  # bold red
    assert "*sein*" not in text


def test_brackets_in_a_comment_are_no_markup(tmp_path: Path) -> None:
    (tmp_path / "c.csv").write_text("id,text\n1,sein [bold]x[/bold] [/]\n", encoding="utf-8")
    assert "*sein* [bold]x[/bold] [/]" in printed(tag_sample(StubTagger(), sample=tmp_path / "c.csv"))


def test_nothing_to_show_is_shown(tmp_path: Path) -> None:
    (tmp_path / "c.csv").write_text("id,text\n", encoding="utf-8")
    assert "0 comments" in printed(tag_sample(StubTagger(), sample=tmp_path / "c.csv"))


def test_the_shipped_sample_has_445_comments_and_each_can_be_tagged() -> None:
    tagged = tag_sample(StubTagger())
    assert len(tagged) == 445
    assert [row.line for row, record in tagged if hasattr(record, "error")] == []
    assert list(tagged[0][0].columns) == [
        *["id", "date", "source", "department", "touchpoint", "nps", "respondent", "text"]
    ]


def demo(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> tuple[int, str, str]:
    monkeypatch.setattr(api.cli, "load_tagger", StubTagger.load)
    result = CliRunner().invoke(api.cli.app, ["demo", *arguments])
    return result.exit_code, result.stdout, result.stderr


def test_the_command_prints_the_summary(monkeypatch: pytest.MonkeyPatch) -> None:
    exit_code, out, _ = demo(monkeypatch)
    assert exit_code == 0
    assert "445 comments" in out


@pytest.mark.parametrize("extension", ["jsonl", "csv", "parquet"])
def test_the_command_writes_the_records_as_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, extension: str
) -> None:
    target = tmp_path / f"out.{extension}"
    _, out, error = demo(monkeypatch, "-o", str(target))
    assert "445 comments" in out
    assert f"445 records are in {target}." in error
    if extension == "parquet":
        ids = parquet.read_table(target).column("id").to_pylist()
    elif extension == "csv":
        ids = [line.split(",")[0] for line in target.read_text().splitlines() if line.startswith("S0")]
    else:
        ids = [json.loads(line)["id"] for line in target.read_text().splitlines()]
    assert len(ids) == 445
    assert (ids[0], ids[1]) == ("S0001", "S0002")


def test_records_into_a_folder_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    exit_code, out, error = demo(monkeypatch, "-o", str(tmp_path / "no" / "out.csv"))
    assert (exit_code, out) == (2, "")
    assert "(unwritable_output)" in error


def test_records_on_standard_output_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    exit_code, _, error = demo(monkeypatch, "-o", "-")
    assert exit_code == 2
    assert "Name one: -o tagged.jsonl." in error


def test_the_sample_is_where_the_package_ships_it() -> None:
    assert SAMPLE.parts[-3:] == ("api", "sample", "comments.csv")
