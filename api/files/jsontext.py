"""JSON as text, for lines and for cells."""

from __future__ import annotations

import json
from typing import Any

from api.files.rows import Typed

_KINDS: tuple[tuple[type | tuple[type, ...], str], ...] = (
    (type(None), "null"),
    (bool, "true or false"),  # before numbers: to Python it is one
    ((int, float), "a number"),
    (str, "a string"),
    (list, "a list"),
    (dict, "an object"),
)


def dumps(value: Any, *, indent: int | None = None) -> str:
    """JSON with letters as they are, on one line or indented.

    Half of a surrogate pair stays in the string; encode with `errors="backslashreplace"`, which writes it as JSON's own
    escape.

    >>> dumps({"by": "Tromsø"})
    '{"by": "Tromsø"}'
    """
    return json.dumps(value, ensure_ascii=False, allow_nan=False, default=_plain, indent=indent)


def kind(value: Any) -> str:
    """What a value is called in JSON, for an error that must not repeat the value."""
    return next((name for types, name in _KINDS if isinstance(value, types)), "a value that is not text")


def _plain(value: Any) -> Any:
    if isinstance(value, Typed):
        return value.plain
    raise TypeError(f"{type(value).__name__} is not a JSON type.")
