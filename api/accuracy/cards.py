"""Keeping accuracy cards, and the one that counts."""

from __future__ import annotations

from sqlalchemy import select

from api.accuracy.card import AccuracyCard
from api.accuracy.errors import NoCard
from api.accuracy.models import StoredCard
from api.store.audit import note
from api.store.database import Store


def keep_card(store: Store, card: AccuracyCard, *, by: str) -> None:
    """Store a card; former ones are kept.

    Parameters
    ----------
    by : who read the answers, for the audit log
    """
    with store.write() as session:
        session.add(StoredCard(audit=card.audit, read_at=card.read_at, card=card.model_dump(mode="json")))
        counts = {"comments": card.comments, "checked": card.checked, "models": card.models}
        note(session, by=by, action="accuracy.read", subject=card.audit, detail=counts)


def last_card(store: Store) -> AccuracyCard:
    """The card that was made last.

    Raises
    ------
    NoCard : if there is none
    """
    with store.read() as session:
        found = session.scalar(select(StoredCard.card).order_by(StoredCard.id.desc()).limit(1))
    if found is None:
        raise NoCard
    return AccuracyCard.model_validate(found)
