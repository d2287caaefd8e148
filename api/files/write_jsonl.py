"""JSON Lines, UTF-8."""

from __future__ import annotations

from collections.abc import Sequence
from typing import IO, Any

from api.files.jsontext import dumps
from api.files.layout import Nested
from api.files.rows import Row
from nlp.record import Record

# Line breaks to Unicode and to many a program, though not to JSON Lines: escaped, so that nobody splits a record there.
_OTHER_LINE_BREAKS = {"\x85": "\\u0085", "\u2028": "\\u2028", "\u2029": "\\u2029"}


class JsonlWriter:
    def __init__(self, stream: IO[bytes], *, id_column: str | None) -> None:
        self._stream = stream
        self._layout = Nested(id_column)

    def write(self, tagged: Sequence[tuple[Row, Record]]) -> None:
        for row, record in tagged:
            self._stream.write(json_line(self._layout.row(row, record)))
        self._stream.flush()

    def finish(self) -> None:
        self._stream.flush()


def json_line(value: dict[str, Any]) -> bytes:
    """An object as a line of its own. What is no letter (half of a surrogate pair, a byte that was not UTF-8) is
    escaped as JSON does.
    """
    line = dumps(value)
    for letter, escape in _OTHER_LINE_BREAKS.items():
        line = line.replace(letter, escape)
    return line.encode("utf-8", "backslashreplace") + b"\n"
