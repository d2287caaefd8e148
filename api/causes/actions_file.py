"""A file of what was done about causes: TOML or JSON, checked before any work is done."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, ClassVar, Final

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError
from pydantic_core import ErrorDetails

from api.cause_actions.errors import BadActionDays
from api.cause_actions.fields import FIRST_DAY, LAST_DAY, Day, refuse_bad_days
from api.files.errors import FileError
from nlp.causes.actions import Action, Where
from nlp.topics import Topic

Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500)]
HEADER: Final = re.compile(r"\s*\[\[\s*actions\s*\]\]")
EXAMPLE: Final = '[[actions]], cause = "…", what = "…", who = "…", since = 2026-03-20, where = { department = "…" }'


class BadActions(FileError):
    code, title = "bad_actions", "The file of actions is not valid"


class ActionEntry(BaseModel):
    """An action as it stands in the file."""

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid", frozen=True)

    cause: Text
    what: Text
    who: Text
    since: Day
    where: dict[Text, Text | Annotated[list[Text], Field(min_length=1)]] = Field(default_factory=dict)
    baseline_from: Day | None = None
    until: Day | None = None

    @property
    def places(self) -> Where:
        return {name: (value,) if isinstance(value, str) else tuple(value) for name, value in self.where.items()}

    def on(self, cause: str) -> Action:
        """The action, on a topic's id."""
        return Action(cause, self.what, self.who, self.since, self.places, self.baseline_from, self.until)


@dataclass(frozen=True, slots=True)
class Entry:
    """An action of the file and where it stands there, for people."""

    at: str
    given: ActionEntry

    def cause_among(self, topics: Sequence[Topic]) -> str | None:
        """The id of the topic that the action names by id or label; None if it is not among these.

        Raises
        ------
        BadActions : if it is the label of several
        """
        name, label = self.given.cause, _folded(self.given.cause)
        if any(topic.id == name for topic in topics):
            return name
        ids = [topic.id for topic in topics if label in {_folded(each) for each in topic.label.values()}]
        if len(ids) > 1:
            raise BadActions(
                f"{self.at}: {name!r} is the label of {len(ids)} causes. Name one by id: {', '.join(ids)}."
            )
        return ids[0] if ids else None


@dataclass(frozen=True, slots=True)
class ActionsFile:
    """What was done about causes, in the order of the file."""

    entries: tuple[Entry, ...]

    @classmethod
    def read(cls, path: Path) -> ActionsFile:
        """Read a .toml or .json file.

        Raises
        ------
        BadActions : if it cannot be read or an action in it is not valid; it says where and what to write
        """
        try:
            text = path.read_bytes().decode("utf-8-sig")
        except FileNotFoundError:
            raise BadActions(f"{path} does not exist. Name the file of actions with --actions.") from None
        except (OSError, UnicodeDecodeError) as error:
            reason = "it is not UTF-8" if isinstance(error, UnicodeDecodeError) else error.strerror
            raise BadActions(f"{path} cannot be read: {reason}.") from None
        is_json = path.suffix.lower() == ".json"
        lines = [] if is_json else text.splitlines()
        tables = [number for number, line in enumerate(lines, start=1) if HEADER.match(line)]
        given = _actions_of(text, path, is_json=is_json)
        entries = []
        for index, each in enumerate(given):
            start, end = _lines_of(index, tables, len(given), len(lines))
            at = f"{path}, line {start}" if start else f"{path}, action {index + 1}"
            try:
                entry = ActionEntry.model_validate(each)
            except ValidationError as error:
                first = error.errors(include_url=False)[0]
                line = _line_of(first["loc"], lines, start, end)
                raise BadActions(f"{f'{path}, line {line}' if line else at}: {_sentence(first)}") from None
            try:
                refuse_bad_days(since=entry.since, baseline_from=entry.baseline_from, until=entry.until)
            except BadActionDays as error:
                raise BadActions(f"{at}: {error}") from None
            entries.append(Entry(at, entry))
        return cls(tuple(entries))


def unknown_cause(entry: Entry, topics: Sequence[Topic]) -> str:
    """Says that an action names a cause that is not there, and which it may have meant."""
    known = [name for topic in topics for name in (topic.id, *topic.label.values())]
    near = get_close_matches(entry.given.cause, known, n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    return f"{entry.at}: no cause has the id or label {entry.given.cause!r}.{hint}"


def unknown_places(actions: Sequence[Action], values: Mapping[str, set[str]]) -> Iterator[str]:
    """A sentence for each place of an action that no comment is of; `values` are those that there are."""
    for action in actions:
        for name, wanted in action.where.items():
            for value in wanted:
                if value not in values.get(name, set()):
                    near = get_close_matches(value, sorted(values.get(name, set())), n=1)
                    hint = f" Did you mean {near[0]!r}?" if near else ""
                    yield f"no comment has the {name} {value!r}, where {action.what!r} was done.{hint}"


def _actions_of(text: str, path: Path, *, is_json: bool) -> list[Any]:
    try:
        document = json.loads(text) if is_json else tomllib.loads(text)
    except ValueError as error:
        raise BadActions(f"{path} is not valid {'JSON' if is_json else 'TOML'}: {error}.") from None
    if isinstance(document, dict):
        strange = [key for key in document if key != "actions"]
        if strange:
            raise BadActions(f"{path} has {strange[0]!r} outside of any action. Write each action as: {EXAMPLE}.")
        document = document.get("actions", [])
    if not isinstance(document, list) or not document:
        raise BadActions(f"{path} holds no actions. Write each as: {EXAMPLE}.")
    return document


def _lines_of(index: int, tables: Sequence[int], n_actions: int, n_lines: int) -> tuple[int, int]:
    """The first and the last line of an action; zeros where the file is not written as tables."""
    if len(tables) != n_actions:
        return 0, 0
    return tables[index], (tables[index + 1] - 1 if index + 1 < n_actions else n_lines)


def _line_of(place: Sequence[int | str], lines: Sequence[str], start: int, end: int) -> int:
    """The line of a key in an action, or the action's own; 0 where it is not known."""
    if place and start:
        key = re.compile(rf"\s*\"?{re.escape(str(place[0]))}\"?\s*[=.]")
        return next((number for number in range(start, end + 1) if key.match(lines[number - 1])), start)
    return start


def _sentence(error: ErrorDetails) -> str:
    """What is wrong with an action, and what to write."""
    names = list(ActionEntry.model_fields)
    field = str(error["loc"][0]) if error["loc"] else ""
    if error["type"] == "missing":
        return f"the action has no {field!r}. Write each as: {EXAMPLE}."
    if error["type"] == "extra_forbidden":
        near = get_close_matches(field, names, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        return f"an action has no {field!r}.{hint} Known: {', '.join(names)}."
    if field in ("since", "baseline_from", "until"):
        return (
            f"{field} is {error['input']!r}; it is a day from {FIRST_DAY} to {LAST_DAY}, such as {field} = 2026-03-20."
        )
    if field == "where":
        return 'where holds columns with one value or several, such as where = { department = ["Bergen", "Voss"] }.'
    if field:
        return f"{field} is a text of 1 to 500 characters in quotes."
    return f"an action is a table. Write each as: {EXAMPLE}."


def _folded(label: str) -> str:
    return " ".join(label.casefold().split())
