"""`stemme ingest --dry-run`: the first rows as they are understood, and what would be skipped or rejected."""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from api.exports.comment import ImportedComment
from api.exports.plan import Answer
from api.exports.run import Check, Counts, Export, checked
from api.files.jsontext import dumps

LONGEST_TEXT = 60
LONGEST_QUESTION = 30
DIMENSIONS = ("source", "rating", "touchpoint", "channel", "department", "respondent", "language_hint")


def preview(export: Export, console: Console, *, rows: int, check: Check) -> Counts:
    """Read a whole export, print its first comments and the counts; write nothing.

    Parameters
    ----------
    rows : how many comments are printed
    check : says which comments the store would not take
    """
    counts = Counts()
    comments: list[ImportedComment] = []
    for result in checked(export.results(), check):
        counts.add(result)
        if isinstance(result, Answer) and len(comments) < rows:
            comments.append(result.comment)
    for column, question in export.plan.questions:
        asked = f", which answers {question!r}" if question else ""
        console.print(f"Text from {column!r}{asked}", markup=False, highlight=False, soft_wrap=True)
    if export.plan.fields:
        fields = ", ".join(f"{field} from {columns!r}" for field, columns in export.plan.fields)
        console.print(f"Fields: {fields}", markup=False, highlight=False, soft_wrap=True)
    if export.plan.not_read:
        console.print(f"Not read: {', '.join(export.plan.not_read)}", markup=False, highlight=False, soft_wrap=True)
    console.print(table(comments))
    console.print(str(counts), markup=False, highlight=False, soft_wrap=True)
    return counts


def table(comments: Sequence[ImportedComment]) -> Table:
    """Comments as people read them: id, time with zone, question, text, nps, and what else is known."""
    drawn = Table(box=box.SIMPLE_HEAD)
    for name in ("id", "submitted_at", "question", "text", "nps", "dimensions"):
        drawn.add_column(name, overflow="fold", justify="right" if name == "nps" else "left")
    for comment in comments:
        drawn.add_row(
            Text(comment.external_id),
            Text(comment.submitted_at.isoformat(" ", "minutes") if comment.submitted_at else ""),
            Text(short(comment.question or "", LONGEST_QUESTION)),
            Text(short(comment.text, LONGEST_TEXT)),
            "" if comment.nps is None else str(comment.nps),
            Text(_dimensions(comment)),
        )
    return drawn


def short(text: str, most: int) -> str:
    """A text on one line, cut to `most` characters.

    >>> short("Kom tre uker\\nfor sent", 12)
    'Kom tre uke…'
    """
    line = " ".join(text.split())
    return line if len(line) <= most else f"{line[: most - 1]}…"


def _dimensions(comment: ImportedComment) -> str:
    known = {name: getattr(comment, name) for name in DIMENSIONS} | dict(comment.metadata)
    return ", ".join(
        f"{name}: {short(_shown(value), LONGEST_QUESTION)}" for name, value in known.items() if value is not None
    )


def _shown(value: object) -> str:
    """A value as people read it; what is no text, as JSON."""
    match value:
        case str():
            return value
        case float():
            return f"{value:g}"
        case _:
            return dumps(value)
