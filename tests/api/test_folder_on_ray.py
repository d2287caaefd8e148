"""A folder over Ray: the same bytes as on this machine alone, and nodes that cannot take part say so."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

import psutil
import pyarrow as pa
import pytest
from pyarrow import parquet

from api.files.errors import BadUsage, RunFailed
from api.folders.on_ray import RETRIES, Node, TagFiles, check_reachable, shared_out
from api.folders.one_file import FolderRun
from api.folders.state import STATE_FILE
from nlp.tagger import Tagger

ROOT = Path(__file__).parents[2]
TEXTS = [
    "Pakka kom tre veker for seint, men hyggeleg betening.",
    "Snabb leverans men dyrt och krångligt att betala.",
    "Personalet var søde og hjælpsomme 😀, men køen var lang.",
    "Appen krasjer hele tiden, jeg bytter leverandør. Ring meg!",
    "",
]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "archive"
    for number, name in enumerate(["a", "year=2025/b", "year=2025/c", "year=2026/b"]):
        path = folder / f"{name}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        rows = range(25 + 10 * number)
        texts = [TEXTS[(row + number) % len(TEXTS)] for row in rows]
        parquet.write_table(pa.table({"id": [f"{name}-{row}" for row in rows], "text": texts}), path)
    return folder


def stemme_tag(*arguments: str | Path) -> str:
    done = subprocess.run(
        [sys.executable, "-c", "import api.cli; api.cli.main()", "tag", *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stderr


def files_of(folder: Path) -> dict[str, bytes]:
    paths = (path for path in folder.rglob("*") if path.is_file() and path.name != STATE_FILE)
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


@pytest.mark.slow
@pytest.mark.skipif(find_spec("ray") is None, reason="Ray is not installed: pip install 'stemme[ray]'")
def test_ray_gives_the_bytes_of_a_local_run(source: Path, tmp_path: Path) -> None:
    said = stemme_tag(source, "-o", tmp_path / "local")
    assert "4 files tagged, 0 done before\n160 lines: 128 tagged, 32 with an error;" in said
    (tmp_path / "on-ray").mkdir()
    for name in ["a.parquet", STATE_FILE]:  # as if a local run had been killed: either engine goes on with the other's
        (tmp_path / "on-ray" / name).write_bytes((tmp_path / "local" / name).read_bytes())
    said = stemme_tag(source, "-o", tmp_path / "on-ray", "--engine", "ray", "--workers", "2")
    assert "notice: Ray: 2 workers" in said
    assert "3 files tagged, 1 done before" in said
    # Of Ray's own words only a warning of its core, which no setting silences, stands between ours.
    assert len([line for line in said.splitlines() if "core_worker.cc" not in line]) == 4
    assert files_of(tmp_path / "on-ray") == files_of(tmp_path / "local")
    (tmp_path / "local" / "a.parquet").unlink()
    assert "1 file tagged, 3 done before" in stemme_tag(source, "-o", tmp_path / "local", "--threads", "1")
    assert files_of(tmp_path / "on-ray") == files_of(tmp_path / "local")  # whatever the number of threads


@pytest.mark.slow
@pytest.mark.skipif(find_spec("ray") is None, reason="Ray is not installed: pip install 'stemme[ray]'")
def test_a_file_whose_worker_dies_again_and_again_costs_that_file_alone(source: Path, tmp_path: Path) -> None:
    """A worker dies as soon as it holds the output of one file, as if that file took all memory."""
    out = tmp_path / "out"
    arguments = ["tag", source, "-o", out, "--engine", "ray", "--workers", "2", "--batch-size", "1"]
    rows = range(400)
    texts = [TEXTS[row % 4] + str(row) for row in rows]
    parquet.write_table(pa.table({"id": [str(row) for row in rows], "text": texts}), source / "poison.parquet")
    running = subprocess.Popen(
        [sys.executable, "-c", "import api.cli; api.cli.main()", *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stderr=subprocess.PIPE,
        text=True,
    )
    killed = set()
    while running.poll() is None:
        for worker in holding(psutil.Process(running.pid), ".poison.parquet."):
            worker.kill()
            killed.add(worker.pid)
        time.sleep(0.02)
    _, said = running.communicate()
    assert (running.returncode, len(killed)) == (1, RETRIES + 1), said
    assert "not tagged: poison.parquet: Its worker died, 3 times over." in said
    assert len(files_of(out)) - len(list(out.glob(".*.part"))) == 4

    assert "1 file tagged, 4 done before" in stemme_tag(source, "-o", out)
    assert len(files_of(out)) == 5  # and what the dead workers left is gone


def holding(command: psutil.Process, name: str) -> list[psutil.Process]:
    """The processes under a command that have a file of this name open."""
    found = []
    for process in command.children(recursive=True):
        with suppress(psutil.Error):
            if any(Path(opened.path).name.startswith(name) for opened in process.open_files()):
                found.append(process)
    return found


class TestWorker:
    """What a worker does on its node, without Ray."""

    @pytest.fixture
    def run(self, source: Path, tmp_path: Path) -> FolderRun:
        (tmp_path / "out").mkdir()
        (tmp_path / "out" / STATE_FILE).touch()
        return FolderRun(source, tmp_path / "out")

    def outcome(self, run: FolderRun, name: str, *, expected: Node, model: Path | None = None) -> dict[str, object]:
        worker = TagFiles(run=run, model=model, threads=1, expected=expected)
        (outcome,) = worker({"name": [json.dumps(name)]})["outcome"]
        return json.loads(outcome)

    @pytest.fixture(scope="class")
    def here(self) -> Node:
        return Node.here(Tagger.load().name)

    def test_tags_a_file(self, run: FolderRun, here: Node) -> None:
        outcome = self.outcome(run, "a.parquet", expected=here)
        assert (outcome["rows"], outcome["tagged"], outcome["errors"]) == (25, 20, {"empty_text": 5})
        assert outcome["output_size"] == (run.output / "a.parquet").stat().st_size

    def test_a_file_that_cannot_be_read_stops_no_other(self, run: FolderRun, here: Node) -> None:
        (run.input / "a.parquet").write_bytes(b"PAR1")
        outcome = self.outcome(run, "a.parquet", expected=here)
        assert (outcome["code"], outcome["stop"]) == ("unreadable_input", False)

    def test_another_model_or_version_stops_the_run(self, run: FolderRun, here: Node) -> None:
        other = Node("stemme-large@9", tuple((package, "0.1") for package, _ in here.versions))
        outcome = self.outcome(run, "a.parquet", expected=other)
        assert outcome["stop"] is True
        assert f"model is {here.model}, expected stemme-large@9; stemme is " in str(outcome["reason"])
        assert not (run.output / "a.parquet").exists()

    def test_a_model_that_is_not_there_stops_the_run(self, run: FolderRun, here: Node) -> None:
        outcome = self.outcome(run, "a.parquet", expected=here, model=run.input)
        assert (outcome["code"], outcome["stop"]) == ("run_failed", True)

    @pytest.mark.parametrize("missing", ["input", "output"])
    def test_a_folder_that_is_not_shared_stops_the_run(self, run: FolderRun, here: Node, missing: str) -> None:
        if missing == "input":
            run = FolderRun(run.input.with_name("not-mounted"), run.output)
        else:
            (run.output / STATE_FILE).unlink()
        outcome = self.outcome(run, "a.parquet", expected=here)
        assert outcome["stop"] is True
        assert "must be shared under the same path" in str(outcome["reason"])


@pytest.mark.parametrize(
    ("workers", "threads", "shared"),
    [(None, None, (8, 1)), (3, None, (3, 2)), (None, 3, (2, 3)), (2, 1, (2, 1)), (8, 1, (8, 1)), (1, None, (1, 8))],
)
def test_workers_and_threads_take_no_more_than_the_cores(
    workers: int | None, threads: int | None, shared: tuple[int, int]
) -> None:
    assert shared_out(8, files=100, workers=workers, threads=threads) == shared


def test_no_more_workers_than_files() -> None:
    assert shared_out(8, files=2, workers=None, threads=None) == (2, 1)


@pytest.mark.parametrize(("workers", "threads"), [(9, None), (3, 3), (None, 9)])
def test_more_than_the_cores_is_refused(workers: int | None, threads: int | None) -> None:
    with pytest.raises(BadUsage, match="Ray has 8"):
        shared_out(8, files=100, workers=workers, threads=threads)


def test_an_address_at_which_nobody_listens_is_told_at_once() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        check_reachable(f"127.0.0.1:{port}")
    with pytest.raises(RunFailed, match=f"No Ray cluster answers at 127.0.0.1:{port}"):
        check_reachable(f"127.0.0.1:{port}")
    check_reachable("auto")
