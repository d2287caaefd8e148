"""The one to three rows above an export's answers: what each column is called, asks, and states of itself."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from api.exports.mapping import Selector
from api.exports.table import Cell, TableRow

MOST_ROWS = 3

_OLD_QUALTRICS = re.compile(r"V\d+")


@dataclass(frozen=True, slots=True)
class ExportColumn:
    """A column; `headings` are its cells of the header's rows that hold names, from the top.

    `import_id` and `zone` come from a row of JSON, as Qualtrics writes it.
    """

    position: int
    headings: tuple[str, ...]
    import_id: str | None = None
    zone: str | None = None

    @property
    def name(self) -> str:
        return next((heading for heading in self.headings if heading), f"column {self.position}")

    @property
    def key(self) -> str:
        """What tells this column from the others wherever it stands."""
        return self.import_id or " | ".join(heading for heading in self.headings if heading) or self.name

    def fits(self, selector: Selector) -> bool:
        """By position, ImportId or pattern."""
        return (
            self.position in selector.position
            or any(folded(import_id) == folded(self.import_id or "") for import_id in selector.import_id)
            or any(self.matches(pattern) for pattern in selector.pattern)
        )

    def matches(self, pattern: str) -> bool:
        names = (*self.headings, self.import_id or "")
        return any(re.fullmatch(pattern, " ".join(name.split()), re.IGNORECASE) for name in names if name)


@dataclass(frozen=True, slots=True)
class Header:
    """The columns of an export, and on how many rows they are described."""

    columns: tuple[ExportColumn, ...]
    rows: int

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)

    def find(self, selector: Selector) -> tuple[ExportColumn, ...]:
        """The columns that a selector means, in the order in which it names them."""
        found: dict[int, ExportColumn] = {}
        for name in selector.name:
            found |= {column.position: column for column in self._named(name)}
        for part in _parts(selector):
            found |= {column.position: column for column in self.columns if column.fits(part)}
        return tuple(found.values())

    def _named(self, name: str) -> list[ExportColumn]:
        """By the first row; by another one, such as a question's text, only if none is called so there."""
        wanted = folded(name)
        return [column for column in self.columns if folded(column.headings[0]) == wanted] or [
            column for column in self.columns if wanted in map(folded, column.headings)
        ]


def read_header(rows: Sequence[TableRow], wanted: Literal["auto", 1, 2, 3]) -> Header:
    """Understand a header.

    Parameters
    ----------
    rows : the first rows of the file, at least one; three if it has them
    wanted : how many of them are the header, or auto to tell
    """
    cells = [[heading(cell) for cell in row.cells] for row in rows[:MOST_ROWS]]
    count = min(header_rows(cells) if wanted == "auto" else wanted, len(cells))
    width = max(len(row) for row in cells[:count])
    grid = [row + [""] * (width - len(row)) for row in cells[:count]]
    stated = [_stated(cell) for cell in grid[-1]]
    names = grid[:-1] if count > 1 and any(stated) else grid
    if len(names) > 1 and not any(stated):
        names = [_carried(names[0], names[1]), *names[1:]]
    columns = tuple(
        ExportColumn(
            position=place + 1,
            headings=tuple(row[place] for row in names),
            import_id=stated[place].get("ImportId"),
            zone=stated[place].get("timeZone"),
        )
        for place in range(width)
    )
    return Header(columns, count)


def header_rows(rows: Sequence[Sequence[str]]) -> int:
    """How many of the first rows are the header.

    Three if the third is JSON with ImportIds. Two if the second repeats a name of the first in other words
    (`StartDate` over `Start Date`), stands under the `V1` of older Qualtrics files, or is blank under
    `Respondent ID` and not elsewhere, as SurveyMonkey's. One otherwise.

    >>> header_rows([["StartDate", "Q1"], ["Start Date", "Hva var bra?"], ["2026-01-02 10:00:00", "Alt"]])
    2
    """
    if len(rows) >= 3 and any("ImportId" in _stated(cell) for cell in rows[2]):  # noqa: PLR2004
        return 3
    if len(rows) < 2:  # noqa: PLR2004
        return 1
    pairs = list(zip(rows[0], rows[1], strict=False))
    if any(folded(above) == folded(below) != "" for above, below in pairs):
        return 2
    if any(_OLD_QUALTRICS.fullmatch(above) and folded(below) == "responseid" for above, below in pairs):
        return 2
    if any(folded(above) == "respondentid" and not below for above, below in pairs) and any(rows[1]):
        return 2
    return 1


def heading(cell: Cell) -> str:
    """A cell of the header as text, on one line."""
    if isinstance(cell, float) and cell.is_integer():
        cell = int(cell)
    return " ".join(str(cell).replace("\ufeff", "").split())


def folded(name: str) -> str:
    """A name without letter case, white space and underscores, for comparing.

    >>> folded("Respondent ID") == folded("respondent_id")
    True
    """
    return re.sub(r"[\s_]", "", name.casefold())


def _parts(selector: Selector) -> list[Selector]:
    return [
        *(Selector(import_id=(import_id,)) for import_id in selector.import_id),
        *(Selector(pattern=(pattern,)) for pattern in selector.pattern),
        *(Selector(position=(position,)) for position in selector.position),
    ]


def _stated(cell: str) -> dict[str, Any]:
    """What a column states of itself in JSON; nothing if the cell is no object with an ImportId."""
    if not cell.startswith("{"):
        return {}
    try:
        value = json.loads(cell)
    except ValueError:
        return {}
    return value if isinstance(value, dict) and isinstance(value.get("ImportId"), str) else {}


def _carried(above: Sequence[str], below: Sequence[str]) -> list[str]:
    """The upper row with a question carried over the columns to its right that have only a sub-heading."""
    carried: list[str] = []
    for name, sub in zip(above, below, strict=True):
        carried.append(carried[-1] if not name and sub and carried else name)
    return carried
