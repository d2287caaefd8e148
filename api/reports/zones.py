"""Time zones by name."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from api.reports.errors import UnknownTimeZone


@dataclass(frozen=True, slots=True)
class Zone:
    """A time zone of the IANA list, and what it is called."""

    name: str
    info: ZoneInfo = field(compare=False)

    @classmethod
    def named(cls, name: str) -> Self:
        """The zone of this name.

        Raises
        ------
        UnknownTimeZone : if there is none

        >>> Zone.named("Europe/Oslo").name
        'Europe/Oslo'
        """
        try:
            return cls(name, ZoneInfo(name))
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise UnknownTimeZone from None
