"""SIGKILL at any moment: what was acknowledged is there after a restart, and tagged once."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from sqlalchemy import func, select

from api.store.database import Store
from api.store.models import CommentVersion, PendingVersion, StoredComment, Tag, Tagging
from tests.api.serving import Served, wait_for

pytestmark = pytest.mark.slow

KILLS = 3
CLIENTS = 2
LOAD = "lambda model: StubTagger(seconds_per_batch=0.05)"


def send_until_it_dies(served: Served, name: str) -> dict[str, int]:
    """Send batches until the service is gone; the external ids that it acknowledged, with their ids."""
    acknowledged: dict[str, int] = {}
    with served.client() as client:
        for batch in range(10**6):
            sent = [
                {"source": "kill", "external_id": f"{name}-{batch}-{n}", "text": f"Nei! {name} {batch} {n}"}
                for n in range(20)
            ]
            try:
                answer = client.post("/v1/comments", json={"comments": sent})
            except httpx.TransportError:
                return acknowledged
            assert answer.status_code == 202, answer.text
            acknowledged |= {each["external_id"]: each["id"] for each in answer.json()["comments"]}
    raise AssertionError("it was never killed")


def test_nothing_acknowledged_is_lost_or_tagged_twice(
    start: Callable[..., Served], store: Store, database: str
) -> None:
    moments = random.Random(20261127)
    acknowledged: dict[str, int] = {}
    settings = f"port=0, open=True, database={database!r}, batch_size=8"
    for kill in range(KILLS):
        served = start(LOAD, settings=settings)
        served.wait_until_ready()
        with ThreadPoolExecutor(CLIENTS) as pool:
            clients = [pool.submit(send_until_it_dies, served, f"{kill}-{number}") for number in range(CLIENTS)]
            wait_for(lambda: count(store, StoredComment) > len(acknowledged))  # noqa: B023, called at once
            time.sleep(moments.uniform(0.1, 1.5))
            served.process.kill()
            served.process.wait()
            for client in clients:
                acknowledged |= client.result()
    waited = count(store, PendingVersion)
    assert waited > 0, "every kill came after the worker had finished: it proves nothing"

    start(LOAD, settings=settings).wait_until_ready()
    wait_for(lambda: count(store, PendingVersion) == 0)
    with store.read() as session:
        rows: Any = session.execute(select(StoredComment.external_id, StoredComment.id)).all()
        stored = dict(map(tuple, rows))
        per_version = session.scalars(select(func.count()).select_from(Tagging).group_by(Tagging.version_id)).all()
        per_tagging = session.scalars(select(func.count()).select_from(Tag).group_by(Tag.tagging_id)).all()
    assert acknowledged.items() <= stored.items()
    assert len(stored) == len(rows) == count(store, CommentVersion)
    assert per_version == [1] * len(stored)
    assert per_tagging == [3] * len(stored)  # the stub's theme and two flags: no set of tags is in part


def count(store: Store, table: type) -> int:
    with store.read() as session:
        return session.scalar(select(func.count()).select_from(table)) or 0
