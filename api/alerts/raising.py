"""Raising alerts: the rules are asked in the transaction that stores the tags, so that no crash loses an alert."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from pydantic import ValidationError
from sqlalchemy import Insert, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from api.alerts.conditions import Case, Conditions
from api.alerts.models import Alert, AlertChange, AlertRule, AlertState, Occasion
from api.store.models import CommentVersion, Source, StoredComment, now
from api.webhooks.outbox import Raised, put_into_outbox
from nlp.record import Record, TaggedComment

logger = logging.getLogger(__name__)

BY_CORRECTION: Final = "No longer meets its rule after a correction."


@dataclass(frozen=True, slots=True)
class LiveRule:
    """A rule that is switched on, read once for a batch."""

    id: int
    name: str
    priority: str
    conditions: Conditions


@dataclass(frozen=True, slots=True)
class _Tagged:
    version: CommentVersion
    comment: StoredComment
    case: Case


class AlertRaiser:
    """What the worker asks after it has tagged a batch.

    Parameters
    ----------
    max_age : a comment that was written earlier raises nothing, so that an archive that is sent in stays quiet
    public_url : where the service is reached, for links in messages; None leaves them relative
    announce : told after the commit that alerts were raised, so that their messages leave at once
    """

    def __init__(self, *, max_age: timedelta, public_url: str | None, announce: Callable[[], None]) -> None:
        self._max_age, self._public_url, self.announce = max_age, public_url, announce

    def raise_for(self, session: Session, tagged: Sequence[tuple[int, Record]]) -> int:
        """Raise what the rules find in comments that were tagged for the first time; how many alerts."""
        return raise_alerts(
            session,
            tagged,
            occasion=Occasion.TAGGING,
            written_since=now() - self._max_age,
            public_url=self._public_url,
        )


def raise_alerts(
    session: Session,
    tagged: Sequence[tuple[int, Record]],
    *,
    occasion: Occasion,
    written_since: datetime | None = None,
    public_url: str | None = None,
) -> int:
    """Ask every rule that is on of these comments, and put their messages into the outbox, in the caller's transaction.

    Only the version of a comment that stands raises, and only once per rule, whoever asks and however often. Tagging
    new comments is the only one that asks by itself: whoever tags old ones again and wants alerts calls this with
    `Occasion.RETAGGING`; whoever stores a person's correction calls `reconsider`.

    Parameters
    ----------
    tagged : the version's row id and its record. Comments that could not be tagged raise nothing
    written_since : older comments raise nothing; None: age does not matter
    public_url : where the service is reached, for links

    Returns
    -------
    how many alerts are new
    """
    rules = live_rules(session)
    if not rules:
        return 0
    found = {each.version.id: each for each in _with_context(session, tagged, written_since=written_since)}
    moment = now()
    rows = [
        {
            "rule_id": rule.id,
            "version_id": id_,
            "rule": rule.name,
            "priority": rule.priority,
            "conditions": rule.conditions.as_json(),
            "occasion": occasion,
            "raised_at": moment,
            "state": AlertState.NEW,
            "revision": 1,
            "changed_at": moment,
        }
        for id_, each in found.items()
        for rule in rules
        if rule.conditions.hold_for(each.case)
    ]
    if not rows:
        return 0
    columns = (Alert.id, Alert.rule, Alert.priority, Alert.version_id, Alert.rule_id)
    new = session.execute(_once_each(session).returning(*columns), rows).all()
    raised = [
        Raised(
            id_, rule, priority, moment, found[version_id].comment, found[version_id].version, found[version_id].case
        )
        for id_, rule, priority, version_id, _ in new
    ]
    put_into_outbox(session, raised, rule_ids={row.id: row.rule_id for row in new}, public_url=public_url)
    return len(raised)


def reconsider(
    session: Session,
    version_id: int,
    record: Record,
    *,
    by: str,
    owner: str | None = None,
    public_url: str | None = None,
) -> int:
    """After a person's correction: raise what its tags now meet, and close what they no longer do.

    Closed is an alert that nobody has taken yet; one in somebody's hands stays there. Call it in the transaction that
    stores the correction.

    Parameters
    ----------
    record : the comment's tags with the correction in them
    by : who corrected, for the history: a key's prefix
    owner : who has closed what is closed; `by` unless said

    Returns
    -------
    how many alerts are new
    """
    raised = raise_alerts(session, [(version_id, record)], occasion=Occasion.CORRECTION, public_url=public_url)
    (tagged,) = _with_context(session, [(version_id, record)], written_since=None) or (None,)
    untaken = select(Alert).where(Alert.version_id == version_id, Alert.state == AlertState.NEW).with_for_update()
    for alert in session.scalars(untaken):
        asked = _conditions(alert.rule, alert.conditions)
        if tagged is None or asked is None or asked.hold_for(tagged.case):
            continue
        alert.state, alert.owner, alert.changed_at = AlertState.DONE, owner or by, now()
        alert.revision += 1
        session.add(
            AlertChange(
                alert_id=alert.id,
                revision=alert.revision,
                actor=by,
                state=alert.state,
                owner=alert.owner,
                note=BY_CORRECTION,
            )
        )
    return raised


def live_rules(session: Session) -> list[LiveRule]:
    """The rules that are on; one that this version cannot read is left out, and the log says so."""
    on = session.scalars(select(AlertRule).where(AlertRule.enabled).order_by(AlertRule.id))
    read = ((rule, _conditions(rule.name, rule.conditions)) for rule in on)
    return [LiveRule(rule.id, rule.name, rule.priority, asked) for rule, asked in read if asked is not None]


def _conditions(name: str, stored: object) -> Conditions | None:
    try:
        return Conditions.model_validate(stored)
    except ValidationError:
        # Tagging goes on: a rule that a newer version wrote must not hold up every comment.
        logger.error("Alert rule %s cannot be read by this version and raises nothing. Write it anew.", name)  # noqa: TRY400
        return None


def _with_context(
    session: Session, tagged: Sequence[tuple[int, Record]], *, written_since: datetime | None
) -> list[_Tagged]:
    records = {id_: record for id_, record in tagged if isinstance(record, TaggedComment)}
    query = (
        select(CommentVersion, StoredComment, Source.name)
        .join(CommentVersion.comment)
        .join(StoredComment.source)
        .where(CommentVersion.id.in_(records), CommentVersion.number == StoredComment.version)
        .order_by(CommentVersion.id)
    )
    if written_since is not None:
        query = query.where(StoredComment.submitted_at >= written_since)
    return [
        _Tagged(version, comment, case_of(comment, source, records[version.id]))
        for version, comment, source in session.execute(query)
    ]


def case_of(comment: StoredComment, source: str, record: TaggedComment) -> Case:
    """What conditions are asked of a comment."""
    return Case(
        record=record,
        source=source,
        nps=comment.nps,
        department=comment.department,
        touchpoint=comment.touchpoint,
        channel=comment.channel,
        metadata=comment.extra,
    )


def _once_each(session: Session) -> Insert:
    # Both dialects say it in the same words; SQLAlchemy has no common one.
    if session.get_bind().dialect.name == "sqlite":
        return sqlite.insert(Alert).on_conflict_do_nothing(index_elements=["rule_id", "version_id"])
    return postgresql.insert(Alert).on_conflict_do_nothing(index_elements=["rule_id", "version_id"])
