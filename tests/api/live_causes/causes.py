"""What tests ask of the causes of a store, and let analysts do to them."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from api.access.keys import Caller
from api.cause_runs.models import CauseMember, CauseRun
from api.cause_runs.runs import current_run
from api.jobs.models import Job
from api.live_causes.edits import Editor, Place
from api.live_causes.figures import LISTS, NUMBERS, CauseFiguresJob
from api.store.database import Store
from api.store.models import CommentVersion
from tests.api.running import finish

EDITOR = Editor(Caller("prefix", frozenset(), "analyst"), "Kari", "Sånn sier kundesenteret det.")
THEMES = ("delivery_time", "price_value", "staff_service")


def current(store: Store) -> CauseRun:
    run = current_run(store)
    assert run is not None
    return run


def causes(store: Store) -> dict[str, dict[str, Any]]:
    return {cause["topic"]: cause for cause in current(store).report["causes"]}


def places_by_topic(store: Store) -> dict[str, int]:
    run = current(store)
    with store.read() as session:
        topics = session.scalars(select(CauseMember.topic).where(CauseMember.cause_run_id == run.id)).all()
    return {topic: topics.count(topic) for topic in topics}


def places_with(store: Store, topic: str, word: str, count: int) -> list[Place]:
    """Places of a topic in comments with a word."""
    run = current(store)
    with store.read() as session:
        rows = session.execute(
            select(CommentVersion.comment_id, CauseMember.start, CauseMember.end)
            .join(CauseMember, CauseMember.comment_version_id == CommentVersion.id)
            .where(CauseMember.cause_run_id == run.id, CauseMember.topic == topic, CommentVersion.text.contains(word))
            .order_by(CommentVersion.id)
            .limit(count)
        )
        return [Place(*row) for row in rows]


def make_figures(store: Store) -> Job:
    """Let the job that makes figures anew run to its end."""
    return finish(store, CauseFiguresJob())


def unknown(cause: dict[str, Any]) -> bool:
    return (
        cause["pending"] and all(cause[name] is None for name in NUMBERS) and all(cause[name] == [] for name in LISTS)
    )
