"""The queue: who looks after which alert, and what became of it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, and_, select, update
from sqlalchemy.orm import Session, contains_eager, joinedload, selectinload

from api.alerts.errors import AlertConflict, OwnerNeeded, OwnerNotAllowed, UnknownAlert
from api.alerts.models import Alert, AlertChange, AlertState
from api.corrections.shown import NO_CORRECTIONS, corrections_of
from api.store.models import CommentVersion, StoredComment, Tagging, now
from api.store.search import Found


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertFilters:
    """What an alert has to be like; what is None does not matter."""

    state: str | None = None
    rule: str | None = None
    priority: str | None = None
    owner: str | None = None
    department: str | None = None
    since: datetime | None = None

    @property
    def name(self) -> str:
        """The same for the same filters, and for no others."""
        return repr(sorted((name, str(value)) for name, value in asdict(self).items() if value is not None))


@dataclass(frozen=True, slots=True)
class FoundAlert:
    """An alert with the version that raised it, and the tags that are shown of that version now."""

    alert: Alert
    found: Found

    @property
    def outdated(self) -> bool:
        """Whether the comment has got another text since."""
        return self.found.version.number != self.found.comment.version


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertUpdate:
    """What somebody wants to be different; what is None stays, but for the owner of an alert that is new again.

    `revision` is of the alert as they saw it.
    """

    revision: int
    state: AlertState | None = None
    owner: str | None = None
    note: str | None = None


def find_alerts(
    session: Session, filters: AlertFilters, *, before_id: int | None, limit: int, open_only: bool = False
) -> list[FoundAlert]:
    """Alerts that the filters let through, those that were raised last first.

    Parameters
    ----------
    before_id : the id after which the page begins
    limit : alerts at most
    open_only : leave out those that are done
    """
    query = _with_comments().order_by(Alert.id.desc()).limit(limit)
    columns: dict[Any, Any] = {
        Alert.state: filters.state,
        Alert.rule: filters.rule,
        Alert.priority: filters.priority,
        Alert.owner: filters.owner,
        StoredComment.department: filters.department,
    }
    query = query.where(*(column == value for column, value in columns.items() if value is not None))
    if open_only:
        query = query.where(Alert.state != AlertState.DONE)
    if filters.since is not None:
        query = query.where(Alert.raised_at >= filters.since)
    if before_id is not None:
        query = query.where(Alert.id < before_id)
    return _found(session, query)


def find_alert(session: Session, id_: int) -> FoundAlert:
    """The alert with this id.

    Raises
    ------
    UnknownAlert : if there is none
    """
    found = _found(session, _with_comments().where(Alert.id == id_))
    if not found:
        raise UnknownAlert(id_)
    return found[0]


def update_alert(session: Session, id_: int, wanted: AlertUpdate, *, by: str) -> None:
    """Take an alert, hand it over, finish it, put it back, or add a note to it.

    Every state may follow every other. An alert that is taken or done has an owner; one that is new has none.

    Parameters
    ----------
    by : who does it, for the history: a key's prefix

    Raises
    ------
    UnknownAlert : if there is none
    AlertConflict : if somebody changed it since `wanted.revision`; nothing is changed then
    OwnerNeeded : if it would be taken or done and nobody's
    OwnerNotAllowed : if it would be new and somebody's
    """
    alert = session.get(Alert, id_)
    if alert is None:
        raise UnknownAlert(id_)
    if alert.revision != wanted.revision:
        raise _conflict(alert, wanted.revision)
    state = wanted.state or AlertState(alert.state)
    if state == AlertState.NEW and wanted.owner is not None:
        raise OwnerNotAllowed
    owner = None if state == AlertState.NEW else wanted.owner or alert.owner
    if state != AlertState.NEW and owner is None:
        raise OwnerNeeded(state)
    moment, revision = now(), wanted.revision + 1
    changed = session.execute(
        update(Alert)
        .where(Alert.id == id_, Alert.revision == wanted.revision)
        .values(state=state, owner=owner, revision=revision, changed_at=moment)
        .returning(Alert.id)
    ).all()
    if not changed:  # in PostgreSQL somebody may have been faster since it was read above
        session.refresh(alert)
        raise _conflict(alert, wanted.revision)
    session.add(
        AlertChange(alert_id=id_, revision=revision, at=moment, actor=by, state=state, owner=owner, note=wanted.note)
    )


def _conflict(alert: Alert, sent: int) -> AlertConflict:
    last = alert.changes[-1] if alert.changes else None
    return AlertConflict(
        alert.id,
        sent=sent,
        found=alert.revision,
        state=alert.state,
        owner=alert.owner,
        actor=last.actor if last else None,
        at=alert.changed_at,
    )


def _with_comments() -> Select[Alert, CommentVersion, StoredComment, Tagging]:
    return (
        select(Alert, CommentVersion, StoredComment, Tagging)
        .join(CommentVersion, CommentVersion.id == Alert.version_id)
        .join(CommentVersion.comment)
        .join(StoredComment.source)
        .outerjoin(Tagging, and_(Tagging.version_id == CommentVersion.id, Tagging.shown))
        .options(
            contains_eager(StoredComment.source),
            joinedload(Tagging.run),
            selectinload(Tagging.tags),
            selectinload(Alert.changes),
        )
    )


def _found(session: Session, query: Select[Alert, CommentVersion, StoredComment, Tagging]) -> list[FoundAlert]:
    rows = [row.tuple() for row in session.execute(query)]
    corrections = corrections_of(session, {version.id for _, version, _, _ in rows})
    return [
        FoundAlert(alert, Found(comment, version, tagging, corrections.get(version.id, NO_CORRECTIONS)))
        for alert, version, comment, tagging in rows
    ]
