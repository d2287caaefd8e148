"""Answers out of a file, for the command line: which column is what, and which rows cannot be counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field
from datetime import datetime, tzinfo
from typing import Any

from rich.table import Table

from api.files.by_format import open_reader
from api.files.errors import MissingColumns
from api.files.formats import Format, format_of
from api.files.identify import Roles
from api.files.reader import Reader
from api.files.rows import InputRow
from api.files.source import open_source, refuse_folder
from api.files.values import plain_value, rows_and_columns, score_of, sentence, time_of
from api.nps import Answer, Nps


@dataclass(frozen=True, slots=True)
class NpsColumns:
    """Which columns hold the score, the time and the dimensions; without a `time` answers have none."""

    score: str = "nps"
    time: str | None = None
    dimensions: tuple[str, ...] = ()

    @property
    def named(self) -> tuple[str, ...]:
        """The columns that must be there, once."""
        return (self.score, *((self.time,) if self.time else ()), *self.dimensions)


@dataclass(slots=True)
class LeftOut:
    """Rows that are no answers, by reason; counted as the file is read."""

    counts: Counter[str] = field(default_factory=Counter)

    def __str__(self) -> str:
        """For people.

        >>> str(LeftOut(Counter(no_score=2)))
        '2 rows left out: no_score 2'
        """
        return sentence("row", "left out", self.counts)


def read_answers(
    name: str,
    columns: NpsColumns,
    *,
    left_out: LeftOut,
    time_zone: tzinfo | None = None,
    input_format: Format | None = None,
    encoding: str | None = None,
) -> Iterator[Answer]:
    """The answers of a file, one at a time.

    Parameters
    ----------
    name : of a .csv, .jsonl or .parquet file, or - for standard input
    columns : which column is what
    left_out : counts the rows without a score (`no_score`), with one that is no whole number from 0 to 10
        (`bad_score`), without a time that can be read (`bad_time`), and those that could not be read (`broken_row`)
    time_zone : of times that are written without one

    Raises
    ------
    FileError : if the file cannot be read, or lacks a column
    """
    refuse_folder(name)
    format_ = format_of(name, input_format, option="--input-format")
    roles = Roles(id_column=None, text_column=columns.score)
    with (
        open_source(name, again=format_ is Format.PARQUET) as source,
        closing(open_reader(source, format_, roles=roles, encoding=encoding)) as reader,
    ):
        for row in _checked(reader, columns, source.name):
            answer, reason = _answer(row, columns, time_zone)
            if answer is not None:
                yield answer
            else:
                left_out.counts[reason] += 1


def table(rows: Iterable[Nps], *, by: Sequence[str], period: str | None, minimum: int) -> Table:
    """For a terminal."""
    found = Table(*([period] if period else []), *by, "answers", "promoters", "passives", "detractors", "NPS", "95 %")
    for row in rows:
        names = [row.period or ""] if period else []
        names += [_shown(row.group[name]) for name in by]
        found.add_row(*names, f"{row.answers:,}", *_figures(row, minimum))
    return found


def as_dict(row: Nps) -> dict[str, Any]:
    """For JSON; `nps` is null where there are too few answers."""
    return {"period": row.period, "group": dict(row.group), "answers": row.answers, "too_few": row.too_few} | {
        "nps": None if row.result is None else asdict(row.result)
    }


def _figures(row: Nps, minimum: int) -> list[str]:
    if row.result is None:
        return ["", "", "", "too few", f"below {minimum}"]
    it = row.result
    kinds = [f"{100 * share:.0f} %" for share in (it.promoters, it.passives, it.detractors)]
    return [*kinds, f"{it.value:+.0f}", f"{it.low:+.0f} to {it.high:+.0f}"]


def _shown(value: str | None) -> str:
    return "(none)" if value is None else value


def _checked(reader: Reader, columns: NpsColumns, name: str) -> Iterator[InputRow]:
    rows, found = rows_and_columns(reader)
    options = [("--score-column", columns.score), ("--time-column", columns.time)]
    options += [("--by", dimension) for dimension in columns.dimensions]
    missing = [(option, column) for option, column in options if column is not None and column not in found]
    if missing:
        raise MissingColumns(name, missing, found)
    return rows


def _answer(row: InputRow, columns: NpsColumns, time_zone: tzinfo | None) -> tuple[Answer | None, str]:
    """The answer, or the reason why there is none."""
    if row.problem is not None:
        return None, "broken_row"
    plain = {name: plain_value(row.columns.get(name)) for name in columns.named}
    if plain[columns.score] is None:
        return None, "no_score"
    score = score_of(plain[columns.score])
    if score is None or not score.is_integer():
        return None, "bad_score"
    when = None
    if columns.time is not None:
        when = _time(plain[columns.time], time_zone)
        if when is None:
            return None, "bad_time"
    return Answer(int(score), when, _dimensions(plain, columns)), ""


def _dimensions(plain: Mapping[str, Any], columns: NpsColumns) -> dict[str, str | None]:
    return {name: None if plain[name] is None else str(plain[name]) for name in columns.dimensions}


def _time(value: Any, time_zone: tzinfo | None) -> datetime | None:
    when = time_of(value)
    return when.replace(tzinfo=time_zone) if when is not None and when.tzinfo is None else when
