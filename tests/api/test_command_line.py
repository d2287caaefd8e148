"""The command line around its commands: version, settings of the service, and commands of packages that plug in."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.metadata import EntryPoint, PackageNotFoundError
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

import api.cli
import api.server
from api.cli import app
from api.files.columns import MAX_COLUMNS
from api.files.decode import MAX_LINE
from api.files.errors import FileError
from api.files.layout import FLAT_FIELDS
from api.files.problems import Code
from api.files.read_csv import MAX_CELL
from api.files.read_jsonl import MAX_DEPTH
from api.files.run import ROWS_FOR_COLUMNS
from api.files.write_parquet import ROWS_PER_GROUP
from api.settings import Settings
from nlp.errors import BadModel, BadTaxonomy, MissingExtra, StemmeError, UntaggableText

PLUGIN = """
from typing import Annotated
import typer

def measure(path: str, *, twice: Annotated[bool, typer.Option("--twice", help="Say it twice.")] = False) -> None:
    \"\"\"Measure a thing.\"\"\"
    print(path * 2 if twice else path)
"""


def call(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


@pytest.fixture
def plug(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Plug in a command `measure` from a module with this code."""
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "plugged_in", raising=False)

    def plug(code: str) -> None:
        (tmp_path / "plugged_in.py").write_text(code)
        entry = EntryPoint("measure", "plugged_in:measure", api.cli.PLUGGED)
        monkeypatch.setattr(api.cli, "entry_points", lambda *, group: [entry] if group == api.cli.PLUGGED else [])

    return plug


def test_a_plugged_in_command_is_called_with_its_own_options(plug: Any) -> None:
    plug(PLUGIN)
    assert call("measure", "ab", "--twice").stdout == "abab\n"
    assert "Measure a thing." in call("--help").stdout
    assert "Say it twice." in call("measure", "--help").stdout


def test_a_plugged_in_command_is_not_imported_for_another(plug: Any) -> None:
    plug(PLUGIN)
    assert call("tag", "--help").exit_code == 0
    assert "plugged_in" not in sys.modules


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("import no_such_module", "ModuleNotFoundError: No module named 'no_such_module'"),
        ("measure = 1 / 0", "ZeroDivisionError: division by zero"),
        ("", "AttributeError"),
    ],
    ids=["a part is missing", "broken", "no such function"],
)
def test_a_plugged_in_command_that_cannot_be_loaded_says_so_and_breaks_no_other(plug: Any, code: str, why: str) -> None:
    plug(code)
    assert call("tag", "--help").exit_code == 0
    assert "Not available" in call("--help").stdout
    result = call("measure", "x", "--twice")
    assert result.exit_code == 2
    assert result.stderr.startswith("error: 'measure' cannot be loaded from plugged_in:measure")
    assert why in result.stderr
    assert result.stderr.endswith("(command_unavailable)\n")


def test_a_plugged_in_command_cannot_take_the_place_of_ours(plug: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    plug(PLUGIN)
    entry = EntryPoint("tag", "plugged_in:measure", api.cli.PLUGGED)
    monkeypatch.setattr(api.cli, "entry_points", lambda *, group: [entry])
    assert "Tag every comment of a file" in call("tag", "--help").stdout


def test_an_error_of_ours_is_one_line_with_its_code(plug: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(model: Path | None) -> None:
        raise BadModel(f"{model} holds no model.")

    monkeypatch.setattr(api.cli, "load_tagger", fail)
    result = call("tag", "--text", "sein", "--model", "elsewhere")
    assert (result.exit_code, result.stderr) == (2, "error: elsewhere holds no model. (bad_model)\n")


def test_an_unknown_command_is_refused() -> None:
    assert call("tagg").exit_code == 2


@pytest.mark.slow
def test_it_runs_as_a_module_too() -> None:
    run = subprocess.run([sys.executable, "-m", "api.cli", "--version"], capture_output=True, text=True, check=True)
    assert run.stdout.startswith("stemme")


def test_the_version(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api.cli, "version", lambda name: {"stemme": "1.2.3"}[name])
    assert call("--version").stdout == "stemme 1.2.3\n"


def test_the_version_of_what_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> str:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(api.cli, "version", missing)
    assert "not installed" in call("--version").stdout


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[Settings]:
    """The settings with which the service was started; nothing listens."""
    started: list[Settings] = []

    def serve(settings: Settings, *, load: object) -> None:
        started.append(settings)

    monkeypatch.setattr(api.server, "serve", serve)
    return started


def test_serve_listens_on_this_machine_only_unless_told(served: list[Settings]) -> None:
    assert call("serve").exit_code == 0
    assert [(s.host, s.port, s.model) for s in served] == [("127.0.0.1", 8000, None)]


def test_serve_takes_its_options_before_the_environment(
    served: list[Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STEMME_PORT", "9000")
    monkeypatch.setenv("STEMME_HOST", "::1")
    assert call("serve", "--port", "9001", "--model", "elsewhere").exit_code == 0
    assert [(s.host, s.port, s.model) for s in served] == [("::1", 9001, Path("elsewhere"))]


def test_serve_is_open_only_if_told(served: list[Settings]) -> None:
    assert [call("serve", *options).exit_code for options in ([], ["--open"], ["--open", "--host", "::1"])] == [0] * 3
    assert [settings.open for settings in served] == [False, True, True]


@pytest.mark.parametrize("source", ["option", "environment"])
def test_a_setting_that_is_not_valid_is_named(
    served: list[Settings], monkeypatch: pytest.MonkeyPatch, source: str
) -> None:
    if source == "environment":
        monkeypatch.setenv("STEMME_PORT", "99999")
    result = call("serve", *(["--port", "99999"] if source == "option" else []))
    assert (result.exit_code, served) == (2, [])
    assert "STEMME_PORT" in result.stderr
    assert "99999" in result.stderr
    assert "less than or equal to 65535" in result.stderr
    assert result.stderr.endswith("(bad_settings)\n")


PAGE = (Path(api.cli.__file__).parents[1] / "docs" / "command-line.md").read_text(encoding="utf-8")


def test_the_page_explains_every_error_of_a_row() -> None:
    tagger = {kind.code for kind in UntaggableText.__subclasses__()}
    assert [code for code in {*Code, *tagger} if f"\n| `{code}` | " not in PAGE] == []


def test_the_page_lists_every_error_of_the_run() -> None:
    kinds: list[type[StemmeError]] = [*FileError.__subclasses__(), BadModel, BadTaxonomy, MissingExtra]
    assert [kind.code for kind in kinds if f"`{kind.code}`" not in PAGE] == []


def test_the_page_lists_every_option_of_tag() -> None:
    page = PAGE.partition("## `stemme tag")[2].partition("### Input")[0]
    shown = CliRunner(env={"COLUMNS": "200", "TERMINAL_WIDTH": "200"}).invoke(app, ["tag", "--help"]).stdout
    options = set(re.findall(r"--[a-z][a-z-]+", shown.partition("Options")[2].partition("Examples")[0])) - {"--help"}
    assert len(options) > 10
    assert [option for option in options if f"`{option}`" not in page] == []


def test_the_page_names_the_columns_of_a_csv_output() -> None:
    assert ", ".join(f"`{field}`" for field in FLAT_FIELDS) in " ".join(PAGE.split())


def test_the_page_has_the_right_limits() -> None:
    for limit in (MAX_CELL, MAX_LINE, MAX_COLUMNS, ROWS_PER_GROUP):
        assert f"{limit:,}" in PAGE
    assert f"more than {MAX_DEPTH} deep" in PAGE
    assert f"its first {ROWS_FOR_COLUMNS} objects" in PAGE
