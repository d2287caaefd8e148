"""Stores for the tests: each test that asks for `database` or `store` runs on SQLite and, as a slow one, on PostgreSQL.

A store is a copy of one that was made once: the migrations take longer than most tests.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from api.store.database import Store
from tests.api.serving import QUICK, ROOT, Served
from tests.postgres import PostgresServer, find_binaries, running_postgres


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    if find_binaries() is None:
        message = "PostgreSQL is not installed: apt-get install postgresql"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    with running_postgres() as server:
        yield server


@pytest.fixture(scope="session")
def store_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite store with nothing in it."""
    file = tmp_path_factory.mktemp("store") / "store.db"
    store = Store.open(f"sqlite:///{file}")
    assert store.empty_write_ahead_log()
    store.close()
    return file


@pytest.fixture(scope="session")
def store_database(postgres: PostgresServer) -> str:
    """The name of a PostgreSQL store with nothing in it."""
    database = postgres.new_database()
    store = Store.connect(database)
    store.upgrade()
    store.close()
    return database.rpartition("/")[2]


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a database that is empty, or of the store of a test that asks for `store`."""
    is_store = "store" in request.fixturenames
    if request.param == "sqlite":
        if is_store:
            shutil.copy(request.getfixturevalue("store_file"), tmp_path / "store.db")
        yield f"sqlite:///{tmp_path}/store.db"
        return
    server: PostgresServer = request.getfixturevalue("postgres")
    url = server.new_database(like=request.getfixturevalue("store_database")) if is_store else server.new_database()
    yield url
    server.drop_database(url)


@pytest.fixture
def store(database: str) -> Iterator[Store]:
    """An open store with nothing in it."""
    store = Store.open(database)
    yield store
    store.close()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Served]]:
    """Starts services; ends them with the test."""
    started: list[Served] = []
    data_folder = {"XDG_DATA_HOME": str(tmp_path / "data")}

    def started_with(load: str = QUICK, *, settings: str = "port=0, open=True", before: str = "") -> Served:
        code = (
            f"{before}\nimport time\nfrom pathlib import Path\nfrom api.server import load_tagger, serve\n"
            f"from api.settings import Settings\nfrom tests.api.rest_stub import StubTagger\n"
            f"serve(Settings({settings}), load={load})\n"
        )
        log_file = tmp_path / f"{len(started)}.log"
        with log_file.open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-c", code],
                cwd=ROOT,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, **data_folder},
            )
        started.append(Served(process, log_file))
        return started[-1]

    yield started_with
    for served in started:
        served.process.kill()
        served.process.wait()
