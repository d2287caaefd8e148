"""A store with causes in it, and a client of a service on it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient

from api.app import create_app
from api.cause_runs.models import CauseRun
from api.settings import Settings
from api.store.database import Store


@pytest.fixture
def run(store: Store) -> CauseRun:
    """The run that found causes in the store."""
    from tests.api.cause_archive import add_archive, keep_causes  # here, as it needs the extra 'topics'

    add_archive(store)
    return keep_causes(store)


@pytest.fixture
def client(store: Store) -> Iterator[TestClient]:
    from tests.api.live_stub import LiveStub  # as above

    with TestClient(create_app(Settings(open=True), LiveStub(), store=store)) as client:
        yield client
