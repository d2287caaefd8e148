"""What people are told that a search for causes is doing, by what it calls its steps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

DOING: Final[Mapping[str, str]] = {
    "loading": "loading the model",
    "embedding": "reading comments",
    "starting": "starting a process",
    "collecting": "collecting what was read",
    "clustering": "finding topics",
    "incidents": "finding incidents",
    "identity": "finding former topics again",
    "describing": "naming topics",
    "describing causes": "computing what each costs",
    "comparing": "comparing with the former run",
    "storing": "storing",
}
