"""Time zones as the command line takes them."""

from __future__ import annotations

from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from api.files.errors import BadUsage


def named_zone(name: str) -> ZoneInfo:
    """The zone that `--time-zone` names.

    Raises
    ------
    BadUsage : if there is none

    >>> named_zone("Europe/Oslo").key
    'Europe/Oslo'
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise BadUsage(f"--time-zone {name!r} is not known. Name one such as Europe/Oslo or UTC.") from None
