"""`stemme topics` without a file: causes of what is stored, written as those of a file are."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("ruptures", reason="needs the extra 'topics'")

from typer.testing import CliRunner, Result

from api.cause_runs.restore import restored
from api.cause_runs.runs import current_run
from api.causes.as_json import cause_rows
from api.cli import app
from api.jobs.jobs import list_jobs
from api.store.database import Store
from nlp.tagger import Tagger
from nlp.topics import Quote
from tests.api.cause_archive import DAYS, add_archive, find_causes, keep_causes, run_topics
from tests.embedding_stub import EmbeddingStub


@pytest.fixture(autouse=True)
def _stub(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Tagger, "load", lambda *_, **__: EmbeddingStub())
    monkeypatch.setattr("api.ingest.live.PATIENCE_SECONDS", 0.3)


def call(database: str, *arguments: object) -> Result:
    return CliRunner().invoke(app, ["topics", "--database", database, *map(str, arguments)])


def test_what_is_restored_is_written_as_it_was_found(store: Store) -> None:
    add_archive(store)
    found, _ = find_causes(store)
    keep_causes(store)
    run = current_run(store)
    assert run is not None
    told = restored(store, run).found
    names = {}
    for topic, ids in found.members.items():
        names |= dict(zip(ids, told.members[topic], strict=True))
    assert all(name.startswith("survey/") for name in names.values())
    topics = [
        replace(topic, quotes=[Quote(names[quote.comment_id], quote.start, quote.end) for quote in topic.quotes])
        for topic in found.model.topics
    ]
    named = replace(
        found,
        model=replace(found.model, topics=topics),
        members={topic: [names[id_] for id_ in ids] for topic, ids in found.members.items()},
    )
    assert cause_rows(told, language="nn") == cause_rows(named, language="nn")
    assert sorted(told.without.values()) == sorted(found.without.values())


def test_the_command_writes_json_and_keeps_the_run(store: Store, database: str, tmp_path: Path) -> None:
    add_archive(store)
    result = call(database, "-o", tmp_path / "causes.json", "--language", "nb", "--where", "q=pakka")
    assert result.exit_code == 0, result.output
    assert "kept aside" in result.stderr
    first, *_ = json.loads((tmp_path / "causes.json").read_text(encoding="utf-8"))
    assert (first["rank"], first["theme"]) == (1, "delivery_time")
    assert set(first["comments"]) <= {f"survey/L{day}" for day in range(10, DAYS)}
    assert first["quotes"][0]["id"] in first["comments"]
    assert current_run(store) is None, "it is over a part"
    (job,) = list_jobs(store, limit=9)
    assert job.parameters["filters"] == {"q": "pakka"}
    assert job.created_by.startswith("command line")


@pytest.mark.slow
def test_the_command_writes_a_page_with_quotes_and_parquet(store: Store, database: str, tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    add_archive(store)
    run_topics(store)
    assert call(database, "-o", tmp_path / "causes.html", "--language", "nn").exit_code == 0
    html = (tmp_path / "causes.html").read_text(encoding="utf-8")
    assert "Pakka kom sein" in html
    assert "survey/L" in html
    assert "1. mars 2026" in html.replace("\N{NO-BREAK SPACE}", " ")
    assert call(database, "-o", tmp_path / "causes.parquet").exit_code == 0
    assert pq.read_table(tmp_path / "causes.parquet").num_rows == 3


def test_an_empty_store_is_said_and_nothing_is_written(store: Store, database: str, tmp_path: Path) -> None:
    result = call(database, "-o", tmp_path / "causes.json")
    assert result.exit_code == 2
    assert result.stderr.endswith("(no_topics)\n")
    assert list(tmp_path.glob("causes*")) == []


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--where", "avdeling=Bergen"], "--where takes NAME=VALUE. Names:"),
        (["--where", "nps_min=elleve"], "--where nps_min=…"),
        (["--where", "submitted_from=2026-01-01"], "--where submitted_from=…"),
        (["--time-zone", "Europe/Bergen"], "--time-zone"),
        (["--former", "topics"], "are of a file"),
        (["svar.csv"], "are for the store"),
        (["-o", "causes.txt"], ".html"),
        (["-o", "/no/such/folder/causes.json"], "does not exist"),
    ],
)
def test_what_cannot_be_done_is_said_before_the_work(tmp_path: Path, arguments: list[str], says: str) -> None:
    database = f"sqlite:///{tmp_path}/store.db"
    result = call(database, *arguments)
    assert result.exit_code == 2, result.output
    assert says in " ".join(result.stderr.split())
    store = Store.open(database)
    assert list_jobs(store, limit=1) == []
    store.close()
