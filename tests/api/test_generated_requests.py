"""The service does as /openapi.json says, for requests that are generated from it."""

from __future__ import annotations

from tempfile import TemporaryDirectory

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis import Case

from api.access.keys import create_key
from api.access.scopes import Scope
from api.app import create_app
from api.settings import Settings
from api.store.database import Store
from tests.api.rest_stub import StubTagger

pytestmark = pytest.mark.slow

FOLDER = TemporaryDirectory(prefix="stemme-openapi-")
STORE = Store.open(f"sqlite:///{FOLDER.name}/store.db")
KEY = {"Authorization": f"Bearer {create_key(STORE, scopes=tuple(Scope), name='', expires_at=None, by='test')}"}
APP = create_app(Settings(), StubTagger(), store=STORE)
generated = schemathesis.openapi.from_asgi("/openapi.json", APP)


@generated.parametrize()
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
def test_the_service_does_as_it_says_for_generated_requests(case: Case) -> None:
    case.call_and_validate(headers=KEY)
