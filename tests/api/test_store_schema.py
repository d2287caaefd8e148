"""Migrations: from an empty database and from each older schema with data in it, on SQLite and on PostgreSQL."""

from __future__ import annotations

from pathlib import Path
from threading import Thread

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, select, text
from typer.testing import CliRunner, Result

import api.store
from api.cli import app
from api.store.database import Store, parse_url
from api.store.errors import OldSchema, UnknownSchema
from api.store.models import Base, CommentVersion, PendingVersion, StoredComment, Tagging, TagRun
from api.store.runs import active_run
from api.store.schema import newest, revisions
from api.store.search import Filters, find
from tests.api.every_table import import_models

import_models()  # of every feature: the metadata then has all tables

OLDEST = """
INSERT INTO sources (id, name, created_at) VALUES (1, 'survey', '2026-01-01 10:00:00');
INSERT INTO comments (id, source_id, external_id, version, nps, submitted_at, received_at, metadata)
VALUES (1, 1, 'a', 2, 9, '2026-01-01 09:00:00', '2026-01-01 10:00:00', '{"store": 7}');
INSERT INTO comment_versions (id, comment_id, number, text, received_at)
VALUES (1, 1, 1, 'Seint', '2026-01-01 10:00:00'), (2, 1, 2, 'Altfor seint 😡', '2026-01-02 10:00:00')
"""


def call(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["store", *arguments])


def older(database: str, revision: str) -> Store:
    """A database with the oldest schema's data, brought to this revision."""
    store = Store.connect(database)
    store.upgrade(to=revisions()[0])
    with store.write() as session:
        for statement in OLDEST.split(";\n"):
            session.execute(text(statement.replace(":", r"\:")))
    store.upgrade(to=revision)
    return store


def not_of_the_search(name: str | None, _type: str, _parents: object) -> bool:
    return "search" not in (name or "")  # SQLAlchemy has no words for these; searching has tests of its own


def test_the_migrations_make_what_the_models_say(store: Store, database: str) -> None:
    engine = create_engine(parse_url(database))
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"include_name": not_of_the_search})
        differences = compare_metadata(context, Base.metadata)
    engine.dispose()
    assert differences == []


@pytest.mark.parametrize("revision", revisions()[:-1])
def test_an_older_schema_is_upgraded_with_its_data(database: str, revision: str) -> None:
    store = older(database, revision)
    assert store.upgrade() == revision
    with store.read() as session:
        comment = session.scalars(select(StoredComment)).one()
        assert (comment.source.name, comment.external_id, comment.nps) == ("survey", "a", 9)
        assert comment.extra == {"store": 7}
        assert comment.submitted_at.isoformat() == "2026-01-01T09:00:00+00:00"
        assert [version.text for version in comment.versions] == ["Seint", "Altfor seint 😡"]
        assert session.scalars(select(PendingVersion.version_id)).all() == [1, 2]  # they will be tagged
        assert [found.comment.id for found in find(session, Filters(words="altfor"), before_id=None, limit=9)] == [1]
        assert find(session, Filters(words="tidleg"), before_id=None, limit=9) == []
    store.close()


@pytest.mark.parametrize("revision", revisions()[:-1])
def test_sqlite_is_upgraded_on_opening(tmp_path: Path, revision: str) -> None:
    database = f"sqlite:///{tmp_path}/store.db"
    older(database, revision).close()
    store = Store.open(database)
    assert store.schema() == newest()
    with store.read() as session:
        assert len(session.scalars(select(CommentVersion)).all()) == 2
    store.close()


@pytest.mark.slow
@pytest.mark.parametrize("revision", [None, *revisions()[:-1]])
def test_postgresql_with_an_older_schema_is_refused_until_it_is_upgraded(
    postgres: object, revision: str | None
) -> None:
    database = postgres.new_database()  # type: ignore[attr-defined]
    if revision is not None:
        older(database, revision).close()
    with pytest.raises(OldSchema) as caught:
        Store.open(database)
    assert f"has {'no schema yet' if revision is None else f'schema {revision}'}" in str(caught.value)
    assert str(caught.value).endswith("stemme store upgrade")
    assert call("upgrade", "--database", database).exit_code == 0
    Store.open(database).close()


def test_a_newer_schema_is_refused_and_left_alone(database: str) -> None:
    store = Store.connect(database)
    store.upgrade()
    with store.write() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    for use in (lambda: Store.open(database), store.upgrade):
        with pytest.raises(UnknownSchema, match="has schema 9999"):
            use()
    assert store.schema() == "9999"
    store.close()


def test_a_migration_that_fails_leaves_the_schema_as_it_was(database: str) -> None:
    store = older(database, revisions()[0])
    with store.write() as session:
        session.execute(text("CREATE TABLE tags (id INTEGER)"))  # in the way of the next migration's last table
    with pytest.raises(Exception, match="tags"):
        store.upgrade()
    assert store.schema() == revisions()[0]
    with store.write() as session:
        session.execute(text("DROP TABLE tags"))
    store.upgrade()
    assert store.schema() == newest()
    store.close()


def test_two_upgrades_at_once_are_one(database: str) -> None:
    failures: list[BaseException] = []

    def upgrade() -> None:
        store = Store.connect(database)
        try:
            store.upgrade()
        except BaseException as error:
            failures.append(error)
        finally:
            store.close()

    upgrades = [Thread(target=upgrade) for _ in range(3)]
    for each in upgrades:
        each.start()
    for each in upgrades:
        each.join()
    assert failures == []
    store = Store.open(database)
    assert store.schema() == newest()
    store.close()


def test_the_command_says_what_it_did(database: str) -> None:
    older(database, revisions()[0]).close()
    assert f"schema: 0001; needed: {newest()}" in call("status", "--database", database).stdout
    assert call("upgrade", "--database", database).stdout.endswith(f": from 0001 to {newest()}.\n")
    assert call("upgrade", "--database", database).stdout.endswith(f"has schema {newest()} already.\n")


def test_the_command_reads_the_setting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEMME_DATABASE", f"sqlite:///{tmp_path}/set.db")
    assert call("upgrade").exit_code == 0
    assert (tmp_path / "set.db").exists()


def test_a_database_that_cannot_be_used_is_one_line() -> None:
    result = call("upgrade", "--database", "mysql://root@localhost/stemme")
    assert result.exit_code == 2
    assert result.stderr.startswith("error: STEMME_DATABASE begins with 'mysql'.")
    assert result.stderr.endswith("(bad_database)\n")


def test_the_migrations_are_part_of_the_package() -> None:
    folder = Path(api.store.__file__).parent / "migrations"
    assert (folder / "__init__.py").exists()  # only packages are installed
    assert (folder / "versions" / "__init__.py").exists()


def test_the_page_describes_every_table_and_column() -> None:
    page = (Path(api.store.__file__).parents[2] / "docs" / "store.md").read_text(encoding="utf-8")
    ids = {"id", "created_at", "source_id", "comment_id", "version_id", "run_id", "tagging_id", "tagged_at"}
    for table in Base.metadata.sorted_tables:
        (row,) = (line for line in page.splitlines() if line.startswith(f"| `{table.name}` |"))
        names = [column.name for column in table.columns if column.name not in ids]
        assert [name for name in names if f"`{name}`" not in row] == []


def test_what_was_shown_is_shown_after_the_upgrade_that_drops_the_mark(database: str) -> None:
    """Until 0004 each tagging had a mark; the run that came last tagged what it tagged last."""
    store = older(database, "0004")
    with store.write() as session:
        for run, state, version in ((1, "former", 1), (2, "active", 2)):
            session.execute(
                text(
                    "INSERT INTO tag_runs (id, model, taxonomy, state, started_at) "
                    f"VALUES ({run}, 'm@{run}', 't@1', '{state}', '2026-01-0{run} 10:00:00')"
                )
            )
            session.execute(
                text(
                    "INSERT INTO taggings (id, version_id, run_id, shown, tagged_at, language, sentiment, score) "
                    f"VALUES ({run}, {version}, {run}, true, '2026-01-0{run} 10:00:00', 'nn', 'negative', -1.0)"
                )
            )
    store.upgrade()
    with store.read() as session:
        shown = session.execute(select(Tagging.version_id, TagRun.model).join(Tagging.run).where(Tagging.shown)).all()
        assert sorted(map(tuple, shown)) == [(1, "m@1"), (2, "m@2")]
        run = active_run(session)
        assert run is not None
        assert (run.model, run.rank, run.model_folder) == ("m@2", 2, None)
        assert find(session, Filters(sentiment="negative"), before_id=None, limit=9)[0].tagging is not None
    store.close()
