"""The audit log: who did what to whom and when; never a customer's words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from api.store.models import AuditEntry, now


def note(
    session: Session, *, by: str, action: str, subject: str, detail: Mapping[str, Any] | None = None
) -> AuditEntry:
    """Add a line, in the transaction that does what the line says.

    Parameters
    ----------
    by : a key's prefix, or `command line: ` and the user's name

    Returns
    -------
    the line; it has its id once the session is flushed
    """
    line = AuditEntry(at=now(), actor=by, action=action, subject=subject, detail=dict(detail or {}))
    session.add(line)
    return line


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditFilters:
    """Which lines; what is None does not matter."""

    action: str | None = None
    actor: str | None = None
    subject: str | None = None
    since: datetime | None = None

    @property
    def name(self) -> str:
        """The same for the same filters, and for no others."""
        return repr(sorted((name, str(value)) for name, value in asdict(self).items() if value is not None))


def read_log(
    session: Session, filters: AuditFilters, *, before_id: int | None = None, limit: int
) -> Sequence[AuditEntry]:
    """Lines that the filters let through, the newest first.

    Parameters
    ----------
    before_id : the id after which the page begins
    limit : lines at most
    """
    query = select(AuditEntry).order_by(AuditEntry.id.desc()).limit(limit)
    equal = {AuditEntry.action: filters.action, AuditEntry.actor: filters.actor, AuditEntry.subject: filters.subject}
    for column, value in equal.items():
        if value is not None:
            query = query.where(column == value)
    if filters.since is not None:
        query = query.where(AuditEntry.at >= filters.since)
    if before_id is not None:
        query = query.where(AuditEntry.id < before_id)
    return session.scalars(query).all()
