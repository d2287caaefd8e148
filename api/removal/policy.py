"""The retention policy: how long the comments of which source are kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class RetentionPolicy:
    """How many days comments are kept after they were submitted.

    Parameters
    ----------
    days : for every source that is not named; None keeps them for ever
    days_by_source : for the sources that are named

    >>> RetentionPolicy(days=730, days_by_source={"reviews": None}).days_of("reviews") is None
    True
    """

    days: int | None = None
    days_by_source: Mapping[str, int | None] = field(default_factory=dict)

    def days_of(self, source: str) -> int | None:
        return self.days_by_source.get(source, self.days)

    @property
    def keeps_everything(self) -> bool:
        return self.days is None and not any(self.days_by_source.values())
