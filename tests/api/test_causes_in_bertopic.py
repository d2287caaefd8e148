"""`stemme topics --bertopic`: a folder that BERTopic reads, and what is said of folders that cannot be used."""

from __future__ import annotations

import csv
import json
import re
import warnings
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

pytest.importorskip("ruptures", reason="needs the extra 'topics'")

from typer.testing import CliRunner

from api.cli import app
from nlp.tagger import Tagger
from tests.embedding_stub import EmbeddingStub

pytestmark = pytest.mark.slow

LATE, KIND = "Pakka kom sein nr {}", "Alltid hyggelig hos dere nr {}"


@pytest.fixture
def comments(tmp_path: Path) -> Path:
    path = tmp_path / "svar.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["id", "text", "date"])
        rows.writerows([f"00{number}", LATE.format(number), f"2026-03-{number + 1:02}"] for number in range(20))
        rows.writerows([f"K{number}", KIND.format(number), f"2026-02-{number + 1:02}"] for number in range(28))
    return path


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch):
    with warnings.catch_warnings(action="ignore"):
        pytest.importorskip("bertopic", reason="needs the extra 'bertopic'")
    stub = EmbeddingStub()
    monkeypatch.setattr(Tagger, "load", lambda *_: stub)
    return lambda *arguments: CliRunner().invoke(app, ["topics", *map(str, arguments)])


def test_the_causes_as_a_bertopic_model(run, comments: Path, tmp_path: Path) -> None:
    result = run(comments, "-o", tmp_path / "causes.json", "--language", "da", "--bertopic", tmp_path / "emner")
    assert result.exit_code == 0, result.output
    from nlp.bertopic_frame import load_frame

    frame = load_frame(tmp_path / "emner", reader=EmbeddingStub())
    told = frame.get_topic_info().set_index("Topic")
    causes = {cause["topic"]: cause for cause in json.loads((tmp_path / "causes.json").read_text(encoding="utf-8"))}
    numbers = [number for number in told.index if number >= 0]
    assert {told.Topic_Id[number][0] for number in numbers} == causes.keys()
    for number in numbers:
        assert told.CustomName[number] == causes[told.Topic_Id[number][0]]["label"]
    clauses = pq.read_table(tmp_path / "emner" / "clauses.parquet").to_pylist()
    with comments.open(encoding="utf-8", newline="") as file:
        text_of = {row["id"]: row["text"] for row in csv.DictReader(file)}
    said = {text_of[each["comment_id"]][each["start"] : each["end"]] for each in clauses}
    assert KIND.format(3) in said
    late = frame.transform([LATE.format(99)])[0][0]
    assert told.Theme[late] == ["delivery_time"]


def test_the_example_of_the_docs_runs(run, comments: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = (Path(__file__).parents[2] / "docs" / "topics.md").read_text(encoding="utf-8")
    command, example = re.search(r"## As a BERTopic model.*?```sh\n(.*?)```\n```python\n(.*?)```", page, re.S).groups()
    monkeypatch.chdir(tmp_path)
    assert run(*command.split()[2:]).exit_code == 0
    told: dict[str, Any] = {}
    exec(example, told)
    assert len(told["docs"]) == len(told["frame"].topics_)
    assert LATE.format(7) in told["docs"]
    assert told["over_time"].Frequency.sum() == len(told["docs"])
    for chart in ("over_time.html", "hierarchy.html", "words.html"):
        assert "Plotly.newPlot" in (tmp_path / chart).read_text(encoding="utf-8")


def test_folders_that_cannot_be_used_are_refused_before_the_work(run, comments: Path, tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "topics.json").write_text("{}")
    for arguments, says in (
        (["--bertopic", comments], "is a file"),
        (["--bertopic", tmp_path / "both", "--keep", tmp_path / "both"], "name two folders"),
        (["--bertopic", tmp_path / "full"], "holds other files"),
    ):
        result = run(comments, "-o", tmp_path / "causes.json", *arguments)
        assert result.exit_code == 2, result.output
        assert says in " ".join(result.output.split())
        assert not (tmp_path / "causes.json").exists()
    assert (tmp_path / "full" / "topics.json").read_text() == "{}"


def test_a_folder_is_written_anew(run, comments: Path, tmp_path: Path) -> None:
    for _ in range(2):
        result = run(comments, "-o", tmp_path / "causes.json", "--bertopic", tmp_path / "emner")
        assert result.exit_code == 0, result.output


def test_it_is_of_files_only(run, tmp_path: Path) -> None:
    result = run("-o", tmp_path / "causes.json", "--bertopic", tmp_path / "emner")
    assert result.exit_code == 2
    assert "--bertopic" in result.output
