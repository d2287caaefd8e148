"""The count after the kills: each way in which it can be wrong is seen, and a real run comes out right."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import delete
from sqlalchemy.orm import Session

from api.ingest.comment import NewComment
from api.ingest.ingest import ingest
from api.ingest.worker import TagWorker
from api.store.database import Store
from api.store.models import CommentVersion, StoredComment, Tagging, TagRun
from eval.ingest_kills import Client, Findings, find
from tests.api.rest_stub import StubTagger
from tests.api.serving import ROOT

RIGHT = Findings(acknowledged=2, found=2, lost=0, duplicates=0, twice=0, untagged=0, unknown=0)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store.open(f"sqlite:///{tmp_path}/store.db")
    yield store
    store.close()


@pytest.fixture
def client(store: Store) -> Client:
    """One that sent three comments, of which two were acknowledged; all are stored and tagged."""
    client = Client("c", "http://127.0.0.1:9", 1)
    client.sent = {"a": "Seint!", "b": "Bra", "c": "Fint"}
    stored = ingest([NewComment("c", name, text) for name, text in client.sent.items()], store=store)
    client.acknowledged = {each.external_id: each.id for each in stored[:2]}
    TagWorker(store, StubTagger(), batch_size=8, max_text_length=20_000).tag_batch()
    return client


def lose(session: Session) -> None:
    session.execute(delete(StoredComment).where(StoredComment.external_id == "a"))


def change_text(session: Session) -> None:
    session.get_one(CommentVersion, 1).text = "Sein"


def double(session: Session) -> None:
    session.add(CommentVersion(comment_id=1, number=2, text="Seint!"))


def tag_again(session: Session) -> None:
    run = TagRun(model="other", taxonomy="other", state="former")
    session.add(run)
    session.flush()
    session.add(Tagging(version_id=1, run_id=run.id))


def untag(session: Session) -> None:
    session.execute(delete(Tagging).where(Tagging.version_id == 3))


def test_what_is_right_is_good(store: Store, client: Client) -> None:
    assert find(store, [client]) == RIGHT
    assert RIGHT.are_good


@pytest.mark.parametrize(
    ("harm", "wrong"),
    [
        (lose, {"lost": 1, "found": 1}),
        (change_text, {"lost": 1, "found": 1}),
        (double, {"duplicates": 1, "untagged": 1}),
        (tag_again, {"twice": 1}),
        (untag, {"untagged": 1}),
    ],
)
def test_each_harm_is_seen(
    store: Store, client: Client, harm: Callable[[Session], None], wrong: dict[str, int]
) -> None:
    with store.write() as session:
        harm(session)
    found = find(store, [client])
    assert found == Findings(**{**{name: getattr(RIGHT, name) for name in Findings.__slots__}, **wrong})
    assert not found.are_good


def test_a_comment_that_nobody_sent_is_seen(store: Store, client: Client) -> None:
    del client.sent["c"]
    assert find(store, [client]).unknown == 1


def test_nothing_acknowledged_shows_nothing(store: Store) -> None:
    assert not find(store, [Client("c", "http://127.0.0.1:9", 1)]).are_good


@pytest.mark.slow
def test_two_kills_lose_nothing() -> None:
    command = [sys.executable, "-m", "eval.ingest_kills", "--kills", "2"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "kill 2 of 2: " in run.stdout
    assert "lost 0, tagged twice 0, duplicates 0, not tagged 0, not sent 0" in run.stdout


@pytest.mark.slow
def test_a_store_with_comments_is_refused(store: Store, client: Client, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "eval.ingest_kills", "--database", f"sqlite:///{tmp_path}/store.db"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 2
    assert "holds comments already" in run.stderr
