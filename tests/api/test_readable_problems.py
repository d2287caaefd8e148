"""What a person sees who opens an address of the service in a browser, and that programs see no change."""

from __future__ import annotations

import pytest
from fastapi.testclient import TestClient

from api.app import create_app
from api.settings import Settings
from tests.api.rest_stub import StubTagger
from tests.browser import browser_page

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"


@pytest.fixture
def client() -> TestClient:
    app = create_app(Settings(open=True), StubTagger())

    @app.get("/v1/broken")
    def fail() -> None:
        raise RuntimeError("Kari Nordmann")

    @app.get("/v1/numbers/{number}")
    def number(number: int) -> int:
        return number

    return TestClient(app, raise_server_exceptions=False)


def test_a_browser_is_shown_a_page_that_says_what_to_do(client: TestClient) -> None:
    answer = client.get("/v1/nothing/here", headers={"Accept": BROWSER})
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["vary"] == "Accept"
    assert "<h1>There is nothing at this address</h1>" in answer.text
    assert 'href="../../docs"' in answer.text, "the way to the reference works behind a proxy's path too"
    assert "not_found" in answer.text
    assert int(answer.headers["content-length"]) == len(answer.content)


@pytest.mark.parametrize("accept", ["*/*", "application/json", "application/problem+json, text/html", ""])
def test_a_program_gets_problem_details(client: TestClient, accept: str) -> None:
    answer = client.get("/v1/nothing", headers={"Accept": accept})
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == "not_found"


def test_only_errors_become_pages(client: TestClient) -> None:
    answer = client.get("/v1/numbers/7", headers={"Accept": BROWSER})
    assert (answer.headers["content-type"], answer.json()) == ("application/json", 7)
    sent = client.post("/v1/classify", headers={"Accept": BROWSER}, content=b"{")
    assert sent.headers["content-type"] == "application/problem+json"


def test_wrong_fields_are_listed_and_what_was_sent_is_no_markup(client: TestClient) -> None:
    answer = client.get("/v1/numbers/<b>x", headers={"Accept": BROWSER})
    assert answer.status_code == 422
    assert "<code>#/number</code>" in answer.text
    assert "<b>" not in answer.text


def test_a_bug_names_its_request_and_nothing_else(client: TestClient) -> None:
    answer = client.get("/v1/broken", headers={"Accept": BROWSER})
    assert answer.status_code == 500
    assert "The log tells more" in answer.text
    assert ", request " in answer.text
    assert "Kari" not in answer.text


def test_the_address_of_the_service_leads_to_the_reference(client: TestClient) -> None:
    answer = client.get("/", headers={"Accept": BROWSER}, follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (307, "docs")
    assert "/" not in client.get("/openapi.json").json()["paths"]


@pytest.mark.slow
def test_the_page_fits_a_phone(client: TestClient) -> None:
    html = client.get("/v1/numbers/x", headers={"Accept": BROWSER}).text
    with browser_page(html, width=360) as shown:
        assert shown.title() == "The request is not valid"
        assert shown.evaluate("document.documentElement.scrollWidth") == 360
        assert shown.get_by_role("link").count() == 1
