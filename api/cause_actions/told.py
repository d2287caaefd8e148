"""Actions as callers get them, with what came of them; computing that needs the extra `topics`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from api.cause_actions.actions import ActionFilters, list_actions
from api.cause_actions.models import CauseAction
from api.cause_actions.moves import moves_of
from api.cause_actions.schemas import ActionOut
from api.cause_actions.verdicts import NEEDED, can_judge, keep_verdicts
from api.reports.zones import Zone
from api.store.database import Store
from nlp.errors import require


def told(store: Store, actions: Sequence[CauseAction], *, zone: Zone, keep: bool = False) -> list[ActionOut]:
    """Actions with their effects as of now.

    Parameters
    ----------
    zone : where days begin
    keep : whether lists of causes are to show what came of them: for one that was added or changed

    Raises
    ------
    MissingExtra : if what the test needs is not installed
    """
    require_statistics()
    from api.cause_actions.effects import effects_of  # noqa: PLC0415, it needs the extra

    effects = effects_of(store, actions, zone=zone)
    if keep:
        with store.write() as session:
            keep_verdicts(session, effects, judged={action.id: action.changed_at for action in actions})
    return _with(store, actions, effects)


def told_of_cause(store: Store, topic: str, *, zone: Zone, limit: int) -> list[ActionOut]:
    """The newest actions on a cause; without effects where these cannot be computed."""
    with store.read() as session:
        actions = list_actions(session, ActionFilters(topic=topic), limit=limit)
    if not actions:
        return []
    return told(store, actions, zone=zone) if can_judge() else _with(store, actions, {})


def require_statistics() -> None:
    """Refuse to go on without what the test needs.

    Raises
    ------
    MissingExtra : naming the extra
    """
    for module in NEEDED:
        require(module, extra="topics")


def _with(store: Store, actions: Sequence[CauseAction], effects: Mapping[int, Mapping[str, Any]]) -> list[ActionOut]:
    with store.read() as session:
        moves = moves_of(session, [action.id for action in actions])
    return [ActionOut.of(action, moves.get(action.id, ()), effects.get(action.id)) for action in actions]
