"""Removing comments with everything that hangs on them, and noting how many went."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from sqlalchemy import ColumnElement, delete, select, text
from sqlalchemy.orm import Session

from api.cause_runs.runs import forget_versions
from api.ingest.ingest import take_turns
from api.live_causes.before import forget_before
from api.removal.dependents import count_rows
from api.removal.models import Cause, Removal
from api.store.audit import note
from api.store.models import CommentVersion, Source, StoredComment


@dataclass(frozen=True, slots=True)
class Extent:
    """What a removal takes, or would take.

    Parameters
    ----------
    rows : by table
    months : comments by source and month of submission in UTC, such as `("survey", "2026-11")`
    """

    rows: Mapping[str, int] = field(default_factory=dict)
    months: Mapping[tuple[str, str], int] = field(default_factory=dict)

    @property
    def comments(self) -> int:
        return sum(self.months.values())

    @property
    def sources(self) -> dict[str, int]:
        """Comments by source."""
        found: Counter[str] = Counter()
        for (source, _), comments in self.months.items():
            found[source] += comments
        return dict(found)

    def __add__(self, other: Self) -> Self:
        rows, months = Counter(self.rows), Counter(self.months)
        rows.update(other.rows)
        months.update(other.months)
        return type(self)(rows, months)


def measure(session: Session, comments: ColumnElement[bool]) -> Extent:
    """What would go with these comments.

    Parameters
    ----------
    comments : a condition on the columns of `StoredComment`
    """
    named = select(Source.name, StoredComment.submitted_at).join(StoredComment.source).where(comments)
    months = Counter((name, f"{submitted:%Y-%m}") for name, submitted in session.execute(named))
    return Extent(count_rows(session, comments), dict(sorted(months.items())))


def remove(
    session: Session,
    comments: ColumnElement[bool],
    *,
    cause: Cause,
    by: str,
    subject: str,
    detail: Mapping[str, Any] | None = None,
) -> Extent:
    """Remove comments, in the session's transaction, with all their versions, tags, corrections and places in queues.

    Their words go from the reports of causes too, which are no comments' own.
    One line of the audit log says how many went, if any did.

    Parameters
    ----------
    comments : a condition on the columns of `StoredComment`
    by : a key's prefix, or `command line: ` and the user's name
    subject, detail : of the audit line, beside the counts; nothing in them may tell whose comments they were
    """
    _wait_for_the_queue(session)
    extent = measure(session, comments)
    if not extent.comments:
        return extent
    versions = select(CommentVersion.id).join(CommentVersion.comment).where(comments)
    forget_versions(session, versions)
    forget_before(session, versions)
    session.execute(delete(StoredComment).where(comments).execution_options(synchronize_session=False))
    counts = {"comments": extent.comments, "sources": extent.sources, "rows": dict(extent.rows)}
    line = note(session, by=by, action=f"comments.{cause}", subject=subject, detail={**counts, **(detail or {})})
    session.flush()
    session.add_all(
        Removal(audit_id=line.id, removed_at=line.at, cause=cause, source=source, month=month, comments=number)
        for (source, month), number in extent.months.items()
    )
    session.flush()
    return extent


def _wait_for_the_queue(session: Session) -> None:
    """Let whoever stores comments or tags finish, and nobody begin: SQLite does that by itself.

    Without it a removal and a worker can each hold a row that the other waits for.
    """
    if session.get_bind().dialect.name == "postgresql":
        take_turns(session)
        session.execute(text("LOCK TABLE pending_versions IN SHARE ROW EXCLUSIVE MODE"))
