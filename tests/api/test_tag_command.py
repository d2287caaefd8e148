"""`stemme tag` as people and scripts call it: output, exit codes, and what is left behind when a run breaks off."""

from __future__ import annotations

import errno
import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from threading import Thread
from typing import IO, Any

import pytest
from rich.console import Console
from typer.testing import CliRunner, Result

import api.cli
from api.cli import app
from api.files.progress import ProgressBar
from nlp.record import Comment, Record
from tests.stubs import StubTagger

ROOT = Path(__file__).parents[2]
GOOD = '{"id": "a", "text": "sein"}\n{"id": "b", "text": "hyggelig"}\n'
# The command with the stub in a process of its own, for what only a process can show.
STUBBED = """
import sys, time
import api.cli
from tests.stubs import StubTagger

class Tagger(StubTagger):
    def tag_one(self, comment):
        time.sleep({seconds})
        return super().tag_one(comment)

api.cli.load_tagger = lambda model: Tagger()
api.cli.main()
"""


class MustNotLoad:
    """A tagger that is asked for although the run cannot start."""

    def __init__(self, model: Path | None) -> None:
        raise AssertionError("the model was loaded")


@pytest.fixture(autouse=True)
def _stub(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api.cli, "load_tagger", StubTagger.load)


@pytest.fixture
def _no_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api.cli, "load_tagger", MustNotLoad)


def call(*arguments: str | Path, stdin: str | bytes | None = None) -> Result:
    return CliRunner().invoke(app, list(map(str, arguments)), input=stdin)


def process(*arguments: str | Path, seconds: float = 0.0, **options: Any) -> subprocess.Popen[bytes]:
    code = STUBBED.format(seconds=seconds)
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen([sys.executable, "-c", code, *map(str, arguments)], env=environment, **pipes)


def test_a_file_into_a_file(tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_text(GOOD)
    result = call("tag", tmp_path / "in.jsonl", "-o", tmp_path / "out.jsonl")
    records = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [(r["id"], r["sentiment"]["label"]) for r in records] == [("a", "negative"), ("b", "positive")]
    assert (result.exit_code, result.stdout) == (0, "")


def test_standard_input_into_standard_output(tmp_path: Path) -> None:
    result = call("tag", "-", "-o", "-", stdin=GOOD)
    assert [json.loads(line)["id"] for line in result.stdout.splitlines()] == ["a", "b"]


def test_another_format_on_standard_input_and_output() -> None:
    result = call("tag", "-", "--input-format", "csv", "--output-format", "csv", stdin="id;text\na;sein\n")
    header, line = result.stdout.splitlines()
    assert header.startswith("id;text;language;")
    assert line.startswith("a;sein;nb;negative;")


def test_one_text_prints_its_record() -> None:
    result = call("tag", "--text", "sein, bytter! 📦")
    record = json.loads(result.stdout)
    assert record["sentiment"]["label"] == "negative"
    assert record["churn_risk"] == {"flag": True, "confidence": 0.9, "spans": [{"start": 6, "end": 12}]}


def test_one_text_that_cannot_be_tagged_prints_its_error() -> None:
    result = call("tag", "--text", "  ")
    assert json.loads(result.stdout)["error"]["code"] == "empty_text"
    assert result.exit_code == 0


def test_the_summary_counts_errors_and_names_the_first_line_of_each(tmp_path: Path) -> None:
    data = GOOD + "{\n" + '{"id": "c"}\n' + "{\n"
    result = call("tag", "-", "-o", tmp_path / "out.jsonl", stdin=data)
    assert result.exit_code == 0
    assert "5 lines: 2 tagged, 3 with an error;" in result.stderr
    assert "broken_json: 2, the first on line 3" in result.stderr
    assert "missing_text: 1, the first on line 4" in result.stderr


def test_quiet_says_nothing(tmp_path: Path) -> None:
    result = call("tag", "-", "--quiet", "-o", tmp_path / "out.jsonl", stdin=GOOD + "{\n")
    assert (result.stderr, result.stdout) == ("", "")


def test_the_options_reach_the_run(tmp_path: Path) -> None:
    (tmp_path / "in.txt").write_bytes("nr;svar\n7;blå, sein\n7;dyrt\n".encode("latin-1"))
    result = call(
        *["tag", str(tmp_path / "in.txt"), "--input-format", "csv", "--id-column", "nr", "--text-column", "svar"],
        *["--allow-duplicate-ids", "--encoding", "latin-1", "--batch-size", "1"],
    )
    records = [json.loads(line) for line in result.stdout.splitlines()]
    assert [(r["id"], r["svar"], r["sentiment"]["label"]) for r in records] == [
        ("7", "blå, sein", "negative"),
        ("7", "dyrt", "negative"),
    ]


def test_rows_can_be_numbered(tmp_path: Path) -> None:
    result = call("tag", "-", "--number-rows", stdin='{"text": "sein"}\n{"text": "rask"}\n')
    assert [json.loads(line)["id"] for line in result.stdout.splitlines()] == ["1", "2"]


def test_a_guessed_encoding_is_said(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_bytes("id,text\n1,blå\n".encode("cp1252"))
    assert "notice: The input is not UTF-8; reading it as cp1252" in call("tag", tmp_path / "in.csv").stderr


def test_a_cell_of_a_million_letters_is_read(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text(f"id,notes,text\n1,{'x' * 1_000_000},sein\n")
    assert "1 line: 1 tagged" in call("tag", tmp_path / "in.csv", "-o", tmp_path / "out.csv").stderr


# Runs that cannot start. Each ends with code 2 and one line, and the model is never loaded.
@pytest.mark.usefixtures("_no_model")
class TestRefused:
    def refuse(self, *arguments: str | Path, stdin: str | None = None) -> str:
        result = call("tag", *arguments, stdin=stdin)
        assert result.exit_code == 2, result.exception
        (line,) = result.stderr.splitlines()
        assert line.startswith("error: ")
        return line

    def test_an_input_that_is_not_there(self, tmp_path: Path) -> None:
        (tmp_path / "svar.csv").touch()
        line = self.refuse(tmp_path / "svra.csv")
        assert "svra.csv does not exist. Files there: svar.csv." in line
        assert line.endswith("(input_not_found)")

    def test_a_folder_as_input(self, tmp_path: Path) -> None:
        (tmp_path / "in.csv").mkdir()
        assert self.refuse(tmp_path / "in.csv").endswith("(input_is_folder)")
        assert self.refuse(tmp_path).endswith("(input_is_folder)")  # not "has no extension"

    def test_an_empty_file(self, tmp_path: Path) -> None:
        (tmp_path / "in.csv").touch()
        assert self.refuse(tmp_path / "in.csv").endswith("(empty_input)")

    @pytest.mark.parametrize("format_", ["csv", "jsonl", "parquet"])
    def test_empty_standard_input(self, format_: str) -> None:
        assert self.refuse("-", "--input-format", format_, stdin="").endswith("(empty_input)")

    def test_an_unknown_extension_of_the_input(self, tmp_path: Path) -> None:
        (tmp_path / "in.xlsx").touch()
        line = self.refuse(tmp_path / "in.xlsx")
        assert "in.xlsx ends in '.xlsx'. Known: .csv, .jsonl, .parquet. For another name say --input-format." in line

    def test_an_unknown_extension_of_the_output(self, tmp_path: Path) -> None:
        (tmp_path / "in.jsonl").write_text(GOOD)
        line = self.refuse(tmp_path / "in.jsonl", "-o", tmp_path / "out")
        assert "out has no extension." in line
        assert "--output-format" in line

    def test_missing_columns(self, tmp_path: Path) -> None:
        (tmp_path / "in.csv").write_text("nr,svar\n1,sein\n")
        line = self.refuse(tmp_path / "in.csv", "-o", tmp_path / "out.csv")
        assert "Columns found: 'nr', 'svar'." in line
        assert not (tmp_path / "out.csv").exists()

    def test_an_output_in_a_folder_that_is_not_there(self, tmp_path: Path) -> None:
        (tmp_path / "in.jsonl").write_text(GOOD)
        line = self.refuse(tmp_path / "in.jsonl", "-o", tmp_path / "no" / "out.jsonl")
        assert line.endswith("no does not exist. Create the folder or name another. (unwritable_output)")

    def test_an_output_in_a_path_that_is_a_file(self, tmp_path: Path) -> None:
        (tmp_path / "in.jsonl").write_text(GOOD)
        line = self.refuse(tmp_path / "in.jsonl", "-o", tmp_path / "in.jsonl" / "out.jsonl")
        assert "is a file, not a folder" in line

    def test_a_folder_as_output(self, tmp_path: Path) -> None:
        (tmp_path / "in.jsonl").write_text(GOOD)
        (tmp_path / "out.jsonl").mkdir()
        assert "out.jsonl is a folder" in self.refuse(tmp_path / "in.jsonl", "-o", tmp_path / "out.jsonl")

    def test_the_input_as_output(self, tmp_path: Path) -> None:
        (tmp_path / "in.jsonl").write_text(GOOD)
        (tmp_path / "link.jsonl").symlink_to(tmp_path / "in.jsonl")
        assert self.refuse(tmp_path / "in.jsonl", "-o", tmp_path / "link.jsonl").endswith("(same_file)")
        assert (tmp_path / "in.jsonl").read_text() == GOOD

    def test_an_output_that_is_read_only(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        # Tests may run as root, whom permission bits do not bind: the system's answer is put in its mouth.
        (tmp_path / "in.jsonl").write_text(GOOD)
        (tmp_path / "out.jsonl").write_text("kept")
        monkeypatch.setattr(os, "access", lambda path, mode: Path(path).name != "out.jsonl")
        assert "out.jsonl is there and is read-only" in self.refuse(tmp_path / "in.jsonl", "-o", tmp_path / "out.jsonl")
        assert (tmp_path / "out.jsonl").read_text() == "kept"

    @pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="needs a file system that refuses even root")
    def test_an_output_in_a_folder_that_takes_no_files(self, tmp_path: Path) -> None:
        # /proc refuses new files to root as well: the system's own error, through the code that a read-only disk takes.
        (tmp_path / "in.jsonl").write_text(GOOD)
        line = self.refuse(tmp_path / "in.jsonl", "-o", "/proc/self/out.jsonl")
        assert line.startswith("error: /proc/self/out.jsonl cannot be written: ")

    def test_an_input_that_may_not_be_read(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        # As above: root may read anything.
        (tmp_path / "in.jsonl").write_text(GOOD)
        open_: Callable[..., IO[Any]] = Path.open

        def refuse(path: Path, *arguments: Any, **options: Any) -> IO[Any]:
            if path.name == "in.jsonl":
                raise PermissionError(errno.EACCES, "Permission denied")
            return open_(path, *arguments, **options)

        monkeypatch.setattr(Path, "open", refuse)
        assert "in.jsonl cannot be opened: Permission denied." in self.refuse(tmp_path / "in.jsonl")

    def test_neither_an_input_nor_a_text(self) -> None:
        assert "INPUT or --text is needed, and neither is there" in self.refuse()

    def test_an_input_and_a_text(self) -> None:
        assert "INPUT or --text is needed, and both is there" in self.refuse("in.csv", "--text", "sein")

    def test_a_text_with_an_output(self) -> None:
        assert "Leave --output out" in self.refuse("--text", "sein", "-o", "out.jsonl")


class BreaksOff(StubTagger):
    """Fails on the comment `b`, in the way that it is told."""

    def __init__(self, failure: BaseException) -> None:
        self.failure = failure

    def tag_one(self, comment: Comment) -> Record:
        if comment.id == "b":
            raise self.failure
        return super().tag_one(comment)


@pytest.mark.parametrize(
    ("failure", "exit_code"),
    [(OSError(errno.ENOSPC, "No space left on device"), 1), (KeyboardInterrupt(), 130), (RuntimeError("bug"), 1)],
    ids=["full disk", "Ctrl-C", "bug"],
)
def test_a_run_that_breaks_off_leaves_the_output_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failure: BaseException, exit_code: int
) -> None:
    (tmp_path / "in.jsonl").write_text(GOOD)
    (tmp_path / "out.jsonl").write_text("of yesterday")
    monkeypatch.setattr(api.cli, "load_tagger", lambda model: BreaksOff(failure))
    result = call("tag", tmp_path / "in.jsonl", "-o", tmp_path / "out.jsonl", "--batch-size", "1")
    assert result.exit_code == exit_code
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.jsonl", "out.jsonl"]
    assert (tmp_path / "out.jsonl").read_text() == "of yesterday"


def test_a_full_disk_is_said_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    failure = OSError(errno.ENOSPC, "No space left on device")
    monkeypatch.setattr(api.cli, "load_tagger", lambda model: BreaksOff(failure))
    result = call("tag", "-", "-o", tmp_path / "out.jsonl", stdin=GOOD)
    (line,) = result.stderr.splitlines()
    assert line == "error: The run broke off: No space left on device. The output is not complete. (run_failed)"


def test_no_file_stands_under_the_name_of_the_output_before_the_run_is_complete(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "out.jsonl"
    seen: list[bool] = []

    class Looks(StubTagger):
        def tag_one(self, comment: Comment) -> Record:
            seen.append(target.exists())
            return super().tag_one(comment)

    monkeypatch.setattr(api.cli, "load_tagger", lambda model: Looks())
    call("tag", "-", "-o", target, "--batch-size", "1", stdin=GOOD)
    assert (seen, target.exists()) == ([False, False], True)


def test_a_link_as_output_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "link.jsonl").symlink_to(tmp_path / "real.jsonl")
    call("tag", "-", "-o", tmp_path / "link.jsonl", stdin=GOOD)
    assert (tmp_path / "link.jsonl").is_symlink()
    assert len((tmp_path / "real.jsonl").read_text().splitlines()) == 2


def test_a_device_as_output_is_written_to_and_stays() -> None:
    assert call("tag", "-", "-o", "/dev/null", "--output-format", "jsonl", stdin=GOOD).exit_code == 0
    assert not Path("/dev/null").is_file()


@pytest.mark.slow
@pytest.mark.parametrize(("sent", "exit_code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_run_that_is_stopped_says_what_became_of_the_output(tmp_path: Path, sent: int, exit_code: int) -> None:
    (tmp_path / "in.jsonl").write_text(GOOD * 1_000)
    running = process("tag", tmp_path / "in.jsonl", "-o", tmp_path / "out.jsonl", "--allow-duplicate-ids", seconds=0.01)
    deadline = time.monotonic() + 30
    while not list(tmp_path.glob(".out.jsonl.*.part")) and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(0.5)
    running.send_signal(sent)
    _, error = running.communicate(timeout=30)
    assert running.returncode == exit_code
    assert b"out.jsonl was not written" in error
    assert b"Traceback" not in error
    assert [path.name for path in tmp_path.iterdir()] == ["in.jsonl"]


@pytest.mark.slow
def test_the_part_of_a_run_that_was_killed_is_removed_by_the_next_and_that_of_a_run_that_lives_is_not(
    tmp_path: Path,
) -> None:
    (tmp_path / "in.jsonl").write_text(GOOD * 1_000)
    several = ("tag", tmp_path / "in.jsonl", "-o", tmp_path / "out.jsonl", "--allow-duplicate-ids")
    running = process(*several, seconds=0.01)

    def written() -> list[Path]:
        return [part for part in tmp_path.glob(".out.jsonl.*.part") if part.stat().st_size]

    deadline = time.monotonic() + 60
    while not written() and time.monotonic() < deadline:
        time.sleep(0.05)
    (part,) = written()
    assert call("tag", "-", "-o", tmp_path / "out.jsonl", stdin=GOOD).exit_code == 0
    assert part.exists()
    running.kill()
    running.communicate(timeout=30)
    assert part.exists()
    assert call("tag", "-", "-o", tmp_path / "out.jsonl", stdin=GOOD).exit_code == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.jsonl", "out.jsonl"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no device that is always full")
def test_a_disk_that_is_full_when_the_output_is_closed_too(tmp_path: Path) -> None:
    result = call("tag", "-", "-o", "/dev/full", "--output-format", "jsonl", stdin=GOOD)
    assert (result.exit_code, type(result.exception)) == (1, SystemExit)
    assert "No space left on device" in result.stderr


@pytest.mark.slow
@pytest.mark.parametrize("output", ["out.csv", "out.parquet"])
def test_a_named_pipe_as_input_is_read_once(tmp_path: Path, output: str) -> None:
    os.mkfifo(tmp_path / "pipe.jsonl")
    writer = Thread(target=(tmp_path / "pipe.jsonl").write_text, args=(GOOD,), daemon=True)
    writer.start()
    running = process("tag", tmp_path / "pipe.jsonl", "-o", tmp_path / output)
    _, error = running.communicate(timeout=60)
    writer.join()
    assert (running.returncode, error.startswith(b"2 lines: 2 tagged")) == (0, True)


@pytest.mark.slow
def test_a_reader_that_hangs_up_ends_the_run_quietly(tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_text(GOOD * 5_000)
    running = process("tag", tmp_path / "in.jsonl", "--allow-duplicate-ids", "--quiet")
    assert running.stdout is not None
    assert json.loads(running.stdout.readline())["id"] == "a"
    running.stdout.close()
    assert running.stderr is not None
    assert running.stderr.read() == b""
    assert running.wait(timeout=30) == 0
    running.stderr.close()
    assert running.stdin is not None
    running.stdin.close()


@pytest.mark.slow
def test_parquet_through_pipes(tmp_path: Path) -> None:
    first = process("tag", "-", "--output-format", "parquet")
    table, _ = first.communicate(GOOD.encode(), timeout=60)
    second = process("tag", "-", "--input-format", "parquet", "--output-format", "jsonl")
    lines, _ = second.communicate(table, timeout=60)
    assert [json.loads(line)["text"] for line in lines.splitlines()] == ["sein", "hyggelig"]


@pytest.mark.slow
def test_a_failure_shows_no_local_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    code = STUBBED.format(seconds="1 / 0")  # a bug in the tagger while it holds a customer's words
    running = subprocess.run(
        [sys.executable, "-c", code, "tag", "-"],
        input=b'{"id": "a", "text": "Kari Nordmann"}',
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert running.returncode == 1
    assert b"ZeroDivisionError" in running.stderr
    assert b"Kari" not in running.stderr


@pytest.mark.slow
def test_help_does_not_load_what_only_tagging_needs() -> None:
    code = (
        "import sys; from typer.testing import CliRunner; from api.cli import app; "
        "assert CliRunner().invoke(app, ['tag', '--help']).exit_code == 0; "
        "print([name for name in ('torch', 'onnxruntime', 'pyarrow', 'uvicorn') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, check=True, timeout=120)
    assert done.stdout.strip() == b"[]"


@pytest.mark.parametrize("command", ["tag", "demo", "serve"])
def test_help_shows_every_option_with_a_description_and_an_example(command: str) -> None:
    result = CliRunner(env={"COLUMNS": "200", "TERMINAL_WIDTH": "200"}).invoke(app, [command, "--help"])
    options = [line for line in result.stdout.splitlines() if line.startswith("│ --")]
    assert options
    for line in options:
        assert len(line.strip("│ ").split()) > 3, line
    assert f"stemme {command} " in result.stdout.partition("Example")[2]


@pytest.mark.parametrize(("quiet", "shown"), [(False, True), (True, False)])
def test_a_terminal_sees_how_far_the_run_is(quiet: bool, shown: bool) -> None:
    screen = io.StringIO()
    with ProgressBar(Console(file=screen, force_terminal=True, width=100), quiet=quiet) as bar:
        bar.step("Tagging", total=200)
        bar.advance(100, rows=1_234)
    assert ("50 %" in screen.getvalue()) is shown
    assert ("1,234 lines" in screen.getvalue()) is shown
