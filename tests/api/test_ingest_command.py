"""`stemme ingest` and `stemme mappings`, as they are called, and their pages."""

from __future__ import annotations

import csv
import json
import re
import shlex
from pathlib import Path

import pytest
from pyarrow import parquet
from typer.testing import CliRunner, Result

import api.cli
from api.cli import app
from api.exports.comment import COLUMNS, ImportedComment
from api.exports.mapping import (
    Columns,
    DateRule,
    Detect,
    FileShape,
    Mapping,
    NumberRule,
    SkipRule,
    TextRule,
    load_mapping,
    ready_names,
)
from api.exports.run import Import, deliver, read_export
from tests.api.exports import qualtrics, write
from tests.api.runs import Silent, tag_path
from tests.api.test_platforms import ANSWERS, SERVICE, SURVEYMONKEY

DOCS = Path(api.cli.__file__).parents[1] / "docs"
PAGE = (DOCS / "exports.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^\$ (stemme ingest .*?)(?: {2,}#.*)?$", PAGE, re.MULTILINE)
RESPONSES = (
    {"ResponseId": "R_1", "Q3": "2", "Q5": "Pakka kom\ntre uker for seint", "ExternalReference": "k1"},
    {"ResponseId": "R_2", "Q3": "9", "Q5": "N/A"},
    {"ResponseId": "R_3", "Q3": "12", "Q5": "Hyggelig betjening"},
    {"ResponseId": "R_4", "Q3": "9", "Q5": "Prøve", "Status": "Survey Preview"},
)


def call(*arguments: str) -> Result:
    return CliRunner(env={"COLUMNS": "200"}).invoke(app, list(arguments))


@pytest.fixture
def export(tmp_path: Path) -> str:
    return str(write(tmp_path / "q.csv", qualtrics(*RESPONSES, zone="Europe/Oslo")))


def test_comments_and_rejected_rows_are_written_and_counted(export: str, tmp_path: Path) -> None:
    result = call("ingest", export, "--column", "nps=Q3", "-o", str(tmp_path / "c.jsonl"))
    assert result.exit_code == 0
    (comment,) = [json.loads(line) for line in (tmp_path / "c.jsonl").read_text(encoding="utf-8").splitlines()]
    assert comment == {
        "id": "R_1:QID5_TEXT",
        "text": "Pakka kom\ntre uker for seint",
        "question": "Hva er bra, og hva kan bli bedre?",
        "nps": 2,
        "rating": None,
        "touchpoint": None,
        "channel": None,
        "department": None,
        "respondent": "k1",
        "submitted_at": "2026-03-02T09:05:01+01:00",
        "language_hint": None,
        "source": "qualtrics",
        "metadata": {},
    }
    with (tmp_path / "c.rejected.csv").open(encoding="utf-8", newline="") as file:
        ((row, id_, code, reason),) = list(csv.reader(file))[1:]
    assert (row, id_, code) == ("10", "R_3", "bad_nps")
    assert "'Q3'" in reason
    assert "4 rows: 1 comment, 4 skipped, 1 rejected" in result.stderr
    assert "skipped, no answer: 3" in result.stderr
    assert "skipped, preview or test: 1" in result.stderr
    assert "rejected, bad_nps: 1, the first on row 10" in result.stderr
    assert "hyggelig" not in (result.stderr + reason).lower()


@pytest.mark.parametrize("extension", ["csv", "parquet"])
def test_csv_and_parquet_have_the_same_columns(export: str, tmp_path: Path, extension: str) -> None:
    target = tmp_path / f"c.{extension}"
    assert call("ingest", export, "--column", "nps=Q3", "-o", str(target)).exit_code == 0
    if extension == "csv":
        with target.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        assert (rows[0]["nps"], rows[0]["submitted_at"]) == ("2", "2026-03-02T09:05:01+01:00")
    else:
        rows = parquet.read_table(target).to_pylist()
        assert (rows[0]["nps"], rows[0]["submitted_at"].isoformat()) == (2, "2026-03-02T08:05:01+00:00")
    assert tuple(rows[0]) == COLUMNS
    assert rows[0]["text"] == "Pakka kom\ntre uker for seint"


def test_a_dry_run_shows_the_first_comments_and_writes_nothing(export: str, tmp_path: Path) -> None:
    before = sorted(tmp_path.iterdir())
    result = call("ingest", export, "--dry-run", "--column", "nps=Q3")
    assert result.exit_code == 0
    for part in ("R_1:QID5_TEXT", "2026-03-02 09:05+01:00", "Pakka kom tre uker for seint", "respondent: k1"):
        assert part in result.stdout
    assert "Text from 'Q5', which answers 'Hva er bra, og hva kan bli bedre?'" in result.stdout
    assert "rejected, bad_nps: 1, the first on row 10" in result.stdout
    assert sorted(tmp_path.iterdir()) == before
    assert "R_1:QID5_TEXT" not in call("ingest", export, "--dry-run", "--rows", "0").stdout


@pytest.mark.parametrize("extension", ["csv", "jsonl", "parquet"])
def test_what_was_read_can_be_tagged(export: str, tmp_path: Path, extension: str) -> None:
    target = tmp_path / f"c.{extension}"
    assert call("ingest", export, "--column", "nps=Q3", "-o", str(target)).exit_code == 0
    (record,) = tag_path(target, tmp_path / "tagged.jsonl").records
    assert (record["id"], record["sentiment"]["label"]) == ("R_1:QID5_TEXT", "negative")
    assert record["question"] == "Hva er bra, og hva kan bli bedre?"
    assert int(record["nps"]) == 2


def test_a_sink_gets_the_comments_in_batches_and_is_finished_once(tmp_path: Path) -> None:
    class Kept:
        def __init__(self) -> None:
            self.batches: list[list[ImportedComment]] = []
            self.finished = 0

        def write(self, comments: list[ImportedComment]) -> None:
            self.batches.append(list(comments))

        def finish(self) -> None:
            self.finished += 1

    rows = [["Answers"], *([f"Svar {number}"] for number in range(1_201))]
    sink = Kept()
    with read_export(Import(str(write(tmp_path / "n.csv", rows)))) as opened:
        counts = deliver(opened, sink, rejected=None, report=Silent())
    assert [len(batch) for batch in sink.batches] == [500, 500, 201]
    assert [c.text for batch in sink.batches for c in batch] == [row[0] for row in rows[1:]]
    assert (sink.finished, counts.comments) == (1, 1_201)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["EXPORT", "--dry-run", "-o", "c.jsonl"], "bad_usage"),
        (["EXPORT", "-o", "c.jsonl", "--column", "Q3"], "bad_usage"),
        (["EXPORT", "-o", "c.jsonl", "--column", "score=Q3"], "bad_usage"),
        (["EXPORT", "-o", "c.csv", "--rejected", "c.csv"], "bad_usage"),
        (["-", "-o", "c.jsonl"], "bad_usage"),
        (["EXPORT", "-o", "c.xlsx"], "unknown_format"),
        (["EXPORT", "-o", "EXPORT"], "same_file"),
        (["EXPORT", "-o", "c.jsonl", "--column", "nps=Q33"], "missing_export_column"),
        (["EXPORT", "-o", "c.jsonl", "--mapping", "qualtrix"], "unknown_mapping"),
        (["gone.csv", "-o", "c.jsonl"], "input_not_found"),
    ],
)
def test_what_cannot_start_says_why_and_writes_nothing(
    export: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], code: str
) -> None:
    monkeypatch.chdir(tmp_path)
    result = call("ingest", *(export if each == "EXPORT" else each for each in arguments))
    assert (result.exit_code, result.stderr.rstrip().endswith(f"({code})")) == (2, True), result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["q.csv"]


def test_mappings_are_listed_and_printed(tmp_path: Path) -> None:
    listed = call("mappings").stdout
    assert [name for name in ready_names() if f" {name} " not in listed] == []
    (tmp_path / "ours.toml").write_text(call("mappings", "surveymonkey").stdout, encoding="utf-8")
    assert load_mapping(str(tmp_path / "ours.toml")) == load_mapping("surveymonkey")
    assert "(unknown_mapping)" in call("mappings", "surveymonky").stderr


@pytest.fixture
def exports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the files that the page names."""
    openpyxl = pytest.importorskip("openpyxl")
    department = ["Q9", "Avdeling", '{"ImportId":"QID9"}', "1"]
    rows = qualtrics(RESPONSES[0], zone="Europe/Oslo")
    write(tmp_path / "qualtrics.csv", [[*row, cell] for row, cell in zip(rows, department, strict=True)])
    write(tmp_path / "qualtrics-two-rows.csv", qualtrics(RESPONSES[0], header_rows=2))
    write(tmp_path / "surveymonkey.csv", [*SURVEYMONKEY, *ANSWERS])
    review = ["butikk.no", "r1", "2026-03-04 12:00:00", "u1", "Skuffende", "For sent", "2", "Organic", "9"]
    write(tmp_path / "trustpilot.csv", [SERVICE, review])
    product = ["p1", "5", "Kaffetrakter", "K-1", "Lagar god kaffi", "Ola", "2026-03-04T12:00:00Z"]
    fields = ["review_id", "stars", "product_name", "product_sku", "content", "consumer_name", "created_at"]
    write(tmp_path / "trustpilot-products.csv", [fields, product])
    write(tmp_path / "medallia.csv", [["a_id", "q_ltr", "q_store_cmt"], ["7", "3", "Lang kø"]], delimiter=";")
    book = openpyxl.Workbook()
    for row in (["Answers", "Submitted on", "From"], ["Bra bemötande", "2026-03-04 09:00", "Webb"]):
        book.active.append(row)
    book.save(tmp_path / "netigate.xlsx")
    write(tmp_path / "answers.csv", [["id", "Kommentar", "Karakter"], ["1", "Lang kø", "3"]])
    (tmp_path / "answers.jsonl").write_text('{"id": 1, "text": "Bra bemötande"}\n', encoding="utf-8")
    sample = Path(api.cli.__file__).with_name("sample") / "comments.csv"
    (tmp_path / "api" / "sample").mkdir(parents=True)
    (tmp_path / "api" / "sample" / "comments.csv").write_bytes(sample.read_bytes())
    (mapping,) = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    (tmp_path / "ours.toml").write_text(mapping, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STEMME_DATABASE", f"sqlite:///{tmp_path}/store.db")
    return tmp_path


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_of_the_page_reads_its_export(exports: Path, command: str) -> None:
    result = call(*shlex.split(command)[1:])
    assert result.exit_code == 0, result.stderr
    assert re.search(
        r"1 row: [12] comments?, \d skipped, 0 rejected|2 rows: 1 comment, 1 skipped, 0 rejected|"
        r"445 rows: 445 comments, 0 skipped, 0 rejected",
        result.output,
    )


def test_the_page_has_a_command_for_every_ready_mapping() -> None:
    assert [name for name in ready_names() if not any(name in command for command in COMMANDS)] == []


def test_the_page_names_every_column_of_every_ready_mapping() -> None:
    for mapping in map(load_mapping, ready_names()):
        rules = [getattr(mapping.columns, field) for field in Columns.model_fields]
        names = {name for rule in rules for name in rule.name[:1]} | {n for rule in mapping.text for n in rule.join}
        assert [name for name in names if f"`{name}`" not in PAGE] == [], mapping.name


def test_the_page_explains_every_key_of_a_mapping_and_every_column_of_the_output() -> None:
    parts = (Mapping, FileShape, Columns, TextRule, NumberRule, DateRule, SkipRule, Detect)
    tables = {"file", "columns", "text", "metadata", "skip", "detect"}
    keys = {key for part in parts for key in part.model_fields} - tables
    how_to = PAGE.partition("## A mapping of your own")[2]
    assert [key for key in keys if f"`{key}" not in how_to] == []
    assert ", ".join(f"`{name}`" for name in COLUMNS) in " ".join(PAGE.split())


@pytest.mark.parametrize("command", ["ingest", "mappings"])
def test_the_command_lines_page_lists_every_option(command: str) -> None:
    page = (
        (DOCS / "command-line.md")
        .read_text(encoding="utf-8")
        .partition(f"## `stemme {command}")[2]
        .partition("\n## ")[0]
    )
    shown = call(command, "--help").stdout
    options = set(re.findall(r"--[a-z][a-z-]+", shown.partition("Options")[2].partition("Example")[0])) - {"--help"}
    assert (command, len(options) > 10) in {("ingest", True), ("mappings", False)}
    assert [option for option in options if f"`{option}`" not in page] == []
    assert page
