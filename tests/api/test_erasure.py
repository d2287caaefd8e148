"""Erasure: no row and no byte of a respondent's comments remains, and the counts do."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import quote

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import create_engine, select, text
from typer.testing import CliRunner, Result

from api.access.keys import create_key
from api.access.scopes import Scope
from api.app import create_app
from api.cli import app
from api.ingest.ingest import NewComment, ingest
from api.ingest.worker import TagWorker
from api.removal.dependents import cascades_from_comments, count_rows
from api.removal.erasure import erase
from api.removal.errors import UnknownRespondent
from api.removal.models import Removal
from api.removal.removed import RemovedComments, removed_since
from api.server import WithoutQuery
from api.settings import Settings
from api.store.database import Store, parse_url
from api.store.models import AuditEntry, PendingVersion, StoredComment, Tagging, TagRun
from api.store.search import Filters, find
from api.store.wipe import wipe
from tests.api.every_table import fill, places_of, rows_by_table, tables_on_comments
from tests.api.rest_stub import HeldTagger, StubTagger
from tests.api.serving import Served, wait_for
from tests.postgres import PostgresServer

# No word of it stands in what is kept, whole or in part.
SECRET = "Xylofonspilleren Quisling-Wergeland ventet forgjeves"
WORDS = [word.encode() for word in ("Xylofon", "xylofon", "Quisling", "quisling", "wergeland", "forgjeves")]
PLAIN = ["kunde/7", "a b", "æøå 😡", "?q=1#x", "/", "//a//", "x/", "a+b", "\\", "'; --", "{id}"]
ODD = [*PLAIN, "100%", "..%2f", "%2F", "%252F"]  # the test client decodes twice; the service does not


def store_two(store: Store) -> None:
    """One respondent's comment in two versions, tagged, and another's, which is to stay."""
    for words in ("Først: " + SECRET, SECRET + "!"):
        comment = NewComment("survey", "mine", words, question=SECRET, respondent=SECRET, metadata={"name": SECRET})
        ingest([comment, NewComment("survey", "other", "Bra butikk", respondent="kunde-8")], store=store)
    worker = worker_of(store, StubTagger())
    while worker.tag_batch():
        pass


def worker_of(store: Store, tagger: StubTagger) -> TagWorker:
    return TagWorker(store, tagger, batch_size=8, max_text_length=20_000)


@pytest.fixture
def client(store: Store) -> TestClient:
    return TestClient(create_app(Settings(open=True), StubTagger(), store=store))


def ids(store: Store) -> list[str]:
    with store.read() as session:
        return sorted(session.scalars(select(StoredComment.external_id)))


class TestNothingRemains:
    def test_no_row_of_any_table_that_hangs_on_comments(self, store: Store) -> None:
        store_two(store)
        with store.write() as session:
            mine = session.scalars(select(StoredComment).where(StoredComment.external_id == "mine")).one()
            parents = {"comments": mine.id, "comment_versions": mine.versions[-1].id}
            parents["tag_runs"] = session.scalars(select(TagRun.id)).one()  # the worker's
            tagged = {"taggings", "tags"}  # the worker has made these rows
            for table in tables_on_comments():
                if table.name not in {*parents, *tagged}:
                    parents[table.name] = fill(session, table, words=SECRET, parents=parents)
            before = rows_by_table(session)
        assert min(before.values()) >= 1  # a table without a row would prove nothing
        erase(store, SECRET, by="test")
        with store.read() as session:
            assert ids(store) == ["other"]
            assert places_of(session, "Quisling") == []
            assert places_of(session, "forgjeves") == []
            after = rows_by_table(session)
        others = {"comments": 1, "comment_versions": 1, "taggings": 1, "tags": 3}
        assert {name: rows for name, rows in after.items() if rows} == others

    def test_every_foreign_key_to_comments_carries_the_deletion_on(self, store: Store) -> None:
        with store.read() as session:
            reached = {cascade.table for cascade in cascades_from_comments(session)}
        assert reached == {table.name for table in tables_on_comments()} - {"comments"}

    def test_no_byte_in_the_files_of_sqlite(self, tmp_path: Path) -> None:
        store = Store.open(f"sqlite:///{tmp_path}/store.db")
        store_two(store)
        assert bytes_in(tmp_path) == set(WORDS)
        assert erase(store, SECRET, by="test").wiped
        assert (tmp_path / "store.db-wal").stat().st_size == 0  # it is still open
        assert bytes_in(tmp_path) == set()
        with store.read() as session:
            assert [each.comment.external_id for each in find(session, Filters(words="bra"), before_id=None, limit=9)]
            session.execute(text("INSERT INTO comment_search (comment_search) VALUES ('integrity-check')"))
        store.close()
        assert bytes_in(tmp_path) == set()

    @pytest.mark.slow
    def test_words_that_lie_deep_in_a_large_index_go_too(self, tmp_path: Path) -> None:
        store = Store.open(f"sqlite:///{tmp_path}/store.db")
        store_two(store)
        for first in range(0, 3_000, 500):
            texts = [" ".join(f"ord{n * 7 % 4001 + m}" for m in range(20)) for n in range(first, first + 500)]
            ingest([NewComment("survey", f"{first}-{n}", each) for n, each in enumerate(texts)], store=store)
        assert erase(store, SECRET, by="test").wiped
        assert bytes_in(tmp_path) == set()
        store.close()

    @pytest.mark.slow
    def test_a_reader_holds_up_the_wiping_and_the_answer_says_so(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("api.store.database.CHECKPOINT_TIMEOUT_SECONDS", 0)
        store = Store.open(f"sqlite:///{tmp_path}/store.db")
        store_two(store)
        with store.read() as session:
            session.scalars(select(StoredComment)).all()
            assert not erase(store, SECRET, by="test").wiped
        assert ids(store) == ["other"]
        assert bytes_in(tmp_path) != set()
        assert wipe(store)
        assert bytes_in(tmp_path) == set()
        store.close()

    @pytest.mark.slow
    def test_no_byte_in_postgresql_once_its_tables_are_written_anew(self, postgres: PostgresServer) -> None:
        database = postgres.new_database()
        store = Store.connect(database)
        store.upgrade()
        store_two(store)
        run_alone(database, "CHECKPOINT")
        files = database_files(postgres, database)
        assert bytes_in(files) >= {b"Xylofon", b"quisling"}  # the tables and the index of words
        erase(store, SECRET, by="test")
        store.close()
        run_alone(database, "VACUUM FULL")
        run_alone(database, "CHECKPOINT")
        assert bytes_in(files) == set()


def bytes_in(folder: Path) -> set[bytes]:
    """Which of the words the files of a folder hold."""
    contents = [file.read_bytes() for file in folder.iterdir() if file.is_file()]
    return {word for word in WORDS if any(word in content for content in contents)}


def run_alone(database: str, statement: str) -> None:
    engine = create_engine(parse_url(database), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(statement))
    engine.dispose()


def database_files(postgres: PostgresServer, database: str) -> Path:
    engine = create_engine(parse_url(database))
    with engine.connect() as connection:
        folder, number = connection.execute(
            text("SELECT current_setting('data_directory'), oid FROM pg_database WHERE datname = current_database()")
        ).one()
    engine.dispose()
    return Path(folder) / "base" / str(number)


class TestWhatIsKept:
    def test_an_audit_line_with_counts_and_nothing_of_the_person(self, store: Store) -> None:
        store_two(store)
        erasure = erase(store, SECRET, by="Kari")
        with store.read() as session:
            (line,) = session.scalars(select(AuditEntry))
        rows = {"comments": 1, "comment_versions": 2, "taggings": 2, "tags": 6}
        assert erasure.extent.rows == rows
        assert (line.actor, line.action, line.subject) == ("Kari", "comments.erasure", erasure.receipt)
        assert line.detail == {"comments": 1, "sources": {"survey": 1}, "rows": rows}

    def test_two_erasures_of_one_respondent_have_nothing_in_common(self, store: Store) -> None:
        receipts = []
        for _ in range(2):
            ingest([NewComment("survey", "1", "Bra", respondent="kunde-7")], store=store)
            receipts.append(erase(store, "kunde-7", by="test").receipt)
        assert receipts[0] != receipts[1]

    def test_the_counts_by_source_and_month_of_submission(self, store: Store) -> None:
        moments = [
            datetime(2026, 3, 1, tzinfo=UTC),
            datetime(2026, 3, 31, 23, 59, tzinfo=UTC),
            datetime(2026, 4, 1, tzinfo=UTC),
        ]
        for source in ("survey", "reviews"):
            comments = [
                NewComment(source, str(n), "Bra", respondent="kunde-7", submitted_at=at) for n, at in enumerate(moments)
            ]
            ingest(comments, store=store)
        before = datetime.now(UTC)
        erase(store, "kunde-7", source="survey", by="test")
        between = datetime.now(UTC)
        erase(store, "kunde-7", by="test")
        with store.read() as session:
            assert removed_since(session, between) == [
                RemovedComments("reviews", "2026-03", "erasure", 2),
                RemovedComments("reviews", "2026-04", "erasure", 1),
            ]
            counts = [each.comments for each in removed_since(session, before, last_month="2026-03")]
            assert counts == [2, 2]
            assert removed_since(session, before, source="survey", first_month="2026-04") == [
                RemovedComments("survey", "2026-04", "erasure", 1)
            ]
            assert removed_since(session, datetime.now(UTC)) == []

    def test_an_erasure_that_fails_removes_nothing_and_says_nothing(
        self, store: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        store_two(store)
        monkeypatch.setattr("api.removal.remove.Removal", None)
        with pytest.raises(TypeError):
            erase(store, SECRET, by="test")
        with store.read() as session:
            assert session.scalars(select(AuditEntry)).all() == []
        assert ids(store) == ["mine", "other"]


class TestWhatIsAskedFor:
    def test_a_dry_run_says_what_would_go_and_removes_nothing(self, store: Store) -> None:
        store_two(store)
        would_go = erase(store, SECRET, by="test", dry_run=True)
        assert ids(store) == ["mine", "other"]
        with store.read() as session:
            assert session.scalars(select(AuditEntry)).all() == session.scalars(select(Removal)).all() == []
        assert (would_go.receipt, would_go.extent) == (None, erase(store, SECRET, by="test").extent)

    @pytest.mark.parametrize("dry_run", [True, False])
    def test_an_unknown_respondent_is_said(self, store: Store, dry_run: bool) -> None:
        store_two(store)
        for respondent, source in ((SECRET.lower(), None), (SECRET, "reviews"), ("kunde", None), ("%", None)):
            with pytest.raises(UnknownRespondent, match="nothing was removed"):
                erase(store, respondent, source=source, by="test", dry_run=dry_run)
        assert ids(store) == ["mine", "other"]

    def test_only_the_comments_of_one_source(self, store: Store) -> None:
        for source in ("survey", "reviews"):
            ingest([NewComment(source, source, "Bra", respondent="17")], store=store)
        erase(store, "17", source="reviews", by="test")
        assert ids(store) == ["survey"]

    def test_what_is_sent_again_after_an_erasure_is_a_new_comment(self, store: Store) -> None:
        comment = NewComment("survey", "1", "Bra", respondent="kunde-7")
        (first,) = ingest([comment], store=store)
        erase(store, "kunde-7", by="test")
        (again,) = ingest([comment], store=store)
        assert again.id > first.id
        assert again.version == 1

    def test_rows_are_counted_for_a_condition(self, store: Store) -> None:
        store_two(store)
        with store.read() as session:
            assert count_rows(session, StoredComment.external_id == "other") == {
                "comments": 1,
                "comment_versions": 1,
                "taggings": 1,
                "tags": 3,
            }
            assert count_rows(session, StoredComment.external_id == "nobody") == {}


class TestWhileItIsTagged:
    def test_nothing_returns_and_nothing_fails(self, store: Store, caplog: pytest.LogCaptureFixture) -> None:
        tagger = HeldTagger()
        ingest([NewComment("survey", "1", SECRET, respondent="kunde-7"), NewComment("survey", "2", "Bra")], store=store)
        worker = worker_of(store, tagger)
        with caplog.at_level(logging.INFO):
            worker.start()
            assert tagger.begun.wait(10)
            erase(store, "kunde-7", by="test")
            tagger.let_go.set()
            until_tagged(store)
            worker.stop()
        assert caplog.records == []
        with store.read() as session:
            assert places_of(session, "Quisling") == []
            assert len(session.scalars(select(Tagging)).all()) == 1
        assert ids(store) == ["2"]

    @pytest.mark.slow
    def test_erasing_and_tagging_and_storing_at_once_leaves_what_is_not_erased(self, store: Store) -> None:
        """Many turns at the same rows: a deadlock, or a row that outlives its comment, would fail here."""
        worker = worker_of(store, StubTagger())
        worker.start()
        failures: list[BaseException] = []

        def store_and_erase(respondent: str) -> None:
            try:
                for turn in range(8):
                    new = [
                        NewComment("survey", f"{respondent}-{n}", f"{SECRET} {turn}", respondent=respondent)
                        for n in range(12)
                    ]
                    ingest([*new, NewComment("survey", f"kept-{respondent}-{turn}", "Bra")], store=store)
                    worker.wake()
                    erase(store, respondent, by="test")
            except BaseException as error:
                failures.append(error)

        threads = [Thread(target=store_and_erase, args=(name,)) for name in ("a", "b")]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        until_tagged(store)
        worker.stop()
        assert failures == []
        with store.read() as session:
            assert places_of(session, "Quisling") == []
            assert len(session.scalars(select(Tagging)).all()) == 16
        assert len(ids(store)) == 16


def until_tagged(store: Store) -> None:
    def done() -> bool:
        with store.read() as session:
            return session.scalars(select(PendingVersion)).first() is None

    wait_for(done)


class TestOverHttp:
    @pytest.mark.parametrize("respondent", PLAIN)
    def test_an_id_of_any_characters(self, client: TestClient, store: Store, respondent: str) -> None:
        ingest([NewComment("survey", "1", "Bra", respondent=respondent)], store=store)
        ingest([NewComment("survey", "2", "Bra", respondent=respondent + "x")], store=store)
        address = f"/v1/respondents/{quote(respondent, safe='')}"
        dry = client.delete(address, params={"dry_run": True})
        assert (dry.status_code, dry.json()["comments"], dry.json()["receipt"]) == (200, 1, None)
        answer = client.delete(address)
        assert (answer.status_code, answer.json()["comments"]) == (200, 1)
        assert ids(store) == ["2"]
        again = client.delete(address)
        assert (again.status_code, again.json()["code"]) == (404, "unknown_respondent")

    @pytest.mark.slow
    def test_an_id_of_any_characters_at_a_running_service(self, start: Callable[..., Served]) -> None:
        served = start()
        with served.client() as client:
            for respondent in ODD:
                stored = [{"source": "s", "external_id": respondent, "text": "Bra", "respondent": respondent}]
                stored.append({"source": "s", "external_id": "kept", "text": "Bra", "respondent": respondent + "x"})
                assert client.post("/v1/comments", json={"comments": stored}).status_code == 202
                answer = client.delete(f"/v1/respondents/{quote(respondent, safe='')}")
                assert (answer.status_code, answer.json()["comments"]) == (200, 1)
                left = client.get("/v1/comments").json()["comments"]
                assert [each["external_id"] for each in left] == ["kept"]
        assert "DELETE /v1/respondents/…" in served.log
        assert "kunde" not in served.log

    @pytest.mark.parametrize("respondent", [*ODD, ".", "..", "../v1/comments", "a\nb"])
    def test_an_id_in_the_body(self, client: TestClient, store: Store, respondent: str) -> None:
        ingest([NewComment("survey", "1", "Bra", respondent=respondent)], store=store)
        answer = client.post("/v1/erasures", json={"respondent": respondent})
        assert answer.status_code == 200
        assert answer.json() | {"receipt": ""} == {
            "dry_run": False,
            "receipt": "",
            "comments": 1,
            "sources": {"survey": 1},
            "rows": {"comments": 1, "comment_versions": 1, "pending_versions": 1},
            "wiped": True,
        }
        assert ids(store) == []

    @pytest.mark.parametrize(
        "body",
        [
            {},
            {"respondent": ""},
            {"respondent": " "},
            {"respondent": 7},
            {"respondent": "a\0"},
            {"respondent": "x" * 257},
            {"respondent": "kunde-8", "dry": True},
            {"respondent": "kunde-8", "dry_run": "yes"},
        ],
    )
    def test_a_wrong_request_removes_nothing(self, client: TestClient, store: Store, body: Any) -> None:
        store_two(store)
        answer = client.post("/v1/erasures", json=body)
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
        assert ids(store) == ["mine", "other"]

    def test_no_other_scope_may(self, store: Store) -> None:
        store_two(store)
        client = TestClient(create_app(Settings(), StubTagger(), store=store))
        key = create_key(store, scopes=set(Scope) - {Scope.ADMIN}, name="", expires_at=None, by="test")
        sent = {"Authorization": f"Bearer {key}"}
        assert client.delete("/v1/respondents/kunde-8", headers=sent).status_code == 403
        assert client.post("/v1/erasures", json={"respondent": "kunde-8"}, headers=sent).status_code == 403
        assert client.get("/v1/audit", headers=sent).status_code == 403
        assert ids(store) == ["mine", "other"]

    def test_the_audit_line_names_the_key(self, store: Store) -> None:
        store_two(store)
        client = TestClient(create_app(Settings(), StubTagger(), store=store))
        key = create_key(store, scopes={Scope.ADMIN}, name="", expires_at=None, by="test")
        answer = client.delete("/v1/respondents/kunde-8", headers={"Authorization": f"Bearer {key}"})
        lines = client.get("/v1/audit", headers={"Authorization": f"Bearer {key}"}).json()["lines"]
        assert [(line["actor"], line["action"]) for line in lines] == [
            (key.split("_")[1], "comments.erasure"),
            ("test", "key.created"),
        ]
        assert lines[0]["subject"] == answer.json()["receipt"]

    def test_the_access_log_names_no_respondent(self) -> None:
        def shown(path: str) -> object:
            record = logging.LogRecord("uvicorn.access", 20, "", 0, "", ("1.2.3.4:5", "DELETE", path, "1.1", 200), None)
            WithoutQuery().filter(record)
            return record.args[2]  # type: ignore[index]

        assert shown("/v1/respondents/kunde-7?source=x") == "/v1/respondents/…"
        assert shown("/stemme/v1/respondents/a/b") == "/stemme/v1/respondents/…"
        assert shown("/v1/comments/7?q=ord") == "/v1/comments/7"


class TestAuditLog:
    def test_pages_have_neither_gaps_nor_repetitions(self, client: TestClient, store: Store) -> None:
        for n in range(7):
            create_key(store, scopes={Scope.READ}, name=str(n), expires_at=None, by=f"user {n % 2}")
        seen, cursor = [], None
        while True:
            page = client.get("/v1/audit", params={"limit": 3, **({"cursor": cursor} if cursor else {})}).json()
            seen += [line["id"] for line in page["lines"]]
            create_key(store, scopes={Scope.READ}, name="later", expires_at=None, by="later")
            cursor = page["next"]
            if cursor is None:
                break
        assert seen == sorted(seen, reverse=True)
        assert len(seen) == 7
        assert len(client.get("/v1/audit", params={"actor": "user 1"}).json()["lines"]) == 3
        assert client.get("/v1/audit", params={"action": "key.revoked"}).json() == {"lines": [], "next": None}
        assert client.get("/v1/audit", params={"since": "2999-01-01T00:00:00Z"}).json()["lines"] == []

    def test_a_cursor_of_other_filters_is_refused(self, client: TestClient, store: Store) -> None:
        for _ in range(2):
            create_key(store, scopes={Scope.READ}, name="", expires_at=None, by="Kari")
        cursor = client.get("/v1/audit", params={"limit": 1}).json()["next"]
        answer = client.get("/v1/audit", params={"limit": 1, "cursor": cursor, "actor": "Kari"})
        assert (answer.status_code, answer.json()["code"]) == (404, "bad_cursor")


class TestCommand:
    def call(self, database: str, *arguments: str) -> Result:
        return CliRunner().invoke(app, [*arguments, "--database", database])

    def test_it_says_what_goes_then_removes_it(self, store: Store, database: str) -> None:
        store_two(store)
        dry = self.call(database, "erase", "--respondent", SECRET, "--dry-run")
        assert dry.stdout.startswith("would go: 1 comment\n  of survey: 1\n")
        assert ids(store) == ["mine", "other"]
        done = self.call(database, "erase", "--respondent", SECRET)
        assert done.exit_code == 0
        assert "removed: 1 comment\n" in done.stdout
        assert "  rows of tags: 6\n" in done.stdout
        assert ids(store) == ["other"]
        (line,) = self.call(database, "audit-log").stdout.splitlines()
        assert f"comments.erasure  {done.stdout.split('receipt: ')[1].strip()}" in line
        assert '"id": 1' in self.call(database, "audit-log", "--json", "--action", "comments.erasure").stdout
        assert self.call(database, "audit-log", "--action", "key.created").stdout == ""

    def test_an_unknown_respondent_is_one_line(self, store: Store, database: str) -> None:
        result = self.call(database, "erase", "--respondent", "kunde-9")
        assert result.exit_code == 2
        assert "nothing was removed" in " ".join(result.stderr.split())
        assert "kunde-9" not in result.stderr
