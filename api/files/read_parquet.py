"""Parquet, a few hundred rows at a time, with every value's type kept."""

from __future__ import annotations

import base64
import math
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import parquet

from api.files.columns import Column, Kind
from api.files.errors import AmbiguousColumn, RunFailed, UnreadableInput
from api.files.names import unique
from api.files.rows import InputRow, Typed

_ROWS_AT_A_TIME = 256


class ParquetReader:
    """The rows of a Parquet file. Memory is bounded by the pages of its columns, not by the file.

    Raises
    ------
    UnreadableInput : if it is not a Parquet file
    AmbiguousColumn : if one of the `named` columns is there twice
    """

    notice = None

    def __init__(self, path: Path, *, name: str, named: Collection[str]) -> None:
        try:
            self._file = parquet.ParquetFile(path, pre_buffer=False)
        except (pa.ArrowException, OSError) as error:
            raise UnreadableInput(f"{name} cannot be read as Parquet. Is it one, and whole? ({_line(error)})") from None
        self._name = name
        schema = self._file.schema_arrow
        for column in named:
            if schema.names.count(column) > 1:
                raise AmbiguousColumn(name, column)
        self.header: tuple[str, ...] = unique(schema.names)
        self.columns = tuple(
            Column(column, Kind.JSON, type_) for column, type_ in zip(self.header, schema.types, strict=True)
        )
        self.total: int | None = self._file.metadata.num_rows
        self.position = 0

    def close(self) -> None:
        self._file.close()

    def rows(self) -> Iterator[InputRow]:
        for batch in self._batches():
            columns = {name: _values(column) for name, column in zip(self.header, batch.columns, strict=True)}
            for index in range(batch.num_rows):
                self.position += 1
                yield InputRow(self.position, {name: values[index] for name, values in columns.items()})

    def _batches(self) -> Iterator[Any]:
        try:
            yield from self._file.iter_batches(batch_size=_ROWS_AT_A_TIME)
        except (pa.ArrowException, OSError) as error:
            raise RunFailed(f"{self._name} cannot be read past row {self.position:,}. ({_line(error)})") from None


def _values(column: Any) -> list[Any]:
    """The values of a column: as Python has them where JSON has the same, else with both of their faces."""
    type_ = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    if pa.types.is_string(type_) or pa.types.is_large_string(type_):
        return _strings(column)
    if pa.types.is_boolean(type_) or pa.types.is_integer(type_) or pa.types.is_null(type_):
        return list(column.to_pylist())
    if pa.types.is_floating(type_):
        return [_number(value) for value in column.to_pylist()]
    return [Typed(value, _plain(value)) if value.is_valid else None for value in column]


def _strings(column: Any) -> list[str | None]:
    try:
        return list(column.to_pylist())
    except UnicodeDecodeError:  # a writer that did not check; only the rows with such bytes are to suffer
        return [_string(value) for value in column]


def _string(value: Any) -> str | None:
    if isinstance(value, pa.DictionaryScalar):
        value = value.value
    return value.as_buffer().to_pybytes().decode("utf-8", "surrogateescape") if value.is_valid else None


def _number(value: float | None) -> float | Typed | None:
    return value if value is None or math.isfinite(value) else Typed(value, None)


def _plain(value: Any) -> Any:
    """An Arrow value in JSON's types: a map as a list of pairs."""
    if not value.is_valid:
        return None
    if isinstance(value, pa.DictionaryScalar):
        return _plain(value.value)
    if isinstance(value, pa.MapScalar):
        return [[_plain(entry["key"]), _plain(entry["value"])] for entry in value.values]
    if isinstance(value, pa.StructScalar):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, pa.ListScalar | pa.LargeListScalar | pa.FixedSizeListScalar):
        return [_plain(item) for item in value.values]
    return _plain_leaf(value)


def _plain_leaf(value: Any) -> Any:
    """A value without parts: dates and decimals as text, bytes in base64, and null for a number that JSON has not."""
    if pa.types.is_boolean(value.type) or pa.types.is_integer(value.type):
        return value.as_py()
    if pa.types.is_floating(value.type):
        number = value.as_py()
        return number if math.isfinite(number) else None
    if pa.types.is_string(value.type) or pa.types.is_large_string(value.type):
        return _string(value)
    if isinstance(value, pa.BinaryScalar):
        return base64.b64encode(value.as_buffer().to_pybytes()).decode()
    return value.cast(pa.string()).as_py()


def _line(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
