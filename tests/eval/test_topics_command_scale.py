"""What is read off a command that shows its progress on a terminal."""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import pytest

pytest.importorskip("scipy", reason="needs the extra 'topics'")

from eval.topics_command_scale import CommandFailed, run, write_comments

SHOWS = """
import sys, time
from rich.console import Console
from api.files.progress import ProgressBar
with ProgressBar(Console(stderr=True)) as bar:
    bar.step("Tagging", total=10)
    time.sleep(0.3)
    bar.notice("days from 'day'")
    bar.step("Computing what each costs", total=None)
    time.sleep(0.3)
print("7 causes", file=sys.stderr)
"""


def test_a_command_is_measured_with_its_steps_and_what_it_says() -> None:
    cost = run([sys.executable, "-c", SHOWS])
    assert [name for name, _ in cost.steps] == ["Tagging", "Computing what each costs"]
    assert 0 < cost.steps[0][1] < cost.steps[1][1] < cost.seconds
    assert cost.most_bytes > 2**20
    assert cost.said == ("notice: days from 'day'", "7 causes")


def test_a_command_that_fails_says_why() -> None:
    with pytest.raises(CommandFailed, match="no such file"):
        run([sys.executable, "-c", "raise SystemExit('no such file')"])


def test_the_file_has_the_columns_that_the_command_reads_by_itself(tmp_path: Path) -> None:
    write_comments(tmp_path / "comments.csv", 300)
    with (tmp_path / "comments.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len({row["id"] for row in rows}) == 300
    assert {"text", "day", "nps", "respondent", "source", "department", "touchpoint"} < rows[0].keys()
    assert all(row["text"] for row in rows)
