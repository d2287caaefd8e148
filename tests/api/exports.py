"""Exports of every platform, small and invented, and their comments."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from api.exports.comment import ImportedComment
from api.exports.plan import Answer, Rejected, Result, Skipped
from api.exports.run import Import, read_export

Rows = Sequence[Sequence[str]]

QUALTRICS_FIELDS = (
    ("StartDate", "Start Date", "startDate"),
    ("EndDate", "End Date", "endDate"),
    ("Status", "Response Type", "status"),
    ("Finished", "Finished", "finished"),
    ("RecordedDate", "Recorded Date", "recordedDate"),
    ("ResponseId", "Response ID", "_recordId"),
    ("ExternalReference", "External Data Reference", "externalDataReference"),
    ("DistributionChannel", "Distribution Channel", "distributionChannel"),
    ("UserLanguage", "User Language", "userLanguage"),
    ("Q3", "Hvor sannsynlig er det at du anbefaler oss?", "QID3"),
    ("Q5", "Hva er bra, og\nhva kan bli bedre?", "QID5_TEXT"),
    ("Q6", "Noe mer?", "QID6_TEXT"),
    ("Q5 - Topics", "Hva er bra, og\nhva kan bli bedre? - Topics", "QID5_TEXT_1"),
    ("Q5 - Sentiment", "Hva er bra, og\nhva kan bli bedre? - Sentiment", "QID5_TEXT_2"),
)


def qualtrics(*answers: dict[str, str], header_rows: int = 3, without: Sequence[str] = (), zone: str = "") -> Rows:
    """An export with these answers; what an answer leaves out is as it is in a finished response."""
    fields = [field for field in QUALTRICS_FIELDS if field[0] not in without]
    header: list[list[str]] = [[field[row] for field in fields] for row in range(2)]
    stated = [{"ImportId": field[2]} | ({"timeZone": zone} if zone and "Date" in field[0] else {}) for field in fields]
    header.append([json.dumps(each) for each in stated])
    usual = {"Status": "IP Address", "Finished": "True", "RecordedDate": "2026-03-02 09:05:01"}
    rows = [[(usual | answer).get(field[0], "") for field in fields] for answer in answers]
    return [*header[:header_rows], *rows]


def write(path: Path, rows: Rows, *, delimiter: str = ",", encoding: str = "utf-8-sig", end: str = "\r\n") -> Path:
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=delimiter, lineterminator=end).writerows(rows)
    path.write_bytes(text.getvalue().encode(encoding))
    return path


class Read:
    """What became of an export."""

    def __init__(self, path: Path, mapping: str | None = None, **options: Any) -> None:
        with read_export(Import(str(path), mapping, **options)) as export:
            self.results: list[Result] = list(export.results())
            self.notices = export.notices

    @property
    def comments(self) -> list[ImportedComment]:
        return [result.comment for result in self.results if isinstance(result, Answer)]

    @property
    def texts(self) -> list[str]:
        return [comment.text for comment in self.comments]

    @property
    def skipped(self) -> list[tuple[int, str]]:
        return [(result.row, result.reason) for result in self.results if isinstance(result, Skipped)]

    @property
    def rejected(self) -> list[tuple[int, str]]:
        return [(result.row, result.code) for result in self.results if isinstance(result, Rejected)]
