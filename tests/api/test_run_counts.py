"""`GET /v1/runs` counts in an index: no row of a tagging is read, however many there are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine, create_engine, event, insert, text

from api.app import create_app
from api.settings import Settings
from api.store.database import Store
from api.store.models import CommentVersion, Source, StoredComment, Tagging, TagRun
from tests.api.rest_stub import StubTagger
from tests.api.stored import MORNING

pytestmark = pytest.mark.slow

ARCHIVE, RETAGGED = 6_000, 2_000
INDEX = "ix_taggings_run_id_version_id"
FORMER, ACTIVE = 1, 2


@pytest.fixture
def archive(store: Store) -> Store:
    """A store whose former run has tagged everything, and whose active one has come through a third of it."""
    ids = range(1, ARCHIVE + 1)
    probabilities = dict.fromkeys(("negative", "neutral", "mixed", "positive"), 0.25)
    tagged: dict[str, Any] = {"language": "nb", "sentiment": "neutral", "score": 0.0, "probabilities": probabilities}
    of_comment = {"source_id": 1, "version": 1, "submitted_at": MORNING, "extra": {}}
    rows: list[tuple[Any, list[dict[str, Any]]]] = [
        (Source, [{"id": 1, "name": "survey"}]),
        (StoredComment, [{"id": id_, "external_id": str(id_), **of_comment} for id_ in ids]),
        (CommentVersion, [{"id": id_, "comment_id": id_, "number": 1, "text": "Grei butikk"} for id_ in ids]),
        (
            TagRun,
            [
                {"id": FORMER, "model": "m@1", "taxonomy": "journey@1.0.0", "state": "former", "rank": 1},
                {"id": ACTIVE, "model": "m@2", "taxonomy": "journey@1.0.0", "state": "active", "rank": 2},
            ],
        ),
        (Tagging, [{"version_id": id_, "run_id": FORMER, **tagged} for id_ in ids]),
        (Tagging, [{"version_id": id_, "run_id": ACTIVE, **tagged} for id_ in ids[:RETAGGED]]),
    ]
    with store.write() as session:
        for table, of_table in rows:
            session.execute(insert(table), of_table)
    if not store.is_sqlite:  # what autovacuum does by itself within a minute
        engine = create_engine(store.url, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text("VACUUM ANALYZE taggings"))
        engine.dispose()
    return store


@pytest.fixture
def plans() -> Iterator[list[str]]:
    """How the database goes about each query of taggings, as it says of the very statement before it does it."""
    found: list[str] = []

    def explain(_connection: Any, cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if statement.startswith("SELECT") and "FROM taggings" in statement:
            connection = cursor.connection
            planned = "EXPLAIN QUERY PLAN " if "sqlite" in type(connection).__module__ else "EXPLAIN "
            rows = connection.cursor().execute(planned + statement, parameters).fetchall()
            found.append("\n".join(str(row[-1]) for row in rows))

    event.listen(Engine, "before_cursor_execute", explain)
    yield found
    event.remove(Engine, "before_cursor_execute", explain)


def test_counting_runs_reads_an_index_and_no_row(archive: Store, plans: list[str]) -> None:
    with TestClient(create_app(Settings(open=True), StubTagger(), store=archive)) as client:
        plans.clear()
        runs = client.get("/v1/runs").json()["runs"]
    assert [(run["id"], run["tagged"], run["shown"]) for run in runs[-2:]] == [
        (ACTIVE, RETAGGED, RETAGGED),
        (FORMER, ARCHIVE, ARCHIVE - RETAGGED),
    ]
    assert [plan.count(INDEX) for plan in plans] in ([1, 1], [1, 2])
    for plan in plans:
        steps = [step for step in plan.splitlines() if "taggings" in step]
        assert steps
        assert not [step for step in steps if "SCAN" in step or "Seq Scan" in step or "Bitmap" in step], plan
