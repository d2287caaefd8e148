"""GET /v1/comments: every filter, words, and pages that stay in place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

import api
from api.app import create_app
from api.comment_schemas import MOST_METADATA_BYTES, NewCommentIn
from api.ingest.comment import NewComment
from api.ingest.ingest import ingest
from api.ingest.treatment import as_it_came
from api.ingest.worker import TagWorker
from api.routes.comments import MOST_IN_PAGE, QUERY
from api.settings import Settings
from api.store.database import Store
from api.store.models import LONGEST_NAME
from nlp.tagger import MAX_TEXT_LENGTH
from tests.api.rest_stub import StubTagger as ServiceTagger
from tests.stubs import StubTagger

ROWS: list[dict[str, Any]] = [
    {"text": "Pakka var sein, no bytter eg", "nps": 2, "touchpoint": "levering", "department": "Bergen"},
    {"text": "Veldig hyggelig i butikken! E-post: kari@example.no", "nps": 10, "channel": "sms"},
    {"text": "Dyrt, og ring meg på 99 99 99 99", "nps": 6, "respondent": "kunde-7"},
    {"text": "rask og på Ålesund-vis", "nps": 9, "respondent": "kunde-7", "channel": "e-post"},
    {"text": "dyrt men hyggelig", "source": "reviews"},
    {"text": ""},
]


class Tagger(StubTagger):
    taxonomy = StubTagger.taxonomy_id


def store_rows(store: Store, *rows: dict[str, Any], first: int = 0) -> None:
    comments = [NewComment(**{"source": "survey", "external_id": str(first + n), **row}) for n, row in enumerate(rows)]
    ingest(comments, store=store, treat=as_it_came)  # what is searched for holds addresses and numbers


def tag_all_waiting(store: Store) -> None:
    worker = TagWorker(store, Tagger(), batch_size=64, max_text_length=20_000)  # type: ignore[arg-type]
    while worker.tag_batch():
        pass


@pytest.fixture
def client(store: Store) -> TestClient:
    return TestClient(create_app(Settings(open=True), ServiceTagger(), store=store))


@pytest.fixture
def tagged(client: TestClient, store: Store) -> TestClient:
    store_rows(store, *ROWS)
    tag_all_waiting(store)
    return client


def found(client: TestClient, **query: Any) -> list[str]:
    answer = client.get("/v1/comments", params=query)
    assert answer.status_code == 200, answer.text
    return sorted(each["external_id"] for each in answer.json()["comments"])


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, "012345"),
        ({"source": "reviews"}, "4"),
        ({"touchpoint": "levering"}, "0"),
        ({"channel": "sms"}, "1"),
        ({"department": "Bergen"}, "0"),
        ({"respondent": "kunde-7"}, "23"),
        ({"nps_min": 9}, "13"),
        ({"nps_max": 6}, "02"),
        ({"nps_min": 6, "nps_max": 9}, "23"),
        ({"nps_min": 9, "channel": "sms"}, "1"),
        ({"theme": "delivery_time"}, "03"),
        ({"theme": "price_value"}, "4"),
        ({"sentiment": "positive"}, "13"),
        ({"sentiment": "mixed"}, "4"),
        ({"factor": "sympathetic"}, "14"),
        ({"factor": "trustworthy"}, ""),
        ({"flag": "churn_risk"}, "0"),
        ({"flag": "follow_up"}, "2"),
        ({"language": "nb"}, "01234"),
        ({"language": "sv"}, ""),
        ({"source": "nowhere"}, ""),
    ],
)
def test_a_filter_lets_through_what_it_says(tagged: TestClient, query: dict[str, Any], expected: str) -> None:
    assert found(tagged, **query) == list(expected)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("hyggelig", "14"),
        ("HYGGELIG", "14"),
        ("hygg", ""),
        ("hygg*", "14"),
        ("hyggelig butikken", "1"),
        ("butikken hyggelig", "1"),
        ("pa", ""),
        ("på", "23"),
        ("ålesund", "3"),
        ("e-post", "1"),
        ("example", "1"),
        ("kari@example.no", "1"),
        ('hyggelig" OR "dyrt', ""),
        ("hyggelig & !butikken", "1"),
        ("99 99 99 99", "2"),
    ],
)
def test_words_are_found_whole_in_any_order_and_case(tagged: TestClient, words: str, expected: str) -> None:
    assert found(tagged, q=words) == list(expected)


def test_only_the_version_that_stands_is_found(client: TestClient, store: Store) -> None:
    store_rows(store, {"text": "sein"})
    tag_all_waiting(store)
    store_rows(store, {"text": "rask"})
    assert (found(client, q="sein"), found(client, q="rask")) == ([], ["0"])
    assert (found(client, theme="delivery_time"), found(client)) == ([], ["0"])  # it waits
    tag_all_waiting(store)
    (answer,) = client.get("/v1/comments", params={"theme": "delivery_time"}).json()["comments"]
    assert (answer["version"], answer["text"], answer["record"]["sentiment"]["label"]) == (2, "rask", "positive")


def test_the_record_is_the_one_that_the_tagger_gave(tagged: TestClient) -> None:
    from nlp.record import Comment

    answers = {each["external_id"]: each for each in tagged.get("/v1/comments").json()["comments"]}
    for id_, answer in answers.items():
        record = Tagger().tag_one(Comment(id_, answer["text"])).to_dict()
        assert answer["record"] == _as_json(record)
    assert answers["5"]["record"]["error"]["code"] == "empty_text"


def _as_json(record: Any) -> Any:
    import json

    return json.loads(json.dumps(record))


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"submitted_from": "2026-11-02T00:00:00+01:00"}, "12"),
        ({"submitted_before": "2026-11-02T00:00:00+01:00"}, "0"),
        ({"submitted_from": "2026-11-01T23:00:00Z", "submitted_before": "2026-11-01T23:30:00Z"}, "1"),
    ],
)
def test_a_range_of_time_has_its_beginning_and_not_its_end(
    client: TestClient, store: Store, query: dict[str, str], expected: str
) -> None:
    from datetime import datetime

    times = ["2026-11-01T22:59:59+00:00", "2026-11-02T00:00:00+01:00", "2026-11-02T00:30:00+01:00"]
    store_rows(store, *({"text": "x", "submitted_at": datetime.fromisoformat(each)} for each in times))
    assert found(client, **query) == list(expected)


@pytest.mark.parametrize("written", ["2026-11-02T00:00:00+01:00", "2026-11-02T00:00+0100"])
def test_a_plus_that_the_address_made_a_space_is_understood(client: TestClient, store: Store, written: str) -> None:
    from datetime import datetime

    times = ["2026-11-01T22:59:59+00:00", "2026-11-02T00:00:00+01:00"]
    store_rows(store, *({"text": "x", "submitted_at": datetime.fromisoformat(each)} for each in times))
    answer = client.get(f"/v1/comments?submitted_from={written}")
    assert [each["external_id"] for each in answer.json()["comments"]] == ["1"]


def test_a_space_is_no_plus_where_there_is_no_time_before_it(client: TestClient) -> None:
    answer = client.get("/v1/comments?submitted_from=2026-11-02+01:00")
    assert (answer.status_code, "no zone" in answer.json()["detail"]) == (422, True)


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"theme": "delivery_tme"}, "unknown_label"),
        ({"temme": "delivery_time"}, "unknown_filter"),
        ({"": "x"}, "unknown_filter"),
        ({"sentiment": "angry"}, "invalid_request"),
        ({"flag": "hunger"}, "invalid_request"),
        ({"nps_min": 11}, "invalid_request"),
        ({"submitted_from": "2026-11-02T00:00:00"}, "invalid_request"),
        ({"q": "!?"}, "invalid_request"),
        ({"limit": 0}, "invalid_request"),
        ({"limit": 501}, "invalid_request"),
        ({"cursor": "x"}, "bad_cursor"),
        ({"cursor": "NQ"}, "bad_cursor"),
        ({"source": "a\0"}, "invalid_request"),
    ],
)
def test_a_query_that_is_wrong_is_refused(tagged: TestClient, query: dict[str, Any], code: str) -> None:
    answer = tagged.get("/v1/comments", params=query)
    assert (answer.status_code, answer.json()["code"]) == (404 if code == "bad_cursor" else 422, code)


def test_a_misspelt_theme_is_told_the_nearest(tagged: TestClient) -> None:
    assert "'delivery_time'" in tagged.get("/v1/comments", params={"theme": "delivery_tme"}).json()["detail"]


def test_a_misspelt_filter_is_told_the_nearest_and_not_repeated(tagged: TestClient) -> None:
    detail = tagged.get("/v1/comments", params={"senntiment": "negative"}).json()["detail"]
    assert "Did you mean 'sentiment'?" in detail
    assert "senntiment" not in detail


def test_pages_have_neither_gaps_nor_repetitions_while_comments_are_added(client: TestClient, store: Store) -> None:
    store_rows(store, *[{"text": "x", "nps": 3}] * 25)
    seen, query = [], {"limit": 4, "nps_max": 5}
    while True:
        page = client.get("/v1/comments", params=query).json()
        seen += [int(each["external_id"]) for each in page["comments"]]
        store_rows(store, {"text": "new", "nps": 3}, first=100 + len(seen))
        if page["next"] is None:
            break
        query["cursor"] = page["next"]
    assert seen == list(reversed(range(25)))


def test_a_last_page_that_is_full_is_the_last(client: TestClient, store: Store) -> None:
    store_rows(store, *[{"text": "x"}] * 4)
    assert client.get("/v1/comments", params={"limit": 4}).json()["next"] is None
    assert client.get("/v1/comments", params={"limit": 3}).json()["next"] is not None


def test_a_cursor_goes_with_its_filters_only(tagged: TestClient) -> None:
    cursor = tagged.get("/v1/comments", params={"limit": 1, "nps_min": 1}).json()["next"]
    answer = tagged.get("/v1/comments", params={"limit": 1, "nps_min": 2, "cursor": cursor})
    assert answer.json()["code"] == "bad_cursor"
    assert "belongs to other filters" in answer.json()["detail"]


@pytest.mark.slow
def test_a_method_that_is_not_possible_is_told_all_that_are(client: TestClient) -> None:
    answers = [client.delete(path) for path in ("/v1/comments", "/v1/comments/7")]
    assert [(answer.status_code, answer.headers["allow"]) for answer in answers] == [(405, "GET, POST"), (405, "GET")]


def test_a_comment_that_is_not_there(client: TestClient) -> None:
    answer = client.get("/v1/comments/17")
    assert (answer.status_code, answer.json()["code"]) == (404, "unknown_comment")
    assert client.get(f"/v1/comments/{2**63}").json()["code"] == "invalid_request"


def test_the_page_describes_every_field_filter_and_limit() -> None:
    page = (Path(api.__file__).parents[1] / "docs" / "rest.md").read_text(encoding="utf-8")
    fields = page.partition("## Storing comments")[2].partition("## Finding comments")[0]
    assert [name for name in NewCommentIn.model_fields if f"`{name}`" not in fields] == []
    for limit in (MOST_METADATA_BYTES, MAX_TEXT_LENGTH, LONGEST_NAME):
        assert f"{limit:,} " in fields
    filters = page.partition("## Finding comments")[2].partition("\n## ")[0]
    assert [name for name in QUERY if f"`{name}`" not in filters] == []
    assert f"at most {MOST_IN_PAGE}" in filters


def test_common_tags_are_found_as_rare_ones_are(tagged: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """Version after version, or by a look for all that have the tag: with what people took away and added."""
    ids = {each["external_id"]: each["id"] for each in tagged.get("/v1/comments").json()["comments"]}
    corrections: dict[str, dict[str, Any]] = {
        "0": {"themes": [{"theme": "delivery_time", "present": False}], "churn_risk": {"flag": False}},
        "1": {"factors": [{"factor": "sympathetic", "polarity": "positive", "present": False}]},
        "2": {"themes": [{"theme": "delivery_time", "sentiment": "negative"}], "churn_risk": {"flag": True}},
        "3": {"factors": [{"factor": "sympathetic", "polarity": "negative"}]},
    }
    for name, said in corrections.items():
        answer = tagged.patch(f"/v1/comments/{ids[name]}/tags", json={"version": 1, **said})
        assert answer.status_code == 200, answer.text
    tags = [("theme", "delivery_time"), ("theme", "price_value"), ("factor", "sympathetic"), ("flag", "churn_risk")]
    looked_up = [found(tagged, **{kind: label}) for kind, label in tags]
    assert looked_up[0] == ["2", "3"]
    assert looked_up[3] == ["2"]
    monkeypatch.setattr("api.store.search.COMMON", 0)  # every tag is
    assert [found(tagged, **{kind: label}) for kind, label in tags] == looked_up
