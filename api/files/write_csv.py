"""CSV, UTF-8; a file from Excel comes out with the delimiter and the byte-order mark that it came with."""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Sequence
from typing import IO

from api.files.layout import Flat
from api.files.rows import Row
from nlp.record import Record


class CsvWriter:
    """Writes the header at once, so that an input without rows gives a table without rows.

    Parameters
    ----------
    stream : takes the bytes
    columns : every column that a row may have, in order
    id_column : the column that holds the id, None where the rows are numbered
    """

    def __init__(
        self,
        stream: IO[bytes],
        *,
        columns: Sequence[str],
        id_column: str | None,
        delimiter: str = ",",
        byte_order_mark: bool = False,
    ) -> None:
        self._stream = stream
        self._layout = Flat(id_column)
        self._buffer = io.StringIO(newline="")
        self._csv = csv.writer(self._buffer, delimiter=delimiter)
        self._names = [*(self._layout.name(column) for column in columns), *self._layout.fields]
        self._stream.write(codecs.BOM_UTF8 if byte_order_mark else b"")
        self._put(self._names)

    def write(self, tagged: Sequence[tuple[Row, Record]]) -> None:
        for row, record in tagged:
            cells = self._layout.row(row, record)
            self._put([cells.get(name, "") for name in self._names])
        self._stream.flush()

    def finish(self) -> None:
        self._stream.flush()

    def _put(self, cells: Sequence[str]) -> None:
        self._csv.writerow(cells)
        # The csv module quotes a lone \r only if its own line break holds one: let it write \r\n, and write \n.
        line = self._buffer.getvalue().removesuffix("\r\n") + "\n"
        self._buffer.seek(0)
        self._buffer.truncate()
        self._stream.write(encode(line))


def encode(line: str) -> bytes:
    """UTF-8, with bytes that could not be decoded as they came and other halves of surrogate pairs written out."""
    try:
        return line.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return line.encode("utf-8", "backslashreplace")
