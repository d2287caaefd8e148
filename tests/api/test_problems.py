"""Every error has one shape and a status, and none repeats what a customer wrote."""

from __future__ import annotations

import logging
import pkgutil
from importlib import import_module
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

import api
import nlp
from api.app import create_app
from api.problems import STATUS_OF, describe_bug
from api.settings import Settings
from nlp.errors import StemmeError, UnknownLabel
from tests.api.rest_stub import BrokenTagger, StubTagger, client_of, comments

SECRET = "Kari Nordmann på Lillevik"
# The command line reads and writes files, labelled ones too, and scores answers; over HTTP there is none of it.
WITHOUT_HTTP = ("api.files", "api.exports", "api.nps", "nlp.labelled")


def kinds_of_error(base: type[StemmeError] = StemmeError) -> set[type[StemmeError]]:
    return {base}.union(*(kinds_of_error(kind) for kind in base.__subclasses__()))


def test_every_error_that_http_can_meet_has_a_status() -> None:
    for package in (nlp, api):
        for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
            # Training's and BERTopic's, which serving does not have; and what only Alembic runs.
            if not module.name.startswith(
                ("nlp.models.torch_", "nlp.clustering.bertopic_", "api.store.migrations.env")
            ):
                import_module(module.name)
    met = {
        kind.code
        for kind in kinds_of_error()
        if kind is not StemmeError
        and kind.__module__.startswith(("nlp.", "api."))
        and not kind.__module__.startswith(WITHOUT_HTTP)
    }
    assert met - set(STATUS_OF) == set()


def test_the_documentation_lists_every_code_with_its_status() -> None:
    page = (Path(api.__file__).parents[1] / "docs" / "rest.md").read_text(encoding="utf-8")
    missing = [code for code, status in STATUS_OF.items() if f"| {status} | `{code}` |" not in page]
    assert missing == []


def test_an_error_of_ours_becomes_a_problem() -> None:
    app = create_app(Settings(open=True), StubTagger())

    @app.get("/raise")
    def fail() -> None:
        raise UnknownLabel("theme", "delivery_tme", ["delivery_time", "ordering"])

    answer = TestClient(app).get("/raise")
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json() == {
        "type": "urn:stemme:error:unknown_label",
        "title": "Unknown label",
        "status": 422,
        "detail": "theme 'delivery_tme' is not in the taxonomy. Did you mean 'delivery_time'? "
        "Known: delivery_time, ordering.",
        "code": "unknown_label",
    }


def test_an_unknown_address_is_a_problem() -> None:
    answer = client_of(StubTagger()).get("/v1/nothing")
    assert answer.headers["content-type"] == "application/problem+json"
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_a_wrong_method_is_told_the_right_one() -> None:
    answer = client_of(StubTagger()).get("/v1/classify")
    assert answer.headers["content-type"] == "application/problem+json"
    assert (answer.status_code, answer.json()["code"], answer.headers["allow"]) == (405, "method_not_allowed", "POST")
    assert "POST" in answer.json()["detail"]


@pytest.mark.parametrize(
    "body",
    [
        {"comments": [{"id": [SECRET], "text": [SECRET]}]},
        {"comments": [{"id": SECRET * 50, "text": "ok"}]},
        {"comments": SECRET},
        SECRET,
        {"comments": [{SECRET: SECRET}]},
    ],
)
def test_a_refused_request_is_not_repeated(body: object) -> None:
    answer = client_of(StubTagger()).post("/v1/classify", json=body)
    assert answer.status_code == 422
    assert "Kari" not in answer.text


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        ([{"id": "1", "text": "Bra"}], "1 field is wrong. body: Input should be an object."),
        ({"comments": ["Bra"]}, "1 field is wrong. comments[0]: Input should be an object."),
    ],
)
def test_what_is_no_object_is_called_so_in_the_words_of_json(body: object, detail: str) -> None:
    assert client_of(StubTagger()).post("/v1/classify", json=body).json()["detail"] == detail


def test_of_many_wrong_fields_the_first_twenty_are_listed_and_all_are_counted() -> None:
    answer = client_of(StubTagger()).post("/v1/classify", json={"comments": [{"id": "1"}] * 600})
    assert len(answer.json()["errors"]) == 20
    assert answer.json()["detail"].startswith("600 fields are wrong. comments[0].text: Field required; ")


def test_a_bug_is_a_500_with_an_id_that_the_log_has_too(caplog: pytest.LogCaptureFixture) -> None:
    answer = client_of(BrokenTagger()).post("/v1/classify", json=comments(SECRET))
    assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")
    assert answer.headers["content-type"] == "application/problem+json"
    (line,) = (record.getMessage() for record in caplog.records if record.levelno == logging.ERROR)
    assert answer.json()["request_id"] in line
    assert "KeyError" in line
    assert "rest_stub.py" in line


def test_a_bug_that_quotes_a_text_does_not_bring_it_to_the_answer_or_the_log(caplog: pytest.LogCaptureFixture) -> None:
    answer = client_of(BrokenTagger()).post("/v1/classify", json=comments(SECRET))
    assert "Kari" not in answer.text
    assert caplog.records
    assert "Kari" not in caplog.text


def test_a_described_bug_names_the_one_before_it() -> None:
    try:
        try:
            raise ValueError(SECRET)
        except ValueError as error:
            raise RuntimeError(SECRET) from error
    except RuntimeError as error:
        described = describe_bug(error)
    assert "builtins.RuntimeError at" in described
    assert "after builtins.ValueError at" in described
    assert SECRET not in described
