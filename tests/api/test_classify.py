"""POST /v1/classify: what comes back for what is sent."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest

from api.question import LONGEST_QUESTION
from nlp.record import Comment, Record
from tests.api.rest_stub import StubTagger, client_of, comments

JSON = {"content-type": "application/json"}


def results_of(body: dict[str, Any], tagger: StubTagger | None = None, **settings: Any) -> list[dict[str, Any]]:
    answer = client_of(tagger or StubTagger(), **settings).post("/v1/classify", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()["results"]


def test_a_comment_gets_its_whole_record() -> None:
    (record,) = results_of({"comments": [{"id": "a-1", "text": "Betjeninga var under all kritikk!"}]})
    assert record == {
        "id": "a-1",
        "language": "nb",
        "sentiment": {
            "label": "negative",
            "score": -1.0,
            "probabilities": {"negative": 1.0, "neutral": 0.0, "mixed": 0.0, "positive": 0.0},
        },
        "themes": [
            {
                "theme": "staff_service",
                "stage": "support",
                "sentiment": "negative",
                "confidence": 0.75,
                "spans": [{"start": 0, "end": 10}],
            }
        ],
        "factors": [],
        "churn_risk": {"flag": True, "confidence": 0.5, "spans": [{"start": 0, "end": 10}]},
        "follow_up": {"flag": False, "confidence": 0.5, "spans": []},
        "model": "stub@1.0.0",
        "taxonomy": "journey@1.0.0",
    }


def test_results_stand_in_the_order_of_the_comments_across_batches() -> None:
    texts = ["Bra" if number % 3 else "Dårleg!" for number in range(200)]
    results = results_of(comments(*texts), batch_size=7)
    assert [result["id"] for result in results] == [str(number) for number in range(200)]
    assert [result["sentiment"]["label"] for result in results] == [
        "positive" if number % 3 else "negative" for number in range(200)
    ]


def test_offsets_count_code_points_of_the_text_as_it_came() -> None:
    text = "  👩‍👧‍👦😡 sur\r\nog vred!"
    (record,) = results_of(comments(text))
    (span,) = record["themes"][0]["spans"]
    assert text[span["start"] : span["end"]] == "👩‍👧‍👦😡"


@pytest.mark.parametrize("number", [48213, 0, -7, 2**64 + 1])
def test_an_integer_id_comes_back_as_a_string_with_every_digit(number: int) -> None:
    (record,) = results_of({"comments": [{"id": number, "text": "Nem bestilling"}]})
    assert record["id"] == str(number)


def test_the_same_id_twice_gets_two_results() -> None:
    results = results_of({"comments": [{"id": "k", "text": "Snabbt"}, {"id": "k", "text": "Segt!"}]})
    assert [(each["id"], each["sentiment"]["label"]) for each in results] == [("k", "positive"), ("k", "negative")]


def test_other_fields_of_a_comment_are_not_read() -> None:
    extra = {"channel": "butikk", "nps": 3, "respondent": {"name": ["Kari"]}, "nested": None}
    assert results_of({"comments": [{"id": "1", "text": "Fint", **extra}]}) == results_of(
        {"comments": [{"id": "1", "text": "Fint"}]}
    )


def test_the_question_goes_to_the_tagger_where_there_is_one() -> None:
    tagger = StubTagger()
    longest = "😀" * LONGEST_QUESTION
    questions = ["Hva var bra?", None, "", " \n", longest]
    sent = [{"id": "1", "text": "Fint", "question": question} for question in questions]
    results_of({"comments": [{"id": "0", "text": "Fint"}, *sent]}, tagger)
    assert tagger.questions == [None, "Hva var bra?", None, None, None, longest]


def test_half_a_surrogate_pair_in_a_question_stops_no_comment() -> None:
    tagger = StubTagger()
    content = rb'{"comments": [{"id": "1", "text": "Fint", "question": "Bra \ud83d?"}]}'
    answer = client_of(tagger).post("/v1/classify", content=content, headers=JSON)
    assert answer.status_code == 200
    assert tagger.questions == ["Bra \ud83d?"]


@pytest.mark.parametrize(
    ("question", "detail"),
    [
        (7, "Input should be a string or null"),
        (True, "Input should be a string or null"),
        (["Hva var bra?"], "Input should be a string or null"),
        ("x" * 2_001, "Input has 2001 characters; at most 2000 are allowed"),
    ],
)
def test_a_wrong_question_is_refused(question: Any, detail: str) -> None:
    body = {"comments": [{"id": "1", "text": "ok"}, {"id": "2", "text": "ok", "question": question}]}
    answer = client_of(StubTagger()).post("/v1/classify", json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    assert answer.json()["errors"] == [{"pointer": "#/comments/1/question", "detail": detail}]


@pytest.mark.parametrize(
    ("escaped", "code"),
    [
        (r"", "empty_text"),
        (r" \n\t", "empty_text"),
        (r"halvt \ud83d emoji", "invalid_unicode"),
        (r"\udc00", "invalid_unicode"),
        (r"nul \u0000 tegn", "nul_character"),
        ("x" * 20_001, "text_too_long"),
    ],
)
def test_a_comment_that_cannot_be_tagged_gets_its_error_and_the_others_are_tagged(escaped: str, code: str) -> None:
    content = (
        f'{{"comments": [{{"id": 1, "text": "Takk"}}, {{"id": 2, "text": "{escaped}"}}, {{"id": 3, "text": "Nei!"}}]}}'
    )
    answer = client_of(StubTagger()).post("/v1/classify", content=content.encode(), headers=JSON)
    assert answer.status_code == 200
    first, failed, last = answer.json()["results"]
    assert first["sentiment"]["label"] == "positive"
    assert set(failed) == {"id", "error"}
    assert (failed["id"], failed["error"]["code"]) == ("2", code)
    assert last["sentiment"]["label"] == "negative"


def test_max_text_length_refuses_what_is_one_character_longer() -> None:
    fits, too_long = results_of(comments("æøå😀", "æøå😀!"), max_text_length=4)
    assert fits["sentiment"]["label"] == "positive"
    assert too_long["error"] == {
        "code": "text_too_long",
        "message": "The text has 5 characters; at most 4 are allowed. Split it and send parts.",
    }


def test_batch_size_is_what_the_tagger_is_asked_for() -> None:
    tagger = StubTagger()
    results_of(comments(*["Bra"] * 10), tagger, batch_size=4)
    assert tagger.batches == [4, 4, 2]


def test_a_thousand_comments_are_taken_and_one_more_is_not() -> None:
    assert len(results_of(comments(*["Bra"] * 1_000))) == 1_000
    answer = client_of(StubTagger()).post("/v1/classify", json=comments(*["Bra"] * 1_001))
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "#/comments"
    assert "1000" in answer.json()["detail"]
    assert "1001" in answer.json()["detail"]


def test_max_comments_sets_the_limit() -> None:
    client = client_of(StubTagger(), max_comments=2)
    assert client.post("/v1/classify", json=comments("a", "b")).status_code == 200
    assert client.post("/v1/classify", json=comments("a", "b", "c")).status_code == 422


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        ({"comments": []}, ["#/comments"]),
        ({}, ["#/comments"]),
        ([], ["#"]),
        ("tekst", ["#"]),
        ({"comments": [{"id": "1", "text": "ok"}] * 3 + [{"id": "1"}]}, ["#/comments/3/text"]),
        ({"comments": [{"id": "1", "text": None}]}, ["#/comments/0/text"]),
        ({"comments": [{"id": "1", "text": 7}]}, ["#/comments/0/text"]),
        ({"comments": [{"text": "ok"}]}, ["#/comments/0/id"]),
        ({"comments": [{"id": True, "text": "ok"}]}, ["#/comments/0/id"]),
        ({"comments": [{"id": 1.5, "text": "ok"}]}, ["#/comments/0/id"]),
        ({"comments": [{"id": 10**256, "text": "ok"}]}, ["#/comments/0/id"]),
        ({"comments": [{"id": "", "text": "ok"}]}, ["#/comments/0/id"]),
        ({"comments": [{"id": "i" * 257, "text": "ok"}]}, ["#/comments/0/id"]),
        ({"comments": [{"id": "a\0", "text": "ok"}]}, ["#/comments/0/id"]),
        ({"comments": ["ok", {"id": [], "text": {}}]}, ["#/comments/0", "#/comments/1/id", "#/comments/1/text"]),
    ],
)
def test_a_wrong_request_is_refused_with_the_place_that_is_wrong(body: Any, pointers: list[str]) -> None:
    answer = client_of(StubTagger()).post("/v1/classify", json=body)
    assert answer.status_code == 422
    assert answer.json()["code"] == "invalid_request"
    assert [error["pointer"] for error in answer.json()["errors"]] == pointers


def test_the_detail_names_the_field_as_a_person_would() -> None:
    body = {"comments": [{"id": "1", "text": "ok"}] * 3 + [{"id": "1"}]}
    answer = client_of(StubTagger()).post("/v1/classify", json=body)
    assert answer.json()["detail"] == "1 field is wrong. comments[3].text: Field required."


def test_an_id_that_no_answer_could_carry_is_refused() -> None:
    content = rb'{"comments": [{"id": "\ud800", "text": "Bra"}]}'
    answer = client_of(StubTagger()).post("/v1/classify", content=content, headers=JSON)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "#/comments/0/id"


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b'{"comments": [', "Expecting value at character 14"),
        ('{"comments": "på"}'.encode("latin-1"), "byte 15 is not UTF-8"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"comments": [{"id": ' + b"9" * 5_000 + b', "text": "ok"}]}', "not valid JSON"),
    ],
)
def test_what_is_not_json_is_refused_with_the_place(content: bytes, found: str) -> None:
    answer = client_of(StubTagger()).post("/v1/classify", content=content, headers=JSON)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_json")
    assert found in answer.json()["detail"]


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "text/json", "json", ""])
def test_a_body_that_is_not_called_json_is_refused(kind: str) -> None:
    content = b'{"comments": [{"id": "1", "text": "Bra"}]}'
    answer = client_of(StubTagger()).post("/v1/classify", content=content, headers={"content-type": kind})
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")
    assert "application/json" in answer.json()["detail"]


@pytest.mark.parametrize("kind", ["application/json; charset=utf-8", "APPLICATION/JSON", "application/vnd.api+json"])
def test_a_body_that_is_called_json_in_another_way_is_taken(kind: str) -> None:
    content = '{"comments": [{"id": "1", "text": "Så bra"}]}'.encode()
    answer = client_of(StubTagger()).post("/v1/classify", content=content, headers={"content-type": kind})
    assert answer.json()["results"][0]["id"] == "1"


def test_nothing_is_tagged_before_the_model_is_there() -> None:
    answer = client_of(None).post("/v1/classify", json=comments("Bra"))
    assert (answer.status_code, answer.json()["code"]) == (503, "not_ready")
    assert int(answer.headers["retry-after"]) >= 1


@pytest.mark.parametrize("records_of", [lambda records: records[:-1], lambda records: records * 2])
def test_a_tagger_that_loses_or_doubles_a_comment_is_a_bug(records_of: Callable[[list[Record]], list[Record]]) -> None:
    class Miscounting(StubTagger):
        def tag(self, comments: Iterable[Comment], *, batch_size: int = 64) -> Iterator[Record]:
            yield from records_of(list(super().tag(comments, batch_size=batch_size)))

    answer = client_of(Miscounting()).post("/v1/classify", json=comments("Bra", "Fint"))
    assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")
