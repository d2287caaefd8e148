"""The audit log: who did what to whom and when; never a customer's words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm import Session

from api.store.models import AuditEntry


def note(session: Session, *, by: str, action: str, subject: str, detail: Mapping[str, Any] | None = None) -> None:
    """Add a line, in the transaction that does what the line says.

    Parameters
    ----------
    by : a key's prefix, or `command line: ` and the user's name
    """
    session.add(AuditEntry(actor=by, action=action, subject=subject, detail=dict(detail or {})))
