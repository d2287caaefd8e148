"""The reader and the writer of each format."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from typing import IO

from api.files.columns import Column
from api.files.formats import Format
from api.files.identify import Roles
from api.files.read_csv import CsvReader
from api.files.read_jsonl import JsonlReader
from api.files.reader import Reader
from api.files.source import Source
from api.files.write_csv import CsvWriter
from api.files.write_jsonl import JsonlWriter
from api.files.writer import Writer


def open_reader(source: Source, format_: Format, *, roles: Roles, encoding: str | None = None) -> Reader:
    """Open a source.

    Parameters
    ----------
    source : where the bytes come from; for Parquet it must be a file, as its index stands at the end
    format_ : of the bytes
    roles : the columns that hold the id, the text and the question
    encoding : of a text format; None to tell it from the bytes

    Raises
    ------
    FileError : if the bytes are not of this format
    """
    if format_ is Format.PARQUET:
        # Here, as pyarrow takes a while to load: only those who read Parquet wait for it.
        from api.files.read_parquet import ParquetReader  # noqa: PLC0415

        assert source.path is not None
        return ParquetReader(source.path, name=source.name, named=roles.named)
    with ExitStack() as stack:
        raw, size = stack.enter_context(source.open()), source.size
        reader: Reader
        if format_ is Format.CSV:
            reader = CsvReader(
                raw, name=source.name, encoding=encoding, needed=roles.needed, named=roles.named, total=size
            )
        else:
            reader = JsonlReader(raw, name=source.name, encoding=encoding, total=size)
        stack.pop_all()  # from here on the reader closes it
        return reader


def open_writer(
    stream: IO[bytes], format_: Format, *, id_column: str | None, columns: Sequence[Column], like: Reader
) -> Writer:
    """Begin an output.

    Parameters
    ----------
    stream : takes the bytes
    format_ : of the bytes
    id_column : the column that holds the id, None where the rows are numbered
    columns : every column that a row may have, in order; JSONL does not need to know
    like : a CSV file's reader, whose delimiter and byte-order mark a CSV output repeats
    """
    if format_ is Format.PARQUET:
        from api.files.write_parquet import ParquetWriter  # noqa: PLC0415

        return ParquetWriter(stream, columns=columns, id_column=id_column)
    if format_ is Format.JSONL:
        return JsonlWriter(stream, id_column=id_column)
    names = [column.name for column in columns]
    if isinstance(like, CsvReader):
        delimiter, mark = like.delimiter, like.byte_order_mark
        return CsvWriter(stream, columns=names, id_column=id_column, delimiter=delimiter, byte_order_mark=mark)
    return CsvWriter(stream, columns=names, id_column=id_column)
