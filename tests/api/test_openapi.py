"""/openapi.json says what the service does, and its examples are true."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from jsonschema import Draft202012Validator

import api
from api.problems import STATUS_OF
from api.question import LONGEST_QUESTION
from tests.api.documented_service import APP, KEY
from tests.api.rest_stub import StubTagger, client_of

CLIENT = TestClient(APP, headers=KEY)
OPENAPI: dict[str, Any] = CLIENT.get("/openapi.json").json()
CLASSIFY: dict[str, Any] = OPENAPI["paths"]["/v1/classify"]["post"]
EXAMPLES: dict[str, Any] = CLASSIFY["requestBody"]["content"]["application/json"]["examples"]


def validator(media_type: dict[str, Any]) -> Draft202012Validator:
    return Draft202012Validator({**media_type["schema"], "components": OPENAPI["components"]})


REQUEST = validator(CLASSIFY["requestBody"]["content"]["application/json"])
ANSWER = validator(CLASSIFY["responses"]["200"]["content"]["application/json"])


def test_there_is_a_request_in_every_language() -> None:
    assert list(EXAMPLES) == ["nb", "nn", "da", "sv"]


@pytest.mark.parametrize("language", EXAMPLES)
def test_a_request_example_is_valid_and_so_is_what_the_service_answers(language: str) -> None:
    body = EXAMPLES[language]["value"]
    REQUEST.validate(body)
    answer = CLIENT.post("/v1/classify", json=body)
    assert answer.status_code == 200
    ANSWER.validate(answer.json())
    assert [each["id"] for each in answer.json()["results"]] == [str(each["id"]) for each in body["comments"]]


def test_the_answer_example_is_valid_and_belongs_to_its_request() -> None:
    example = CLASSIFY["responses"]["200"]["content"]["application/json"]["examples"]["nn"]["value"]
    ANSWER.validate(example)
    tagged, failed = example["results"]
    sent_first, sent_second = EXAMPLES["nn"]["value"]["comments"]
    words = [sent_first["text"][span["start"] : span["end"]] for theme in tagged["themes"] for span in theme["spans"]]
    assert words == ["kom tre veker for seint", "ingen svarte på telefonen", "No byter eg butikk"]
    assert (tagged["id"], failed["id"]) == (sent_first["id"], sent_second["id"])
    (real,) = CLIENT.post("/v1/classify", json={"comments": [sent_second]}).json()["results"]
    assert failed == real


def test_the_limit_of_comments_is_the_one_that_is_set() -> None:
    schema = client_of(StubTagger(), max_comments=17).get("/openapi.json").json()
    comments = schema["components"]["schemas"]["ClassifyRequest"]["properties"]["comments"]
    assert (comments["minItems"], comments["maxItems"]) == (1, 17)
    assert "at most 17 comments" in schema["info"]["description"]


def test_the_limit_of_a_question_is_stated() -> None:
    comment = OPENAPI["components"]["schemas"]["CommentIn"]
    text, null = comment["properties"]["question"]["anyOf"]
    assert (text, null) == ({"type": "string", "maxLength": LONGEST_QUESTION}, {"type": "null"})
    assert comment["required"] == ["id", "text"]
    page = (Path(api.__file__).parents[1] / "docs" / "rest.md").read_text(encoding="utf-8")
    assert f"at most {LONGEST_QUESTION:,} characters" in " ".join(page.split())


def test_an_example_shows_one_answer_under_two_questions() -> None:
    tagger = StubTagger()
    client_of(tagger).post("/v1/classify", json=EXAMPLES["da"]["value"])
    assert tagger.questions[1:] == ["Hvad var godt ved dit besøg?", "Hvad kan vi gøre bedre?"]


def test_every_error_is_a_problem() -> None:
    errors = [
        (status, response)
        for operations in OPENAPI["paths"].values()
        for operation in operations.values()
        for status, response in operation["responses"].items()
        if int(status) >= 400
    ]
    assert [set(response["content"]) for _, response in errors] == [{"application/problem+json"}] * len(errors)
    assert "HTTPValidationError" not in OPENAPI["components"]["schemas"]


def test_classify_documents_each_of_its_errors_under_its_status() -> None:
    documented = {
        code: int(status)
        for status, response in CLASSIFY["responses"].items()
        for code in re.findall(r"`(\w+)`", response["description"])
    }
    assert documented == {code: STATUS_OF[code] for code in documented}
    assert set(documented) == {
        "invalid_json",
        "missing_key",
        "invalid_key",
        "expired_key",
        "revoked_key",
        "missing_scope",
        "body_timeout",
        "body_too_large",
        "unsupported_media_type",
        "invalid_request",
        "internal_error",
        "busy",
        "not_ready",
        "store_unavailable",
    }


def test_a_real_problem_validates() -> None:
    answer = CLIENT.post("/v1/classify", json={"comments": []})
    validator(CLASSIFY["responses"]["422"]["content"]["application/problem+json"]).validate(answer.json())


DESCRIBED = [
    *("Comment", "ClassifyRequest", "ClassifyResponse", "ProblemDetails", "FieldError"),
    *("NewCommentIn", "IngestRequest", "IngestResponse", "StoredComment", "CommentOut", "CommentPage"),
    *("CorrectionRequest", "SpanIn", "SentimentIn", "ThemeIn", "FactorIn", "FlagIn", "CorrectedLabel", "DecidedLabel"),
    *("CorrectionOut", "CorrectionPage", "Withdrawal", "AgreementReport"),
    *("ErasureRequest", "ErasureResponse", "AuditLine", "AuditPage"),
    *("NewAction", "ActionChanges", "ActionOut", "ActionPage", "EffectOut", "PlaceEffectOut", "FallOut"),
    *("RetagRequest", "RetagFilters", "JobOut", "JobProblem", "JobList", "RunOut", "RunList"),
    *("TopicsRequest", "TopicsFilters", "CauseList", "CauseRunOut", "CauseBrief", "EstimateOut", "CauseChange"),
    *("SinceOut", "CauseOut", "CauseNps", "WeekOut", "PlaceOut", "CauseFactor", "EarlierOut", "CauseQuote", "SpanOut"),
    *("RenameRequest", "LabelIn", "MergeRequest", "PlaceIn", "SplitRequest", "CauseEditOut", "CauseEditPage"),
    *("CauseDriftOut", "ActionMovedOut", "CameFromOut", "LatestVerdictOut"),
    *("CauseComment", "CauseCommentPage", "CauseRunList"),
]


def test_every_operation_field_and_schema_is_described() -> None:
    bare = [
        f"{name}.{field}"
        for name in DESCRIBED
        for field, schema in OPENAPI["components"]["schemas"][_component(name)]["properties"].items()
        if not schema.get("description")
    ]
    assert bare == []
    for operations in OPENAPI["paths"].values():
        for operation in operations.values():
            assert operation["summary"]
            assert operation["description"]


def _component(name: str) -> str:
    return {"Comment": "CommentIn"}.get(name, name)


def test_the_version_is_the_package_s() -> None:
    pyproject = tomllib.loads((Path(api.__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8"))
    assert OPENAPI["info"]["version"] == pyproject["project"]["version"]


def test_the_reference_page_has_all_its_files_here() -> None:
    page = CLIENT.get("/docs")
    loaded = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert len(loaded) == 3
    assert [CLIENT.get("/" + address).status_code for address in loaded] == [200, 200, 200]
    assert "://" not in page.text


def test_the_reference_page_may_talk_to_no_one_else() -> None:
    policy = CLIENT.get("/docs").headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "://" not in policy
