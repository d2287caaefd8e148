"""From the rows of a file to feedback: tagged, with its day, score, respondent and dimensions where there are any."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import date, tzinfo
from typing import Any, Final

from api.files.by_format import open_reader
from api.files.errors import MissingColumns
from api.files.formats import Format, format_of
from api.files.identify import Roles, identify
from api.files.reader import Reader
from api.files.rows import InputRow, Row
from api.files.run import Report
from api.files.seen import SeenIds
from api.files.source import open_source, refuse_folder
from api.files.tagging import TagsComments, tag_rows
from api.files.values import plain_value, rows_and_columns, score_of, sentence, time_of
from nlp.record import Comment, TaggedComment
from nlp.root_causes import Feedback

USUAL_TIMES: Final = ("submitted_at", "date", "day", "time", "timestamp")
USUAL_SCORES: Final = ("nps", "score")
USUAL_RESPONDENTS: Final = ("respondent", "respondent_id", "customer_id")
USUAL_DIMENSIONS: Final = ("source", "department", "touchpoint", "channel")


@dataclass(frozen=True, slots=True)
class Columns:
    """Which columns hold what; None is the first usual name that is there, and no dimensions are the usual ones.

    A column that is named must be there. `of_actions` are those that say where something was done; they are read as
    dimensions too.
    """

    roles: Roles = field(default_factory=Roles)
    time: str | None = None
    score: str | None = None
    respondent: str | None = None
    dimensions: tuple[str, ...] = ()
    of_actions: tuple[str, ...] = ()

    @property
    def named(self) -> tuple[tuple[str, str], ...]:
        """What must be there, with the option that asked for it."""
        options = [("--time-column", self.time), ("--score-column", self.score)]
        options += [("--respondent-column", self.respondent), *(("--by", name) for name in self.dimensions)]
        options += [("--actions", name) for name in self.of_actions]
        return tuple((option, name) for option, name in options if name is not None)

    def among(self, header: Iterable[str]) -> Columns:
        """The columns with the usual ones filled in, as far as the file has them."""
        there = {*header} - {*self.roles.named}

        def usual(given: str | None, names: Iterable[str]) -> str | None:
            return given or next((name for name in names if name in there), None)

        return Columns(
            self.roles,
            usual(self.time, USUAL_TIMES),
            usual(self.score, USUAL_SCORES),
            usual(self.respondent, USUAL_RESPONDENTS),
            tuple(
                dict.fromkeys(
                    (*(self.dimensions or (name for name in USUAL_DIMENSIONS if name in there)), *self.of_actions)
                )
            ),
            self.of_actions,
        )


@dataclass(slots=True)
class LeftOut:
    """Rows that could not be read as comments, by code; and scores and times that could not be read, by kind."""

    rows: Counter[str] = field(default_factory=Counter)
    values: Counter[str] = field(default_factory=Counter)

    def sentences(self) -> Iterator[str]:
        """For people, one a kind of trouble; none if there was none."""
        if +self.rows:
            yield sentence("row", "left out", self.rows)
        if +self.values:
            yield sentence("value", "taken for not known", self.values)


@dataclass(frozen=True, slots=True)
class Read:
    """What a file held: its comments, the columns that were taken, and what was left out."""

    feedback: list[Feedback]
    columns: Columns
    left_out: LeftOut


def read_feedback(
    name: str,
    columns: Columns,
    *,
    load_tagger: Callable[[], TagsComments],
    report: Report,
    time_zone: tzinfo | None = None,
    input_format: Format | None = None,
    encoding: str | None = None,
) -> Read:
    """Read and tag a file.

    Parameters
    ----------
    name : of a .csv, .jsonl or .parquet file, or - for standard input
    load_tagger : called once the file has been opened
    time_zone : in which days begin; the zone that a time is written in if None

    Raises
    ------
    FileError : if the file cannot be read, or lacks a column
    """
    refuse_folder(name)
    format_ = format_of(name, input_format, option="--input-format")
    roles, left_out = columns.roles, LeftOut()
    feedback: list[Feedback] = []
    with (
        open_source(name, again=format_ is Format.PARQUET) as source,
        closing(open_reader(source, format_, roles=roles, encoding=encoding)) as reader,
        SeenIds() as seen,
    ):
        rows, found = _checked(reader, columns, source.name)
        tagger = load_tagger()
        report.step("Tagging", total=reader.total)
        for batch in tag_rows(identify(rows, roles, seen), tagger):
            for row, record in batch:
                if isinstance(record, TaggedComment):
                    feedback.append(_feedback(row, record, found, time_zone, left_out))
                else:
                    left_out.rows[record.error.code] += 1
            report.advance(reader.position, rows=len(feedback))
    return Read(feedback, found, left_out)


def _checked(reader: Reader, columns: Columns, name: str) -> tuple[Iterator[InputRow], Columns]:
    rows, header = rows_and_columns(reader)
    missing = [(option, column) for option, column in columns.named if column not in header]
    missing += [("--id-column or --text-column", column) for column in columns.roles.named if column not in header]
    if missing:
        raise MissingColumns(name, missing, header)
    return rows, columns.among(header)


def _feedback(
    row: Row, record: TaggedComment, columns: Columns, time_zone: tzinfo | None, left_out: LeftOut
) -> Feedback:
    def value(column: str | None) -> Any:
        return None if column is None else plain_value(row.columns.get(column))

    day, nps, respondent = value(columns.time), value(columns.score), value(columns.respondent)
    dimensions = {name: value(name) for name in columns.dimensions}
    read_day, read_nps = _day(day, time_zone), score_of(nps)
    left_out.values["bad_time"] += day is not None and read_day is None
    left_out.values["bad_score"] += nps is not None and read_nps is None
    assert row.id is not None
    return Feedback(
        Comment(row.id, row.text, row.question),
        record,
        day=read_day,
        nps=read_nps,
        respondent=None if respondent is None else str(respondent),
        dimensions={name: str(known) for name, known in dimensions.items() if known is not None},
    )


def _day(value: Any, time_zone: tzinfo | None) -> date | None:
    """ISO 8601; a time without a zone, or with none asked for, lies on the day that is written."""
    when = time_of(value)
    if when is not None and when.tzinfo is not None and time_zone is not None:
        when = when.astimezone(time_zone)
    return None if when is None else when.date()
