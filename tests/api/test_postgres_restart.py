"""PostgreSQL goes down and comes back while comments arrive: callers are told to come again, and nothing is lost."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Event
from typing import Any

import pytest
from sqlalchemy import func, select

from api.access.keys import create_key
from api.access.scopes import Scope
from api.store.database import Store
from api.store.models import CommentVersion, PendingVersion, StoredComment, Tag, Tagging
from tests.api.serving import PATIENCE_SECONDS, Served, wait_for
from tests.postgres import PostgresServer

LOAD = "lambda model: StubTagger(seconds_per_batch=0.05)"
CLIENTS, BATCH = 4, 20
RESTARTS = 2


@dataclass
class Client:
    """Sends batches, each until it is acknowledged, and keeps what it was told."""

    name: str
    acknowledged: dict[str, int] = field(default_factory=dict)
    refused: Counter[tuple[int, str, str | None]] = field(default_factory=Counter)

    def send(self, served: Served, key: str, done: Event) -> None:
        with served.client() as http:
            http.headers["Authorization"] = f"Bearer {key}"
            number = 0
            while not done.is_set():
                number += 1
                self._send_until_acknowledged(http, number)

    def _send_until_acknowledged(self, http: Any, number: int) -> None:
        names = [f"{self.name}-{number}-{place}" for place in range(BATCH)]
        body = {"comments": [{"source": "survey", "external_id": name, "text": f"Nei! {name}"} for name in names]}
        until = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < until:
            answer = http.post("/v1/comments", json=body)
            if answer.status_code == 202:
                self.acknowledged |= {each["external_id"]: each["id"] for each in answer.json()["comments"]}
                return
            retry_after = answer.headers.get("retry-after")
            self.refused[answer.status_code, answer.json()["code"], retry_after] += 1
            time.sleep(float(retry_after or 1) / 10)  # sooner than asked, so that it is met again
        raise AssertionError(f"not acknowledged within {PATIENCE_SECONDS} seconds: {self.refused}")


@pytest.mark.slow
def test_what_was_acknowledged_is_there_once_and_tagged_once_after_restarts(
    start: Callable[..., Served], postgres: PostgresServer
) -> None:
    database = postgres.new_database()
    store = Store.connect(database)
    store.upgrade()
    key = create_key(store, scopes=[Scope.INGEST], name="", expires_at=None, by="test")
    served = start(LOAD, settings=f"port=0, database={database!r}, batch_size=8")
    served.wait_until_ready()

    clients, done = [Client(str(number)) for number in range(CLIENTS)], Event()
    with ThreadPoolExecutor(CLIENTS) as pool:
        sending = [pool.submit(client.send, served, key, done) for client in clients]
        try:
            for _ in range(RESTARTS):
                before = sum(len(client.acknowledged) for client in clients)
                wait_for(lambda: sum(len(client.acknowledged) for client in clients) > before + 200)  # noqa: B023
                refused = sum(client.refused.total() for client in clients)
                postgres.stop(immediately=True)
                wait_for(lambda: sum(client.refused.total() for client in clients) > refused)  # noqa: B023
                postgres.start()
        finally:
            done.set()
        for each in sending:
            each.result()

    refused_as = sum((client.refused for client in clients), Counter())
    assert set(refused_as) == {(503, "store_unavailable", "2")}
    waited = count(store, PendingVersion)
    assert waited > 0, "everything was tagged before it ended: the restarts met no worker"

    acknowledged = {name: id_ for client in clients for name, id_ in client.acknowledged.items()}
    wait_for(lambda: count(store, PendingVersion) == 0)
    with store.read() as session:
        rows: Any = session.execute(select(StoredComment.external_id, StoredComment.id)).all()
        per_version = session.scalars(select(func.count()).select_from(Tagging).group_by(Tagging.version_id)).all()
        per_tagging = session.scalars(select(func.count()).select_from(Tag).group_by(Tag.tagging_id)).all()
    assert dict(map(tuple, rows)) == acknowledged  # each client's last batch was acknowledged too
    assert len(rows) == len(acknowledged) == count(store, CommentVersion)
    assert per_version == [1] * len(rows)
    assert per_tagging == [3] * len(rows)  # the stub's theme and two flags: no set of tags is in part
    assert "Traceback" not in served.log
    assert "internal_error" not in served.log
    store.close()


def count(store: Store, table: type) -> int:
    with store.read() as session:
        return session.scalar(select(func.count()).select_from(table)) or 0
