"""The service does as /openapi.json says, for requests that are generated from it."""

from __future__ import annotations

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis import Case

from tests.api.documented_service import APP, KEY

pytestmark = pytest.mark.slow

generated = schemathesis.openapi.from_asgi("/openapi.json", APP)


@generated.parametrize()
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
def test_the_service_does_as_it_says_for_generated_requests(case: Case) -> None:
    case.call_and_validate(headers=KEY)
