"""Parquet, with the record as typed nested columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import IO, Any, get_args

import pyarrow as pa
from pyarrow import parquet

from api.files.columns import Column, Kind
from api.files.jsontext import dumps
from api.files.layout import Nested
from api.files.rows import Row, Typed
from nlp.record import Record, SentimentLabel

ROWS_PER_GROUP = 8_192
_BYTES_PER_GROUP = 32 * 1024 * 1024

_SPANS = pa.list_(pa.struct([("start", pa.int32()), ("end", pa.int32())]))
_FLAG = pa.struct([("flag", pa.bool_()), ("confidence", pa.float64()), ("spans", _SPANS)])
_PROBABILITIES = pa.struct([(label, pa.float64()) for label in get_args(SentimentLabel)])
RECORD_SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("language", pa.string()),
        (
            "sentiment",
            pa.struct([("label", pa.string()), ("score", pa.float64()), ("probabilities", _PROBABILITIES)]),
        ),
        (
            "themes",
            pa.list_(
                pa.struct(
                    [
                        ("theme", pa.string()),
                        ("stage", pa.string()),
                        ("sentiment", pa.string()),
                        ("confidence", pa.float64()),
                        ("spans", _SPANS),
                    ]
                )
            ),
        ),
        (
            "factors",
            pa.list_(
                pa.struct(
                    [
                        ("factor", pa.string()),
                        ("polarity", pa.string()),
                        ("confidence", pa.float64()),
                        ("spans", _SPANS),
                    ]
                )
            ),
        ),
        ("churn_risk", _FLAG),
        ("follow_up", _FLAG),
        ("model", pa.string()),
        ("taxonomy", pa.string()),
        ("error", pa.struct([("code", pa.string()), ("message", pa.string())])),
    ]
)
_TYPE_OF = {
    Kind.INTEGER: pa.int64(),
    Kind.NUMBER: pa.float64(),
    Kind.BOOLEAN: pa.bool_(),
    Kind.TEXT: pa.string(),
    Kind.JSON: pa.string(),
}


class ParquetWriter:
    """Writes row groups of bounded size, so that memory is bounded as well.

    Parameters
    ----------
    stream : takes the bytes
    columns : every column that a row may have, in order, with its type
    id_column : the column that holds the id, None where the rows are numbered
    """

    def __init__(self, stream: IO[bytes], *, columns: Sequence[Column], id_column: str | None) -> None:
        self._layout = Nested(id_column)
        self._kinds = {self._layout.name(column.name): column for column in columns}
        through = [pa.field(name, column_type(column)) for name, column in self._kinds.items()]
        through = [RECORD_SCHEMA.field("id") if field.name == "id" else field for field in through]
        names = {field.name for field in through}
        self._schema = pa.schema([*through, *(field for field in RECORD_SCHEMA if field.name not in names)])
        self._stream = stream
        self._file = parquet.ParquetWriter(stream, self._schema, compression="zstd")
        self._group = _Group(self._schema)

    def write(self, tagged: Sequence[tuple[Row, Record]]) -> None:
        rows = [self._layout.row(row, record) for row, record in tagged]
        arrays = [self._array(field, [row.get(field.name) for row in rows]) for field in self._schema]
        self._group.add(pa.record_batch(arrays, schema=self._schema))
        if self._group.rows >= ROWS_PER_GROUP or self._group.size >= _BYTES_PER_GROUP:
            self._write_group()

    def finish(self) -> None:
        if self._group.rows:
            self._write_group()
        self._file.close()
        self._stream.flush()

    def _write_group(self) -> None:
        self._file.write_table(self._group.table())
        self._group = _Group(self._schema)

    def _array(self, field: Any, values: list[Any]) -> Any:
        column = self._kinds.get(field.name)
        if column is None or field.name == "id":
            return pa.array([_clean(value) for value in values], field.type)
        return pa.array([_stored(value, column) for value in values], field.type)


class _Group:
    """Batches that wait for their row group, as one growing buffer.

    Kept as batches they would be thousands of small things between the large arrays that a model frees after each pass.
    With the shipped model the C library could then give next to nothing back: 10,000 comments took 2 GB.
    """

    def __init__(self, schema: Any) -> None:
        self.rows = 0
        self._buffer = pa.BufferOutputStream()
        self._batches = pa.ipc.new_stream(self._buffer, schema)

    @property
    def size(self) -> int:
        """In bytes."""
        return int(self._buffer.tell())

    def add(self, batch: Any) -> None:
        self._batches.write_batch(batch)
        self.rows += batch.num_rows

    def table(self) -> Any:
        self._batches.close()
        return pa.ipc.open_stream(self._buffer.getvalue()).read_all()


def column_type(column: Column) -> Any:
    """The Arrow type of a column that passes through."""
    type_ = column.arrow_type
    if type_ is None:
        return _TYPE_OF[column.kind]
    return type_.value_type if pa.types.is_dictionary(type_) else type_


def _stored(value: Any, column: Column) -> Any:
    if isinstance(value, Typed):
        return value.original
    if value is None or column.arrow_type is not None:
        return _clean(value)
    if column.kind is Kind.JSON or (column.kind is Kind.TEXT and not isinstance(value, str)):
        return _clean(dumps(value))
    return float(value) if column.kind is Kind.NUMBER else _clean(value)


def _clean(value: Any) -> Any:
    r"""Parquet keeps valid Unicode only: what is none is written out, as `\udce5`."""
    return value.encode("utf-8", "backslashreplace").decode("utf-8") if isinstance(value, str) else value
