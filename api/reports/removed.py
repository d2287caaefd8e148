"""What is no longer there to be counted."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from api.store.search import Filters


def removed_since(_session: Session, _at: datetime, _filters: Filters) -> int | None:
    """How many comments have been erased since a moment, or removed as old; they are missing in what it is asked for.

    Some of them may have come after the moment. None where the store keeps no count of removals.

    Parameters
    ----------
    _filters : only of their source, and of the months that they let through; no more is known of what is gone
    """
    return None
