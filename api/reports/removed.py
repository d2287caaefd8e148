"""What is no longer there to be counted."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session


def removed_since(_session: Session, _at: datetime) -> int | None:
    """How many comments have been erased since a moment, or removed as old; they are missing in what it is asked for.

    Some of them may have come after the moment. None where the store keeps no count of removals.
    """
    return None
