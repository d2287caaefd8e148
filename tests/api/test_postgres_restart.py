"""PostgreSQL goes down and comes back while comments arrive and are tagged anew: callers are told to come
again, nothing is lost, and everything goes on without the service being started again.
"""

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
from api.jobs.jobs import create_job, find_job
from api.jobs.models import JobState
from api.store.database import Store
from api.store.models import CommentVersion, PendingVersion, StoredComment, Tag, Tagging, TagRun
from api.webhooks.address import AddressPolicy
from api.webhooks.endpoints import add_webhook
from api.webhooks.models import DeliveryState, WebhookDelivery
from api.webhooks.schemas import NewWebhook
from tests.api.alerting import add as add_rule
from tests.api.receiver import receiving
from tests.api.retagging import EVERYTHING, OtherTagger, add_tagged, shown
from tests.api.serving import PATIENCE_SECONDS, Served, wait_for
from tests.postgres import PostgresServer

pytestmark = pytest.mark.slow

LOAD = "lambda model: StubTagger(seconds_per_batch=0.05)"
CLIENTS, BATCH = 4, 20
RESTARTS = 2
ARCHIVE, RATE = 900, 100


@dataclass
class Client:
    """Sends batches, each until it is acknowledged, and keeps what it was told."""

    name: str
    batch: int = BATCH
    pause_seconds: float = 0.0
    acknowledged: dict[str, int] = field(default_factory=dict)
    refused: Counter[tuple[int, str, str | None]] = field(default_factory=Counter)

    def send(self, served: Served, key: str, done: Event) -> None:
        with served.client() as http:
            http.headers["Authorization"] = f"Bearer {key}"
            number = 0
            while not done.is_set():
                number += 1
                self._send_until_acknowledged(http, number)
                done.wait(self.pause_seconds)

    def _send_until_acknowledged(self, http: Any, number: int) -> None:
        names = [f"{self.name}-{number}-{place}" for place in range(self.batch)]
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


@dataclass
class Reader:
    """Asks for the job and for comments, and keeps what it was told; a job's progress never goes back."""

    answers: Counter[tuple[str, int, str | None, str | None]] = field(default_factory=Counter)
    progress: list[int] = field(default_factory=list)

    def read(self, served: Served, key: str, job: str, done: Event) -> None:
        with served.client() as http:
            http.headers["Authorization"] = f"Bearer {key}"
            while not done.wait(0.05):
                for path in (job, "/v1/comments?limit=5"):
                    answer = http.get(path)
                    code = answer.json().get("code")
                    self.answers[path, answer.status_code, code, answer.headers.get("retry-after")] += 1
                    if path == job and answer.status_code == 200:
                        self.progress.append(answer.json()["done"])


@pytest.mark.parametrize("immediately", [True, False], ids=["as in a crash", "as in an upgrade"])
def test_a_retag_and_the_webhooks_go_on_by_themselves_after_restarts(
    start: Callable[..., Served], postgres: PostgresServer, *, immediately: bool
) -> None:
    store = Store.connect(postgres.new_database())
    store.upgrade()
    add_tagged(store, *(f"Bra {number}" for number in range(ARCHIVE)))
    add_rule(store)
    key = create_key(store, scopes=list(Scope), name="", expires_at=None, by="test")
    address = store.url.render_as_string(hide_password=False).replace("+psycopg", "")
    other = "lambda model: (StubTagger if model is None else OtherTagger)()"

    with receiving() as receiver:
        with store.write() as session:
            add_webhook(session, NewWebhook(url=receiver.url), policy=AddressPolicy(), by="test")
        settings = f"port=0, database={address!r}, batch_size=16"
        served = start(other, settings=settings, before="from tests.api.retagging import OtherTagger")
        served.wait_until_ready()
        job = create_job(store, kind="retag", parameters={**EVERYTHING, "rate": RATE}, by="test")
        client, reader, done = Client("live", batch=3, pause_seconds=0.5), Reader(), Event()
        with ThreadPoolExecutor(2) as pool:
            working = [
                pool.submit(client.send, served, key, done),
                pool.submit(reader.read, served, key, f"/v1/jobs/{job.id}", done),
            ]
            try:
                for share, down_seconds in ((0.1, 0), (0.5, 6)):
                    wait_for(lambda: max(reader.progress, default=0) >= share * ARCHIVE)  # noqa: B023
                    refused = client.refused.total()
                    postgres.stop(immediately=immediately)
                    wait_for(lambda: client.refused.total() > refused)  # noqa: B023
                    time.sleep(down_seconds)  # so long that every thread has found it gone
                    postgres.start()
                wait_for(lambda: find_job(store, job.id).finished)
            finally:
                done.set()
            for each in working:
                each.result()
        wait_for(lambda: count(store, PendingVersion) == 0)
        wait_for(lambda: deliveries(store) == {DeliveryState.DELIVERED: len(client.acknowledged)})
        messages = Counter(each.message for each in receiver.received)

    assert served.process.poll() is None
    assert find_job(store, job.id).state == JobState.SUCCEEDED
    assert reader.progress == sorted(reader.progress)
    assert {key[1:] for key in reader.answers} == {(200, None, None), (503, "store_unavailable", "2")}
    assert set(client.refused) == {(503, "store_unavailable", "2")}
    with store.read() as session:
        per_run: Any = session.execute(
            select(TagRun.model, Tagging.version_id, func.count())
            .join(Tagging.run)
            .group_by(TagRun.id, Tagging.version_id)
        ).all()
    tagged_anew = [version for model, version, _ in per_run if model == OtherTagger.name]
    assert {number for *_, number in per_run} == {1}
    assert len(tagged_anew) == ARCHIVE + len(client.acknowledged)
    assert set(shown(store).values()) == {OtherTagger.name}
    # Each at least once: whoever is cut off between sending and writing it down sends it again, under the same id.
    assert len(messages) == len(client.acknowledged)
    assert "Traceback" not in served.log
    assert "internal_error" not in served.log
    store.close()


def deliveries(store: Store) -> dict[str, int]:
    with store.read() as session:
        states = select(WebhookDelivery.state, func.count()).group_by(WebhookDelivery.state)
        return dict(session.execute(states).tuples().all())
