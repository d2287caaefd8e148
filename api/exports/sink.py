"""Where comments go, a batch at a time: a file here, a database elsewhere."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import IO, Any, Protocol

from api.exports.comment import COLUMNS, ImportedComment
from api.exports.plan import Rejected
from api.files.formats import Format
from api.files.jsontext import dumps
from api.files.layout import cell
from api.files.write_jsonl import json_line

REJECTED_COLUMNS = ("row", "id", "code", "reason")


class Sink(Protocol):
    """Takes comments in the order of the export; `finish` is called once all were handed over, and on no failure."""

    def write(self, comments: Sequence[ImportedComment]) -> None: ...

    def finish(self) -> None: ...


def open_sink(stream: IO[bytes], format_: Format) -> Sink:
    """Begin a file of comments, as `stemme tag` reads it."""
    if format_ is Format.JSONL:
        return JsonlSink(stream)
    if format_ is Format.CSV:
        return CsvSink(stream)
    from api.exports.sink_parquet import ParquetSink  # noqa: PLC0415, only those who write Parquet wait for pyarrow

    return ParquetSink(stream)


class JsonlSink:
    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream

    def write(self, comments: Sequence[ImportedComment]) -> None:
        self._stream.write(b"".join(json_line(comment.to_row()) for comment in comments))

    def finish(self) -> None:
        self._stream.flush()


class CsvSink:
    """CSV with commas, UTF-8; `metadata` is JSON."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._lines = CsvLines(stream, COLUMNS)

    def write(self, comments: Sequence[ImportedComment]) -> None:
        rows = [comment.to_row() for comment in comments]
        self._lines.write([row | {"metadata": dumps(row["metadata"]) if row["metadata"] else ""} for row in rows])

    def finish(self) -> None:
        self._lines.finish()


class RejectedFile:
    """The rows that could not be understood, as CSV: which row, and why. None of its words are a customer's."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._lines = CsvLines(stream, REJECTED_COLUMNS)

    def write(self, rejected: Rejected) -> None:
        self._lines.write([{name: getattr(rejected, name) for name in REJECTED_COLUMNS}])

    def finish(self) -> None:
        self._lines.finish()


class CsvLines:
    """Rows under a header that is written at once."""

    def __init__(self, stream: IO[bytes], names: Sequence[str]) -> None:
        self._names = names
        self._text = io.TextIOWrapper(stream, "utf-8", errors="backslashreplace", newline="", write_through=True)
        self._csv = csv.writer(self._text)
        self._csv.writerow(names)
        stream.flush()  # what a killed run leaves is then not empty, by which the next run knows it

    def write(self, rows: Sequence[dict[str, Any]]) -> None:
        self._csv.writerows([[cell(row[name]) for name in self._names] for row in rows])

    def finish(self) -> None:
        self._text.flush()
        self._text.detach()  # whoever opened the stream closes it
