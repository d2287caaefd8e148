"""The worker: what is stored is tagged once, in order, whatever fails in between."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Iterator
from threading import current_thread

import pytest
from sqlalchemy import select, update

from api.ingest.comment import NewComment
from api.ingest.ingest import ingest
from api.ingest.worker import MOST_ATTEMPTS, TagWorker
from api.store.database import Store
from api.store.errors import StoreUnavailable
from api.store.models import CommentVersion, PendingVersion, StoredComment, Tagging, TagRun
from nlp.record import Comment, Record
from tests.api.rest_stub import StubTagger

SECRET = "Kari Nordmann på Lillevik"


def store_texts(store: Store, *texts: str) -> None:
    ingest([NewComment("survey", str(number), text) for number, text in enumerate(texts)], store=store)


def worker_of(store: Store, tagger: StubTagger, *, batch_size: int = 2) -> TagWorker:
    return TagWorker(store, tagger, batch_size=batch_size, max_text_length=20_000)


def outcomes(store: Store) -> dict[str, str | None]:
    """Each tagged text and its sentiment, or its error."""
    with store.read() as session:
        rows = session.execute(
            select(CommentVersion.text, Tagging.sentiment, Tagging.error_code)
            .join(Tagging, Tagging.version_id == CommentVersion.id)
            .order_by(Tagging.id)
        )
        return {text: sentiment or error for text, sentiment, error in rows}


def waiting(store: Store) -> list[int]:
    with store.read() as session:
        return list(session.scalars(select(PendingVersion.attempts)))


@pytest.fixture
def _not_due_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """However slow the machine is, what failed is not tried again by itself."""
    monkeypatch.setattr("api.ingest.worker.BACK_OFF_SECONDS", 3_600)


class Fails(StubTagger):
    """Fails on a text with `bug`, as a bug would, so often."""

    def __init__(self, times: int = 10**6) -> None:
        super().__init__()
        self.left = times

    def tag(self, comments: Iterable[Comment], *, batch_size: int = 64) -> Iterator[Record]:
        batch = list(comments)
        if any("bug" in comment.text for comment in batch) and self.left > 0:
            self.left -= 1
            raise KeyError(SECRET)
        return super().tag(batch, batch_size=batch_size)


def test_what_waits_is_tagged_in_order_in_batches(store: Store) -> None:
    store_texts(store, "Bra", "Nei!", "Fint", "", "Ja")
    tagger = StubTagger()
    worker = worker_of(store, tagger)
    assert [worker.tag_batch() for _ in range(4)] == [2, 2, 1, 0]
    assert outcomes(store) == {
        "Bra": "positive",
        "Nei!": "negative",
        "Fint": "positive",
        "": "empty_text",
        "Ja": "positive",
    }
    assert list(outcomes(store)) == ["Bra", "Nei!", "Fint", "", "Ja"]
    assert waiting(store) == []


def test_the_question_goes_to_the_tagger(store: Store) -> None:
    ingest([NewComment("survey", "1", "prisene", question="Hva var bra?")], store=store)
    tagger = StubTagger()
    worker_of(store, tagger).tag_batch()
    assert tagger.questions == ["Hva var bra?"]


def test_two_services_on_one_database_tag_everything_once(store: Store) -> None:
    store_texts(store, *map(str, range(40)))
    workers = [worker_of(store, StubTagger(seconds_per_batch=0.01), batch_size=3) for _ in range(2)]
    for worker in workers:
        worker.start()
    until = time.monotonic() + 120
    while waiting(store) and time.monotonic() < until:
        time.sleep(0.05)
    for worker in workers:
        worker.stop()
    with store.read() as session:
        tagged = session.scalars(select(Tagging.version_id)).all()
        runs = session.scalars(select(TagRun)).all()
    assert (len(tagged), len(set(tagged)), len(runs)) == (40, 40, 1)


@pytest.mark.usefixtures("_not_due_soon")
def test_a_comment_at_fault_does_not_hold_up_the_others(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    store_texts(store, "Bra", "bug", "Fint")
    worker = worker_of(store, Fails())
    while worker.tag_batch():
        pass
    assert outcomes(store) == {"Bra": "positive", "Fint": "positive"}
    assert waiting(store) == [1]
    assert "KeyError" in caplog.text
    assert "Kari" not in caplog.text


@pytest.mark.usefixtures("_not_due_soon")
def test_a_comment_at_fault_is_tried_again_later_and_then_tagged(store: Store) -> None:
    store_texts(store, "bug")
    worker = worker_of(store, Fails(times=2))  # the batch, then the comment alone
    assert (worker.tag_batch(), worker.tag_batch()) == (1, 0)  # it is not due
    make_due(store)
    assert worker.tag_batch() == 1
    assert outcomes(store) == {"bug": "positive"}


def make_due(store: Store) -> None:
    with store.write() as session:
        session.execute(update(PendingVersion).values(not_before=None))


def test_after_five_attempts_its_record_is_an_error(store: Store) -> None:
    store_texts(store, "bug")
    worker = worker_of(store, Fails())
    for _ in range(MOST_ATTEMPTS):
        assert outcomes(store) == {}
        worker.tag_batch()
        make_due(store)
    assert outcomes(store) == {"bug": "tagging_failed"}
    assert waiting(store) == []


def test_a_comment_that_was_removed_while_it_was_tagged_leaves_nothing(store: Store) -> None:
    class Removes(StubTagger):
        def tag(self, comments: Iterable[Comment], *, batch_size: int = 64) -> Iterator[Record]:
            with store.write() as session:
                session.delete(session.scalars(select(StoredComment).where(StoredComment.external_id == "0")).one())
            return super().tag(comments, batch_size=batch_size)

    store_texts(store, "Bra", "Fint")
    worker_of(store, Removes()).tag_batch()
    assert outcomes(store) == {"Fint": "positive"}


def test_a_store_that_does_not_answer_loses_nothing(
    store: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("api.ingest.worker.RETRY_SECONDS", 0.05)
    store_texts(store, "Bra")
    failures = iter([True, True, False])
    read = store.read

    def sometimes() -> object:
        if current_thread().name == "stemme-tag-worker" and next(failures, False):
            raise StoreUnavailable(store.name)
        return read()

    monkeypatch.setattr(store, "read", sometimes)
    worker = worker_of(store, StubTagger())
    with caplog.at_level(logging.WARNING):
        worker.start()
        until = time.monotonic() + 60
        while not outcomes(store) and time.monotonic() < until:
            time.sleep(0.05)
        worker.stop()
    assert outcomes(store) == {"Bra": "positive"}
    assert caplog.text.count("Tagging waits") == 2


def test_a_worker_that_is_woken_tags_at_once(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.ingest.worker.POLL_SECONDS", 3_600)
    worker = worker_of(store, StubTagger())
    worker.start()
    time.sleep(0.3)
    store_texts(store, "Bra")
    worker.wake()
    until = time.monotonic() + 60
    while not outcomes(store) and time.monotonic() < until:
        time.sleep(0.02)
    worker.stop()
    assert outcomes(store) == {"Bra": "positive"}
