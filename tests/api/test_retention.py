"""Retention: what is older than the policy allows goes, by source, in batches, and is counted."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from signal import SIGTERM

import pytest
from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session
from typer.testing import CliRunner

from api.cli import app
from api.files.errors import BadSettings
from api.ingest.ingest import NewComment, ingest
from api.removal.models import Removal
from api.removal.policy import RetentionPolicy
from api.removal.removed import removed_since
from api.removal.retention import _next_ids, apply_policy
from api.removal.upkeep import Upkeep
from api.settings import read_settings
from api.store.database import Store
from api.store.models import AuditEntry, StoredComment
from tests.api.serving import Served, wait_for

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
POLICY = RetentionPolicy(days=100, days_by_source={"reviews": 10, "complaints": None})


def store_aged(store: Store, source: str, *days: float) -> None:
    """Comments of a source, called by it and their age in days."""
    comments = [
        NewComment(source, f"{source}-{age}", "Pakka kom for seint", submitted_at=NOW - timedelta(days=age))
        for age in days
    ]
    ingest(comments, store=store)


def left(store: Store) -> list[str]:
    with store.read() as session:
        return list(session.scalars(select(StoredComment.external_id).order_by(StoredComment.id)))


def test_each_source_has_its_own_days(store: Store) -> None:
    store_aged(store, "survey", 99.9, 100.1)
    store_aged(store, "reviews", 9.9, 10.1)
    store_aged(store, "complaints", 5_000)
    would_go = apply_policy(store, POLICY, moment=NOW, by="test", dry_run=True)
    assert len(left(store)) == 5
    applied = apply_policy(store, POLICY, moment=NOW, by="test")
    assert left(store) == ["survey-99.9", "reviews-9.9", "complaints-5000"]
    assert applied.extent == would_go.extent
    assert applied.extent.sources == {"reviews": 1, "survey": 1}
    assert apply_policy(store, POLICY, moment=NOW, by="test").extent.comments == 0


def test_a_policy_without_days_removes_nothing(store: Store) -> None:
    store_aged(store, "survey", 50_000)
    assert RetentionPolicy().keeps_everything
    assert not POLICY.keeps_everything
    assert apply_policy(store, RetentionPolicy(), moment=NOW, by="test").extent.comments == 0


def test_each_batch_is_a_transaction_with_its_line(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.removal.retention.BATCH", 3)
    store_aged(store, "survey", *range(101, 108))
    told: list[int] = []
    apply_policy(store, POLICY, moment=NOW, by="Kari", report=told.append)
    assert told == [3, 6, 7]
    with store.read() as session:
        lines = session.scalars(select(AuditEntry).order_by(AuditEntry.id)).all()
        assert [(line.actor, line.action, line.detail["sources"]) for line in lines] == [
            ("Kari", "comments.retention", {"survey": 3}),
            ("Kari", "comments.retention", {"survey": 3}),
            ("Kari", "comments.retention", {"survey": 1}),
        ]
        assert lines[0].detail["policy_days"] == {"survey": 100}
        removals = session.scalars(select(Removal)).all()
        assert {removal.audit_id for removal in removals} == {line.id for line in lines}
        assert sum(each.comments for each in removed_since(session, NOW - timedelta(days=1_000))) == 7


def test_what_is_interrupted_has_been_done_as_far_as_it_went(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.removal.retention.BATCH", 2)
    store_aged(store, "survey", *range(101, 108))

    def fail(comments: int) -> None:
        if comments == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        apply_policy(store, POLICY, moment=NOW, by="test", report=fail)
    with store.read() as session:
        assert sum(line.detail["comments"] for line in session.scalars(select(AuditEntry))) == 7 - len(left(store)) == 4
    assert apply_policy(store, POLICY, moment=NOW, by="test").extent.comments == 3
    assert left(store) == []


def test_others_can_write_between_batches(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.removal.retention.BATCH", 1)
    store_aged(store, "survey", 101, 102)
    apply_policy(store, POLICY, moment=NOW, by="test", report=lambda n: store_aged(store, "survey", float(n)))
    assert left(store) == ["survey-1.0", "survey-2.0"]


def test_a_comment_that_gets_a_later_day_before_its_batch_stays(store: Store) -> None:
    store_aged(store, "survey", 101, 102)

    def update_then_go(session: Session, old: ColumnElement[bool], after: int) -> list[int]:
        ids = _next_ids(session, old, after)
        session.rollback()
        if ids:  # another process stores a later day after the look for old comments
            ingest([NewComment("survey", "survey-102", "Pakka kom for seint", submitted_at=NOW)], store=store)
        return ids

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("api.removal.retention._next_ids", update_then_go)
        apply_policy(store, POLICY, moment=NOW, by="test")
    assert left(store) == ["survey-102"]


def test_a_source_that_there_is_not_is_named(store: Store) -> None:
    store_aged(store, "survey", 1)
    assert apply_policy(store, POLICY, moment=NOW, by="test").unknown_sources == ("complaints", "reviews")


class TestSettings:
    def test_the_environment_gives_the_policy(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("STEMME_RETENTION_DAYS", "730")
        monkeypatch.setenv("STEMME_RETENTION_DAYS_BY_SOURCE", '{"omtaler": 90, "klager": null}')
        policy = read_settings().retention
        assert [policy.days_of(name) for name in ("survey", "omtaler", "klager")] == [730, 90, None]

    def test_nothing_said_keeps_everything(self) -> None:
        assert read_settings().retention.keeps_everything

    @pytest.mark.parametrize(
        ("name", "value"),
        [("", "0"), ("", "-1"), ("", "2 years"), ("_BY_SOURCE", "reviews=90"), ("_BY_SOURCE", '{"reviews": 0}')],
    )
    def test_a_wrong_one_is_refused(self, name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("STEMME_RETENTION_DAYS" + name, value)
        with pytest.raises(BadSettings, match=r"(?i)retention_days"):
            read_settings()


class TestCommand:
    def test_it_says_what_would_go_and_removes_it(
        self, store: Store, database: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        ingest(
            [
                NewComment("survey", "old", "Seint", submitted_at=datetime(2020, 3, 1, tzinfo=UTC)),
                NewComment("survey", "new", "Bra"),
            ],
            store=store,
        )
        command = ["retention", "apply", "--database", database]
        refused = CliRunner().invoke(app, command)
        assert refused.exit_code == 2
        assert "STEMME_RETENTION_DAYS" in refused.stderr
        monkeypatch.setenv("STEMME_RETENTION_DAYS", "365")
        monkeypatch.setenv("STEMME_RETENTION_DAYS_BY_SOURCE", '{"suvrey": 1}')
        dry = CliRunner().invoke(app, [*command, "--dry-run"])
        assert dry.stdout.startswith("would go: 1 comment\n  of survey: 1\n")
        assert "No source has the name 'suvrey'" in dry.stderr
        assert left(store) == ["old", "new"]
        assert CliRunner().invoke(app, command).stdout.startswith("removed: 1 comment\n")
        assert left(store) == ["new"]


@pytest.mark.slow
def test_the_service_keeps_the_policy(tmp_path: Path, start: Callable[..., Served]) -> None:
    database = f"sqlite:///{tmp_path}/store.db"
    store = Store.open(database)
    store_aged(store, "survey", 101, 1)
    store.close()
    served = start(settings=f"port=0, open=True, database={database!r}, retention_days=100")
    with served.client() as client:
        wait_for(lambda: len(client.get("/v1/comments").json()["comments"]) == 1)
        (line,) = client.get("/v1/audit").json()["lines"]
    assert (line["actor"], line["detail"]["sources"]) == ("service", {"survey": 1})
    wait_for(lambda: "Removed as older than the retention allows: 1." in served.log)
    served.process.terminate()
    assert served.process.wait(60) == -SIGTERM


def test_upkeep_wipes_what_an_erasure_could_not(tmp_path: Path) -> None:
    store = Store.open(f"sqlite:///{tmp_path}/store.db")
    ingest([NewComment("survey", "1", "forgjeves")], store=store)
    with sqlite3.connect(tmp_path / "store.db") as connection:
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA secure_delete = ON")
        connection.execute("DELETE FROM comments")
    connection.close()
    assert b"forgjeves" in (tmp_path / "store.db").read_bytes() + (tmp_path / "store.db-wal").read_bytes()
    Upkeep(store, RetentionPolicy()).run_once()
    assert b"forgjeves" not in (tmp_path / "store.db").read_bytes() + (tmp_path / "store.db-wal").read_bytes()
    store.close()
