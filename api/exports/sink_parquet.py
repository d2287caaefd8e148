"""A Parquet file of comments, with the point in time as one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import IO, Any

import pyarrow as pa
from pyarrow import parquet

from api.exports.comment import COLUMNS, ImportedComment
from api.files.jsontext import dumps

ROWS_PER_GROUP = 8_192

_TYPES = {
    "nps": pa.int64(),
    "rating": pa.float64(),
    "submitted_at": pa.timestamp("us", tz="UTC"),
}
SCHEMA = pa.schema([(name, _TYPES.get(name, pa.string())) for name in COLUMNS])


class ParquetSink:
    """Row groups of bounded size; `metadata` is JSON, `submitted_at` in UTC."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._file = parquet.ParquetWriter(stream, SCHEMA, compression="zstd")
        self._rows: list[dict[str, Any]] = []

    def write(self, comments: Sequence[ImportedComment]) -> None:
        self._rows += [
            comment.to_row()
            | {
                "submitted_at": comment.submitted_at,
                "metadata": dumps(dict(comment.metadata)) if comment.metadata else None,
            }
            for comment in comments
        ]
        if len(self._rows) >= ROWS_PER_GROUP:
            self._write_group()

    def finish(self) -> None:
        self._write_group()
        self._file.close()

    def _write_group(self) -> None:
        if self._rows:
            self._file.write_table(pa.Table.from_pylist(self._rows, schema=SCHEMA))
        self._rows = []
