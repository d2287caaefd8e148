"""/healthz and /readyz."""

from __future__ import annotations

from threading import Thread

from tests.api.rest_stub import HeldTagger, StubTagger, client_of, comments


def test_alive_without_a_model() -> None:
    answer = client_of(None).get("/healthz")
    assert (answer.status_code, answer.json()) == (200, {"status": "alive"})


def test_not_ready_without_a_model() -> None:
    answer = client_of(None).get("/readyz")
    assert (answer.status_code, answer.json()["code"]) == (503, "not_ready")
    assert answer.headers["content-type"] == "application/problem+json"


def test_ready_with_the_names_that_every_record_carries() -> None:
    client = client_of(StubTagger())
    (record,) = client.post("/v1/classify", json=comments("Bra")).json()["results"]
    assert client.get("/readyz").json() == {
        "status": "ready",
        "model": record["model"],
        "taxonomy": record["taxonomy"],
    }


def test_ready_as_soon_as_the_tagger_is_set() -> None:
    client = client_of(None)
    assert client.get("/readyz").status_code == 503
    client.app.state.tagger = StubTagger()  # type: ignore[attr-defined]
    assert client.get("/readyz").status_code == 200


def test_health_answers_while_a_comment_is_being_tagged() -> None:
    tagger = HeldTagger()
    with client_of(tagger) as client:  # one event loop for both requests
        request = Thread(target=client.post, args=["/v1/classify"], kwargs={"json": comments("Bra")})
        request.start()
        try:
            assert tagger.begun.wait(10)
            assert client.get("/healthz").status_code == 200
            assert client.get("/readyz").status_code == 200
            assert request.is_alive()
        finally:
            tagger.let_go.set()
            request.join()
