"""One answer of a customer, the same whatever platform it came from."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, Final

from api.ingest.comment import NewComment

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
class ImportedComment(NewComment):
    """An answer as it is handed on, with what only exports state.

    `language_hint` is the language in which the survey was shown, which need not be the one that was written.
    """

    rating: float | None = None
    language_hint: str | None = None

    def to_new(self) -> NewComment:
        """The comment as the store takes it, which keeps the rating and the hint among the metadata.

        >>> ImportedComment("trustpilot", "r1", "Rask levering", rating=4.0, metadata={"domain": "butikk.no"}).to_new()
        ... # doctest: +ELLIPSIS
        NewComment(source='trustpilot', ..., metadata={'rating': 4.0, 'domain': 'butikk.no'})
        """
        fields = {field.name: getattr(self, field.name) for field in dataclasses.fields(NewComment)}
        stated = {"rating": self.rating, "language_hint": self.language_hint}
        known = {name: value for name, value in stated.items() if value is not None}
        return NewComment(**fields | {"metadata": {**known, **self.metadata}})

    def to_row(self) -> dict[str, Any]:
        """The comment under the names of `COLUMNS`, with values that JSON has.

        >>> ImportedComment("netigate", "a1", "Rask levering", nps=9).to_row()["nps"]
        9
        """
        values = {name: getattr(self, "external_id" if name == "id" else name) for name in COLUMNS}
        if self.submitted_at is not None:
            values["submitted_at"] = self.submitted_at.isoformat()
        return values | {"metadata": dict(self.metadata)}
