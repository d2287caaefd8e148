"""Comments that raise alerts, for the tests."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import select

from api.alerts.models import Alert
from api.alerts.raising import AlertRaiser
from api.alerts.rules import RuleDefinition, add_rule
from api.ingest.ingest import NewComment, ingest
from api.ingest.worker import TagWorker
from api.store.database import Store
from api.store.models import CommentVersion, StoredComment
from tests.api.rest_stub import StubTagger

RULE = "kunde-i-fare"
UNHAPPY = "Elendig! Eg byter butikk."
"""The stub finds `!`: negative, and a churn risk."""


def add(store: Store, name: str = RULE, **conditions: Any) -> None:
    """A rule; without conditions, for comments at risk."""
    rule = {"name": name, "conditions": conditions or {"churn_risk": True}}
    with store.write() as session:
        add_rule(session, RuleDefinition.model_validate(rule), by="test")


def worker_with_alerts(
    store: Store, *, max_age_days: float = 7, announced: list[bool] | None = None, tagger: Any = None
) -> TagWorker:
    raiser = AlertRaiser(
        max_age=timedelta(days=max_age_days),
        public_url="https://stemme.example/",
        announce=lambda: None if announced is None else announced.append(True),
    )
    return TagWorker(store, tagger or StubTagger(), batch_size=8, max_text_length=20_000, alerts=raiser)


def tag(store: Store, *comments: dict[str, Any], **worker: Any) -> None:
    """Store comments and tag all that wait."""
    sent = [
        NewComment(**{"source": "survey", "external_id": str(number), "text": UNHAPPY, **each})
        for number, each in enumerate(comments)
    ]
    if sent:
        ingest(sent, store=store)
    at_work = worker_with_alerts(store, **worker)
    while at_work.tag_batch():
        pass


def days_ago(days: float) -> datetime:
    return datetime.now(UTC) - timedelta(days=days)


def raised(store: Store) -> list[tuple[str, str]]:
    """Rule and external id of each alert."""
    with store.read() as session:
        rows = session.execute(
            select(Alert.rule, StoredComment.external_id)
            .join(Alert.version)
            .join(CommentVersion.comment)
            .order_by(Alert.id)
        )
        return [row.tuple() for row in rows]
