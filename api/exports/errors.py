"""Errors that end an import before its first row: what was found, what is allowed, what to do."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches

from api.files.errors import FileError


class UnknownMapping(FileError):
    code, title = "unknown_mapping", "There is no such mapping"

    def __init__(self, name: str, known: Sequence[str]) -> None:
        near = get_close_matches(name.lower(), known, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        super().__init__(
            f"{name!r} is neither a file nor a ready mapping.{hint} Ready ones: {', '.join(known)}. "
            "`stemme mappings` tells about them."
        )


class BadMapping(FileError):
    code, title = "bad_mapping", "The mapping is not valid"


class UnrecognisedExport(FileError):
    code, title = "unrecognised_export", "The platform of an export cannot be told"

    def __init__(self, name: str, found: Sequence[str], *, alike: Sequence[str] = ()) -> None:
        what = f"could be of {' and '.join(alike)}" if alike else "is of no platform that is known by its columns"
        super().__init__(
            f"{name} {what}. Columns found: {_listed(found)}. Say which column holds the comments with "
            "--column text=NAME (and the same for id, nps, submitted_at …), or name a mapping with --mapping: a ready "
            "one (`stemme mappings` lists them), or a file of your own."
        )


class MissingExportColumn(FileError):
    """A column that the mapping needs is not in the export."""

    code, title = "missing_export_column", "The export lacks a column that the mapping needs"

    def __init__(self, name: str, field: str, wanted: Sequence[str], found: Sequence[str]) -> None:
        by_lower = {column.lower(): column for column in found}
        near = [by_lower[match] for each in wanted for match in get_close_matches(each.lower(), by_lower, n=1)]
        hint = f" Did you mean {near[0]!r}?" if near else ""
        looked = f"looked for {_listed(wanted)}" if wanted else "the mapping names none"
        super().__init__(
            f"{name} has no column for {field} ({looked}).{hint} Columns found: {_listed(found)}. "
            f"Name it: --column {field}=NAME, or in a mapping of your own."
        )


class MissingSource(FileError):
    code, title = "missing_source", "The source of an export is not known"

    def __init__(self, name: str, found: Sequence[str]) -> None:
        super().__init__(
            f"{name} has no column source (columns found: {_listed(found)}). Source and id name a comment for ever: "
            "say the source with --source, such as --source kundeundersøkelsen, and say the same every time."
        )


class AmbiguousExportColumn(FileError):
    """Several columns fit where there can be one."""

    code, title = "ambiguous_export_column", "Several columns of the export fit"

    def __init__(self, name: str, field: str, fitting: Sequence[str]) -> None:
        super().__init__(
            f"{name} has {len(fitting)} columns that fit {field}: {_listed(fitting)}. Name one by its position or its "
            f"ImportId in a mapping of your own."
        )


class AmbiguousDates(FileError):
    code, title = "ambiguous_dates", "Day and month cannot be told apart"

    def __init__(self, name: str, column: str) -> None:
        super().__init__(
            f"{name} writes dates in {column!r} as 01/02/2026, which is a day in January or in February. Say "
            "--date-order day-first or --date-order month-first, or state it in the mapping."
        )


class MissingTimeZone(FileError):
    code, title = "missing_time_zone", "The zone of dates is not known"

    def __init__(self, name: str, column: str) -> None:
        super().__init__(
            f"{name} writes dates in {column!r} without a zone, and neither its header nor the mapping states one. "
            "Say which it is, such as --time-zone Europe/Oslo."
        )


class BadWorkbook(FileError):
    code, title = "bad_workbook", "The workbook cannot be read"


class UnknownSheet(FileError):
    code, title = "unknown_sheet", "The workbook has no such sheet"

    def __init__(self, name: str, sheet: str, found: Sequence[str]) -> None:
        super().__init__(f"{name} has no sheet {sheet!r}. Sheets found: {_listed(found)}. Name one with --sheet.")


def _listed(names: Sequence[str], *, most: int = 40) -> str:
    shown = ", ".join(repr(name if len(name) <= 60 else f"{name[:59]}…") for name in names[:most])  # noqa: PLR2004
    return f"{shown or 'none'}{f' and {len(names) - most} more' if len(names) > most else ''}"
