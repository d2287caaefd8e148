"""One run over a file: everything that can be checked is checked first, then row after row is tagged."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import Protocol

from api.files.by_format import open_reader, open_writer
from api.files.columns import Column, survey
from api.files.destination import open_output
from api.files.errors import MissingColumns, RunFailed, UnreadableInput
from api.files.formats import Format, format_of
from api.files.identify import Roles, identify
from api.files.reader import Reader
from api.files.rows import InputRow, Row
from api.files.seen import SeenIds
from api.files.source import Source, open_source, refuse_folder
from api.files.summary import Summary
from api.files.tagging import TagsComments, tag_rows
from api.files.writer import Writer
from nlp.record import Record

ROWS_FOR_COLUMNS = 100
_ROWS_PER_REPORT = 1_000


@dataclass(frozen=True, slots=True)
class Run:
    """What to read, how, and where to write."""

    input: str
    output: str
    input_format: Format | None = None
    output_format: Format | None = None
    encoding: str | None = None
    roles: Roles = field(default_factory=Roles)
    unique_ids: bool = True
    batch_size: int = 64


class Report(Protocol):
    """Whoever watches a run."""

    def notice(self, sentence: str) -> None: ...

    def step(self, name: str, *, total: int | None) -> None: ...

    def advance(self, position: int, *, rows: int) -> None: ...


def tag_file(run: Run, *, load_tagger: Callable[[], TagsComments], report: Report) -> Summary:
    """Tag every row of a file.

    Parameters
    ----------
    run : what to read, how, and where to write
    load_tagger : called once input and output are known to be usable, as it takes a second
    report : hears notices and how far the run is

    Raises
    ------
    FileError : before anything was tagged; what is wrong with the input or the output
    RunFailed : if reading or writing broke off halfway; no output file stands there then
    """
    refuse_folder(run.input)
    input_format = format_of(run.input, run.input_format, option="--input-format")
    output_format = format_of(run.output, run.output_format, option="--output-format")
    columns_ahead = output_format is not Format.JSONL
    with ExitStack() as stack:
        again = columns_ahead or input_format is Format.PARQUET
        source = stack.enter_context(open_source(run.input, again=again))
        output = stack.enter_context(open_output(run.output, source=source))
        reader = stack.enter_context(closing(open_reader(source, input_format, roles=run.roles, encoding=run.encoding)))
        if reader.notice:
            report.notice(reader.notice)
        rows = _checked_rows(reader, run.roles, source.name)
        columns = _columns_ahead(source, input_format, run, report) if columns_ahead else ()
        tagger = load_tagger()
        seen = stack.enter_context(SeenIds()) if run.unique_ids and run.roles.id_column is not None else None
        report.step("Tagging", total=reader.total)
        try:
            writer = open_writer(output, output_format, id_column=run.roles.id_column, columns=columns, like=reader)
            chunks = tag_rows(identify(rows, run.roles, seen), tagger, batch_size=run.batch_size)
            return _write_all(chunks, writer, reader, report)
        except BrokenPipeError:
            raise
        except OSError as error:
            raise RunFailed(f"The run broke off: {error.strerror or error}. The output is not complete.") from error


def _write_all(chunks: Iterable[list[tuple[Row, Record]]], writer: Writer, reader: Reader, report: Report) -> Summary:
    summary = Summary()
    start = time.perf_counter()
    for chunk in chunks:
        writer.write(chunk)
        summary.add(chunk)
        report.advance(reader.position, rows=summary.rows)
    writer.finish()
    summary.seconds = time.perf_counter() - start
    return summary


def _checked_rows(reader: Reader, roles: Roles, name: str) -> Iterator[InputRow]:
    """The rows, once it is sure that there are columns for the id, the text and a question that was named.

    Without a header the first rows decide: a file in which none of them has a text has its texts under another name.
    One row without a text is that row's problem.
    """
    if reader.header is not None:
        _check_columns(reader.header, roles, name)
        return reader.rows()
    rows = reader.rows()
    first = list(islice(rows, ROWS_FOR_COLUMNS))
    objects = [row for row in first if row.problem is None]
    if objects:
        _check_columns(list(dict.fromkeys(column for row in objects for column in row.columns)), roles, name)
    return chain(first, rows)


def _check_columns(found: Sequence[str], roles: Roles, name: str) -> None:
    options = (
        ("--id-column", roles.id_column),
        ("--text-column", roles.text_column),
        ("--question-column", roles.question_column),
    )
    missing = [(option, column) for option, column in options if column is not None and column not in found]
    if missing:
        raise MissingColumns(name, missing, found)


def _columns_ahead(source: Source, format_: Format, run: Run, report: Report) -> tuple[Column, ...]:
    """Every column of the input, for an output that must know them before its first row."""
    with closing(open_reader(source, format_, roles=run.roles, encoding=run.encoding)) as reader:
        if reader.columns is not None:
            return reader.columns
        report.step("Reading columns", total=reader.total)
        try:
            return survey(
                _reported(reader, report),
                header=reader.header,
                name=source.name,
                read_as_text=run.roles.read_as_text,
            )
        except OSError as error:
            raise UnreadableInput(f"{source.name} cannot be read: {error.strerror}.") from error


def _reported(reader: Reader, report: Report) -> Iterator[InputRow]:
    for number, row in enumerate(reader.rows(), start=1):
        if not number % _ROWS_PER_REPORT:
            report.advance(reader.position, rows=number)
        yield row
