"""`GET /v1/reports/accuracy`: how right the tags are, by the last sample that people have checked."""

from __future__ import annotations

from fastapi import APIRouter

from api.access.guard import needs
from api.access.scopes import Scope
from api.accuracy.card import AccuracyCard
from api.accuracy.cards import last_card
from api.accuracy.errors import NoCard
from api.dependencies import StoreDep
from api.problems import documented
from api.routes.comments import EVERYWHERE

router = APIRouter(tags=["reports"])


@router.get(
    "/v1/reports/accuracy",
    summary="Read the accuracy card",
    operation_id="read_accuracy_card",
    responses=documented(NoCard, *EVERYWHERE),
    dependencies=[needs(Scope.READ)],
)
def read_accuracy_card(store: StoreDep) -> AccuracyCard:
    """Reads the card of the last audit: error rates and corrected shares with 95 % intervals.

    `stemme audit draw` draws a sample for people to check, `stemme audit read` makes the card of their answers.
    """
    return last_card(store)
