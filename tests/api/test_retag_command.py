"""`stemme retag` as it is typed."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

import api.cli
from api.jobs.jobs import cancel_job, create_job, unfinished_job
from api.jobs.models import Job
from api.retag.command import _Lines
from api.store.database import Store
from nlp.models.shipped import SHIPPED
from tests.api.rest_stub import StubTagger
from tests.api.retagging import OtherTagger, add_tagged, loads, shown

PAGE = Path(api.cli.__file__).parents[1] / "docs"


@pytest.fixture
def typed(database: str, store: Store, monkeypatch: pytest.MonkeyPatch):
    """Types `stemme retag …`; any folder holds the other model."""
    monkeypatch.setattr("api.retag.command._load", loads(OtherTagger()))
    monkeypatch.setenv("COLUMNS", "200")

    def call(*arguments: str) -> Result:
        at = 0 if not arguments or arguments[0].startswith("--") else 1
        return CliRunner().invoke(
            api.cli.app, ["retag", *arguments[:at], "--database", database, *arguments[at:]], catch_exceptions=False
        )

    return call


@pytest.mark.slow
def test_the_archive_is_tagged_anew_and_back(typed, store: Store) -> None:
    add_tagged(store, "Bra", "Nei!")
    done = typed("--model", str(SHIPPED))
    assert done.exit_code == 0, done.output
    assert "is succeeded: 2 comments; run 2 is shown. Back to run 1: stemme retag rollback" in done.stdout
    assert set(shown(store).values()) == {OtherTagger.name}
    lines = typed("runs").stdout.splitlines()
    assert re.fullmatch(r"2  active  other@2\.0\.0  journey@1\.0\.0  \S+ \S+  2 tagged, 2 shown", lines[0])
    assert lines[1].endswith("2 tagged, 0 shown")
    assert typed("status").stdout == done.stdout
    refused = typed("rollback")
    assert (refused.exit_code, "run_model_missing" in refused.stderr) == (2, True)
    assert typed("rollback", "--force").stdout == "Run 1 is active: stub@1.0.0, journey@1.0.0.\n"
    assert set(shown(store).values()) == {StubTagger.name}


def test_a_dry_run_stores_nothing_and_writes_what_it_finds(typed, store: Store, tmp_path: Path) -> None:
    add_tagged(store, "Bra", "Nei!")
    result = typed("--model", str(SHIPPED), "--dry-run", "--output", str(tmp_path / "changes.json"))
    assert "2 of 2 comments would change with other@2.0.0. Nothing was stored." in result.stdout
    written = json.loads((tmp_path / "changes.json").read_text(encoding="utf-8"))
    assert (written["model"], written["languages"]) == ("other@2.0.0", {"nb": {"compared": 2, "changed": 2}})
    assert set(shown(store).values()) == {StubTagger.name}
    assert typed("status").stdout == "There has been no retag.\n"


def test_an_unfinished_one_goes_on_unless_something_else_is_asked(typed, store: Store) -> None:
    add_tagged(store, "Bra")
    create_job(store, kind="retag", parameters={"model": str(SHIPPED), "filters": {}, "rate": None}, by="test")
    other = typed("--department", "Bergen")
    assert (other.exit_code, "job_under_way" in other.stderr) == (2, True)
    going_on = typed()
    assert "Job 1 goes on: " in going_on.stderr
    assert "is succeeded: 1 comments" in going_on.stdout


def test_it_is_cancelled(typed, store: Store) -> None:
    assert typed("cancel").exit_code == 1
    create_job(store, kind="retag", parameters={"model": None, "filters": {}, "rate": None}, by="test")
    assert "is cancelled: what was shown is shown." in typed("cancel").stdout


def test_cancelled_by_somebody_else_it_has_not_done_what_was_asked(
    typed, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_tagged(store, "Bra")

    def load(_: Path | None) -> OtherTagger:
        job = unfinished_job(store, ["retag"])
        if job is not None:
            cancel_job(store, job.id, by="another")
        return OtherTagger()

    monkeypatch.setattr("api.retag.command._load", load)
    result = typed("--model", str(SHIPPED))
    assert (result.exit_code, "is cancelled: what was shown is shown." in result.stdout) == (1, True)
    assert set(shown(store).values()) == {StubTagger.name}


def test_in_a_log_it_says_how_far_it_is_at_each_tenth(capsys: pytest.CaptureFixture[str]) -> None:
    lines = _Lines()
    job = Job(id=3, kind="retag", parameters={"model": None, "filters": {}, "rate": None}, done=0, total=None)
    job.state = "queued"
    lines.show(job)
    job.state, job.total = "running", 1_000
    for job.done in range(0, 1_001, 50):
        lines.show(job)
    told = capsys.readouterr().err.splitlines()
    assert len(told) == 12  # queued, begun, and ten tenths
    assert told[0] == "Job 3 (the active model; every comment) is queued: 0 of ? comments."
    assert told[6] == "Job 3 (the active model; every comment) is running: 500 of 1,000 comments."


def test_filters_that_let_nothing_through_make_no_model_the_active_one(typed, store: Store) -> None:
    add_tagged(store, "Bra", department="Bergen")
    refused = typed("--model", str(SHIPPED), "--department", "Begren")
    assert (refused.exit_code, "No comment has passed the filters (department)" in refused.stderr) == (2, True)
    assert typed("status").stdout == "There has been no retag.\n"
    assert typed("--model", str(SHIPPED), "--department", "Bergen").exit_code == 0


@pytest.mark.slow
def test_programs_read_its_state_and_the_runs_as_the_api_gives_them(typed, store: Store) -> None:
    assert json.loads(typed("status", "--json").stdout) is None
    add_tagged(store, "Bra", "Nei!")
    assert typed("--model", str(SHIPPED)).exit_code == 0
    state = json.loads(typed("status", "--json").stdout)
    assert (state["state"], state["done"], state["total"], state["run"]) == ("succeeded", 2, 2, 2)
    runs = json.loads(typed("runs", "--json").stdout)["runs"]
    assert [(run["id"], run["state"], run["shown"]) for run in runs] == [(2, "active", 2), (1, "former", 0)]


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (["--since", "2026-01-01"], "--since: Input has no zone"),
        (["--rate", "0"], "--rate"),
        (["--language", "fi"], "--language"),
        (["--theme", "delivery_tme"], "Did you mean 'delivery_time'?"),
        (["--model", "/no/such/folder"], "(unknown_model)"),
        (["--output", "x.json"], "goes with --dry-run"),
    ],
)
def test_what_cannot_be_done_is_one_line(typed, options: list[str], why: str) -> None:
    result = typed(*options)
    assert result.exit_code == 2
    assert why in result.stderr
    assert typed("status").stdout == "There has been no retag.\n"


def test_the_pages_name_every_option() -> None:
    shown_help = CliRunner(env={"COLUMNS": "200", "TERMINAL_WIDTH": "200"}).invoke(api.cli.app, ["retag", "--help"])
    options = set(re.findall(r"--[a-z][a-z-]+", shown_help.stdout.partition("Options")[2])) - {"--help"}
    assert len(options) > 10
    section = (PAGE / "command-line.md").read_text(encoding="utf-8").partition("## `stemme retag`")[2]
    assert [option for option in options if f"`{option}`" not in section.partition("\n## ")[0]] == []
