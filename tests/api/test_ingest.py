"""POST /v1/comments and `ingest`: stored once, acknowledged, and given a new version when the text changes."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select

from api.app import create_app
from api.comment_examples import REQUESTS
from api.ingest.comment import NewComment
from api.ingest.ingest import StoredAs, ingest
from api.ingest.treatment import Treated
from api.settings import Settings
from api.store.database import Store
from api.store.errors import StoreUnavailable
from api.store.models import CommentVersion, PendingVersion, Source, StoredComment
from tests.api.rest_stub import StubTagger


def service(store: Store, **settings: Any) -> TestClient:
    return TestClient(create_app(Settings(open=True, **settings), StubTagger(), store=store))


@pytest.fixture
def client(store: Store) -> TestClient:
    return service(store)


def comment(external_id: object = "1", text: str = "Seint", **fields: Any) -> dict[str, Any]:
    return {"source": "survey", "external_id": external_id, "text": text, **fields}


def post(client: TestClient, *comments: dict[str, Any]) -> list[dict[str, Any]]:
    answer = client.post("/v1/comments", json={"comments": list(comments)})
    assert answer.status_code == 202, answer.text
    stored: list[dict[str, Any]] = answer.json()["comments"]
    return stored


def refused(client: TestClient, one: dict[str, Any]) -> dict[str, Any]:
    """The first wrong field; its comment follows a good one, which is not stored either."""
    answer = client.post("/v1/comments", json={"comments": [comment("good"), one]})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    field: dict[str, Any] = answer.json()["errors"][0]
    return field


def versions(store: Store) -> list[tuple[str, int, str]]:
    with store.read() as session:
        rows = session.scalars(select(CommentVersion).order_by(CommentVersion.id)).all()
        return [(row.comment.external_id, row.number, row.text) for row in rows]


def waiting(store: Store) -> int:
    with store.read() as session:
        return len(session.scalars(select(PendingVersion)).all())


def test_every_field_is_stored(client: TestClient) -> None:
    body = REQUESTS["one"]["value"]["comments"][0]
    (stored,) = post(client, body)
    answer = client.get(f"/v1/comments/{stored['id']}").json()
    moments = {"submitted_at": "2026-11-02T07:30:00Z", "received_at": answer["received_at"]}
    uncorrected = {"revision": "1.0.0.0", "reviewed": False, "corrected": []}
    assert answer == {**body, **moments, **uncorrected, "id": stored["id"], "version": 1, "record": None}


@pytest.mark.parametrize("name", REQUESTS)
def test_an_example_works(client: TestClient, name: str) -> None:
    body = REQUESTS[name]["value"]["comments"]
    stored = post(client, *body)
    assert [each["external_id"] for each in stored] == [str(each["external_id"]) for each in body]


def test_the_same_again_gets_the_same_answer_and_stores_nothing(client: TestClient, store: Store) -> None:
    first = post(client, comment("a"), comment("b"))
    assert post(client, comment("a"), comment("b")) == first
    assert versions(store) == [("a", 1, "Seint"), ("b", 1, "Seint")]
    assert waiting(store) == 2


def test_a_changed_text_is_a_new_version_of_the_same_comment(client: TestClient, store: Store) -> None:
    (first,) = post(client, comment(text="Seint"))
    (second,) = post(client, comment(text="Altfor seint"))
    assert (first["id"], first["version"], second["version"]) == (second["id"], 1, 2)
    assert versions(store) == [("1", 1, "Seint"), ("1", 2, "Altfor seint")]
    assert waiting(store) == 2
    assert client.get(f"/v1/comments/{first['id']}").json()["text"] == "Altfor seint"


def test_a_changed_question_is_a_new_version(client: TestClient) -> None:
    post(client, comment(question="Hva var bra?"))
    assert post(client, comment(question="Hva kan bli bedre?"))[0]["version"] == 2
    assert post(client, comment(question="Hva kan bli bedre?"))[0]["version"] == 2
    assert post(client, comment(question="  "))[0]["version"] == 3  # a blank one is none


def test_other_fields_take_the_values_that_came_last(client: TestClient) -> None:
    (stored,) = post(client, comment(nps=3, channel="sms", submitted_at="2026-11-02T08:30:00Z"))
    (again,) = post(client, comment(nps=9, metadata={"x": 1}))
    answer = client.get(f"/v1/comments/{stored['id']}").json()
    assert again == stored
    assert (answer["nps"], answer["channel"], answer["metadata"]) == (9, None, {"x": 1})
    assert answer["submitted_at"] == "2026-11-02T08:30:00Z"  # the time of writing does not pass into the unknown


def test_a_whole_number_may_be_written_with_a_point(client: TestClient) -> None:
    content = b'{"comments": [{"source": "s", "external_id": "1", "text": "Bra", "nps": 9.0}]}'
    stored = client.post("/v1/comments", content=content, headers={"Content-Type": "application/json"}).json()
    assert client.get(f"/v1/comments/{stored['comments'][0]['id']}").json()["nps"] == 9


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z"])
def test_any_time_of_the_calendar_comes_back(client: TestClient, moment: str) -> None:
    (stored,) = post(client, comment(submitted_at=moment))
    assert client.get(f"/v1/comments/{stored['id']}").json()["submitted_at"] == moment


def test_a_comment_is_named_by_its_source_too(client: TestClient) -> None:
    one, other = post(client, comment("7"), {**comment("7"), "source": "reviews"})
    assert one["id"] != other["id"]


def test_twice_in_one_batch_is_once_in_the_store(client: TestClient, store: Store) -> None:
    stored = post(client, comment(text="Seint"), comment(text="Seint"), comment(text="Tidleg"))
    assert [(each["id"], each["version"]) for each in stored] == [(stored[0]["id"], n) for n in (1, 1, 2)]
    assert versions(store) == [("1", 1, "Seint"), ("1", 2, "Tidleg")]


def test_a_thousand_are_stored_in_order_and_one_more_is_refused(client: TestClient) -> None:
    many = [comment(number) for number in range(1_000)]
    ids = [each["id"] for each in post(client, *many)]
    assert ids == sorted(set(ids))
    assert client.post("/v1/comments", json={"comments": [*many, comment("x")]}).status_code == 422


def test_the_same_new_comment_from_many_at_once_is_stored_once(client: TestClient, store: Store) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: post(client, comment("a"), comment("b")), range(8)))
    assert answers == [answers[0]] * 8
    assert len(versions(store)) == 2


@pytest.mark.parametrize("submitted_at", ["2026-11-02T08:30:00", "2026-11-02"])
def test_a_time_without_its_zone_is_refused_with_a_hint(client: TestClient, store: Store, submitted_at: str) -> None:
    field = refused(client, comment(submitted_at=submitted_at))
    assert field["pointer"] == "#/comments/1/submitted_at"
    assert field["detail"].startswith("Input has no zone.")
    assert "2026-11-02T08:30:00+01:00" in field["detail"]
    assert versions(store) == []


@pytest.mark.parametrize(
    ("fields", "detail"),
    [
        ({"nps": -1}, "whole number from 0 to 10"),
        ({"nps": 11}, "whole number from 0 to 10"),
        ({"nps": 7.5}, "whole number from 0 to 10"),
        ({"nps": True}, "whole number from 0 to 10"),
        ({"nps": "9"}, "whole number from 0 to 10"),
        ({"channel": " "}, "Input is blank"),
        ({"channel": "x" * 257}, "Input has 257 characters; at most 256"),
        ({"department": "a\0b"}, "NUL"),
        ({"text": "x" * 20_001}, "Input has 20001 characters; at most 20000"),
        ({"text": "a\0b"}, "NUL"),
        ({"text": None}, "Input should be a string"),
        ({"question": "a\0b"}, "NUL"),
        ({"question": 7}, "string or null"),
        ({"source": ""}, "Input is blank"),
        ({"external_id": ""}, "1 to 256"),
        ({"submitted_at": "i går"}, "a time with its zone"),
        ({"submitted_at": 1_700_000_000}, "a time with its zone"),
        ({"submitted_at": "0001-01-01T00:00:00+14:00"}, "a time with its zone"),
        ({"metadata": [1]}, "an object"),
        ({"metadata": {"x": "å" * 5_000}}, "Input has 10009 bytes as JSON; at most 8192"),
        ({"hemmeleg felt": 1}, "A field is not known. Allowed: source, external_id, text"),
    ],
)
def test_a_field_that_is_wrong_is_named_and_nothing_is_stored(
    client: TestClient, store: Store, fields: dict[str, Any], detail: str
) -> None:
    field = refused(client, comment(**fields))
    assert detail in field["detail"]
    assert "hemmeleg" not in str(field)
    assert versions(store) == []


def test_metadata_comes_back_as_it_was_sent(client: TestClient) -> None:
    metadata = {"": None, "path": r"C:\u0000", "æ": [1, 2.5, True, {"😡": "\n"}], "big": 10**30, "nul": "\0"}
    (stored,) = post(client, comment(metadata=metadata))
    assert client.get(f"/v1/comments/{stored['id']}").json()["metadata"] == metadata


def test_half_a_surrogate_pair_is_refused(client: TestClient) -> None:
    body = rb'{"comments": [{"source": "s", "external_id": "1", "text": "Bra \ud83d"}]}'
    answer = client.post("/v1/comments", content=body, headers={"Content-Type": "application/json"})
    assert "half of a surrogate pair" in answer.json()["errors"][0]["detail"]


@pytest.mark.parametrize("text", ["", " \n", "😡\r\næøå", "x" * 20_000])
def test_any_other_text_is_stored_as_it_came(client: TestClient, text: str) -> None:
    (stored,) = post(client, comment(text=text))
    assert client.get(f"/v1/comments/{stored['id']}").json()["text"] == text


def test_without_a_time_it_is_when_it_was_received(client: TestClient) -> None:
    (stored,) = post(client, comment())
    answer = client.get(f"/v1/comments/{stored['id']}").json()
    assert abs(_seconds(answer["submitted_at"]) - _seconds(answer["received_at"])) < 60


def _seconds(moment: str) -> float:
    from datetime import datetime

    return datetime.fromisoformat(moment).timestamp()


def test_what_is_done_to_a_comment_is_done_before_it_is_stored(store: Store) -> None:
    def masked(comment: NewComment) -> Treated:
        return Treated(replace(comment, text=comment.text.replace("Kari", "█")))

    one = NewComment("survey", "1", "Kari ringte")
    assert ingest([one], store=store, treat=masked) == ingest([one], store=store, treat=masked)
    assert versions(store) == [("1", 1, "█ ringte")]


def test_a_call_that_fails_halfway_stores_nothing(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.ingest.ingest.PendingVersion", CommentVersion)  # the last step of the transaction breaks
    with pytest.raises(Exception, match="comment_id"):
        ingest([NewComment("survey", "1", "Seint")], store=store)
    with store.read() as session:
        for table in (Source, StoredComment, CommentVersion):
            assert session.scalars(select(table)).all() == []


def test_nothing_is_ingested_from_nothing(store: Store) -> None:
    assert ingest([], store=store) == []


def test_ingest_says_what_each_was_to_the_store(store: Store) -> None:
    def outcomes(*comments: NewComment) -> list[str]:
        return [stored.outcome for stored in ingest(comments, store=store)]

    one, other = NewComment("survey", "a", "Seint", metadata={"x": [1]}), NewComment("survey", "b", "Bra")
    assert outcomes(one, one, other) == ["new", "unchanged", "new"]
    assert outcomes(one, other) == ["unchanged", "unchanged"]
    assert outcomes(replace(one, text="Altfor seint"), replace(other, nps=9)) == ["changed", "changed"]
    assert outcomes(replace(one, text="Altfor seint", metadata={}), replace(other, nps=9)) == ["changed", "unchanged"]


def test_ingest_says_where_each_lies(store: Store) -> None:
    stored = ingest([NewComment("survey", "a", "x"), NewComment("other", "a", "y")], store=store)
    assert stored == [StoredAs(1, "survey", "a", 1), StoredAs(2, "other", "a", 1)]


def test_a_store_that_does_not_answer_is_a_retryable_error(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_arguments: object, **_options: object) -> None:
        raise StoreUnavailable(store.name)

    monkeypatch.setattr("api.routes.comments.ingest", fail)
    answer = service(store).post("/v1/comments", json={"comments": [comment()]})
    assert (answer.status_code, answer.json()["code"]) == (503, "store_unavailable")
    assert answer.headers["retry-after"] == "2"


def test_the_worker_is_woken_when_the_comments_are_stored(store: Store) -> None:
    client, seen = service(store), []
    client.app.state.wake_worker = lambda: seen.append(waiting(store))  # type: ignore[attr-defined]
    post(client, comment("a"), comment("b"))
    assert seen == [2]


def test_the_limit_of_comments_is_the_one_that_is_set(store: Store) -> None:
    schema = service(store, max_comments=3).get("/openapi.json").json()["components"]["schemas"]["IngestRequest"]
    assert (schema["properties"]["comments"]["minItems"], schema["properties"]["comments"]["maxItems"]) == (1, 3)
