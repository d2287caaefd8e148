"""A comment on its way into the store, whoever hands it over: REST, an export, a test."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class NewComment:
    """A customer's answer; `source` and `external_id` name it for ever, the rest may change.

    `text` holds no NUL and no half of a surrogate pair, `submitted_at` has a zone, and `metadata` is JSON.
    """

    source: str
    external_id: str
    text: str
    question: str | None = None
    nps: int | None = None
    touchpoint: str | None = None
    channel: str | None = None
    department: str | None = None
    respondent: str | None = None
    submitted_at: datetime | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
