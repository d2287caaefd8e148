"""When a message that could not be delivered is tried again."""

from __future__ import annotations

import random
from typing import Final

FIRST_WAIT_SECONDS: Final = 5.0
FACTOR: Final = 4.0
LONGEST_WAIT_SECONDS: Final = 12 * 3_600.0
LONGEST_REST_SECONDS: Final = 24 * 3_600.0
"""Of what a receiver asks for in Retry-After."""
JITTER: Final = 0.25


def wait_after(failures: int, *, retry_after: float | None = None) -> float:
    """Seconds until the next attempt: four times as long after each failure, give or take a quarter.

    The first waits are short, as somebody should hear within the minute; ten attempts span a day and a half. The
    random part keeps messages that failed together from coming back together.

    Parameters
    ----------
    failures : at least 1
    retry_after : the least wait, in seconds, as the receiver asked; a day counts at most

    >>> [round(base_wait(failures)) for failures in range(1, 10)]
    [5, 20, 80, 320, 1280, 5120, 20480, 43200, 43200]
    """
    wait = base_wait(failures) * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311, nothing secret
    return max(wait, min(retry_after or 0.0, LONGEST_REST_SECONDS))


def base_wait(failures: int) -> float:
    """The same without the random part."""
    exponent = min(failures - 1, 32)  # far beyond the longest wait, and no overflow
    return float(min(FIRST_WAIT_SECONDS * FACTOR**exponent, LONGEST_WAIT_SECONDS))
