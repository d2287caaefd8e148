"""Bodies that are too large, too slow or not what they say, and too many requests at once."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from threading import Thread
from typing import Any

import anyio
import pytest

from api.app import create_app
from api.limits import LimitBody, LimitConcurrency
from api.settings import Settings
from tests.api.rest_stub import HeldTagger, StubTagger, client_of, comments

JSON = {"content-type": "application/json"}
KIB = 1024


def padded(size: int) -> bytes:
    """A valid request of so many bytes."""
    body = json.dumps(comments("Bra")).encode()
    return body + b" " * (size - len(body))


def pieces(content: bytes) -> Iterator[bytes]:
    """Sent like this, a body has no Content-Length."""
    for start in range(0, len(content), 100):
        yield content[start : start + 100]


def test_a_body_of_just_the_limit_is_taken() -> None:
    client = client_of(StubTagger(), max_body_bytes=2 * KIB)
    assert client.post("/v1/classify", content=padded(2 * KIB), headers=JSON).status_code == 200
    assert client.post("/v1/classify", content=pieces(padded(2 * KIB)), headers=JSON).status_code == 200


def test_one_byte_more_is_refused_with_both_numbers() -> None:
    answer = client_of(StubTagger(), max_body_bytes=2 * KIB).post(
        "/v1/classify", content=padded(2 * KIB + 1), headers=JSON
    )
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")
    assert answer.headers["content-type"] == "application/problem+json"
    assert "2,049 bytes; at most 2,048" in answer.json()["detail"]


def test_a_body_without_content_length_is_counted() -> None:
    answer = client_of(StubTagger(), max_body_bytes=2 * KIB).post(
        "/v1/classify", content=pieces(padded(2 * KIB + 1)), headers=JSON
    )
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")


class Exchange:
    """One request, piece by piece, straight to an ASGI application; after the pieces nothing more comes."""

    def __init__(self, *messages: dict[str, Any], headers: list[tuple[bytes, bytes]] | None = None) -> None:
        self.scope = {"type": "http", "method": "POST", "path": "/v1/classify", "headers": headers or []}
        self.scope |= {"query_string": b"", "http_version": "1.1", "scheme": "http", "root_path": ""}
        self.messages = list(messages)
        self.sent: list[dict[str, Any]] = []

    async def receive(self) -> dict[str, Any]:
        if not self.messages:
            await anyio.sleep_forever()
        return self.messages.pop(0)

    async def send(self, message: dict[str, Any]) -> None:
        self.sent.append(message)

    def run(self, app: Any) -> Exchange:
        anyio.run(app, self.scope, self.receive, self.send)
        return self

    @property
    def status(self) -> int:
        return int(self.sent[0]["status"])

    @property
    def problem(self) -> dict[str, Any]:
        return dict(json.loads(self.sent[1]["body"]))


def piece(content: bytes, *, more: bool) -> dict[str, Any]:
    return {"type": "http.request", "body": content, "more_body": more}


def app_of(**settings: Any) -> Any:
    return create_app(Settings(open=True, **settings), StubTagger())


def test_a_body_that_declares_itself_too_large_is_refused_unread() -> None:
    exchange = Exchange(piece(b"{", more=True), headers=[(b"content-length", b"999999999")]).run(app_of())
    assert exchange.status == 413
    assert len(exchange.messages) == 1


def test_a_body_larger_than_it_says_is_counted() -> None:
    liar = [(b"content-length", b"10"), (b"content-type", b"application/json")]
    exchange = Exchange(piece(padded(KIB), more=True), piece(padded(KIB), more=True), headers=liar)
    assert exchange.run(app_of(max_body_bytes=KIB)).status == 413


def test_a_body_that_never_ends_is_given_up() -> None:
    headers = [(b"content-length", b"100"), (b"content-type", b"application/json")]
    app = app_of(body_timeout_seconds=0.05)
    began = time.monotonic()
    exchange = Exchange(piece(b'{"comments', more=True), headers=headers).run(app)
    assert time.monotonic() - began < 1.5
    assert (exchange.status, exchange.problem["code"]) == (408, "body_timeout")
    assert "0.05 seconds 10 bytes" in exchange.problem["detail"]


def test_a_caller_who_hangs_up_gets_nothing_and_the_application_is_left_alone() -> None:
    async def never(*_: Any) -> None:
        pytest.fail("called for half a body")

    exchange = Exchange(piece(b"{", more=True), {"type": "http.disconnect"})
    exchange.run(LimitBody(never, max_bytes=KIB, timeout_seconds=1))
    assert exchange.sent == []


def test_a_caller_who_hangs_up_gives_the_place_back() -> None:
    app = app_of(max_concurrent_requests=1)
    for _ in range(3):
        Exchange(piece(b"{", more=True), {"type": "http.disconnect"}).run(app)
    headers = [(b"content-type", b"application/json")]
    assert Exchange(piece(padded(KIB), more=False), headers=headers).run(app).status == 200


def test_one_request_too_many_is_told_to_come_again_and_then_served() -> None:
    tagger = HeldTagger()
    with client_of(tagger, max_concurrent_requests=1) as client:
        first = Thread(target=client.post, args=["/v1/classify"], kwargs={"json": comments("Bra")})
        first.start()
        try:
            assert tagger.begun.wait(10)
            refused = client.post("/v1/classify", json=comments("Bra"))
            assert client.get("/healthz").status_code == 200
        finally:
            tagger.let_go.set()
            first.join()
        served = client.post("/v1/classify", json=comments("Bra"))
    assert (refused.status_code, refused.json()["code"], refused.headers["retry-after"]) == (503, "busy", "1")
    assert served.status_code == 200


def test_a_failing_request_gives_its_place_back() -> None:
    async def fail(*_: Any) -> None:
        raise RuntimeError

    limited = LimitConcurrency(fail, max_requests=1)
    for _ in range(2):
        with pytest.raises(RuntimeError):
            Exchange().run(limited)
