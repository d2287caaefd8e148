"""Why one row of a file cannot be tagged. The row comes out with the problem in place of its tags; the run goes on."""

from __future__ import annotations

from enum import StrEnum

from nlp.record import Problem


class Code(StrEnum):
    """Codes that reading a file can give; the tagger has more of its own (nlp.errors.UntaggableText)."""

    BROKEN_JSON = "broken_json"
    NOT_AN_OBJECT = "not_an_object"
    NESTED_TOO_DEEP = "nested_too_deep"
    LINE_TOO_LONG = "line_too_long"
    UNCLOSED_QUOTE = "unclosed_quote"
    BROKEN_QUOTES = "broken_quotes"
    CELL_TOO_LONG = "cell_too_long"
    WRONG_NUMBER_OF_COLUMNS = "wrong_number_of_columns"
    MISSING_ID = "missing_id"
    BAD_ID = "bad_id"
    DUPLICATE_ID = "duplicate_id"
    MISSING_TEXT = "missing_text"
    TEXT_NOT_A_STRING = "text_not_a_string"
    INVALID_UNICODE = "invalid_unicode"


def broken_json(reason: str, column: int) -> Problem:
    return Problem(
        Code.BROKEN_JSON,
        f"The line is not JSON: {reason.removesuffix(' at')} at character {column}. The line is under 'raw'.",
    )


def not_an_object(found: str) -> Problem:
    return Problem(
        Code.NOT_AN_OBJECT,
        f"The line holds {found}; each line must hold one object with an id and a text. The line is under 'raw'.",
    )


def nested_too_deep(limit: int) -> Problem:
    return Problem(
        Code.NESTED_TOO_DEEP,
        f"The line nests lists or objects more than {limit} deep. Flatten it. The line is under 'raw'.",
    )


def line_too_long(limit: int) -> Problem:
    return Problem(
        Code.LINE_TOO_LONG,
        f"The line has more than {limit:,} characters and was not read. Are the line breaks of this file right?",
    )


def unclosed_quote(line: int) -> Problem:
    return Problem(
        Code.UNCLOSED_QUOTE,
        f"The quote that opens on line {line} is not closed where its cell should end. Close it; a quote inside a "
        "quoted cell is written twice. The row is under 'raw'; reading went on with the line after it.",
    )


def broken_quotes(line: int) -> Problem:
    return Problem(
        Code.BROKEN_QUOTES,
        f"A quoted cell on line {line} goes on after its closing quote. A quote inside a quoted cell is written "
        "twice. The row is under 'raw'.",
    )


def cell_too_long(limit: int) -> Problem:
    return Problem(Code.CELL_TOO_LONG, f"A cell has more than {limit:,} characters. The row is under 'raw'.")


def too_many_cells(found: int, allowed: int, column: str) -> Problem:
    return Problem(
        Code.WRONG_NUMBER_OF_COLUMNS,
        f"The row has {found} cells, the header {allowed}: it cannot be told which is the text. Quote a cell that "
        f"holds the delimiter. The cells past the header are under {column!r}.",
    )


def too_few_cells(found: int, allowed: int, missing: str) -> Problem:
    return Problem(
        Code.WRONG_NUMBER_OF_COLUMNS,
        f"The row has {found} cells, the header {allowed}: it ends before its column {missing!r}.",
    )


def missing_id(column: str) -> Problem:
    return Problem(
        Code.MISSING_ID,
        f"The row has no value for the id, column {column!r}. Give it one, or number the rows with --number-rows.",
    )


def bad_id(column: str, found: str) -> Problem:
    return Problem(Code.BAD_ID, f"The id, column {column!r}, is {found}; a string or a number is allowed.")


def duplicate_id(id_: str, first: int) -> Problem:
    return Problem(
        Code.DUPLICATE_ID,
        f"The id {id_!r} is on line {first} already. Give each comment an id of its own, or say --allow-duplicate-ids.",
    )


def missing_text(column: str) -> Problem:
    return Problem(Code.MISSING_TEXT, f"The row has no value for the text, column {column!r}.")


def text_not_a_string(column: str, found: str) -> Problem:
    return Problem(Code.TEXT_NOT_A_STRING, f"The text, column {column!r}, is {found}; a string is needed.")


def id_not_unicode(column: str) -> Problem:
    return Problem(
        Code.INVALID_UNICODE,
        f"The id, column {column!r}, holds bytes that could not be decoded, or half of a surrogate pair. Send UTF-8; "
        "for a file from Excel on Windows name its encoding.",
    )
