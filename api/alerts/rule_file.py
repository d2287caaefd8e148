"""Rules from a file: TOML or JSON, one rule or several under `rules`."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from api.alerts.errors import BadRule
from api.alerts.rules import RuleDefinition


def read_rules(file: Path) -> list[RuleDefinition]:
    """The rules of a .toml or .json file.

    Raises
    ------
    BadRule : if it cannot be read, is neither, or says what a rule cannot say; it names the place
    """
    raw = _read(file)
    rules = raw["rules"] if isinstance(raw, dict) and set(raw) == {"rules"} else [raw]
    if not isinstance(rules, list) or not rules:
        raise BadRule(f"{file}: `rules` has to be a list with a rule in it. docs/alerts.md shows one.")
    read = [_rule(file, number, each) for number, each in enumerate(rules)]
    names = [rule.name for rule in read]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise BadRule(f"{file} has two rules of the name {', '.join(twice)}. Each needs a name of its own.")
    return read


def _read(file: Path) -> Any:
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise BadRule(f"{file} cannot be read: {error}. A rule is a .toml or .json file in UTF-8.") from None
    try:
        match file.suffix.lower():
            case ".toml":
                return tomllib.loads(text)
            case ".json":
                return json.loads(text)
    except (tomllib.TOMLDecodeError, json.JSONDecodeError) as error:
        raise BadRule(f"{file} is not valid {file.suffix[1:].upper()}: {error}.") from None
    raise BadRule(f"{file} ends in {file.suffix or 'nothing'!r}. Allowed: .toml and .json.")


def _rule(file: Path, number: int, raw: object) -> RuleDefinition:
    try:
        return RuleDefinition.model_validate(raw)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"]))
        what = f"{place}: {first['msg']}" if place else first["msg"]
        raise BadRule(
            f"{file}, rule {number + 1}: {what.removesuffix('.')}. docs/alerts.md lists what there is."
        ) from None
