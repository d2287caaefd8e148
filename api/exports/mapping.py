"""A mapping: what an export looks like, and which of its columns becomes what. Written in TOML."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping as Map
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from api.exports.errors import BadMapping, UnknownMapping

READY: Final = Path(__file__).with_name("mappings")
NO_ANSWER: Final = ("n/a", "n.a.", "na", "#n/a", "-", "--", "–", "—", ".", "..", "...", "…")


def _as_tuple(value: object) -> object:
    return (value,) if isinstance(value, str | int) and not isinstance(value, bool) else value


def _regular(pattern: str) -> str:
    try:
        re.compile(pattern)
    except re.error as error:
        raise ValueError(f"{pattern!r} is no regular expression: {error}") from None
    return pattern


def _named(value: object) -> object:
    """`"Score"` and `["Score", "Points"]` are short for `{ name = … }`."""
    return {"name": value} if isinstance(value, str | list | tuple) else value


Names = Annotated[tuple[str, ...], BeforeValidator(_as_tuple)]
Pattern = Annotated[str, BeforeValidator(lambda value: _regular(value) if isinstance(value, str) else value)]
Patterns = Annotated[tuple[Pattern, ...], BeforeValidator(_as_tuple)]
Positions = Annotated[tuple[Annotated[int, Field(ge=1)], ...], BeforeValidator(_as_tuple)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Selector(_Part):
    """Which columns: by name (any of the header's rows), ImportId, pattern (of either) or position (from 1).

    Letter case and white space do not count. A pattern must fit the whole name. With several, the first column that
    has a value in a row gives it.
    """

    name: Names = ()
    import_id: Names = ()
    pattern: Patterns = ()
    position: Positions = ()
    optional: bool = False

    @property
    def selects(self) -> bool:
        return bool(self.name or self.import_id or self.pattern or self.position)

    @property
    def wanted(self) -> tuple[str, ...]:
        """What it looks for, for errors."""
        return (*self.name, *self.import_id, *self.pattern, *(f"position {each}" for each in self.position))


class FieldRule(Selector):
    """Where a field comes from. `value` stands where no column has one; without columns it is a constant."""

    value: str | int | float | None = None
    translate: dict[str, str | int | float] = {}


class NumberRule(FieldRule):
    """A number; `decimal` says which mark parts the decimals, `auto` takes either where it stands once."""

    decimal: Literal["auto", ",", "."] = "auto"


class DateRule(FieldRule):
    """A point in time. Without `formats` ISO 8601 is read, and dates in the order `date_order`."""

    formats: Names = ()
    date_order: Literal["day-first", "month-first"] | None = None
    zone: str | None = None


Rule = Annotated[FieldRule, BeforeValidator(_named)]


class Columns(_Part):
    """The fields of a comment other than its text. `metadata` is a column that holds an object, in CSV as JSON."""

    id: Rule = FieldRule()
    source: Rule = FieldRule()
    question: Rule = FieldRule()
    nps: Annotated[NumberRule, BeforeValidator(_named)] = NumberRule()
    rating: Annotated[NumberRule, BeforeValidator(_named)] = NumberRule()
    touchpoint: Rule = FieldRule()
    channel: Rule = FieldRule()
    department: Rule = FieldRule()
    respondent: Rule = FieldRule()
    submitted_at: Annotated[DateRule, BeforeValidator(_named)] = DateRule()
    language_hint: Rule = FieldRule()
    metadata: Rule = FieldRule()


class TextRule(Selector):
    """Columns that hold answers: each column is a question of its own. `join` makes one text of several columns."""

    join: tuple[str, ...] = ()
    question: str | None = None

    @model_validator(mode="after")
    def _one_way(self) -> TextRule:
        if bool(self.join) == self.selects:
            raise ValueError("a [[text]] names its column (name, import_id, pattern or position) or joins several")
        return self


class SkipRule(Selector):
    """Rows that are no answers of customers."""

    values: Annotated[tuple[str, ...], Field(min_length=1)]
    reason: Annotated[str, Field(min_length=1)]
    optional: bool = True


class Detect(_Part):
    """Columns by which a platform is known; with `only`, the file may have no other."""

    columns: Annotated[tuple[str, ...], Field(min_length=1)]
    only: bool = False


class FileShape(_Part):
    """How the file is written. `question_row` is the row of the header that holds the questions' texts."""

    delimiter: Literal["auto", ",", ";", "\t", "|"] = "auto"
    encoding: str = "auto"
    header_rows: Literal["auto", 1, 2, 3] = "auto"
    question_row: Annotated[int, Field(ge=1, le=3)] | None = None
    sheet: str | int | None = None


class Mapping(_Part):
    """Everything that is needed to read one kind of export. `source` is that of rows whose column says none."""

    name: Annotated[str, Field(min_length=1)]
    title: str = ""
    description: str = ""
    source: Annotated[str, Field(min_length=1)] | None = None
    detect: tuple[Detect, ...] = ()
    file: FileShape = FileShape()
    columns: Columns = Columns()
    text: tuple[TextRule, ...] = ()
    metadata: dict[str, Rule] = {}
    ignore: Patterns = ()
    skip: tuple[SkipRule, ...] = ()
    no_answer: tuple[str, ...] = NO_ANSWER

    @model_validator(mode="after")
    def _with_source(self) -> Mapping:
        if self.source is None and not self.columns.source.selects:
            raise ValueError("source is missing: the mapping says it, or under [columns] which column does")
        return self


def ready_names() -> tuple[str, ...]:
    return tuple(sorted(path.stem for path in READY.glob("*.toml")))


def ready_text(name: str) -> str:
    """A ready mapping's file, comments and all.

    Raises
    ------
    UnknownMapping : if there is none of that name
    """
    if name not in ready_names():
        raise UnknownMapping(name, ready_names())
    return (READY / f"{name}.toml").read_text(encoding="utf-8")


def load_mapping(name: str) -> Mapping:
    """A ready mapping by its name, or a mapping of one's own by its file.

    Raises
    ------
    UnknownMapping : if it is neither
    BadMapping : if it is no TOML, or says what a mapping cannot say
    """
    raw = _read(name)
    try:
        return Mapping.model_validate(raw)
    except ValidationError as error:
        raise BadMapping(f"{name}: {_first_error(error)}") from None


def with_options(mapping: Mapping, *, columns: Map[str, str], values: Map[str, str]) -> Mapping:
    """A mapping with columns and constant values that the command line names, in place of its own for those fields.

    `text` may name several columns, parted by line breaks; a value of `question` stands for every text.

    Raises
    ------
    BadMapping : if a field is not known
    """
    raw = mapping.model_dump(exclude_unset=True)
    fields = raw.setdefault("columns", {})
    for field, column in columns.items():
        names = column.split("\n")
        if field == "text":
            raw["text"] = [{"name": name} for name in names]
        else:
            kept = fields.get(field, {})
            fields[field] = {key: kept[key] for key in kept if key not in Selector.model_fields} | {"name": names}
    for field, value in values.items():
        if field == "question":
            raw["text"] = [rule | {"question": value} for rule in raw.get("text", ())]
            fields.pop(field, None)
        else:
            fields[field] = {"value": value}
    try:
        return Mapping.model_validate(raw)
    except ValidationError as error:
        raise BadMapping(f"--column and --value: {_first_error(error)}") from None


def _read(name: str) -> dict[str, Any]:
    path = Path(name)
    if path.suffix.lower() != ".toml" and name in ready_names():
        path = READY / f"{name}.toml"
    elif not path.is_file():
        raise UnknownMapping(name, ready_names())
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError) as error:
        raise BadMapping(f"{name} cannot be read: {error}. A mapping is a TOML file in UTF-8.") from None
    except tomllib.TOMLDecodeError as error:
        raise BadMapping(f"{name} is no TOML: {error}. `stemme mappings qualtrics` prints one that is.") from None
    base = raw.pop("extends", None)
    if base is None:
        return raw
    if base not in ready_names():
        raise UnknownMapping(str(base), ready_names())
    return _merged({**_read(base), "detect": []}, {"name": path.stem, **raw})


def _merged(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    """Tables are merged; anything else replaces what was there."""
    both = {
        key: _merged(below[key], value) if isinstance(value, dict) and isinstance(below.get(key), dict) else value
        for key, value in above.items()
    }
    return below | both


def _first_error(error: ValidationError) -> str:
    errors = error.errors(include_url=False, include_input=False)
    first = errors[0]
    place = ".".join(str(step) for step in first["loc"]) or "the mapping"
    more = f" ({len(errors) - 1} more)" if len(errors) > 1 else ""
    if first["type"] != "extra_forbidden":
        return f"{place}: {first['msg'].removeprefix('Value error, ')}.{more}"
    key = str(first["loc"][-1])
    near = get_close_matches(key, _keys(), n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    return f"{place} is not known.{hint} docs/exports.md says what a mapping may say.{more}"


def _keys() -> list[str]:
    parts = (Mapping, FileShape, Columns, TextRule, NumberRule, DateRule, SkipRule, Detect)
    return sorted({key for part in parts for key in part.model_fields})
