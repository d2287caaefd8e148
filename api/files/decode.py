"""From bytes to lines of text, whatever wrote the file: UTF-8, UTF-16, or the code page of Excel on Windows."""

from __future__ import annotations

import codecs
import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, TextIO, cast

from api.files.errors import UnknownEncoding

HEAD_BYTES = 64 * 1024
MAX_LINE = 16 * 1024 * 1024
"""Characters; a file without line breaks must not be read into memory whole."""

_UTF8 = "utf-8-sig"  # reads files without the mark just as well
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16: its mark begins with theirs
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


@dataclass(frozen=True, slots=True)
class Text:
    """A stream that is being decoded; `head` is its beginning, which is still to be read."""

    stream: TextIO
    encoding: str
    marked: bool
    """Whether it begins with UTF-8's byte-order mark, as Excel writes and wants it."""
    head: str
    notice: str | None
    _raw: IO[bytes]

    @property
    def bytes_read(self) -> int:
        """0 where the stream cannot say, as a pipe."""
        return self._raw.tell() if self._raw.seekable() else 0

    def close(self) -> None:
        self.stream.close()


@dataclass(frozen=True, slots=True)
class Line:
    """One line with its line break; `text` is None if it was longer than a line may be, and was skipped."""

    number: int
    text: str | None


def open_text(raw: IO[bytes], encoding: str | None) -> Text:
    """Decode a stream of bytes. Line breaks come through as they are, whichever they are.

    Parameters
    ----------
    raw : the bytes, unbuffered
    encoding : its name, or None to tell it from the first 64 KiB

    Raises
    ------
    UnknownEncoding : if Python knows no encoding of that name

    Bytes that are not valid become lone surrogates (PEP 383): whoever writes them as UTF-8 with `surrogateescape` has
    the same bytes again, and the tagger refuses the row that holds them.
    """
    buffered = io.BufferedReader(cast(io.RawIOBase, raw), HEAD_BYTES)
    head = buffered.peek(HEAD_BYTES)
    name, notice = (encoding, None) if encoding else detect(head)
    try:
        name = codecs.lookup(name).name.replace("utf-8", _UTF8)
        errors = "replace" if name.startswith(("utf-16", "utf-32")) else "surrogateescape"
        stream = io.TextIOWrapper(buffered, encoding=name, errors=errors, newline="")
    except LookupError:
        raise UnknownEncoding(name) from None
    start = codecs.getincrementaldecoder(name)(errors).decode(head)
    return Text(stream, name, head.startswith(codecs.BOM_UTF8), start, notice, raw)


def detect(head: bytes) -> tuple[str, str | None]:
    """The encoding of a file that begins like this, and a notice where it is a guess.

    A byte-order mark decides. Without one it is UTF-8, unless the bytes are invalid *and* hold no single valid letter
    beyond ASCII: then every å in the file was written by something that does not write UTF-8.

    >>> detect("blåbær".encode("cp1252"))[0]
    'cp1252'
    """
    for mark, name in _MARKS:
        if head.startswith(mark):
            return name, None
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        if head.decode("utf-8", "ignore").isascii():
            return "cp1252", "The input is not UTF-8; reading it as cp1252 (Windows). If that is wrong, say --encoding."
    return "utf-8", None


def lines(text: Text, *, longest: int = MAX_LINE) -> Iterator[Line]:
    """Every line, numbered from 1; memory is bounded by `longest`, in characters."""
    number = 0
    while chunk := text.stream.readline(longest):
        number += 1
        if len(chunk) < longest or chunk.endswith("\n"):
            yield Line(number, chunk)
            continue
        while chunk and not chunk.endswith("\n"):
            chunk = text.stream.readline(longest)
        yield Line(number, None)
