"""What was done about causes, as it is said and read over REST."""

from __future__ import annotations

from typing import Any

from fastapi.testclient import TestClient

from api.store.database import Store
from tests.api.live_causes.causes import places_with

SINCE = "2026-03-21"


def add(client: TestClient, topic: str, what: str = "Ny budrute", **fields: Any) -> dict[str, Any]:
    body = {"what": what, "who": "Logistikk", "since": SINCE, "baseline_from": "2026-03-01", **fields}
    answer = client.post(f"/v1/causes/{topic}/actions", json=body)
    assert answer.status_code == 201, answer.text
    return answer.json()


def read(client: TestClient, action: dict[str, Any]) -> dict[str, Any]:
    answer = client.get(f"/v1/actions/{action['id']}")
    assert answer.status_code == 200, answer.text
    return answer.json()


def complaints(action: dict[str, Any]) -> tuple[int, int]:
    return action["effect"]["complaints_before"], action["effect"]["complaints_after"]


def split_body(store: Store, topic: str) -> dict[str, Any]:
    parts = [places_with(store, topic, word, 2) for word in ("dyrt", "sein")]
    return {"parts": [[{"comment": p.comment, "start": p.start, "end": p.end} for p in part] for part in parts]}
