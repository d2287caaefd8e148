"""Runs over small files with the stub tagger, for the tests of each format."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

from api.files.formats import Format
from api.files.identify import Roles
from api.files.run import Run, tag_file
from api.files.summary import Summary
from tests.stubs import StubTagger


class Silent:
    """Hears a run's notices and keeps them."""

    def __init__(self) -> None:
        self.notices: list[str] = []
        self.steps: list[str] = []

    def notice(self, sentence: str) -> None:
        self.notices.append(sentence)

    def step(self, name: str, *, total: int | None) -> None:
        self.steps.append(name)

    def advance(self, position: int, *, rows: int) -> None:
        pass


class Outcome:
    """What a run wrote and said."""

    delimiter = ","

    def __init__(self, path: Path, summary: Summary, report: Silent) -> None:
        self.path, self.summary, self.notices = path, summary, report.notices
        self.data = path.read_bytes()

    @property
    def records(self) -> list[dict[str, Any]]:
        """Of a JSONL output."""
        return [json.loads(line) for line in self.data.decode("utf-8").splitlines()]

    @property
    def cells(self) -> list[dict[str, str]]:
        """Of a CSV output."""
        text = self.data.decode("utf-8", "surrogateescape").removeprefix("\ufeff")
        return list(csv.DictReader(io.StringIO(text, newline=""), delimiter=self.delimiter))

    @property
    def codes(self) -> list[str | None]:
        """Of a JSONL output: the error of each row, None where it was tagged."""
        return [record.get("error", {}).get("code") for record in self.records]


def tag(folder: Path, data: str | bytes, from_: Format, to: Format = Format.JSONL, **options: Any) -> Outcome:
    """Write `data` to a file of the format `from_` and tag it with the stub."""
    source, target = folder / f"in.{from_}", folder / f"out.{to}"
    source.write_bytes(data if isinstance(data, bytes) else data.encode("utf-8"))
    return tag_path(source, target, **options)


def tag_path(source: Path, target: Path, *, roles: Roles | None = None, **options: Any) -> Outcome:
    """Tag a file that is there with the stub."""
    report = Silent()
    run = Run(str(source), str(target), roles=roles or Roles(), **options)
    return Outcome(target, tag_file(run, load_tagger=StubTagger, report=report), report)
