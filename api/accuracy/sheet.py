"""The sheet that people fill: a row for each comment, a column for each thing to judge, as CSV, JSON lines or Excel."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, get_args

from api.accuracy.draw import Sample
from api.accuracy.errors import BadAnswers, answers_there
from api.accuracy.labels import FLAGS, label_set
from api.exports.mapping import FileShape
from api.exports.table import open_table
from api.files.errors import UnknownFormat, UnwritableOutput
from api.files.source import open_source
from nlp.errors import require
from nlp.record import FactorName, SentimentLabel
from nlp.taxonomy import Taxonomy

TO_READ: Final = ("audit", "row", "id", "language", "question", "text")
TO_SAY: Final = ("checked", "sentiment")
REMARK: Final = "remark"
YES: Final = frozenset({"x", "1", "ja", "yes", "j", "y"})
NO: Final = frozenset({"", "0", "nei", "nej", "no", "n"})
WAYS: Final = {
    "negative": "negative",
    "negativ": "negative",
    "neg": "negative",
    "-": "negative",
    "positive": "positive",
    "positiv": "positive",
    "pos": "positive",
    "+": "positive",
    "neutral": "neutral",
    "nøytral": "neutral",
    "neu": "neutral",
}
MIXED: Final = {"mixed": "mixed", "blandet": "mixed", "blanda": "mixed", "blandad": "mixed", "mix": "mixed"}
# A spreadsheet would take these for the beginning of a formula, and a customer may have written anything.
FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True, slots=True)
class Answer:
    """What people say of one comment.

    Parameters
    ----------
    row : its number in the sample, from 1
    labels : those that it truly has
    open_themes : themes that it has, of which nobody said with which sentiment
    """

    row: int
    labels: frozenset[str]
    open_themes: frozenset[str]


@dataclass(frozen=True, slots=True)
class Answers:
    """A sheet that was read: whose it is, and what is said in the rows that have been checked.

    Parameters
    ----------
    filled_but_unchecked : rows that say something and are not checked: left out, as are empty ones
    """

    audit: str
    answers: Sequence[Answer]
    filled_but_unchecked: int = 0


def columns(taxonomy: Taxonomy) -> list[str]:
    """The sheet's columns, in order."""
    return [*TO_READ, *TO_SAY, *_themes(taxonomy), *get_args(FactorName), *FLAGS, REMARK]


def write_sheet(path: Path, sample: Sample, taxonomy: Taxonomy) -> None:
    """Write a sample as a sheet: .csv for Excel, .xlsx with lists to choose from, or .jsonl.

    Raises
    ------
    OutputExists : if the file is there: it may hold answers
    UnknownFormat : if it has another extension
    MissingExtra : if it is .xlsx and its library is not installed
    """
    if path.exists():
        raise answers_there(path)
    writers: dict[str, Callable[[Path, Sequence[Mapping[str, str]], Taxonomy], None]] = {
        ".csv": _write_csv,
        ".jsonl": _write_jsonl,
        ".xlsx": _write_xlsx,
    }
    if path.suffix not in writers:
        raise UnknownFormat(f"{path} has the extension {path.suffix!r}. Allowed: {', '.join(writers)}.")
    try:
        writers[path.suffix](path, list(_rows(sample)), taxonomy)
    except OSError as error:
        raise UnwritableOutput(f"{path} cannot be written: {error.strerror}. Name another file.") from None


def read_sheet(path: Path, taxonomy: Taxonomy) -> Answers:
    """Read what people have filled in; rows without an x in `checked` are left out.

    Raises
    ------
    BadAnswers : if a cell says something that is not allowed, or a column is missing; with all such places
    FileError : if the file cannot be read
    """
    problems: list[str] = []
    answers: dict[int, Answer] = {}
    audits: set[str] = set()
    unchecked = 0
    for place, cells in _cells(path):
        missing = [name for name in columns(taxonomy) if name not in cells and name != REMARK]
        if missing:
            raise BadAnswers(path.name, [f"{place}: there is no column {', '.join(missing)}"])
        audits.add(cells["audit"])
        try:
            answer = _answer(cells, taxonomy)
        except ValueError as wrong:
            problems.append(f"{place}: {wrong}")
            continue
        if answer is not None and answer.row in answers:
            problems.append(f"{place}: row {answer.row} of the sample was there before")
        elif answer is not None:
            answers[answer.row] = answer
        elif cells["sentiment"]:
            unchecked += 1
    if len(audits) != 1:
        problems.append(f"the column audit holds {len(audits)} different values, and one is needed in every row")
    if problems:
        raise BadAnswers(path.name, problems)
    return Answers(audits.pop(), [answers[row] for row in sorted(answers)], unchecked)


def _answer(cells: Mapping[str, str], taxonomy: Taxonomy) -> Answer | None:
    """What a row says; None if it is not checked. A ValueError says what is wrong, without the cell's words."""
    checked = cells["checked"].casefold()
    if checked in NO:
        return None
    if checked not in YES:
        raise ValueError("checked holds something else than an x")
    if not cells["row"].removesuffix(".0").isdigit():
        raise ValueError("row is not the number that it was")
    sentiment = (WAYS | MIXED).get(cells["sentiment"].casefold())
    if sentiment is None:
        raise ValueError(f"sentiment is none of {', '.join(get_args(SentimentLabel))}")
    themes = [(theme, way) for theme in _themes(taxonomy) for way in _way(theme, cells[theme], may_be_open=True)]
    factors = [(name, way) for name in get_args(FactorName) for way in _way(name, cells[name], may_be_open=False)]
    flags = [name for name in FLAGS if _flag(name, cells[name])]
    return Answer(
        int(cells["row"].removesuffix(".0")),
        label_set(sentiment, themes, [(name, str(way)) for name, way in factors], flags),
        frozenset(theme for theme, way in themes if way is None),
    )


def _way(name: str, cell: str, *, may_be_open: bool) -> Iterator[str | None]:
    """With which sentiment, once, if at all."""
    said = cell.casefold()
    if said in NO:
        return
    if may_be_open and said in YES:
        yield None
    elif said in WAYS and (may_be_open or WAYS[said] != "neutral"):
        yield WAYS[said]
    else:
        allowed = "negative, neutral, positive, x" if may_be_open else "negative, positive"
        raise ValueError(f"{name} holds something else than nothing, {allowed}")


def _flag(name: str, cell: str) -> bool:
    said = cell.casefold()
    if said not in YES | NO:
        raise ValueError(f"{name} holds something else than nothing or an x")
    return said in YES


def _rows(sample: Sample) -> Iterator[dict[str, str]]:
    design = sample.design
    for number, drawn in enumerate(design.sample, start=1):
        words = sample.words.get(drawn.id)
        if words is None:  # erased since it was drawn
            continue
        row = {"audit": design.audit, "row": str(number), "id": drawn.id, "text": words.text}
        row["language"] = design.strata[drawn.stratum].language or ""
        row["question"] = words.question or ""
        yield row | (_shown(drawn.labels) if design.shown else {})


def _shown(labels: Iterable[str]) -> dict[str, str]:
    """The model's tags, as cells."""
    cells: dict[str, str] = {}
    for label in labels:
        match label.split(":"):
            case ["sentiment", way]:
                cells["sentiment"] = way
            case ["flag", name]:
                cells[name] = "x"
            case [_, name, way]:
                cells[name] = way
    return cells


def _write_csv(path: Path, rows: Sequence[Mapping[str, str]], taxonomy: Taxonomy) -> None:
    # With a byte-order mark and semicolons, as Excel in the Nordic countries writes and reads.
    buffer = io.StringIO(newline="")
    table = csv.writer(buffer, delimiter=";")
    names = columns(taxonomy)
    table.writerow(names)
    table.writerows([_harmless(row.get(name, "")) for name in names] for row in rows)
    path.write_bytes(buffer.getvalue().encode("utf-8-sig"))


def _write_jsonl(path: Path, rows: Sequence[Mapping[str, str]], taxonomy: Taxonomy) -> None:
    names = columns(taxonomy)
    lines = [json.dumps({name: row.get(name, "") for name in names}, ensure_ascii=False) for row in rows]
    path.write_text("".join(line + "\n" for line in lines), encoding="utf-8")


def _write_xlsx(path: Path, rows: Sequence[Mapping[str, str]], taxonomy: Taxonomy) -> None:
    openpyxl = require("openpyxl", extra="audit")
    validation = require("openpyxl.worksheet.datavalidation", extra="audit")
    illegal = require("openpyxl.cell.cell", extra="audit").ILLEGAL_CHARACTERS_RE
    names = columns(taxonomy)
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = "sample"
    sheet.freeze_panes = "G2"
    for line, cells in enumerate([dict(zip(names, names, strict=True)), *rows], start=1):
        for column, name in enumerate(names, start=1):
            if value := cells.get(name, ""):
                cell = sheet.cell(line, column)
                cell.value = illegal.sub("\N{REPLACEMENT CHARACTER}", value)
                cell.data_type = "s"  # whatever it begins with, it is no formula
    for name, values in _choices(taxonomy).items():
        rule = validation.DataValidation(type="list", formula1='"' + ",".join(values) + '"', allow_blank=True)
        letter = openpyxl.utils.get_column_letter(names.index(name) + 1)
        rule.add(f"{letter}2:{letter}{len(rows) + 1}")
        sheet.add_data_validation(rule)
    sheet.column_dimensions[openpyxl.utils.get_column_letter(names.index("text") + 1)].width = 80
    book.save(path)


def _choices(taxonomy: Taxonomy) -> dict[str, list[str]]:
    ways = {name: ["negative", "neutral", "positive"] for name in _themes(taxonomy)}
    factors = {name: ["negative", "positive"] for name in get_args(FactorName)}
    marks = {name: ["x"] for name in ("checked", *FLAGS)}
    return {"sentiment": list(get_args(SentimentLabel)), **ways, **factors, **marks}


def _harmless(value: str) -> str:
    return "'" + value if value.startswith(FORMULA) else value


def _themes(taxonomy: Taxonomy) -> list[str]:
    return [theme.id for theme in taxonomy.themes]


def _cells(path: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """Each row's place, for people, and its cells by column."""
    if path.suffix == ".jsonl":
        yield from _json_cells(path)
        return
    with open_source(str(path), again=True) as source:
        table = open_table(source, FileShape())
        try:
            rows = iter(table.rows())
            names = [str(cell).strip() for cell in next(rows).cells]
            for row in rows:
                cells = [_plain(cell) for cell in row.cells]
                if any(cells):
                    yield f"row {row.number} of the sheet", dict(zip(names, cells, strict=False))
        finally:
            table.close()


def _json_cells(path: Path) -> Iterator[tuple[str, dict[str, str]]]:
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if line.strip():
            try:
                cells = json.loads(line)
            except ValueError:
                raise BadAnswers(path.name, [f"line {number} is not JSON"]) from None
            yield f"line {number}", {str(name): _plain(cell) for name, cell in dict(cells).items()}


def _plain(cell: Any) -> str:
    if cell is None or cell is False:
        return ""
    if cell is True:
        return "x"
    return str(int(cell)) if isinstance(cell, float) and cell.is_integer() else str(cell).strip()
