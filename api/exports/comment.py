"""One answer of a customer, the same whatever platform it came from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

COLUMNS: Final = (
    "id",
    "text",
    "question",
    "nps",
    "rating",
    "touchpoint",
    "channel",
    "department",
    "respondent",
    "submitted_at",
    "language_hint",
    "source",
    "metadata",
)
"""The columns of a file of comments: `id` is the external id, `submitted_at` ISO 8601 with its offset."""


@dataclass(frozen=True, slots=True)
class ImportedComment:
    """An answer as it is handed on; `source` and `external_id` together name it for ever.

    `submitted_at` always has a zone. `language_hint` is the language in which the survey was shown, which need not be
    the one that was written.
    """

    source: str
    external_id: str
    text: str
    question: str | None = None
    nps: int | None = None
    rating: float | None = None
    touchpoint: str | None = None
    channel: str | None = None
    department: str | None = None
    respondent: str | None = None
    submitted_at: datetime | None = None
    language_hint: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)

    def to_row(self) -> dict[str, Any]:
        """The comment under the names of `COLUMNS`, with values that JSON has.

        >>> ImportedComment("netigate", "a1", "Rask levering", nps=9).to_row()["nps"]
        9
        """
        values = {name: getattr(self, "external_id" if name == "id" else name) for name in COLUMNS}
        if self.submitted_at is not None:
            values["submitted_at"] = self.submitted_at.isoformat()
        return values | {"metadata": dict(self.metadata)}
