"""Errors that end a run over a file: what was found, what is allowed, what to do. A row's own errors never end it."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from typing import ClassVar

from nlp.errors import StemmeError


class FileError(StemmeError):
    """The run cannot start: nothing was tagged and nothing was written."""

    code, title = "file_error", "The run cannot start"
    exit_code: ClassVar[int] = 2


class InputNotFound(FileError):
    code, title = "input_not_found", "The input does not exist"


class InputIsFolder(FileError):
    code, title = "input_is_folder", "The input is a folder"


class OutputExists(FileError):
    code, title = "output_exists", "The output is there already"


class UnreadableInput(FileError):
    code, title = "unreadable_input", "The input cannot be read"


class EmptyInput(FileError):
    code, title = "empty_input", "The input is empty"

    def __init__(self, name: str) -> None:
        super().__init__(f"{name} has no bytes. A CSV file needs at least its header, a JSONL file one line.")


class UnknownFormat(FileError):
    code, title = "unknown_format", "The format of a file cannot be told"


class UnknownEncoding(FileError):
    code, title = "unknown_encoding", "The encoding is not known"

    def __init__(self, encoding: str) -> None:
        super().__init__(f"--encoding {encoding!r} is not an encoding. Common ones: utf-8, cp1252, latin-1, utf-16.")


class BrokenHeader(FileError):
    code, title = "broken_header", "The header of the CSV file cannot be read"


class MissingColumns(FileError):
    code, title = "missing_columns", "The input lacks a column that is needed"

    def __init__(self, name: str, missing: Sequence[tuple[str, str]], found: Sequence[str]) -> None:
        wanted = " and ".join(f"{column!r} ({option})" for option, column in missing)
        near = [match for _, column in missing for match in get_close_matches(column, found, n=1)]
        hint = f" Did you mean {' and '.join(map(repr, near))}?" if near else ""
        number = " To number the rows in place of an id, say --number-rows." if _lacks_id(missing) else ""
        super().__init__(
            f"{name} has no column {wanted}. Columns found: {', '.join(map(repr, found)) or 'none'}.{hint} "
            f"Name the right one with {' and '.join(option for option, _ in missing)}.{number}"
        )


def _lacks_id(missing: Sequence[tuple[str, str]]) -> bool:
    return any(option == "--id-column" for option, _ in missing)


class AmbiguousColumn(FileError):
    code, title = "ambiguous_column", "A column that is needed is there twice"

    def __init__(self, name: str, column: str) -> None:
        super().__init__(f"{name} has more than one column {column!r}. Rename the others, so that one can be chosen.")


class TooManyColumns(FileError):
    code, title = "too_many_columns", "The input has too many columns"

    def __init__(self, name: str, limit: int) -> None:
        super().__init__(
            f"{name} has more than {limit:,} different keys, too many for the columns of a CSV or Parquet file. "
            "Write .jsonl, which needs no columns, or drop keys."
        )


class SameFile(FileError):
    code, title = "same_file", "Input and output are one file"

    def __init__(self, name: str) -> None:
        super().__init__(f"{name} is the input as well as the output. Give the output a name of its own.")


class UnwritableOutput(FileError):
    code, title = "unwritable_output", "The output cannot be written"


class RunFailed(FileError):
    """The run broke off halfway; no file stands under the output's name."""

    code, title = "run_failed", "The run broke off"
    exit_code = 1


class BadUsage(FileError):
    code, title = "bad_usage", "The options do not go together"


class BadSettings(FileError):
    code, title = "bad_settings", "A setting is not valid"


class CommandUnavailable(FileError):
    code, title = "command_unavailable", "A command cannot be loaded"
