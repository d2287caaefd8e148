"""Time zones by name."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Self
from zoneinfo import ZoneInfo

from api.time_zone import zone_info


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
        return cls(name, zone_info(name))
