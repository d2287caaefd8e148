"""The store keeps what it is given: times, texts and records, on SQLite and on PostgreSQL."""

from __future__ import annotations

import sqlite3
import stat
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from threading import Thread

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError, StatementError

from api.store.database import Store, default_database, parse_url
from api.store.errors import BadDatabase, StoreUnavailable
from api.store.models import CommentVersion, PendingVersion, RunState, Source, StoredComment, Tag, Tagging, TagRun
from api.store.records import as_record, store_records
from api.store.runs import active_run, ensure_run
from nlp.record import Comment, FailedComment, Problem, Record
from tests.api.stored import add_comment
from tests.postgres import PostgresServer
from tests.stubs import StubTagger

TEXT = "😡 sein og dyrt, men hyggelig! No bytter eg."


def run_of(session, model: str = "stub@1.0.0") -> TagRun:
    return ensure_run(session, model=model, taxonomy="journey@1.0.0")


def shown(store: Store, version_id: int) -> Record:
    with store.read() as session:
        tagging = session.scalars(select(Tagging).where(Tagging.version_id == version_id, Tagging.shown)).one()
        return as_record(tagging, id_="1")


def test_a_record_comes_back_as_it_went_in(store: Store) -> None:
    record = StubTagger().tag_one(Comment("1", TEXT))
    with store.write() as session:
        version = add_comment(session, TEXT)
        store_records(session, run_of(session).id, [(version.id, record)])
    assert shown(store, version.id) == record
    assert shown(store, version.id).to_dict() == record.to_dict()
    assert len(record.to_dict()["themes"]) == 3  # the comparison is of something


def test_what_could_not_be_tagged_comes_back_with_its_error(store: Store) -> None:
    record = FailedComment("1", Problem("empty_text", "The text is empty."))
    with store.write() as session:
        version = add_comment(session, "")
        store_records(session, run_of(session).id, [(version.id, record)])
    assert shown(store, version.id) == record


def test_a_version_is_tagged_once_by_a_run(store: Store) -> None:
    record = StubTagger().tag_one(Comment("1", TEXT))
    with store.write() as session:
        version = add_comment(session, TEXT)
        store_records(session, run_of(session).id, [(version.id, record)])
    with pytest.raises(IntegrityError), store.write() as session:
        store_records(session, run_of(session).id, [(version.id, record)])
    with store.read() as session:
        assert len(session.scalars(select(Tagging)).all()) == 1
        assert len(session.scalars(select(Tag)).all()) == 6  # three themes, a factor, two flags


def test_a_new_model_starts_a_run_and_the_former_one_s_tags_are_kept(store: Store) -> None:
    first, second = StubTagger().tag_one(Comment("1", "sein")), StubTagger().tag_one(Comment("1", "rask"))
    with store.write() as session:
        version = add_comment(session, "sein")
        store_records(session, run_of(session).id, [(version.id, first)])
    with store.write() as session:
        assert run_of(session).id == run_of(session).id
        run_of(session, "stub@2.0.0")
    assert shown(store, version.id) == first
    with store.write() as session:
        store_records(session, run_of(session, "stub@2.0.0").id, [(version.id, second)])
    assert shown(store, version.id).model == "stub@2.0.0"  # type: ignore[union-attr]
    with store.read() as session:
        states = dict(session.execute(select(TagRun.model, TagRun.state)).all())
        assert states == {"stub@1.0.0": "former", "stub@2.0.0": "active"}
        assert len(session.scalars(select(Tagging)).all()) == 2


def test_there_is_one_active_run(store: Store) -> None:
    with store.write() as session:
        run_of(session)
    with pytest.raises(IntegrityError), store.write() as session:
        session.add(TagRun(model="other@1.0.0", taxonomy="journey@1.0.0", state=RunState.ACTIVE))
    with store.read() as session:
        active = active_run(session)
        assert active is not None
        assert active.model == "stub@1.0.0"


def test_a_time_is_kept_to_the_microsecond_and_given_back_in_utc(store: Store) -> None:
    oslo = datetime(2026, 7, 1, 1, 30, 0, 123456, tzinfo=timezone(timedelta(hours=2)))
    with store.write() as session:
        session.add(Source(name="survey", created_at=oslo))
    with store.read() as session:
        kept = session.scalars(select(Source.created_at)).one()
    assert (kept.isoformat(), kept) == ("2026-06-30T23:30:00.123456+00:00", oslo)


def test_a_time_without_a_zone_is_not_stored(store: Store) -> None:
    with pytest.raises(StatementError, match="without a zone"), store.write() as session:
        session.add(Source(name="survey", created_at=datetime(2026, 7, 1)))


@pytest.mark.parametrize("content", ["", "a" * 20_000, "😀\r\n\tæøåÆØÅäöß", "'; DROP TABLE comments; --", "%s :x ?"])
def test_a_text_comes_back_as_it_went_in(store: Store, content: str) -> None:
    with store.write() as session:
        add_comment(session, content)
    with store.read() as session:
        assert session.scalars(select(CommentVersion.text)).one() == content


@pytest.mark.parametrize("nps", [-1, 11])
def test_the_database_itself_refuses_an_nps_that_is_none(store: Store, nps: int) -> None:
    with pytest.raises(IntegrityError), store.write() as session:
        add_comment(session, "sein", nps=nps)


def test_an_external_id_is_there_once_in_its_source(store: Store) -> None:
    with pytest.raises(IntegrityError), store.write() as session:
        add_comment(session, "sein", external_id="7")
        add_comment(session, "rask", external_id="7")


def test_a_comment_takes_its_texts_tags_and_place_in_the_queue_with_it(store: Store) -> None:
    with store.write() as session:
        version = add_comment(session, TEXT)
        store_records(session, run_of(session).id, [(version.id, StubTagger().tag_one(Comment("1", TEXT)))])
    with store.write() as session:
        session.delete(session.scalars(select(StoredComment)).one())
    with store.read() as session:
        for table in (CommentVersion, PendingVersion, Tagging, Tag):
            assert session.scalars(select(table)).all() == []


def test_an_id_is_not_given_twice(store: Store) -> None:
    with store.write() as session:
        first = add_comment(session, "sein").comment_id
    with store.write() as session:
        session.delete(session.get_one(StoredComment, first))
    with store.write() as session:
        assert add_comment(session, "sein").comment_id > first


def test_a_write_that_fails_leaves_nothing(store: Store) -> None:
    with pytest.raises(ZeroDivisionError), store.write() as session:
        add_comment(session, "sein")
        1 / 0  # noqa: B018
    with store.read() as session:
        assert session.scalars(select(Source)).all() == []


def test_writers_wait_for_each_other_and_none_is_lost(store: Store) -> None:
    def write(name: str) -> None:
        for number in range(10):
            with store.write() as session:
                session.scalars(select(Source)).all()  # a read first: a lock taken later would fail in SQLite
                session.add(Source(name=f"{name}-{number}"))

    writers = [Thread(target=write, args=[str(number)]) for number in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    with store.read() as session:
        assert len(session.scalars(select(Source)).all()) == 40


def test_an_error_of_the_database_quotes_no_text(store: Store) -> None:
    with pytest.raises(IntegrityError) as caught, store.write() as session:
        session.add_all([Source(name="s"), Source(name="s")])
    assert "hidden due to hide_parameters" in str(caught.value)


def test_sqlite_writes_ahead_and_to_the_disk(tmp_path: Path) -> None:
    store = Store.open(f"sqlite:///{tmp_path}/store.db")
    with store.read() as session:
        pragmas = [session.execute(text(f"PRAGMA {name}")).scalar_one() for name in ("journal_mode", "synchronous")]
    store.close()
    assert pragmas == ["wal", 2]


def test_a_file_of_sqlite_is_its_owner_s_only(tmp_path: Path) -> None:
    file = tmp_path / "data" / "store.db"
    store = Store.open(f"sqlite:///{file}")
    with store.write() as session:
        session.add(Source(name="survey"))
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in [file.parent, *file.parent.iterdir()]}
    store.close()
    assert modes == {"data": 0o700, "store.db": 0o600, "store.db-wal": 0o600, "store.db-shm": 0o600}


def test_the_default_is_a_file_in_the_user_s_data_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert default_database() == f"sqlite:///{tmp_path}/stemme/stemme.db"


@pytest.mark.parametrize(
    ("database", "found"),
    [
        ("stemme.db", "is not a URL"),
        ("mysql://root@localhost/stemme", "begins with 'mysql'"),
        ("sqlite://", "names no file"),
        ("sqlite:///:memory:", "names no file"),
    ],
)
def test_a_database_that_cannot_be_used_is_refused(database: str, found: str) -> None:
    with pytest.raises(BadDatabase, match=found) as caught:
        parse_url(database)
    assert "postgresql://user@host/database" in str(caught.value)


def test_a_file_that_is_no_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "letter.txt"
    file.write_text("Kjære kunde " * 100)
    with pytest.raises(BadDatabase, match="no SQLite database"):
        Store.open(f"sqlite:///{file}")
    assert file.read_text() == "Kjære kunde " * 100


def test_a_folder_is_no_database(tmp_path: Path) -> None:
    with pytest.raises(BadDatabase, match="cannot be written: Is a directory"):
        Store.open(f"sqlite:///{tmp_path}")


def test_a_database_that_is_held_too_long_is_said_to_be_unavailable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.store.database.LOCK_TIMEOUT_SECONDS", 0.1)
    store = Store.open(f"sqlite:///{tmp_path}/store.db")
    holder = sqlite3.connect(tmp_path / "store.db", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreUnavailable, match=r"store\.db does not answer"), store.write() as session:
        session.add(Source(name="survey"))
    holder.close()
    with store.write() as session:
        session.add(Source(name="survey"))
    store.close()


def test_a_server_that_is_not_there_is_named_without_its_password() -> None:
    with pytest.raises(StoreUnavailable) as caught:
        Store.open("postgresql://stemme:hemmeleg@127.0.0.1:9/stemme")
    assert "postgresql://stemme:***@127.0.0.1:9/stemme does not answer" in str(caught.value)


@pytest.mark.slow
def test_a_postgresql_that_was_restarted_answers_again(postgres: PostgresServer) -> None:
    store = Store.connect(postgres.new_database())
    store.upgrade()
    with store.read() as session:
        session.execute(select(1))
    postgres.stop()
    with pytest.raises(StoreUnavailable), store.write() as session:
        session.add(Source(name="lost"))
    postgres.start()
    with store.write() as session:
        session.add(Source(name="kept", created_at=datetime.now(UTC)))
    with store.read() as session:
        assert session.scalars(select(Source.name)).all() == ["kept"]
    store.close()
