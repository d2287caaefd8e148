"""What is no longer there to be counted."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlalchemy.orm import Session

from api.removal import removed
from api.store.search import Filters


def removed_since(session: Session, at: datetime, filters: Filters) -> int:
    """How many comments have been erased since a moment, or removed as old; they are missing in what it is asked for.

    Some of them may have come after the moment.

    Parameters
    ----------
    filters : only of their source, and of the months that they let through; no more is known of what is gone
    """
    first, end = filters.submitted_from, filters.submitted_before
    return sum(
        each.comments
        for each in removed.removed_since(
            session,
            at,
            source=filters.source,
            first_month=None if first is None else _month(first),
            last_month=None if end is None else _month(end - timedelta.resolution),
        )
    )


def _month(moment: datetime) -> str:
    """In UTC, such as "2026-03"."""
    return f"{moment.astimezone(UTC):%Y-%m}"
