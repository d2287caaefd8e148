"""`stemme tag FOLDER -o FOLDER`: each file as by itself, once, whatever breaks off in between."""

from __future__ import annotations

import errno
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet
from rich.console import Console
from typer.testing import CliRunner, Result

import api.cli
import api.folders.one_file
from api.cli import app
from api.files.errors import RunFailed
from api.folders.progress import FolderProgress
from api.folders.state import STATE_FILE, open_state
from nlp.models.shipped import SHIPPED
from nlp.record import Comment, Record
from tests.api.test_tag_command import process
from tests.stubs import StubTagger

TEXTS = ["Pakka kom for seint, sein", "Snabb och rask", "Det var dyrt!", "Så hyggelig betjening"]


class CountingTagger(StubTagger):
    """Remembers the ids of what it tagged."""

    tagged: list[str]

    def tag_one(self, comment: Comment) -> Record:
        self.tagged.append(comment.id)
        return super().tag_one(comment)


@pytest.fixture(autouse=True)
def tagger(monkeypatch: pytest.MonkeyPatch) -> CountingTagger:
    counting = CountingTagger()
    counting.tagged = []
    monkeypatch.setattr(api.cli, "load_tagger", lambda model: counting)
    return counting


def write(path: Path, ids: list[str]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    texts = [TEXTS[number % len(TEXTS)] for number in range(len(ids))]
    parquet.write_table(pa.table({"id": ids, "text": texts, "score": list(range(len(ids)))}), path)
    return path


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "archive"
    write(folder / "a.parquet", ["a1", "a2"])
    write(folder / "year=2025" / "month=1" / "b.parquet", ["b1", "b2", "b3"])
    write(folder / "year=2026" / "b.PARQUET", ["c1"])
    return folder


def call(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["tag", *map(str, arguments)])


def files_of(folder: Path) -> dict[str, bytes]:
    paths = (path for path in folder.rglob("*") if path.is_file() and path.name != STATE_FILE)
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def test_each_file_becomes_one_of_its_name_with_the_bytes_that_it_has_by_itself(source: Path, tmp_path: Path) -> None:
    result = call(source, "-o", tmp_path / "out")
    assert result.exit_code == 0, result.output
    assert "3 files tagged, 0 done before\n6 lines: 6 tagged, 0 with an error;" in result.stderr
    alone = tmp_path / "alone.parquet"
    expected = {}
    for name in files_of(source):
        assert call(source / name, "-o", alone, "--input-format", "parquet").exit_code == 0
        expected[name] = alone.read_bytes()
    assert files_of(tmp_path / "out") == expected
    assert set(expected) == {"a.parquet", "year=2025/month=1/b.parquet", "year=2026/b.PARQUET"}


def test_a_reader_of_partitions_sees_the_tags_and_not_the_state(source: Path, tmp_path: Path) -> None:
    call(source, "-o", tmp_path / "out")
    table = parquet.read_table(tmp_path / "out" / "year=2025")
    assert table.column("month").to_pylist() == [1, 1, 1]
    assert [s["label"] for s in table.column("sentiment").to_pylist()] == ["negative", "positive", "negative"]


def test_what_is_no_data_or_being_written_is_left_out(source: Path, tmp_path: Path, tagger: CountingTagger) -> None:
    for name in [
        "_temporary/0/d.parquet",
        ".hidden/d.parquet",
        "_d.parquet",
        ".d.parquet.1a2b3c4d.part",
        "d.parquet.part",
    ]:
        write(source / name, ["d1"])
    (source / "_SUCCESS").touch()
    (source / "notes.txt").write_text("x")
    assert call(source, "-o", tmp_path / "out").exit_code == 0
    assert tagger.tagged == ["a1", "a2", "b1", "b2", "b3", "c1"]


def test_folders_that_are_links_are_followed_once(source: Path, tmp_path: Path, tagger: CountingTagger) -> None:
    write(tmp_path / "elsewhere" / "e.parquet", ["e1"])
    (source / "linked").symlink_to(tmp_path / "elsewhere")
    (source / "round").symlink_to(source)
    assert call(source, "-o", tmp_path / "out").exit_code == 0
    assert sorted(tagger.tagged) == ["a1", "a2", "b1", "b2", "b3", "c1", "e1"]


class TestAgain:
    """The same command a second time."""

    @pytest.fixture(autouse=True)
    def _first(self, source: Path, tmp_path: Path, tagger: CountingTagger) -> None:
        assert call(source, "-o", tmp_path / "out").exit_code == 0
        tagger.tagged.clear()

    def again(self, source: Path, tmp_path: Path, *options: str) -> Result:
        result = call(source, "-o", tmp_path / "out", *options)
        assert result.exit_code == 0, result.output
        return result

    def test_does_nothing(self, source: Path, tmp_path: Path, tagger: CountingTagger) -> None:
        assert "0 files tagged, 3 done before" in self.again(source, tmp_path).stderr
        assert tagger.tagged == []

    def test_tags_new_files(self, source: Path, tmp_path: Path, tagger: CountingTagger) -> None:
        write(source / "new.parquet", ["n1"])
        assert "1 file tagged, 3 done before" in self.again(source, tmp_path).stderr
        assert tagger.tagged == ["n1"]

    def test_tags_what_has_changed(self, source: Path, tmp_path: Path, tagger: CountingTagger) -> None:
        write(source / "a.parquet", ["a1", "a2", "a3"])
        self.again(source, tmp_path)
        assert tagger.tagged == ["a1", "a2", "a3"]

    def test_tags_what_was_written_again_with_the_same_size(
        self, source: Path, tmp_path: Path, tagger: CountingTagger
    ) -> None:
        os.utime(source / "a.parquet", ns=(1, 1))
        self.again(source, tmp_path)
        assert tagger.tagged == ["a1", "a2"]

    def test_tags_what_is_gone_or_cut_short(self, source: Path, tmp_path: Path, tagger: CountingTagger) -> None:
        (tmp_path / "out" / "a.parquet").unlink()
        (tmp_path / "out" / "year=2026" / "b.PARQUET").write_bytes(b"")  # a power cut: the name without the bytes
        self.again(source, tmp_path)
        assert tagger.tagged == ["a1", "a2", "c1"]

    def test_with_another_model_tags_all(self, source: Path, tmp_path: Path, tagger: CountingTagger) -> None:
        tagger.name = "stub@2.0.0"
        self.again(source, tmp_path)
        assert len(tagger.tagged) == 6

    def test_with_other_weights_under_the_same_name_tags_all(
        self, source: Path, tmp_path: Path, tagger: CountingTagger
    ) -> None:
        ours = tmp_path / "ours"
        shutil.copytree(SHIPPED, ours)
        self.again(source, tmp_path, "--model", str(ours))
        assert tagger.tagged == []  # the same weights, wherever they lie
        with (ours / "model.onnx").open("ab") as weights:
            weights.write(b"trained again")
        self.again(source, tmp_path, "--model", str(ours))
        assert len(tagger.tagged) == 6

    def test_with_another_column_tags_all(self, source: Path, tmp_path: Path, tagger: CountingTagger) -> None:
        self.again(source, tmp_path, "--id-column", "score")
        assert tagger.tagged == ["0", "1", "0", "1", "2", "0"]

    def test_with_another_batch_size_does_nothing(self, source: Path, tmp_path: Path, tagger: CountingTagger) -> None:
        self.again(source, tmp_path, "--batch-size", "1")
        assert tagger.tagged == []

    def test_overwrites_when_asked(self, source: Path, tmp_path: Path, tagger: CountingTagger) -> None:
        self.again(source, tmp_path, "--overwrite")
        assert len(tagger.tagged) == 6

    def test_a_state_that_was_cut_short_costs_one_file(
        self, source: Path, tmp_path: Path, tagger: CountingTagger
    ) -> None:
        state = tmp_path / "out" / STATE_FILE
        state.write_bytes(state.read_bytes()[:-20])
        self.again(source, tmp_path)
        assert tagger.tagged == ["c1"]
        tagger.tagged.clear()
        self.again(source, tmp_path)
        assert tagger.tagged == []


def test_a_file_that_cannot_be_read_is_named_and_stops_no_other(source: Path, tmp_path: Path) -> None:
    (source / "aa.parquet").write_bytes(b"PAR1 and no more")
    parquet.write_table(pa.table({"id": ["1"], "kommentar": ["fint"]}), source / "ab.parquet")
    (source / "ac.parquet").symlink_to(source / "gone.parquet")
    result = call(source, "-o", tmp_path / "out", "--quiet")
    assert result.exit_code == 1
    first, second, third = result.stderr.splitlines()
    assert first.startswith("not tagged: aa.parquet: ")
    assert first.endswith("(unreadable_input)")
    assert second.startswith("not tagged: ab.parquet: ")
    assert "Columns found: 'id', 'kommentar'." in second
    assert third.startswith("not tagged: ac.parquet: ")
    assert third.endswith("(input_not_found)")
    assert len(files_of(tmp_path / "out")) == 3

    for name in ["aa.parquet", "ac.parquet"]:
        (source / name).unlink()
    write(source / "ab.parquet", ["ab1"])
    result = call(source, "-o", tmp_path / "out")
    assert (result.exit_code, "1 file tagged, 3 done before" in result.stderr) == (0, True)


def test_an_id_counts_once_in_a_file_and_may_come_again_in_another(tmp_path: Path) -> None:
    write(tmp_path / "in" / "a.parquet", ["1", "1"])
    write(tmp_path / "in" / "b.parquet", ["1", "2"])
    result = call(tmp_path / "in", "-o", tmp_path / "out")
    assert "4 lines: 3 tagged, 1 with an error;" in result.stderr
    assert "  duplicate_id: 1" in result.stderr
    table = parquet.read_table(tmp_path / "out" / "b.parquet")
    assert table.column("error").to_pylist() == [None, None]


def test_a_bug_in_one_file_costs_that_file_and_shows_no_words(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(run: Any, **options: Any) -> Any:
        if run.input.endswith("a.parquet"):
            raise ZeroDivisionError("Kari Nordmann")
        return tag_file(run, **options)

    tag_file = api.folders.one_file.tag_file
    monkeypatch.setattr(api.folders.one_file, "tag_file", broken)
    result = call(source, "-o", tmp_path / "out", "-q")
    assert (result.exit_code, len(files_of(tmp_path / "out"))) == (1, 2)
    assert result.stderr.startswith("not tagged: a.parquet: ZeroDivisionError in test_folder.py, line ")
    assert "Kari" not in result.stderr


def test_a_full_disk_ends_the_run(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def full(run: Any, **options: Any) -> Any:
        asked.append(run.input)
        raise RunFailed("The run broke off: No space left.") from OSError(errno.ENOSPC, "No space left")

    monkeypatch.setattr(api.folders.one_file, "tag_file", full)
    result = call(source, "-o", tmp_path / "out")
    assert (result.exit_code, len(asked)) == (1, 1)
    assert (
        "No space left. Files that are done stay; the same command goes on with the rest. (run_failed)" in result.stderr
    )


class TestRefused:
    """Runs that cannot start: code 2, one line, and nothing tagged."""

    @pytest.fixture(autouse=True)
    def _nothing_is_tagged(self, tagger: CountingTagger) -> Iterator[None]:
        yield
        assert tagger.tagged == []

    def refuse(self, *arguments: str | Path) -> str:
        result = call(*arguments)
        assert result.exit_code == 2, result.output
        (line,) = result.stderr.splitlines()
        return line

    def test_standard_output(self, source: Path) -> None:
        assert self.refuse(source).endswith("Name a folder for the tagged ones with -o. (input_is_folder)")

    def test_the_input_as_output(self, source: Path, tmp_path: Path) -> None:
        (tmp_path / "link").symlink_to(source)
        assert self.refuse(source, "-o", tmp_path / "link").endswith("(same_file)")

    def test_one_folder_in_the_other(self, source: Path, tmp_path: Path) -> None:
        assert "one lies in the other" in self.refuse(source, "-o", source / "tagged")
        assert "one lies in the other" in self.refuse(source, "-o", tmp_path)

    def test_a_file_as_output(self, source: Path, tmp_path: Path) -> None:
        (tmp_path / "out").write_text("kept")
        assert "out is a file" in self.refuse(source, "-o", tmp_path / "out")
        assert "named like a file" in self.refuse(source, "-o", tmp_path / "out.jsonl")

    def test_an_output_in_a_folder_that_is_not_there(self, source: Path, tmp_path: Path) -> None:
        assert "does not exist" in self.refuse(source, "-o", tmp_path / "no" / "out")

    def test_a_folder_of_somebody_else_s_files(self, source: Path, tmp_path: Path) -> None:
        """Input and output changed places: the archive must not be written over."""
        assert call(source, "-o", tmp_path / "out").exit_code == 0
        before = files_of(source)
        api.cli.load_tagger(None).tagged.clear()
        assert self.refuse(tmp_path / "out", "-o", source).endswith("with --overwrite. (unwritable_output)")
        assert files_of(source) == before

    def test_a_folder_without_parquet(self, tmp_path: Path) -> None:
        (tmp_path / "in").mkdir()
        (tmp_path / "in" / "svar.csv").write_text("id,text\n")
        line = self.refuse(tmp_path / "in", "-o", tmp_path / "out")
        assert "holds no .parquet file, nor does a folder in it. It has .csv; those are tagged one by one." in line

    def test_two_runs_at_once(self, source: Path, tmp_path: Path) -> None:
        with open_state(tmp_path / "out", overwrite=False):
            assert "Another run is writing to" in self.refuse(source, "-o", tmp_path / "out")

    @pytest.mark.parametrize("options", [["--input-format", "csv"], ["--output-format", "jsonl"], ["--encoding", "x"]])
    def test_options_of_a_file(self, source: Path, tmp_path: Path, options: list[str]) -> None:
        assert self.refuse(source, "-o", tmp_path / "out", *options).endswith("(bad_usage)")

    @pytest.mark.parametrize(
        "options", [["--overwrite"], ["--engine", "ray"], ["--workers", "2"], ["--ray-address", "auto"]]
    )
    def test_options_of_a_folder(self, source: Path, options: list[str]) -> None:
        assert "goes with an INPUT that is a folder" in self.refuse(source / "a.parquet", *options)

    @pytest.mark.parametrize("options", [["--workers", "2"], ["--ray-address", "auto"]])
    def test_options_of_ray(self, source: Path, tmp_path: Path, options: list[str]) -> None:
        assert "goes with --engine ray" in self.refuse(source, "-o", tmp_path / "out", *options)

    def test_ray_that_is_not_installed(self, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "ray", None)
        line = self.refuse(source, "-o", tmp_path / "out", "--engine", "ray")
        assert line.endswith("ray is not installed. Run: pip install 'stemme[ray]' (missing_extra)")


@contextmanager
def broken_off(source: Path, out: Path, sign: signal.Signals, *, after: int) -> Iterator[subprocess.Popen[bytes]]:
    """A run in a process of its own, which gets a signal once `after` files stand."""
    running = process("tag", source, "-o", out, seconds=0.05)
    deadline = time.monotonic() + 120
    while len(list(out.glob("[!.]*.parquet"))) < after or not list(out.glob(".*.part")):
        assert running.poll() is None, running.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.005)
    running.send_signal(sign)
    yield running
    running.communicate(timeout=60)


@pytest.mark.slow
@pytest.mark.parametrize(("sign", "code"), [(signal.SIGKILL, -9), (signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_run_that_is_broken_off_goes_on_to_the_same_bytes(
    tmp_path: Path, tagger: CountingTagger, sign: signal.Signals, code: int
) -> None:
    source, out, whole = tmp_path / "in", tmp_path / "out", tmp_path / "whole"
    for name in "abcd":
        write(source / f"{name}.parquet", [f"{name}{number}" for number in range(20)])
    with broken_off(source, out, sign, after=2) as running:
        _, said = running.communicate(timeout=60)
    assert running.returncode == code
    assert (f"Files that are done stay in {out}; the same command" in said.decode()) is (sign != signal.SIGKILL)
    stood = {name: (out / name).stat().st_ino for name in files_of(out) if not name.startswith(".")}
    assert 2 <= len(stood) < 4

    assert call(source, "-o", out).exit_code == 0
    again = {id_[0] for id_ in tagger.tagged}
    assert len(again) == 4 - len(stood)  # what stood was not tagged again
    assert {name: (out / name).stat().st_ino for name in stood} == stood
    tagger.tagged.clear()
    assert call(source, "-o", whole).exit_code == 0
    assert files_of(out) == files_of(whole)  # and no part is left behind


def test_a_terminal_sees_files_lines_and_rate() -> None:
    screen = io.StringIO()
    with FolderProgress(Console(file=screen, force_terminal=True, width=120)) as progress:
        progress.begin(files=3, size=400)
        progress.open(100)
        progress.finish(100, rows=1_000)
        progress.open(200)
        progress.step("Tagging", total=10)
        progress.advance(5, rows=234)
    shown = screen.getvalue()
    assert "1 of 3 files" in shown
    assert "50 %" in shown
    assert "1,234 lines" in shown


def test_the_state_holds_no_text(source: Path, tmp_path: Path) -> None:
    call(source, "-o", tmp_path / "out")
    lines = [json.loads(line) for line in (tmp_path / "out" / STATE_FILE).read_text().splitlines()]
    assert [line.get("file") for line in lines] == [
        None,
        "a.parquet",
        "year=2025/month=1/b.parquet",
        "year=2026/b.PARQUET",
    ]
    assert set(lines[1]) == {"file", "size", "modified_ns", "output_size", "how"}
    shutil.rmtree(tmp_path / "out")


def test_the_number_of_threads_reaches_the_model(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int | None] = []

    def load(model: Path | None, *, threads: int | None = None) -> StubTagger:
        asked.append(threads)
        return StubTagger()

    monkeypatch.setattr(api.cli, "load_tagger", load)
    assert call(source, "-o", tmp_path / "out", "--threads", "3").exit_code == 0
    assert call(source / "a.parquet", "-o", tmp_path / "a.parquet", "--threads", "2").exit_code == 0
    assert call(source / "a.parquet", "-o", tmp_path / "a.parquet").exit_code == 0
    assert asked == [3, 2, None]
