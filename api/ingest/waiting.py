"""What is stored and waits to be tagged, tagged here and now."""

from __future__ import annotations

from typing import Protocol

from sqlalchemy import func, select

from api.ingest.worker import TagWorker
from api.store.database import Store
from api.store.models import PendingVersion


class Report(Protocol):
    """Whoever watches; positions are versions."""

    def step(self, name: str, *, total: int | None) -> None: ...

    def advance(self, position: int, *, rows: int) -> None: ...


def count_waiting(store: Store) -> int:
    """How many versions wait to be tagged."""
    with store.read() as session:
        return session.scalar(select(func.count()).select_from(PendingVersion)) or 0


def tag_waiting(worker: TagWorker, store: Store, *, report: Report) -> int:
    """Tag whatever waits, until nothing is due; how many were taken up.

    A service may do the same on the same store meanwhile: each version is tagged by one of the two.

    Raises
    ------
    StoreUnavailable : if the database does not answer; what is not tagged still waits
    """
    report.step("Tagging", total=count_waiting(store))
    done = 0
    while taken := worker.tag_batch():
        done += taken
        report.advance(done, rows=done)
    return done
