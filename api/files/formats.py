"""Which format a file has."""

from __future__ import annotations

from enum import StrEnum
from pathlib import PurePath

from api.files.errors import UnknownFormat

STANDARD_STREAM = "-"


class Format(StrEnum):
    """The formats that comments are read from and written to; the value is also the file's extension."""

    CSV = "csv"
    JSONL = "jsonl"
    PARQUET = "parquet"


def format_of(name: str, given: Format | None, *, option: str) -> Format:
    """The format of a file: as `given`, or by its extension; `-` is JSONL.

    Raises
    ------
    UnknownFormat : if the extension says nothing; it names the extensions and the `option`

    >>> format_of("svar.CSV", None, option="--input-format")
    <Format.CSV: 'csv'>
    """
    if given is not None:
        return given
    if name == STANDARD_STREAM:
        return Format.JSONL
    extension = PurePath(name).suffix.lower()
    try:
        return Format(extension.removeprefix("."))
    except ValueError:
        found = f"ends in {extension!r}" if extension else "has no extension"
        known = ", ".join(f".{format_}" for format_ in Format)
        raise UnknownFormat(f"{name} {found}. Known: {known}. For another name say {option}.") from None
