"""Reports count what people had decided by their moment, and not what they decided later or had withdrawn."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi.testclient import TestClient

from api.app import create_app
from api.settings import Settings
from api.store.database import Store
from nlp.record import FailedComment, Problem
from tests.api.rest_stub import StubTagger as ServiceTagger
from tests.api.test_reports import LaterTagger, Tagger, add, figures, get, tag_again, tag_waiting

LATE = {"text": "pakka kom for sein", "nps": 2}
SPAN = {"start": 0, "end": 5}  # "pakka"


class FailingTagger(Tagger):
    """A model that cannot tag a thing."""

    name = "stub@3.0.0"

    def tag_one(self, comment: Any) -> Any:
        return FailedComment(comment.id, Problem("text_too_long", "The text is too long."))


@pytest.fixture
def client(store: Store) -> TestClient:
    """Of a service whose store has 12 late parcels (1 to 12) and 10 nice people (13 to 22)."""
    add(store, *[LATE] * 12, *[{"text": "hyggelig dame", "nps": 9}] * 10)
    tag_waiting(store)
    return TestClient(create_app(Settings(open=True), ServiceTagger(), store=store))


def correct(client: TestClient, id_: int, **labels: Any) -> int:
    """Correct a comment over REST; the correction's id."""
    read = client.get(f"/v1/comments/{id_}").json()
    body = {"version": read["version"], "revision": read["revision"], **labels}
    answer = client.patch(f"/v1/comments/{id_}/tags", json=body)
    assert answer.status_code == 200, answer.text
    return int(client.get(f"/v1/comments/{id_}/corrections").json()["corrections"][0]["id"])


def withdraw(client: TestClient, id_: int, correction: int) -> None:
    assert client.delete(f"/v1/comments/{id_}/corrections/{correction}").status_code == 200


def groups(client: TestClient, *by: str, **query: Any) -> dict[Any, int]:
    """How many answers each group has."""
    rows = get(client, "nps", by=by, minimum=10, **query)["rows"]
    return {tuple(row["group"].values()) if len(by) > 1 else row["group"][by[0]]: row["answers"] for row in rows}


def labelled(client: TestClient, report: str, split: str, **query: Any) -> dict[str, tuple[int, dict[str, int]]]:
    """Comments of each theme or factor, and by its sentiments or polarities."""
    (row,) = get(client, report, **query)["rows"]
    return {each[report.removesuffix("s")]: (each["comments"], each[split]) for each in row[report]}


@pytest.mark.slow
def test_each_kind_of_label_is_counted_as_corrected(client: TestClient) -> None:
    correct(
        client,
        1,
        language="nn",
        sentiment={"label": "mixed"},
        themes=[
            {"theme": "delivery_time", "present": False},
            {"theme": "staff_service", "sentiment": "negative", "spans": [SPAN]},
        ],
        factors=[{"factor": "sympathetic", "polarity": "negative"}],
        churn_risk={"flag": True},
    )
    correct(client, 2, themes=[{"theme": "delivery_time", "sentiment": "neutral"}])
    assert groups(client, "language") == {"nb": 21, "nn": 1}
    assert groups(client, "sentiment") == {"negative": 11, "mixed": 1, "positive": 10}
    assert groups(client, "churn_risk") == {"false": 21, "true": 1}
    assert groups(client, "stage") == {"delivery": 11, "support": 11}
    assert groups(client, "theme", "theme_sentiment") == {
        ("delivery_time", "negative"): 10,
        ("delivery_time", "neutral"): 1,
        ("staff_service", "negative"): 1,
        ("staff_service", "positive"): 10,
    }
    assert groups(client, "factor", "factor_polarity") == {
        ("sympathetic", "negative"): 1,
        ("sympathetic", "positive"): 10,
        (None, None): 11,
    }
    assert labelled(client, "themes", "sentiment") == {
        "delivery_time": (11, {"negative": 10, "neutral": 1}),
        "staff_service": (11, {"negative": 1, "positive": 10}),
    }
    assert labelled(client, "factors", "polarity") == {"sympathetic": (11, {"negative": 1, "positive": 10})}
    themes = {each["theme"]: each for each in get(client, "themes", minimum=10)["rows"][0]["themes"]}
    assert themes["staff_service"]["nps"]["value"] == pytest.approx(100 * 9 / 11)  # 10 promote, 1 detracts
    # the quote that a person's word stands for comes with the words that they named
    quotes = {quote["sentiment"]: quote for quote in themes["staff_service"]["quotes"]}
    assert (quotes["negative"]["comment"], quotes["negative"]["spans"], quotes["negative"]["confidence"]) == (
        1,
        [SPAN],
        1.0,
    )


FILTERS = (
    {"theme": "delivery_time"},
    {"theme": "staff_service"},
    {"factor": "sympathetic"},
    {"flag": "follow_up"},
    {"language": "nn"},
    {"sentiment": "positive"},
)
REPORTS = (
    *(("nps", {**each, "minimum": 10}) for each in FILTERS),
    ("nps", {"by": ["theme", "factor"], "minimum": 10}),
    ("nps", {"by": ["language", "sentiment", "follow_up"], "minimum": 10}),
    ("themes", {"by": "sentiment", "minimum": 10}),
    ("factors", {"minimum": 10}),
)


@pytest.mark.slow
def test_a_report_of_an_earlier_moment_stays_as_it_was_whatever_people_decide_since(
    client: TestClient, store: Store
) -> None:
    kept: list[dict[str, Any]] = []

    def keep() -> list[Any]:
        for each in FILTERS:  # what is counted now is what is found now
            found = client.get("/v1/comments", params={**each, "limit": 100}).json()["comments"]
            assert get(client, "nps", **each)["totals"]["comments"] == len(found)
        answers = [get(client, report, **query) for report, query in REPORTS]
        kept.extend(answers)
        return [figures(each) for each in answers]

    at_first = keep()
    first = correct(client, 1, themes=[{"theme": "delivery_time", "present": False}], language="nn")
    once = keep()
    assert once != at_first
    second = correct(
        client,
        1,
        themes=[{"theme": "delivery_time", "sentiment": "positive"}],
        factors=[{"factor": "sympathetic", "polarity": "positive"}],
        follow_up={"flag": True},
        sentiment={"label": "positive"},
    )
    twice = keep()
    assert twice not in (once, at_first)
    withdraw(client, 1, second)
    assert keep() == once  # the decision before stands again
    withdraw(client, 1, first)
    assert keep() == at_first  # and then the model's
    correct(client, 13, reviewed=True, sentiment={"label": "neutral"})
    keep()
    add(store, {**LATE, "text": "rask"}, first=0)  # another text: corrections of the former do not apply
    tag_waiting(store)
    keep()
    tag_again(store, LaterTagger())
    keep()
    for answer in kept:
        assert client.get(answer["asked"]["again"]).json() == answer


@pytest.mark.slow
def test_a_later_run_does_not_take_a_correction_away_and_two_runs_are_compared_without(
    client: TestClient, store: Store
) -> None:
    correct(client, 1, themes=[{"theme": "delivery_time", "sentiment": "negative"}])
    correct(client, 13, themes=[{"theme": "price_value", "sentiment": "negative"}])
    before = get(client, "nps")["asked"]["as_of"]
    tag_again(store, LaterTagger())  # it finds nothing late
    expected = {"delivery_time": 1, "price_value": 1, "staff_service": 10, None: 11}
    assert groups(client, "theme") == expected
    assert groups(client, "theme", run=2) == expected
    assert groups(client, "theme", run=1) == {"delivery_time": 12, "price_value": 1, "staff_service": 10}
    # a run that had not tagged them has no tags of theirs, and nobody spoke of its tags
    assert groups(client, "theme", run=2, as_of=before) == {None: 22}
    flips = get(client, "runs/1/compare/2", theme="staff_service")["flips"]
    assert flips == []
    flips = {(each["label"], each["direction"]): each["comments"] for each in get(client, "runs/1/compare/2")["flips"]}
    assert flips["delivery_time", "lost"] == 12
    assert get(client, "runs/1/compare/2", theme="price_value")["versions"]["both"] == 0


def test_a_comment_that_a_run_cannot_tag_has_what_was_decided(client: TestClient, store: Store) -> None:
    correct(client, 1, themes=[{"theme": "delivery_time", "sentiment": "negative"}])
    correct(client, 2, sentiment={"label": "mixed"})
    tag_again(store, FailingTagger())
    totals = {"comments": 22, "answers": 22, "tagged": 2, "untaggable": 20, "waiting": 0}
    assert get(client, "nps")["totals"] == totals
    (row,) = get(client, "themes")["rows"]
    assert (row["tagged"], [(each["theme"], each["comments"], each["share"]) for each in row["themes"]]) == (
        2,
        [("delivery_time", 1, 0.5)],
    )
    assert groups(client, "sentiment") == {"mixed": 1, None: 21}


@pytest.mark.slow
def test_a_factor_with_a_polarity_of_each_counts_once(client: TestClient) -> None:
    correct(client, 13, factors=[{"factor": "sympathetic", "polarity": "negative"}])
    assert labelled(client, "factors", "polarity") == {"sympathetic": (10, {"negative": 1, "positive": 10})}
    correct(client, 13, factors=[{"factor": "sympathetic", "polarity": "positive", "present": False}])
    assert labelled(client, "factors", "polarity") == {"sympathetic": (10, {"negative": 1, "positive": 9})}
    assert get(client, "nps", factor="sympathetic")["totals"]["comments"] == 10
