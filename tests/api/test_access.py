"""Keys and what they open: every route under /v1 needs one with its scope."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient
from sqlalchemy import select
from typer.testing import CliRunner, Result

import api.cli
from api.access.errors import ExpiredKey, InvalidKey, RevokedKey
from api.access.keys import authenticate, create_key, has_usable_key, list_keys, revoke_key
from api.access.scopes import Scope
from api.app import create_app
from api.problems import STATUS_OF
from api.settings import Settings
from api.store.database import Store
from api.store.models import ApiKey, AuditEntry
from tests.api.rest_stub import StubTagger, comments

BODY = comments("Hyggelig")


def key_of(store: Store, *scopes: Scope, expires_at: datetime | None = None) -> str:
    return create_key(store, scopes=scopes or tuple(Scope), name="", expires_at=expires_at, by="test")


def prefix_of(key: str) -> str:
    return key.split("_")[1]


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


@pytest.fixture
def client(store: Store) -> TestClient:
    return TestClient(create_app(Settings(), StubTagger(), store=store))


def routes(router: Any) -> Iterator[APIRoute]:
    """Every route under /v1, those of included routers too."""
    for route in router.routes:
        if hasattr(route, "original_router"):
            yield from routes(route.original_router)
        elif isinstance(route, APIRoute) and route.path.startswith("/v1"):
            yield route


def test_every_route_needs_a_scope(client: TestClient) -> None:
    needed = {
        (route.path_format, method): [
            dependency.call.needed_scope  # type: ignore[union-attr]
            for dependency in route.dependant.dependencies
            if hasattr(dependency.call, "needed_scope")
        ]
        for route in routes(client.app)
        for method in route.methods
    }
    assert needed[("/v1/classify", "POST")] == [Scope.CLASSIFY]
    paths = client.get("/openapi.json").json()["paths"]
    in_openapi = {(path, method.upper()) for path in paths for method in paths[path] if path.startswith("/v1")}
    assert set(needed) == in_openapi  # none was overlooked
    assert {route: scopes for route, scopes in needed.items() if len(scopes) != 1} == {}


def test_no_route_can_be_called_without_a_key(client: TestClient) -> None:
    assert list(routes(client.app))
    for route in routes(client.app):
        for method in route.methods:
            answer = client.request(method, re.sub(r"{\w+}", "1", route.path_format))
            assert (answer.status_code, answer.json()["code"]) == (401, "missing_key")


def test_a_key_with_the_scope_opens_its_route(client: TestClient, store: Store) -> None:
    answer = client.post("/v1/classify", json=BODY, headers=bearer(key_of(store, Scope.CLASSIFY)))
    assert answer.status_code == 200
    assert answer.json()["results"][0]["sentiment"]["label"] == "positive"


def test_a_key_without_the_scope_is_told_which_it_lacks(client: TestClient, store: Store) -> None:
    key = key_of(store, Scope.READ, Scope.ADMIN)
    answer = client.post("/v1/classify", json=BODY, headers=bearer(key))
    assert (answer.status_code, answer.json()["code"]) == (403, "missing_scope")
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["www-authenticate"] == 'Bearer realm="stemme", error="insufficient_scope", scope="classify"'
    assert f"Key {prefix_of(key)} has the scopes admin, read; this needs classify." in answer.json()["detail"]


def test_without_a_key_nothing_is_read_and_the_answer_says_how(client: TestClient) -> None:
    answer = client.post("/v1/classify", content=b"{not json", headers={"Content-Type": "text/plain"})
    assert (answer.status_code, answer.json()["code"]) == (401, "missing_key")
    assert answer.headers["www-authenticate"] == 'Bearer realm="stemme"'
    assert "stemme keys create --scope" in answer.json()["detail"]


@pytest.mark.parametrize(
    "change",
    [
        lambda key: key[:-1],
        lambda key: key + "A",
        lambda key: key.swapcase(),
        lambda key: key.replace("_", "-"),
        lambda key: f"stemme_0000000000_{key.split('_', 2)[2]}",
        lambda key: "hemmeleg",
        lambda key: "stemme__x",
        lambda key: "x" * 100_000,
    ],
)
def test_a_key_that_is_not_whole_is_refused_and_not_repeated(
    client: TestClient, store: Store, change: Callable[[str], str]
) -> None:
    wrong = change(key_of(store))
    answer = client.post("/v1/classify", json=BODY, headers=bearer(wrong))
    assert (answer.status_code, answer.json()["code"]) == (401, "invalid_key")
    assert answer.headers["www-authenticate"] == 'Bearer realm="stemme", error="invalid_token"'
    assert wrong not in answer.text


@pytest.mark.parametrize("header", ["{key}", "Basic {key}", "Bearer", "Bearer ", "Bearer å"])
def test_another_kind_of_authorization_is_refused(client: TestClient, store: Store, header: str) -> None:
    value = header.format(key=key_of(store)).encode("latin-1")
    answer = client.post("/v1/classify", json=BODY, headers={"Authorization": value})
    assert (answer.status_code, answer.json()["code"]) == (401, "invalid_key")


def test_the_scheme_is_read_in_any_case(client: TestClient, store: Store) -> None:
    answer = client.post("/v1/classify", json=BODY, headers={"Authorization": f"bearer {key_of(store)}"})
    assert answer.status_code == 200


def test_a_key_ends_when_it_expires(store: Store, client: TestClient) -> None:
    key = key_of(store, expires_at=datetime.now(UTC) - timedelta(seconds=1))
    with pytest.raises(ExpiredKey):
        authenticate(store, key)
    assert client.post("/v1/classify", json=BODY, headers=bearer(key)).json()["code"] == "expired_key"
    assert authenticate(store, key_of(store, expires_at=datetime.now(UTC) + timedelta(minutes=1)))


def test_a_revoked_key_ends_at_once(store: Store, client: TestClient) -> None:
    key = key_of(store)
    assert client.post("/v1/classify", json=BODY, headers=bearer(key)).status_code == 200
    revoke_key(store, prefix_of(key), by="test")
    assert client.post("/v1/classify", json=BODY, headers=bearer(key)).json()["code"] == "revoked_key"
    with pytest.raises(RevokedKey):
        authenticate(store, key)


def test_only_who_has_the_whole_key_learns_what_became_of_it(store: Store) -> None:
    key = key_of(store)
    revoke_key(store, prefix_of(key), by="test")
    with pytest.raises(InvalidKey) as caught:
        authenticate(store, key[:-1])
    assert caught.value.code == "invalid_key"


def test_the_store_holds_no_key(store: Store) -> None:
    key = key_of(store)
    secret = key.split("_", 2)[2]
    assert len(secret) == 43  # 32 bytes in base 64
    with store.read() as session:
        row = session.scalars(select(ApiKey)).one()
        kept = [str(getattr(row, column.name)) for column in ApiKey.__table__.columns]
    assert not any(secret in value for value in kept)
    assert key_of(store).split("_", 2)[2] != secret


def test_the_last_use_is_noted_once_a_minute(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    key = key_of(store)
    start = datetime(2026, 11, 2, 8, 0, tzinfo=UTC)
    for seconds, noted in [(0, 0), (59, 0), (61, 61)]:
        monkeypatch.setattr("api.access.keys.now", lambda seconds=seconds: start + timedelta(seconds=seconds))
        authenticate(store, key)
        assert list_keys(store)[0].last_used_at == start + timedelta(seconds=noted)


def test_a_key_that_is_made_and_revoked_leaves_lines_in_the_audit_log(store: Store) -> None:
    key = key_of(store, Scope.READ)
    for _ in range(2):
        revoke_key(store, prefix_of(key), by="Kari")
    with store.read() as session:
        lines = [(line.actor, line.action, line.subject, line.detail) for line in session.scalars(select(AuditEntry))]
    assert lines == [
        ("test", "key.created", prefix_of(key), {"scopes": ["read"], "expires_at": None}),
        ("Kari", "key.revoked", prefix_of(key), {}),
    ]


def test_whether_anybody_could_get_in(store: Store) -> None:
    assert not has_usable_key(store)
    key_of(store, expires_at=datetime.now(UTC) - timedelta(days=1))
    assert not has_usable_key(store)
    key = key_of(store)
    assert has_usable_key(store)
    revoke_key(store, prefix_of(key), by="test")
    assert not has_usable_key(store)


def test_health_and_the_reference_need_no_key(client: TestClient) -> None:
    assert [client.get(path).status_code for path in ("/healthz", "/readyz", "/docs", "/openapi.json")] == [200] * 4


@pytest.mark.slow
def test_openapi_says_that_a_key_is_needed(client: TestClient) -> None:
    schema = client.get("/openapi.json").json()
    assert schema["paths"]["/v1/classify"]["post"]["security"] == [{"key": []}]
    assert schema["components"]["securitySchemes"]["key"]["scheme"] == "bearer"


def test_an_open_service_needs_no_key_and_says_so_in_openapi() -> None:
    client = TestClient(create_app(Settings(open=True), StubTagger()))
    assert client.post("/v1/classify", json=BODY).status_code == 200
    assert "security" not in client.get("/openapi.json").json()["paths"]["/v1/classify"]["post"]


def test_a_service_that_is_not_open_needs_a_store() -> None:
    with pytest.raises(ValueError, match="needs a store"):
        create_app(Settings(), StubTagger())


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.7", "stemme.example"])
def test_an_open_service_listens_on_loopback_only(host: str) -> None:
    result = CliRunner().invoke(api.cli.app, ["serve", "--open", "--host", host])
    assert result.exit_code == 2
    assert f"--open (or STEMME_OPEN): goes with loopback only, and the host is {host}" in result.stderr
    assert result.stderr.endswith("(bad_settings)\n")


def test_every_refusal_has_a_status_of_its_own() -> None:
    codes = ("missing_key", "invalid_key", "expired_key", "revoked_key", "missing_scope")
    assert [STATUS_OF[code] for code in codes] == [401, 401, 401, 401, 403]


class TestCommand:
    def call(self, database: str, *arguments: str) -> Result:
        return CliRunner().invoke(api.cli.app, ["keys", *arguments, "--database", database])

    def test_a_key_is_made_listed_and_revoked(self, store: Store, database: str) -> None:
        made = self.call(database, "create", "--scope", "read", "--scope", "classify", "--name", "Kari")
        assert made.exit_code == 0
        assert "shown this once" in made.stderr
        key = made.stdout.strip()
        assert authenticate(store, key).scopes == {"classify", "read"}
        (line,) = self.call(database, "list").stdout.splitlines()
        assert re.fullmatch(rf"{prefix_of(key)}  classify,read  never expires  used \S+ \S+  Kari", line)
        assert key.split("_", 2)[2] not in line
        assert self.call(database, "revoke", prefix_of(key)).stdout == f"{prefix_of(key)} is revoked.\n"
        assert "  revoked 20" in self.call(database, "list").stdout

    def test_a_key_expires_on_the_day_that_is_named(self, store: Store, database: str) -> None:
        assert self.call(database, "create", "--scope", "read", "--expires", "2999-12-31").exit_code == 0
        assert list_keys(store)[0].expires_at == datetime(3000, 1, 1, tzinfo=UTC)

    @pytest.mark.parametrize(
        ("expires", "why"),
        [("2020-01-01", "has passed"), ("0d", "has passed"), ("soon", "Allowed: days such as 90d"), ("-3d", "Allowed")],
    )
    def test_an_expiry_that_is_none_is_refused(self, store: Store, database: str, expires: str, why: str) -> None:
        result = self.call(database, "create", "--scope", "read", f"--expires={expires}")
        assert (result.exit_code, list_keys(store)) == (2, [])
        assert why in result.stderr

    def test_a_scope_that_there_is_not_is_refused(self, database: str) -> None:
        result = self.call(database, "create", "--scope", "everything")
        assert result.exit_code == 2
        assert "'classify', 'ingest', 'read', 'correct', 'admin'" in " ".join(result.stderr.split())

    def test_a_prefix_that_there_is_not_is_said(self, store: Store, database: str) -> None:
        result = self.call(database, "revoke", "abc")
        assert result.exit_code == 2
        assert "No key begins with 'abc'" in result.stderr

    def test_an_empty_list_says_how_to_make_one(self, store: Store, database: str) -> None:
        assert "stemme keys create --scope classify" in self.call(database, "list").stderr
