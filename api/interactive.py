"""Calls for which somebody waits go before long work in the same process: both need the same processor."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Final

LOOK_SECONDS: Final = 0.005
PATIENCE_SECONDS: Final = 1.0
"""Calls that never leave off hold a batch up for so long, and no longer: the work goes on, slowly."""
QUIET_SECONDS: Final = 5.0
"""After the last call has ended, for so long another one is to be expected."""


class InteractiveCalls:
    """Counts the calls in hand, and lets long work wait for them.

    A call never waits: it only shares the processor with the batch that is being worked on as it comes, so long work
    keeps its batches small while calls are to be expected.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._lock = clock, Lock()
        self._in_hand = 0
        self._last_ended: float | None = None

    @contextmanager
    def call(self) -> Iterator[None]:
        """Around the work of a call."""
        with self._lock:
            self._in_hand += 1
        try:
            yield
        finally:
            with self._lock:
                self._in_hand -= 1
                self._last_ended = self._clock()

    @property
    def in_hand(self) -> int:
        return self._in_hand

    @property
    def expected(self) -> bool:
        """Whether there is a call in hand, or was one a moment ago."""
        with self._lock:
            lately = self._last_ended is not None and self._clock() - self._last_ended < QUIET_SECONDS
            return self._in_hand > 0 or lately

    def let_pass(self, pause: Callable[[float], None]) -> None:
        """Return when no call is in hand, or after `PATIENCE_SECONDS`.

        Parameters
        ----------
        pause : sleeps so many seconds, or raises what ends the waiting
        """
        until = self._clock() + PATIENCE_SECONDS
        while self._in_hand and self._clock() < until:
            pause(LOOK_SECONDS)
