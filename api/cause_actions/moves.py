"""Actions stay with their causes: when analysts merge and split these, and when a run calls one by another id.

An action stands at one cause, and what is counted for it is that cause as it is now. Each function runs in the
transaction that changes the causes, so that no action ever stands at a cause that another has taken in.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from api.cause_actions.models import Became, CauseAction, CauseActionMove
from api.store.audit import note


@dataclass(frozen=True, slots=True)
class Moved:
    """An action, the cause that it stood at, and the one that it stands at now: the same one if it stayed."""

    action: int
    was: str
    now: str

    def as_json(self) -> dict[str, Any]:
        return {"action": self.action, "from": self.was, "to": self.now}


def follow_merge(session: Session, kept: str, absorbed: Collection[str], *, edit_id: int, by: str) -> list[Moved]:
    """Actions on causes that another has taken in stand at that one from now on; its own stay.

    The cause may have more actions then than can be added to one.

    Parameters
    ----------
    edit_id : the merge
    by : the key of whoever merged, for the audit log
    """
    return _follow(session, dict.fromkeys((kept, *absorbed), kept), Became.MERGED, edit_id=edit_id, by=by)


def follow_split(session: Session, topic: str, *, edit_id: int, by: str) -> list[Moved]:
    """Actions on a cause that was parted stay with the part that kept its id."""
    return _follow(session, {topic: topic}, Became.SPLIT, edit_id=edit_id, by=by)


def follow_run(session: Session, continued: Mapping[str, str], *, run_id: int, by: str) -> list[Moved]:
    """Actions on causes that a run found again under other ids stand at these.

    Parameters
    ----------
    continued : the new id by the former one
    """
    return _follow(session, continued, Became.CONTINUED, run_id=run_id, by=by)


def follow_undo(session: Session, edit_id: int, gone: Mapping[str, str], *, undo_id: int, by: str) -> list[Moved]:
    """Actions stand where they stood before an edit that is undone; one that a person has moved since stays there.

    Parameters
    ----------
    edit_id, undo_id : the edit, and the one that undoes it
    gone : by each cause that goes with the edit the one to which its own actions go
    by : the key of whoever undoes it, for the audit log
    """
    moves = session.execute(
        select(CauseActionMove.topic, CauseAction)
        .join(CauseAction, CauseAction.id == CauseActionMove.action_id)
        .where(CauseActionMove.edit_id == edit_id)
        .order_by(CauseAction.id)
    ).tuples()
    back = [_move(session, action, topic, edit_id=undo_id, by=by) for topic, action in moves]
    left = select(CauseAction).where(CauseAction.topic.in_(gone)).order_by(CauseAction.id)
    back += [
        _move(session, action, gone[action.topic], edit_id=undo_id, by=by) for action in session.scalars(left).all()
    ]
    session.execute(delete(CauseActionMove).where(CauseActionMove.edit_id == edit_id))
    session.flush()
    return back


def forget_moves(session: Session, action_id: int) -> None:
    """A person has moved the action: from now on it has been nowhere else."""
    session.execute(delete(CauseActionMove).where(CauseActionMove.action_id == action_id))


def moves_of(session: Session, action_ids: Collection[int]) -> Mapping[int, Sequence[CauseActionMove]]:
    """What became of the causes that each action stood at, the first first."""
    found: defaultdict[int, list[CauseActionMove]] = defaultdict(list)
    query = select(CauseActionMove).where(CauseActionMove.action_id.in_(action_ids)).order_by(CauseActionMove.id)
    for move in session.scalars(query):
        found[move.action_id].append(move)
    return found


def _follow(
    session: Session,
    goes_to: Mapping[str, str],
    became: Became,
    *,
    by: str,
    edit_id: int | None = None,
    run_id: int | None = None,
) -> list[Moved]:
    actions = session.scalars(select(CauseAction).where(CauseAction.topic.in_(goes_to)).order_by(CauseAction.id)).all()
    moved = []
    for action in actions:
        session.add(
            CauseActionMove(
                action_id=action.id, became=became, topic=action.topic, edit_id=edit_id, cause_run_id=run_id
            )
        )
        moved.append(_move(session, action, goes_to[action.topic], edit_id=edit_id, run_id=run_id, by=by))
    session.flush()
    return moved


def _move(
    session: Session, action: CauseAction, to: str, *, by: str, edit_id: int | None = None, run_id: int | None = None
) -> Moved:
    moved = Moved(action.id, action.topic, to)
    action.verdict = action.judged_at = None  # of the cause as it was
    if moved.was != to:
        action.topic = to
        because = {"edit": edit_id} if edit_id is not None else {"run": run_id}
        detail = {"topic": to, "from": moved.was, **because}
        note(session, by=by, action="cause_action.moved", subject=f"action {action.id}", detail=detail)
    return moved
