"""Retention: comments older than the policy allows go, a batch at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import ColumnElement, and_, false, or_, select
from sqlalchemy.orm import Session

from api.removal.models import Cause
from api.removal.policy import RetentionPolicy
from api.removal.remove import Extent, measure, remove
from api.store.database import Store
from api.store.models import Source, StoredComment
from api.store.wipe import wipe

BATCH: Final = 1_000
"""Comments that go in one transaction, so that others can write in between."""


@dataclass(frozen=True, slots=True)
class Applied:
    """What the policy took, or would take.

    Parameters
    ----------
    unknown_sources : that the policy names and the store does not have: perhaps they are misspelt
    wiped : whether the words are out of the database's files too; see `api.store.wipe`
    """

    extent: Extent
    unknown_sources: tuple[str, ...]
    wiped: bool


def apply_policy(
    store: Store,
    policy: RetentionPolicy,
    *,
    moment: datetime,
    by: str,
    dry_run: bool = False,
    report: Callable[[int], None] = lambda _comments: None,
    keep_on: Callable[[], bool] = lambda: True,
) -> Applied:
    """Remove the comments that are older than the policy allows, with all that hangs on them.

    Each batch is a transaction and a line of the audit log, so what is interrupted has been done as far as it went.

    Parameters
    ----------
    moment : from which days are counted back
    by : who does it, for the audit log
    dry_run : only say what would go
    report : is told after each batch how many comments have gone
    keep_on : asked before each batch; False ends it

    Raises
    ------
    StoreUnavailable : if the database does not answer
    """
    with store.read() as session:
        sources = {source.name: source.id for source in session.scalars(select(Source).order_by(Source.name))}
        old = _older_than_allowed(policy, sources, moment=moment)
        unknown = tuple(sorted(set(policy.days_by_source) - set(sources)))
        if dry_run:
            return Applied(measure(session, old), unknown, wiped=False)
    extent = Extent()
    for ids in _batches(store, old, keep_on):
        with store.write() as session:
            # A comment may have been sent again meanwhile, with a later day: it has to be old still.
            going = StoredComment.id.in_(ids) & old
            days = {name: policy.days_of(name) for name in sources if policy.days_of(name) is not None}
            extent += remove(
                session, going, cause=Cause.RETENTION, by=by, subject="retention", detail={"policy_days": days}
            )
        report(extent.comments)
    return Applied(extent, unknown, wiped=wipe(store) if extent.comments else True)


def _older_than_allowed(
    policy: RetentionPolicy, sources: Mapping[str, int], *, moment: datetime
) -> ColumnElement[bool]:
    return or_(
        false(),
        *(
            and_(StoredComment.source_id == id_, StoredComment.submitted_at < moment - timedelta(days=days))
            for name, id_ in sources.items()
            if (days := policy.days_of(name)) is not None
        ),
    )


def _batches(store: Store, old: ColumnElement[bool], keep_on: Callable[[], bool]) -> Iterator[list[int]]:
    after = 0
    while keep_on():
        with store.read() as session:
            ids = _next_ids(session, old, after)
        if not ids:
            return
        yield ids
        after = ids[-1]


def _next_ids(session: Session, old: ColumnElement[bool], after: int) -> list[int]:
    return list(
        session.scalars(
            select(StoredComment.id).where(StoredComment.id > after, old).order_by(StoredComment.id).limit(BATCH)
        )
    )
