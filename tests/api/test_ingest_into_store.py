"""`stemme ingest` into the store: once each, masked, in batches, and the same end after any interruption."""

from __future__ import annotations

import csv
import json
import random
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select
from typer.testing import CliRunner, Result

from api.cli import app
from api.exports.comment import ImportedComment
from api.exports.run import Import, import_into
from api.exports.sink_store import StoreSink
from api.exports.storable import not_storable
from api.ingest.comment import NewComment
from api.ingest.ingest import ingest
from api.ingest.treatment import as_it_came
from api.ingest.worker import TagWorker
from api.store.database import Store
from api.store.errors import StoreUnavailable
from api.store.models import CommentVersion, PendingVersion, StoredComment, Tagging
from tests.api.exports import qualtrics, write
from tests.api.rest_stub import StubTagger
from tests.api.runs import Silent
from tests.api.serving import ROOT, wait_for

RESPONSES = (
    {"ResponseId": "R_1", "Q3": "2", "Q5": "Pakka kom for seint, ring 987 65 432", "ExternalReference": "k1"},
    {"ResponseId": "R_2", "Q3": "9", "Q5": "N/A", "Q6": "Hyggelig betjening"},
    {"ResponseId": "R_3", "Q3": "12", "Q5": "Nei takk"},
)
MASKED = "Pakka kom for seint, ring [phone]"


def call(*arguments: str) -> Result:
    return CliRunner(env={"COLUMNS": "200"}).invoke(app, list(arguments))


@pytest.fixture
def export(tmp_path: Path) -> str:
    return str(write(tmp_path / "q.csv", qualtrics(*RESPONSES, zone="Europe/Oslo")))


def stored(store: Store) -> list[tuple[str, int, str]]:
    with store.read() as session:
        rows = session.scalars(select(CommentVersion).order_by(CommentVersion.id)).all()
        return [(row.comment.external_id, row.number, row.text) for row in rows]


def count(store: Store, table: type) -> int:
    with store.read() as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


def test_an_export_is_stored_masked_and_counted(export: str, store: Store, database: str, tmp_path: Path) -> None:
    result = call("ingest", export, "--column", "nps=Q3", "--database", database)
    assert result.exit_code == 0, result.stderr
    assert stored(store) == [("R_1:QID5_TEXT", 1, MASKED), ("R_2:QID6_TEXT", 1, "Hyggelig betjening")]
    with store.read() as session:
        first = session.get_one(StoredComment, 1)
        assert (first.source.name, first.nps, first.respondent) == ("qualtrics", 2, "k1")
        assert first.submitted_at == datetime(2026, 3, 2, 8, 5, 1, tzinfo=UTC)
    assert "3 rows: 2 comments, 2 skipped, 1 rejected" in result.stderr
    assert ": 2 new, 0 changed, 0 unchanged\n  masked: 1 phone" in result.stderr
    assert "2 wait to be tagged. `stemme serve` tags what waits" in result.stderr
    with (tmp_path / "q.rejected.csv").open(encoding="utf-8", newline="") as file:
        assert [row[:3] for row in csv.reader(file)][1:] == [["9", "R_3", "bad_nps"]]  # on line 9


def test_the_same_export_again_changes_nothing_and_says_so(export: str, store: Store, database: str) -> None:
    call("ingest", export, "--column", "nps=Q3", "--database", database)
    before = stored(store)
    again = call("ingest", export, "--column", "nps=Q3", "--database", database)
    assert ": 0 new, 0 changed, 2 unchanged" in again.stderr
    assert (stored(store), count(store, PendingVersion)) == (before, 2)


def test_a_longer_and_corrected_export_adds_and_changes_only_what_differs(tmp_path: Path, store: Store) -> None:
    def take(*answers: dict[str, str]) -> dict[str, int]:
        path = write(tmp_path / "q.csv", qualtrics(*answers, zone="Europe/Oslo"))
        return into(store, path, columns={"nps": "Q3"})

    assert take(*RESPONSES[:2]) == {"new": 2}
    changed = RESPONSES[0] | {"Q5": "Pakka kom aldri"}
    assert take(changed, RESPONSES[1] | {"Q3": "8"}, {"ResponseId": "R_9", "Q5": "Flott"}) == {"changed": 2, "new": 1}
    assert take(changed, RESPONSES[1] | {"Q3": "8"}) == {"unchanged": 2}
    assert [number for _, number, _ in stored(store)] == [1, 1, 2, 1]


def into(store: Store, path: Path, **options: Any) -> dict[str, int]:
    """Read an export into a store; its outcomes."""
    sink = StoreSink(store, treat=as_it_came, notice=Silent().notice)
    order = Import(str(path), **options)
    import_into(order, sink, check=not_storable, rejected=str(path.with_suffix(".rejected.csv")), report=Silent())
    return {str(outcome): number for outcome, number in sink.counts.outcomes.items()}


def test_what_only_exports_state_is_kept_among_the_metadata(tmp_path: Path, store: Store) -> None:
    fields = ["review_id", "stars", "product_name", "product_sku", "content", "consumer_name", "created_at"]
    product = ["p1", "4", "Kaffetrakter", "K-1", "Lagar god kaffi", "Ola", "2026-03-04T12:00:00Z"]
    assert into(store, write(tmp_path / "t.csv", [fields, product])) == {"new": 1}
    with store.read() as session:
        (comment,) = session.scalars(select(StoredComment))
        assert comment.extra == {"rating": 4.0, "product_name": "Kaffetrakter", "product_sku": "K-1"}


def test_a_workbook_is_stored_too(tmp_path: Path, store: Store) -> None:
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    for row in (["Answers", "Submitted on", "From"], ["Bra bemötande", "2026-03-04 09:00", "Webb"]):
        book.active.append(row)
    book.save(tmp_path / "n.xlsx")
    options: dict[str, Any] = {"time_zone": "Europe/Stockholm", "values": {"question": "Vad var bra?"}}
    assert into(store, tmp_path / "n.xlsx", **options) == {"new": 1}
    assert into(store, tmp_path / "n.xlsx", **options) == {"unchanged": 1}
    assert [text for _, _, text in stored(store)] == ["Bra bemötande"]


def test_tag_tags_what_waits_with_the_model_of_the_service(
    export: str, store: Store, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.exports.store_command.Tagger.load", lambda _model: StubTagger())
    ingest([NewComment("survey", "earlier", "Nei!")], store=store)
    result = call("ingest", export, "--column", "nps=Q3", "--database", database, "--tag")
    assert "Tagged 3 with stub@1.0.0." in result.stderr
    assert "wait to be tagged" not in result.stderr
    with store.read() as session:
        assert session.scalars(select(Tagging.sentiment).order_by(Tagging.id)).all() == [
            "negative",
            "positive",
            "positive",
        ]
    assert (count(store, Tagging), count(store, PendingVersion)) == (3, 0)
    assert "Tagged 0" in call("ingest", export, "--column", "nps=Q3", "--database", database, "--tag").stderr


def test_masking_that_is_off_is_said(export: str, store: Store, database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEMME_MASK", "email")
    result = call("ingest", export, "--column", "nps=Q3", "--database", database)
    assert "notice: Not masked (STEMME_MASK): iban, card, national_id, account, phone." in result.stderr
    assert stored(store)[0][2] == RESPONSES[0]["Q5"]


def test_the_store_is_the_one_of_the_settings(export: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEMME_DATABASE", f"sqlite:///{tmp_path}/ours.db")
    result = call("ingest", export, "--column", "nps=Q3", "--rejected", str(tmp_path / "why.csv"))
    assert f"In sqlite:///{tmp_path}/ours.db: 2 new" in result.stderr
    assert (tmp_path / "why.csv").read_text(encoding="utf-8").count("bad_nps") == 1
    store = Store.open(f"sqlite:///{tmp_path}/ours.db")
    assert len(stored(store)) == 2
    store.close()


def test_a_dry_run_stores_nothing(export: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEMME_DATABASE", f"sqlite:///{tmp_path}/ours.db")
    assert call("ingest", export, "--column", "nps=Q3", "--dry-run").exit_code == 0
    assert [path.name for path in tmp_path.iterdir()] == ["q.csv"]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["-o", "c.jsonl", "--tag"], "bad_usage"),
        (["-o", "c.jsonl", "--database", "sqlite:///c.db"], "bad_usage"),
        (["--dry-run", "--tag"], "bad_usage"),
        (["--database", "mysql://localhost/stemme"], "bad_database"),
        (["--database", "postgresql://stemme@127.0.0.1:9/stemme"], "store_unavailable"),
        (["--rejected", "q.csv"], "same_file"),
        (["--column", "nps=Q33"], "missing_export_column"),
    ],
)
def test_what_cannot_start_says_why(
    export: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], code: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STEMME_DATABASE", f"sqlite:///{tmp_path}/ours.db")
    result = call("ingest", export, *arguments)
    assert (result.exit_code, result.stderr.rstrip().endswith(f"({code})")) == (2, True), result.stderr
    assert not (tmp_path / "q.rejected.csv").exists()


def test_an_old_schema_of_postgresql_names_the_command(
    export: str, database: str, request: pytest.FixtureRequest
) -> None:
    if database.startswith("sqlite"):
        pytest.skip("SQLite is brought up to date by itself")
    result = call("ingest", export, "--column", "nps=Q3", "--database", database)
    assert result.exit_code == 2
    assert "stemme store upgrade" in result.stderr


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"text": "x" * 20_001}, "text_too_long"),
        ({"external_id": "x" * 257}, "value_too_long"),
        ({"touchpoint": "x" * 257}, "value_too_long"),
        ({"metadata": {"x": "å" * 5_000}}, "metadata_too_large"),
        ({"submitted_at": datetime.fromisoformat("0001-01-01T00:00:00+14:00")}, "bad_date"),
        ({"text": "x" * 20_000, "external_id": "x" * 256, "metadata": {"x": "å" * 4_000}}, None),
    ],
)
def test_what_the_store_does_not_take(fields: dict[str, Any], code: str | None) -> None:
    comment = ImportedComment(**{"source": "survey", "external_id": "1", "text": "Bra", **fields})
    problem = not_storable(comment)
    assert (problem.code if problem else None) == code
    assert "xxx" not in (problem.message if problem else "")


def test_a_comment_that_the_store_does_not_take_is_rejected_and_the_others_are_stored(
    tmp_path: Path, store: Store
) -> None:
    rows = [["nr", "svar"], ["1", "x" * 20_001], ["2", "Bra"]]
    mapping = tmp_path / "own.toml"
    mapping.write_text('name = "own"\nsource = "own"\n[columns]\nid = "nr"\n[[text]]\nname = "svar"\n')
    assert into(store, write(tmp_path / "e.csv", rows), mapping=str(mapping)) == {"new": 1}
    assert stored(store) == [("2", 1, "Bra")]
    assert "2,1,text_too_long," in (tmp_path / "e.rejected.csv").read_text(encoding="utf-8")


def test_a_store_that_does_not_answer_for_a_while_loses_nothing(
    tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.exports.sink_store.PAUSE_SECONDS", 0.01)
    failures = iter([True, True, False])
    write_ = store.write

    def sometimes() -> object:
        if next(failures, False):
            raise StoreUnavailable(store.name)
        return write_()

    monkeypatch.setattr(store, "write", sometimes)
    report = Silent()
    sink = StoreSink(store, treat=as_it_came, notice=report.notice)
    sink.write([ImportedComment("survey", "1", "Bra")])
    assert sink.counts.comments == 1
    assert report.notices == [f"{store.name} does not answer; trying again."] * 2


def test_a_store_that_stays_away_ends_the_run_and_says_how_to_go_on(
    export: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_arguments: object, **_options: object) -> None:
        raise StoreUnavailable("it")

    monkeypatch.setattr("api.exports.sink_store.PATIENCE_SECONDS", 0.0)
    monkeypatch.setattr("api.exports.sink_store.ingest", fail)
    result = call("ingest", export, "--column", "nps=Q3", "--database", f"sqlite:///{tmp_path}/ours.db")
    assert result.exit_code == 1
    assert "0 comments were stored; the same command goes on. (run_failed)" in result.stderr
    assert not (tmp_path / "q.rejected.csv").exists()


@pytest.mark.slow
def test_an_import_that_was_killed_is_started_again_and_ends_the_same(
    tmp_path: Path, store: Store, database: str
) -> None:
    path = write(tmp_path / "n.csv", [["Answers"], *([f"Svar {number}"] for number in range(5_000))])
    command = [sys.executable, "-c", "from api.cli import main; main()", "ingest", str(path), "--database", database]
    moments = random.Random(7)
    for kill in range(2):
        process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL)
        before = count(store, StoredComment)
        wait_for(lambda: count(store, StoredComment) > before or process.poll() is not None)  # noqa: B023, at once
        time.sleep(moments.uniform(0.0, 0.1))
        process.kill()
        process.wait()
        assert 0 < count(store, StoredComment) < 5_000, f"kill {kill} came after the end: it proves nothing"
        assert count(store, StoredComment) % 500 == 0
    finished = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    assert "5,000 rows: 5,000 comments" in finished.stderr
    assert "Recognised Netigate" in finished.stderr
    texts = [text for _, number, text in stored(store) if number == 1]
    assert texts == [f"Svar {number}" for number in range(5_000)]
    assert count(store, StoredComment) == count(store, CommentVersion) == count(store, PendingVersion) == 5_000
    assert list(tmp_path.glob(".*.part")) == []


def test_a_service_on_the_same_store_tags_what_was_imported(export: str, store: Store, database: str) -> None:
    worker = TagWorker(store, StubTagger(), batch_size=8, max_text_length=20_000)
    worker.start()
    call("ingest", export, "--column", "nps=Q3", "--database", database)
    wait_for(lambda: count(store, PendingVersion) == 0)
    worker.stop()
    assert count(store, Tagging) == 2


def test_both_ways_in_store_the_same(tmp_path: Path, store: Store) -> None:
    comment = ImportedComment("survey", "1", "Bra", nps=9, rating=4.5, metadata={"order": "A1"})
    assert comment.to_new() == NewComment("survey", "1", "Bra", nps=9, metadata={"rating": 4.5, "order": "A1"})
    assert json.loads(json.dumps(comment.to_row()))["rating"] == 4.5
