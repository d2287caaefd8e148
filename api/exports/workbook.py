"""Sheets of .xlsx, .xls and .ods files, whose numbers and dates are numbers and dates."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from python_calamine import (
    CalamineError,
    CalamineSheet,
    CalamineWorkbook,
    PasswordError,
    SheetVisibleEnum,
    XmlError,
    ZipError,
)

from api.exports.errors import BadWorkbook, UnknownSheet
from api.exports.table import TableRow
from api.files.errors import EmptyInput


class WorkbookTable:
    """One sheet of a workbook: the one that is named, by name or number from 1, else the first that holds anything.

    Raises
    ------
    BadWorkbook : if the file is no workbook, or is locked with a password
    UnknownSheet : if it has no sheet of that name or number
    EmptyInput : if no sheet holds anything
    """

    header_rows = None

    def __init__(self, path: Path, *, name: str, sheet: str | int | None) -> None:
        try:
            self._workbook = CalamineWorkbook.from_path(str(path))
            self._sheet = self._named(name, sheet) if sheet is not None else self._first(name)
        except PasswordError as error:
            raise BadWorkbook(f"{name} is locked with a password. Save it without one.") from error
        except (CalamineError, ZipError, XmlError, OSError) as error:
            raise BadWorkbook(f"{name} cannot be read ({error}). Save it anew, as .xlsx or as CSV in UTF-8.") from None
        self.total: int | None = self._sheet.end[0] + 1 if self._sheet.end else 0
        self.position = 0
        others = [other for other in self._visible() if other != self._sheet.name]
        listed = ", ".join(map(repr, others))
        self.notice = f"Reading the sheet {self._sheet.name!r}; there are also {listed}." if others else None

    def rows(self) -> Iterator[TableRow]:
        begun = False
        for number, cells in enumerate(self._sheet.iter_rows(), start=1):
            self.position = number
            begun = begun or any(cell != "" for cell in cells)
            if begun:  # a table can stand further down
                yield TableRow(number, tuple(cells))

    def close(self) -> None:
        self._workbook.close()

    def _visible(self) -> list[str]:
        sheets = self._workbook.sheets_metadata
        return [sheet.name for sheet in sheets if sheet.visible == SheetVisibleEnum.Visible]

    def _named(self, name: str, sheet: str | int) -> CalamineSheet:
        names = self._workbook.sheet_names
        if isinstance(sheet, int) or (sheet.isdecimal() and sheet not in names):
            if not 1 <= int(sheet) <= len(names):
                raise UnknownSheet(name, str(sheet), names)
            return self._workbook.get_sheet_by_index(int(sheet) - 1)
        if sheet not in names:
            raise UnknownSheet(name, sheet, names)
        return self._workbook.get_sheet_by_name(sheet)

    def _first(self, name: str) -> CalamineSheet:
        for sheet in self._visible():
            found = self._workbook.get_sheet_by_name(sheet)
            if found.height:
                return found
        raise EmptyInput(name)
