"""`stemme audit`: from stored comments to a sheet, and from the filled sheet to the accuracy card."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select, update
from typer.testing import CliRunner, Result

from api.access.keys import Caller
from api.accuracy.card import AccuracyCard
from api.accuracy.population import StoredPopulation
from api.app import create_app
from api.cli import app
from api.corrections.correct import NamedLabel, Wanted, correct
from api.corrections.decisions import LANGUAGE, SENTIMENT, Key
from api.corrections.models import DecisionKind
from api.ingest.ingest import NewComment, ingest
from api.ingest.worker import TagWorker
from api.removal.erasure import erase
from api.settings import Settings
from api.store.database import Store
from api.store.models import AuditEntry, Tagging
from nlp.record import Comment
from nlp.taxonomy import Taxonomy
from tests.api.rest_stub import StubTagger as ServiceTagger
from tests.stubs import StubTagger

# What the stub takes for a theme: half of the `sein` are said ironically, and `treig` it does not know.
TEXTS = ["Pakka var sein", "dyrt", "hyggelig i butikken", "treig levering", "helt grei handel", "=1+1 dyrt"]


class Tagger(StubTagger):
    taxonomy = StubTagger.taxonomy_id


@pytest.fixture
def tagged(store: Store) -> Store:
    comments = [
        NewComment("survey", str(n), f"{TEXTS[n % len(TEXTS)]} {n}", respondent=f"kunde-{n}") for n in range(120)
    ]
    ingest(comments, store=store)
    worker = TagWorker(store, Tagger(), batch_size=64, max_text_length=20_000)  # type: ignore[arg-type]
    while worker.tag_batch():
        pass
    return store


def test_the_population_is_what_is_shown_with_what_people_corrected(tagged: Store) -> None:
    before = {unit.id: unit for unit in StoredPopulation(tagged).units()}
    assert "theme:delivery_time:negative" in before["1"].labels
    said = [
        NamedLabel("theme", Key(DecisionKind.THEME, "delivery_time"), present=False),
        NamedLabel("sentiment", SENTIMENT, value="mixed"),
        NamedLabel("flag", Key(DecisionKind.FLAG, "churn_risk")),
        NamedLabel("language", LANGUAGE, value="sv"),
    ]
    correct(tagged, 1, Wanted(1, said), caller=Caller("anna", frozenset()), taxonomy=Taxonomy.load())
    after = {unit.id: unit for unit in StoredPopulation(tagged).units()}
    assert after["1"].language == "sv"
    assert after["1"].labels == {
        "sentiment:mixed",
        "flag:churn_risk",
        *(each for each in before["1"].labels if each.startswith("factor:")),
    }
    assert {id_: unit for id_, unit in after.items() if id_ != "1"} == {
        id_: unit for id_, unit in before.items() if id_ != "1"
    }


def test_pages_in_which_nothing_could_be_tagged_end_nothing(tagged: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.accuracy.population.PAGE", 3)
    with tagged.write() as session:
        failed = update(Tagging).where(Tagging.version_id.between(2, 9))
        session.execute(failed.values(error_code="empty_text", error_message="The text is empty."))
    assert [unit.id for unit in StoredPopulation(tagged).units()][:2] == ["1", "10"]


def call(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["audit", *map(str, arguments)])


def rows_of(sheet: Path) -> list[dict[str, str]]:
    with sheet.open(encoding="utf-8-sig", newline="") as lines:
        return list(csv.DictReader(lines, delimiter=";"))


def fill(sheet: Path, rows: list[dict[str, str]]) -> None:
    with sheet.open("w", encoding="utf-8-sig", newline="") as lines:
        table = csv.DictWriter(lines, list(rows[0]), delimiter=";")
        table.writeheader()
        table.writerows(rows)


def judge(row: dict[str, str]) -> dict[str, str]:
    """The truth: as the stub has it, but `treig` is a late delivery too."""
    said = {"checked": "x", "sentiment": "neutral"}
    if "sein" in row["text"] or "treig" in row["text"]:
        said |= {"sentiment": "negative", "delivery_time": "-"}
    if "dyrt" in row["text"]:
        said |= {"sentiment": "Negativ", "price_value": "neg"}
    if "hyggelig" in row["text"]:
        said |= {"sentiment": "positive", "staff_service": "x", "sympathetic": "+"}
    return row | said


def card_of(store: Store) -> AccuracyCard:
    answer = TestClient(create_app(Settings(open=True), ServiceTagger(), store=store)).get("/v1/reports/accuracy")
    assert answer.status_code == 200, answer.text
    return AccuracyCard.model_validate(answer.json())


@pytest.mark.slow
def test_from_the_store_to_the_card(tagged: Store, database: str, tmp_path: Path) -> None:
    sheet = tmp_path / "sample.csv"
    drawn = call("draw", "-n", 90, "-o", sheet, "--database", database)
    assert drawn.exit_code == 0, drawn.output
    rows = rows_of(sheet)
    assert len(rows) == len({row["id"] for row in rows}) == 90
    assert {row["sentiment"] for row in rows} == {""}  # blind
    fill(sheet, [judge(row) for row in rows])
    read = call("read", sheet, "-o", tmp_path / "card.json", "--database", database)
    assert read.exit_code == 0, read.output
    card = card_of(tagged)
    assert json.loads((tmp_path / "card.json").read_text()) == card.model_dump(mode="json")
    assert (card.comments, card.drawn, card.checked, card.models) == (120, 90, 90, ["stub@1.0.0"])
    late = next(each for each in card.labels if each.label == "theme:delivery_time" and each.language is None)
    # of the 120 comments 20 say `sein` and 20 `treig`
    assert late.reported == pytest.approx(20 / 120, abs=1e-3)
    assert late.corrected is not None
    assert late.corrected.low <= 40 / 120 <= late.corrected.high
    assert late.corrected.low > 20 / 120
    assert late.precision is not None
    assert late.precision.value == 1.0
    assert late.recall is not None
    assert late.recall.low < 0.5 < late.recall.high
    staff = next(each for each in card.labels if each.label == "theme:staff_service" and each.language is None)
    assert staff.checked == 90
    open_way = next(each for each in card.labels if each.label == "theme:staff_service:positive")
    assert open_way.checked < 90  # with which sentiment was not said
    with tagged.read() as session:
        (line,) = session.scalars(select(AuditEntry).where(AuditEntry.action == "accuracy.read"))
    assert line.detail == {"comments": 120, "checked": 90, "models": ["stub@1.0.0"]}


def test_without_a_card_the_service_says_how_to_make_one(store: Store) -> None:
    answer = TestClient(create_app(Settings(open=True), ServiceTagger(), store=store)).get("/v1/reports/accuracy")
    assert (answer.status_code, answer.json()["code"]) == (404, "no_accuracy_card")
    assert "stemme audit draw" in answer.json()["detail"]


def test_the_design_holds_no_text(tagged: Store, database: str, tmp_path: Path) -> None:
    call("draw", "-n", 60, "-o", tmp_path / "sample.csv", "--database", database)
    design = (tmp_path / "sample.audit.json").read_text()
    assert "butikken" not in design
    assert "kunde-" not in design


def test_the_same_seed_draws_the_same_comments(tagged: Store, database: str, tmp_path: Path) -> None:
    drawn = []
    for name, seed in (("a", 5), ("b", 5), ("c", 6)):
        call("draw", "-n", 40, "-o", tmp_path / f"{name}.csv", "--seed", seed, "--database", database)
        drawn.append([row["id"] for row in rows_of(tmp_path / f"{name}.csv")])
    assert drawn[0] == drawn[1] != drawn[2]


def records(tmp_path: Path) -> Path:
    path = tmp_path / "tagged.jsonl"
    with path.open("w", encoding="utf-8") as lines:
        for n in range(90):
            text = TEXTS[n % len(TEXTS)]
            record = StubTagger().tag_one(Comment(str(n), text)).to_dict()
            lines.write(json.dumps({**record, "text": text, "kanal": "sms"}, ensure_ascii=False) + "\n")
        lines.write(json.dumps({"id": "x", "text": "", "error": {"code": "empty_text", "message": ""}}) + "\n")
    return path


@pytest.mark.parametrize("form", ["csv", "jsonl", "xlsx"])
def test_from_a_file_of_records_in_every_form(tmp_path: Path, form: str) -> None:
    sheet = tmp_path / f"sample.{form}"
    drawn = call("draw", "-n", 50, "--records", records(tmp_path), "--shown", "-o", sheet)
    assert drawn.exit_code == 0, drawn.output
    check_all(sheet)
    read = call("read", sheet, "-o", tmp_path / "card.json")
    assert read.exit_code == 0, read.output
    card = AccuracyCard.model_validate_json((tmp_path / "card.json").read_text())
    assert (card.comments, card.checked, card.shown) == (90, 50, True)
    # the model's own tags were left as they were: everything is right
    assert {each.precision.value for each in card.labels if each.precision is not None} == {1.0}
    assert {each.recall.value for each in card.labels if each.recall is not None} == {1.0}
    right = card.sentiment[0].right
    assert right is not None
    assert right.value == 1.0
    assert right.low < 1.0


def check_all(sheet: Path) -> None:
    if sheet.suffix == ".csv":
        fill(sheet, [row | {"checked": "x"} for row in rows_of(sheet)])
    elif sheet.suffix == ".jsonl":
        rows: list[dict[str, Any]] = [json.loads(line) for line in sheet.read_text().splitlines()]
        sheet.write_text("".join(json.dumps({**row, "checked": True}) + "\n" for row in rows))
    else:
        book = openpyxl.load_workbook(sheet)
        page = book.active
        column = [cell.value for cell in page[1]].index("checked") + 1
        texts = [page.cell(row, 6) for row in range(2, page.max_row + 1)]
        assert any(cell.value.startswith("=1+1") for cell in texts)
        assert {cell.data_type for cell in texts} == {"s"}  # no formula
        for row in range(2, page.max_row + 1):
            page.cell(row, column).value = "x"
        book.save(sheet)


def test_a_text_is_no_formula_in_a_spreadsheet(tmp_path: Path) -> None:
    call("draw", "-n", 90, "--records", records(tmp_path), "-o", tmp_path / "sample.csv")
    texts = {row["text"] for row in rows_of(tmp_path / "sample.csv")}
    assert "'=1+1 dyrt" in texts
    assert not any(text.startswith("=") for text in texts)


def test_nothing_is_written_over(tmp_path: Path) -> None:
    sheet = tmp_path / "sample.csv"
    sheet.write_text("answers")
    result = call("draw", "-n", 50, "--records", records(tmp_path), "-o", sheet)
    assert result.exit_code == 2
    assert sheet.read_text() == "answers"
    assert "output_exists" in result.stderr


class TestAnswers:
    @pytest.fixture
    def sheet(self, tmp_path: Path) -> Path:
        call("draw", "-n", 50, "--records", records(tmp_path), "-o", tmp_path / "sample.csv")
        return tmp_path / "sample.csv"

    def refused(self, sheet: Path, change: dict[str, str], *, row: int = 3) -> str:
        rows = [judge(each) for each in rows_of(sheet)]
        rows[row] |= change
        fill(sheet, rows)
        result = call("read", sheet)
        assert result.exit_code == 2
        return " ".join(result.stderr.split())

    @pytest.mark.parametrize(
        ("change", "why"),
        [
            ({"sentiment": "glad"}, "sentiment is none of negative, neutral, mixed, positive"),
            ({"sentiment": ""}, "sentiment is none of"),
            (
                {"delivery_time": "sure"},
                "delivery_time holds something else than nothing, negative, neutral, positive, x",
            ),
            ({"sympathetic": "x"}, "sympathetic holds something else than nothing, negative, positive"),
            ({"churn_risk": "-"}, "churn_risk holds something else than nothing or an x"),
            ({"checked": "?"}, "checked holds something else than an x"),
            ({"row": "abc"}, "row is not the number that it was"),
            ({"row": "1"}, "row 1 of the sample was there before"),
            ({"audit": "other"}, "holds 2 different values"),
        ],
    )
    def test_a_wrong_cell_is_named_with_its_row(self, sheet: Path, change: dict[str, str], why: str) -> None:
        said = self.refused(sheet, change)
        assert why in said
        assert "audit" in change or "row 5 of the sheet" in said
        assert "(bad_answers)" in said

    def test_a_row_that_is_not_of_the_sample(self, sheet: Path) -> None:
        assert "row 51 is not of a sample of 50" in self.refused(sheet, {"row": "51"})

    def test_a_missing_column_is_named(self, sheet: Path) -> None:
        rows = [{name: cell for name, cell in judge(row).items() if name != "follow_up"} for row in rows_of(sheet)]
        fill(sheet, rows)
        assert "there is no column follow_up" in " ".join(call("read", sheet).stderr.split())

    def test_too_few_answers_give_no_number(self, sheet: Path) -> None:
        rows = rows_of(sheet)
        fill(sheet, [judge(row) if n < 29 else row | {"sentiment": "neutral"} for n, row in enumerate(rows)])
        result = call("read", sheet)
        assert result.exit_code == 2
        assert "29 of 50 comments have been checked" in result.stderr
        assert "21 rows are filled in and have no x" in " ".join(result.stderr.split())

    def test_a_rate_that_rests_on_few_is_not_said(self, sheet: Path, tmp_path: Path) -> None:
        fill(sheet, [judge(row) for row in rows_of(sheet)])
        assert call("read", sheet, "-o", tmp_path / "card.json").exit_code == 0
        card = AccuracyCard.model_validate_json((tmp_path / "card.json").read_text())
        few = [each for each in card.labels if each.checked_given < 10]
        assert few
        assert {each.precision for each in few} == {None}

    def test_without_its_design_a_sheet_says_nothing(self, sheet: Path, tmp_path: Path) -> None:
        design = tmp_path / "sample.audit.json"
        design.rename(tmp_path / "elsewhere.json")
        fill(sheet, [judge(row) for row in rows_of(sheet)])
        assert "(unknown_design)" in call("read", sheet).stderr
        assert call("read", sheet, "--design", tmp_path / "elsewhere.json").exit_code == 0


def test_too_few_comments_to_draw_from(store: Store, database: str, tmp_path: Path) -> None:
    result = call("draw", "-o", tmp_path / "sample.csv", "--database", database)
    assert result.exit_code == 2
    assert "There are 0 tagged comments; at least 30 are needed" in " ".join(result.stderr.split())


def test_what_is_erased_after_it_was_drawn_leaves_the_card_possible(
    tagged: Store, database: str, tmp_path: Path
) -> None:
    sheet = tmp_path / "sample.csv"
    call("draw", "-n", 60, "-o", sheet, "--database", database)
    rows = rows_of(sheet)
    erase(tagged, "kunde-0", by="test")
    fill(sheet, [judge(row) for row in rows if row["id"] != rows[0]["id"]])
    assert call("read", sheet, "--database", database).exit_code == 0
    assert card_of(tagged).checked == 59


def test_a_file_that_holds_no_records_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"text": "Bra"}\n')
    result = call("draw", "--records", tmp_path / "a.jsonl", "-o", tmp_path / "sample.csv")
    assert result.exit_code == 2
    assert "(bad_records)" in result.stderr
