"""One import: open an export, understand it, and hand its comments on."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path
from typing import Final

from api.exports.comment import ImportedComment
from api.exports.detect import OWN_FIELDS, recognise
from api.exports.header import MOST_ROWS, Header, read_header
from api.exports.ids import Memory, identified
from api.exports.mapping import FieldRule, FileShape, load_mapping, with_options
from api.exports.mapping import Mapping as ExportMapping
from api.exports.plan import Answer, Plan, Rejected, Result, Skipped
from api.exports.sink import RejectedFile, Sink, open_sink
from api.exports.table import Table, TableRow, open_table
from api.files.destination import open_output
from api.files.errors import BadUsage, BrokenHeader, EmptyInput, RunFailed
from api.files.formats import STANDARD_STREAM, format_of
from api.files.problems import Code
from api.files.run import Report
from api.files.source import Source, open_source, refuse_folder
from api.files.summary import ErrorCount
from nlp.record import Problem

Check = Callable[[ImportedComment], Problem | None]
"""Why comments cannot go where they are to go; None for one that can."""

BATCH: Final = 500
ROWS_CHECKED: Final = 100


@dataclass(frozen=True, slots=True)
class Import:
    """What to read and how; what is None or empty is told from the file, or from the mapping."""

    input: str
    mapping: str | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, str] = field(default_factory=dict)
    source: str | None = None
    time_zone: str | None = None
    date_order: str | None = None
    sheet: str | None = None
    encoding: str | None = None


@dataclass(slots=True)
class Counts:
    """What became of an export's rows, counted as they go."""

    rows: int = 0
    comments: int = 0
    skipped: dict[str, int] = field(default_factory=dict)
    rejected: dict[str, ErrorCount] = field(default_factory=dict)
    seconds: float = 0.0
    _last_row: int = field(default=0, init=False, repr=False)

    def add(self, result: Result) -> None:
        self.rows += result.row != self._last_row
        self._last_row = result.row
        match result:
            case Answer():
                self.comments += 1
            case Skipped():
                self.skipped[result.reason] = self.skipped.get(result.reason, 0) + 1
            case Rejected() if result.code in self.rejected:
                self.rejected[result.code].count += 1
            case Rejected():
                self.rejected[result.code] = ErrorCount(1, result.row)

    def __str__(self) -> str:
        """For people, one line and one more for each reason.

        >>> print(Counts(rows=3, comments=2, skipped={"no answer": 1}, rejected={"bad_nps": ErrorCount(1, 4)}))
        3 rows: 2 comments, 1 skipped, 1 rejected
          skipped, no answer: 1
          rejected, bad_nps: 1, the first on row 4
        """
        skipped = sum(self.skipped.values())
        rejected = sum(each.count for each in self.rejected.values())
        took = f"; {self.seconds:,.1f} s" if self.seconds else ""
        lines = [
            f"{self.rows:,} row{'s' if self.rows != 1 else ''}: {self.comments:,} "
            f"comment{'s' if self.comments != 1 else ''}, {skipped:,} skipped, {rejected:,} rejected{took}"
        ]
        lines += [f"  skipped, {reason}: {count:,}" for reason, count in self.skipped.items()]
        lines += [
            f"  rejected, {code}: {each.count:,}, the first on row {each.first_line:,}"
            for code, each in self.rejected.items()
        ]
        return "\n".join(lines)


class Export:
    """An export that was opened and understood: its plan, and its results, once.

    Raises
    ------
    FileError : if it cannot be read, or not by this mapping
    """

    def __init__(self, order: Import, source: Source) -> None:
        self.source = source
        self.notices: list[str] = []
        mapping = self._mapping(order, source)
        self._table = open_table(source, mapping.file)
        try:
            self._header, self._rows = _header(self._table, mapping.file, source.name)
            self.plan = Plan(mapping, self._header, name=source.name, zone=order.time_zone)
            first = list(islice(self._rows, ROWS_CHECKED))
            self.plan.check(first)
            self.notices += self._understood(order, first)
            self._rows = chain(first, self._rows)
        except BaseException:
            self._table.close()
            raise
        self.notices += [*([self._table.notice] if self._table.notice else []), *self.plan.notices]

    @property
    def total(self) -> int | None:
        return self._table.total

    @property
    def position(self) -> int:
        return self._table.position

    def results(self) -> Iterator[Result]:
        """Every comment, skip and rejection, in the order of the rows."""
        with Memory() as memory:
            yield from identified(chain.from_iterable(map(self.plan.results, self._rows)), memory)

    def close(self) -> None:
        self._table.close()

    def _mapping(self, order: Import, source: Source) -> ExportMapping:
        given = {"sheet": order.sheet, "encoding": order.encoding}
        shape = {name: value for name, value in given.items() if value is not None}
        if order.mapping is None:
            with closing(open_table(source, FileShape.model_validate(shape))) as table:
                header, _ = _header(table, FileShape(), source.name)
            recognised = recognise(header, name=source.name, columns=order.columns)
            self.notices.append(f"Recognised {recognised}.")
            mapping = recognised.mapping
        else:
            mapping = load_mapping(order.mapping)
        mapping = with_options(mapping, columns=order.columns, values=order.values)
        dates = mapping.columns.submitted_at
        if order.date_order is not None:
            dates = dates.model_copy(update={"date_order": order.date_order})
        columns = mapping.columns.model_copy(update={"submitted_at": dates})
        if order.source is not None:  # it is that of every comment, whatever a column says
            columns = columns.model_copy(update={"source": FieldRule()})
        return mapping.model_copy(
            update={
                "source": order.source or mapping.source,
                "file": mapping.file.model_copy(update=shape),
                "columns": columns,
            }
        )

    def _understood(self, order: Import, first: Sequence[TableRow]) -> list[str]:
        """How the columns were understood, where that was told from nothing but their names."""
        if order.mapping is not None or self.plan.mapping.name != OWN_FIELDS:
            return []
        text = ", ".join(column for column, _ in self.plan.questions)
        fields = [f"{field} from {columns}" if field != columns else field for field, columns in self.plan.fields]
        told = [f"Read: {', '.join([f'text from {text}' if text != 'text' else text, *fields])}."]
        if self.plan.not_read:
            told.append(f"Not read: {', '.join(self.plan.not_read)}. --column names the column of a field.")
        if order.time_zone is None and self.plan.unzoned(first):
            zone = self.plan.mapping.columns.submitted_at.zone
            told.append(f"Dates state no zone: they are read as of {zone}. --time-zone names another.")
        return told


@contextmanager
def read_export(order: Import) -> Iterator[Export]:
    """Open an export and understand it; close it on leaving the block.

    Raises
    ------
    FileError : if there is nothing to read, or it cannot be understood
    """
    if order.input == STANDARD_STREAM:
        raise BadUsage("An export is read from a file, whose extension says what it is. Save it under a name.")
    refuse_folder(order.input)
    with open_source(order.input, again=True) as source, closing(Export(order, source)) as export:
        yield export


def import_file(order: Import, *, output: str, rejected: str | None, report: Report) -> Counts:
    """Read an export into a file of comments.

    Parameters
    ----------
    order : what to read and how
    output : a .csv, .jsonl or .parquet file, or `-`
    rejected : a .csv file for the rows that could not be understood; None for none
    report : hears notices and how far the run is

    Raises
    ------
    FileError : before anything was read; what is wrong with the export, the mapping or the output
    RunFailed : if it broke off halfway; neither file stands there then
    """
    format_ = format_of(output, None, option="another extension")
    if rejected is not None and Path(rejected).absolute() == Path(output).absolute():
        raise BadUsage(f"--output and --rejected are both {output}. Give them names of their own.")
    with ExitStack() as stack:
        export = stack.enter_context(read_export(order))
        for notice in export.notices:
            report.notice(notice)
        stream = stack.enter_context(open_output(output, source=export.source))
        rejects = None
        if rejected is not None:
            rejects = RejectedFile(stack.enter_context(open_output(rejected, source=export.source)))
        return deliver(export, open_sink(stream, format_), rejected=rejects, report=report)


def import_into(order: Import, sink: Sink, *, check: Check, rejected: str, report: Report) -> Counts:
    """Read an export into a sink that is no file.

    Parameters
    ----------
    order : what to read and how
    check : says which comments the sink cannot take; they are rejected
    rejected : a .csv file for the rows that could not be understood or taken
    report : hears notices and how far the run is

    Raises
    ------
    FileError : before anything was handed over; what is wrong with the export, the mapping or the file
    RunFailed : if it broke off halfway; the file does not stand there then
    """
    with ExitStack() as stack:
        export = stack.enter_context(read_export(order))
        for notice in export.notices:
            report.notice(notice)
        rejects = RejectedFile(stack.enter_context(open_output(rejected, source=export.source)))
        return deliver(export, sink, rejected=rejects, report=report, check=check)


def deliver(
    export: Export, sink: Sink, *, rejected: RejectedFile | None, report: Report, check: Check | None = None
) -> Counts:
    """Hand every comment of an export to a sink, a batch at a time, and every rejected row to its file.

    Raises
    ------
    RunFailed : if reading or writing broke off halfway
    """
    counts, batch = Counts(), list[ImportedComment]()
    start = time.perf_counter()
    report.step("Reading", total=export.total)
    try:
        for result in checked(export.results(), check):
            counts.add(result)
            if isinstance(result, Answer):
                batch.append(result.comment)
            elif isinstance(result, Rejected) and rejected is not None:
                rejected.write(result)
            if len(batch) == BATCH:
                sink.write(batch)
                batch = []
                report.advance(export.position, rows=counts.rows)
        if batch:
            sink.write(batch)
        sink.finish()
        if rejected is not None:
            rejected.finish()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise RunFailed(f"The run broke off: {error.strerror or error}. The output is not complete.") from error
    counts.seconds = time.perf_counter() - start
    return counts


def checked(results: Iterable[Result], check: Check | None) -> Iterator[Result]:
    """Results as they come, with those comments rejected that the check does not let through."""
    for result in results:
        problem = check(result.comment) if check and isinstance(result, Answer) else None
        if problem is None or not isinstance(result, Answer):
            yield result
        else:
            yield Rejected(result.row, result.comment.external_id, problem.code, problem.message)


def _header(table: Table, shape: FileShape, name: str) -> tuple[Header, Iterator[TableRow]]:
    """The header, and the rows below it."""
    rows = table.rows()
    first = list(islice(rows, MOST_ROWS))
    if not first:
        raise EmptyInput(name)
    header = read_header(first, table.header_rows or shape.header_rows)
    for row in first[: header.rows]:
        if row.problem is not None and row.problem.code != Code.WRONG_NUMBER_OF_COLUMNS:
            raise BrokenHeader(f"The header of {name} cannot be read, row {row.number}: {row.problem.message}")
    return header, chain(first[header.rows :], rows)
