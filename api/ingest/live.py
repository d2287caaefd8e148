"""Live comments go first: whoever does long work beside the worker waits while it has something to do."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from sqlalchemy import or_, select

from api.store.database import Store
from api.store.models import PendingVersion, now

LOOK_SECONDS: Final = 0.05
PATIENCE_SECONDS: Final = 5.0
"""If the queue has not moved for so long, no worker is at it, and there is nobody to give way to."""


class GiveWay:
    """Waits until no comment waits to be tagged, as long as a worker is at them."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._stuck_at: int | None = None

    def wait(self, pause: Callable[[float], None]) -> None:
        """Return when the queue is empty, or does not move.

        Parameters
        ----------
        pause : sleeps so many seconds, or raises what ends the waiting
        """
        first, since = self._first(), time.monotonic()
        while first is not None and first != self._stuck_at:
            pause(LOOK_SECONDS)
            before, first = first, self._first()
            if first != before:
                since = time.monotonic()
            elif time.monotonic() - since >= PATIENCE_SECONDS:
                self._stuck_at = first
        if first is None:
            self._stuck_at = None

    def _first(self) -> int | None:
        """The version that has waited longest and is due."""
        due = or_(PendingVersion.not_before.is_(None), PendingVersion.not_before <= now())
        with self._store.read() as session:
            query = select(PendingVersion.version_id).where(due).order_by(PendingVersion.version_id).limit(1)
            return session.scalar(query)
