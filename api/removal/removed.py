"""What is known of comments that are gone: how many, of which source and month. For reports "as of" a date."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from api.removal.models import Removal


@dataclass(frozen=True, slots=True)
class RemovedComments:
    """So many comments of a source that had been submitted in a month (UTC, `2026-11`) were removed, and why."""

    source: str
    month: str
    cause: str
    comments: int


def removed_since(
    session: Session,
    since: datetime,
    *,
    source: str | None = None,
    first_month: str | None = None,
    last_month: str | None = None,
) -> list[RemovedComments]:
    """The comments that were there at a moment, or came later, and have been removed since.

    A report that was made at `since` and is made again counts fewer comments by these. Their tags are not known any
    more, nor their departments: how many of a theme or a department are missing cannot be said.

    Parameters
    ----------
    since : the moment of the earlier report, with its zone; what was removed at it or before is not counted
    source : only comments of this source
    first_month, last_month : only comments submitted from the first to the last of these months, both included, in
        UTC, such as "2026-03". A report over part of a month can only say how many of the whole month are gone

    Returns
    -------
    one for each source, month and cause, in this order; none if nothing was removed
    """
    query = (
        select(Removal.source, Removal.month, Removal.cause, func.sum(Removal.comments))
        .where(Removal.removed_at > since)
        .group_by(Removal.source, Removal.month, Removal.cause)
        .order_by(Removal.source, Removal.month, Removal.cause)
    )
    if source is not None:
        query = query.where(Removal.source == source)
    if first_month is not None:
        query = query.where(Removal.month >= first_month)
    if last_month is not None:
        query = query.where(Removal.month <= last_month)
    return [RemovedComments(*row) for row in session.execute(query)]
