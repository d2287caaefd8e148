"""Time zones by their names."""

from __future__ import annotations

from typing import Final
from zoneinfo import ZoneInfo

from api.files.errors import BadUsage
from nlp.errors import StemmeError

UNKNOWN: Final = "The time zone is not known. Name one such as Europe/Oslo, Europe/Copenhagen or UTC."


class UnknownTimeZone(StemmeError):
    code, title = "unknown_time_zone", "There is no such time zone"


def zone_info(name: str, *, otherwise: str = UNKNOWN) -> ZoneInfo:
    """The zone of the IANA list that has this name.

    Parameters
    ----------
    otherwise : what the error says

    Raises
    ------
    UnknownTimeZone : if there is none

    >>> zone_info("Europe/Oslo").key
    'Europe/Oslo'
    """
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise UnknownTimeZone(otherwise) from None


def named_zone(name: str) -> ZoneInfo:
    """The zone that `--time-zone` names.

    Raises
    ------
    BadUsage : if there is none
    """
    try:
        return zone_info(name)
    except UnknownTimeZone:
        raise BadUsage(f"--time-zone {name!r} is not known. Name one such as Europe/Oslo or UTC.") from None
