"""What the values of a row say beside its text: an NPS answer, a time; and how many rows and values say nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import chain, islice
from typing import Any

from api.files.reader import Reader
from api.files.rows import InputRow, Typed
from api.files.run import ROWS_FOR_COLUMNS
from api.nps import HIGHEST, LOWEST


def rows_and_columns(reader: Reader) -> tuple[Iterator[InputRow], Sequence[str]]:
    """All rows of a file, and its columns: those of the header, else of its first rows."""
    rows = reader.rows()
    first = list(islice(rows, ROWS_FOR_COLUMNS))
    columns = reader.header or tuple(dict.fromkeys(column for row in first for column in row.columns))
    return chain(first, rows), columns


def plain_value(value: Any) -> Any:
    """The value as JSON has it; white space is nothing."""
    value = value.plain if isinstance(value, Typed) else value
    return None if isinstance(value, str) and not value.strip() else value


def score_of(value: Any) -> float | None:
    """A number from 0 to 10, written as one or as text.

    >>> score_of("9"), score_of(11), score_of(True), score_of("nine")
    (9.0, None, None, None)
    """
    try:
        number = float(value) if isinstance(value, int | float | str) and not isinstance(value, bool) else None
    except ValueError:
        return None
    return number if number is not None and LOWEST <= number <= HIGHEST else None


def time_of(value: Any) -> datetime | None:
    """A time in ISO 8601, with its zone if it names one; a date alone is its first moment.

    >>> time_of("2026-03-21 ")
    datetime.datetime(2026, 3, 21, 0, 0)
    """
    try:
        return datetime.fromisoformat(value.strip()) if isinstance(value, str) else None
    except ValueError:
        return None


def sentence(what: str, fate: str, counts: Counter[str]) -> str:
    """How many there were, by reason, for people.

    >>> sentence("row", "left out", Counter(missing_text=2))
    '2 rows left out: missing_text 2'
    """
    total = +counts
    number = f"{total.total():,} {what}" + ("" if total.total() == 1 else "s")
    return f"{number} {fate}: " + ", ".join(f"{reason} {count:,}" for reason, count in total.most_common())
