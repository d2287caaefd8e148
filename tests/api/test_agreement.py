"""How far models and people agree, and corrected comments as training data."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from typer.testing import CliRunner, Result

import api.cli
from api.access.keys import Caller
from api.app import create_app
from api.corrections.agreement import Agreement, Judged, agreement, cohens_kappa, share, wilson
from api.corrections.answers import taxonomy
from api.corrections.correct import NamedLabel, Wanted, correct
from api.corrections.decisions import LANGUAGE, SENTIMENT, Key
from api.corrections.models import DecisionKind
from api.ingest.ingest import NewComment, ingest
from api.nps import BadMinimum
from api.settings import Settings
from api.store.database import Store
from api.store.search import find_one
from nlp.labelled import labelled_comments
from tests.api.rest_stub import StubTagger as ServiceTagger
from tests.api.test_corrections import run

KARI = Caller("test", frozenset(), "Kari")
LATE, NICE = Key(DecisionKind.THEME, "delivery_time"), Key(DecisionKind.FACTOR, "sympathetic", "positive")


def say(store: Store, id_: int, *labels: tuple[Key, bool, str | None], reviewed: bool = False) -> None:
    named = [NamedLabel(str(key), key, present, value) for key, present, value in labels]
    with store.read() as session:
        found = find_one(session, id_)
    assert found is not None
    wanted = Wanted(version=found.version.number, labels=named, reviewed=reviewed, revision=found.revision)
    correct(store, id_, wanted, caller=KARI, taxonomy=taxonomy())


def add(store: Store, *texts: str, question: str | None = None) -> None:
    ingest([NewComment("survey", str(number), text, question) for number, text in enumerate(texts)], store=store)


def one(rows: list[Agreement], kind: str, label: str = "all", language: str = "all", model: str = "m@1") -> Agreement:
    (row,) = (row for row in rows if (row.model, row.language, row.kind, row.label) == (model, language, kind, label))
    return row


def answers(*pairs: tuple[str, str], label: str = "ordering", reviewed: bool = True) -> list[Judged]:
    return [Judged("m@1", "nb", n, "theme", label, *pair, reviewed) for n, pair in enumerate(pairs)]


BOTH, ONLY_MODEL, ONLY_PERSON, NEITHER = (
    ("present", "present"),
    ("present", "absent"),
    ("absent", "present"),
    ("absent", "absent"),
)


def test_a_label_is_counted_and_scored() -> None:
    rows = agreement(answers(*30 * [BOTH], *10 * [ONLY_MODEL], *20 * [ONLY_PERSON], *40 * [NEITHER]))
    row = one(rows, "theme", "ordering")
    assert (row.decisions, row.confirmed, row.changed) == (60, 30, 30)
    assert (row.reviewed.comments, row.reviewed.neither) == (100, 40)
    assert row.share_confirmed is not None
    assert (row.share_confirmed.value, row.share_confirmed.count) == (0.5, 60)
    assert row.reviewed.precision is not None
    assert row.reviewed.recall is not None
    assert (row.reviewed.precision.value, row.reviewed.recall.value) == (0.75, 0.6)
    kappa = row.reviewed.kappa
    assert kappa is not None
    assert kappa.value == pytest.approx((0.7 - 0.5) / (1 - 0.5))  # 70 alike; by chance 0.4 * 0.5 + 0.6 * 0.5
    assert kappa.low < 0.4 < kappa.high
    assert one(rows, "theme", "ordering", language="nb").reviewed == row.reviewed


def test_what_was_only_noticed_gives_counts_and_no_precision() -> None:
    row = one(agreement(answers(*30 * [BOTH], *30 * [ONLY_MODEL], reviewed=False)), "theme", "ordering")
    assert (row.confirmed, row.changed, row.reviewed.comments) == (30, 30, 0)
    assert row.reviewed.precision is row.reviewed.recall is row.reviewed.kappa is None


@pytest.mark.parametrize(("count", "told"), [(29, False), (30, True)])
def test_on_too_few_no_number_is_given(count: int, told: bool) -> None:
    pairs = answers(*(count - 5) * [BOTH], *5 * [ONLY_MODEL])
    row = one(agreement(pairs), "theme", "ordering")
    scores = (row.share_confirmed, row.reviewed.precision)
    assert [score is not None for score in scores] == [told, told]
    assert row.reviewed.recall is None  # at most 25 are due
    assert one(agreement(pairs, minimum=10), "theme", "ordering").reviewed.recall is not None
    with pytest.raises(BadMinimum, match="at least 10"):
        agreement(pairs, minimum=9)


def test_kappa_of_a_label_that_hardly_occurs_is_not_given() -> None:
    few, enough = (answers(*n * [BOTH], *200 * [NEITHER]) for n in (9, 10))
    assert one(agreement(few), "theme", "ordering").reviewed.kappa is None
    kappa = one(agreement(enough), "theme", "ordering").reviewed.kappa
    assert kappa is not None
    assert kappa.value == 1.0
    assert kappa.low < 0.9  # that they never differed is no proof


def test_classes_are_compared_as_one_question_and_each_against_the_rest() -> None:
    pairs = [("negative", "negative")] * 30 + [("negative", "mixed")] * 10 + [("positive", "positive")] * 30
    rows = agreement(Judged("m@1", "da", n, "sentiment", "all", *pair, True) for n, pair in enumerate(pairs))
    row = one(rows, "sentiment")
    assert (row.decisions, row.confirmed, row.changed) == (70, 60, 10)
    assert row.reviewed.kappa is not None
    by_chance = (40 * 30 + 30 * 30) / 70**2
    assert row.reviewed.kappa.value == pytest.approx((60 / 70 - by_chance) / (1 - by_chance))
    negative = one(rows, "sentiment", "negative").reviewed
    assert (negative.both, negative.model_only, negative.person_only, negative.neither) == (30, 10, 0, 30)
    mixed = one(rows, "sentiment", "mixed").reviewed
    assert (mixed.both, mixed.person_only) == (0, 10)


def test_labels_of_one_text_count_as_fewer_than_they_are() -> None:
    alone = share([(text, text % 2 == 0) for text in range(80)], minimum=30)
    in_fours = share([(text // 4, text // 4 % 2 == 0) for text in range(80)], minimum=30)  # alike within a text
    assert alone is not None
    assert in_fours is not None
    assert in_fours.value == alone.value == 0.5
    assert in_fours.high - in_fours.low > 1.8 * (alone.high - alone.low)
    assert (alone.low, alone.high) == wilson(0.5, 80)


def test_the_interval_of_kappa_holds_its_level() -> None:
    shares = np.array([[0.25, 0.08], [0.05, 0.62]])
    by_chance = (shares.sum(0) * shares.sum(1)).sum()
    true = (np.trace(shares) - by_chance) / (1 - by_chance)
    draw, inside = np.random.default_rng(7), 0
    for _ in range(1_000):
        counts = draw.multinomial(150, shares.ravel()).tolist()
        kappa = cohens_kappa(dict(zip([("a", "a"), ("a", "b"), ("b", "a"), ("b", "b")], counts, strict=True)))
        assert kappa is not None
        inside += kappa.low <= true <= kappa.high
    assert 0.92 < inside / 1_000 < 0.97


def test_where_only_one_answer_was_ever_given_there_is_no_kappa() -> None:
    assert cohens_kappa({("absent", "absent"): 50}) is None


@pytest.fixture
def corrected(store: Store) -> Store:
    """Forty comments: ten reviewed with one wrong theme each, ten more corrected in one label, twenty left alone."""
    add(store, *("sein og hyggelig" for _ in range(40)))
    run(store, "m@1")
    for id_ in range(1, 11):
        say(store, id_, (LATE, False, None), (LANGUAGE, True, "nn"), reviewed=True)
    for id_ in range(11, 21):
        say(store, id_, (LATE, True, "neutral"))
    return store


def report(store: Store, **query: Any) -> list[dict[str, Any]]:
    client = TestClient(create_app(Settings(open=True), ServiceTagger(), store=store))
    answer = client.get("/v1/reports/agreement", params={"minimum": 10, **query})
    assert answer.status_code == 200, answer.text
    return list(answer.json()["rows"])


@pytest.mark.slow
def test_the_report_compares_every_model_with_what_stands(corrected: Store) -> None:
    run(corrected, "m@2", themes=())  # it finds no theme at all
    rows = {(row["model"], row["language"], row["kind"], row["label"]): row for row in report(corrected)}
    late = rows["m@1", "all", "theme", "delivery_time"]
    assert (late["decisions"], late["confirmed"], late["changed"]) == (20, 10, 10)
    assert (late["reviewed"]["comments"], late["reviewed"]["model_only"], late["reviewed"]["both"]) == (10, 10, 0)
    assert late["reviewed"]["precision"]["value"] == 0.0
    newer = rows["m@2", "all", "theme", "delivery_time"]
    assert (newer["reviewed"]["model_only"], newer["changed"]) == (0, 10)  # the ten whose theme people keep
    assert rows["m@1", "nn", "sentiment", "all"]["decisions"] == 10
    assert ("m@1", "nb", "sentiment", "all") not in rows
    assert rows["m@1", "nb", "theme_sentiment", "all"]["changed"] == 10
    assert rows["m@1", "all", "factor", "sympathetic:positive"]["confirmed"] == 10
    assert {row["language"] for row in report(corrected, language="nn")} == {"nn"}
    assert {row["model"] for row in report(corrected, model="m@2")} == {"m@2"}
    assert report(corrected, model="m@3") == []


def test_the_report_refuses_a_minimum_that_is_too_low(store: Store) -> None:
    client = TestClient(create_app(Settings(open=True), ServiceTagger(), store=store))
    answer = client.get("/v1/reports/agreement", params={"minimum": 9})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")


@pytest.fixture
def call(database: str) -> Callable[..., Result]:
    return lambda *arguments: CliRunner().invoke(
        api.cli.app, ["corrections", *map(str, arguments), "--database", database], env={"COLUMNS": "200"}
    )


@pytest.mark.slow
def test_the_command_prints_the_report(corrected: Store, call: Callable[..., Result]) -> None:
    result = call("agreement", "--minimum", "10")
    assert result.exit_code == 0, result.output
    (line,) = (line for line in result.stdout.splitlines() if "delivery_time" in line)
    assert line.split()[:5] == ["delivery_time", "20", "10", "50", "30–70"]
    assert "m@1, all languages: 10 reviewed" in result.stdout
    assert "m@1, nn: 10 reviewed" not in result.stdout
    assert "m@1, nn: 10 reviewed" in call("agreement", "--minimum", "10", "--by-language").stdout
    told = json.loads(call("agreement", "--minimum", "10", "-o", "-").stdout)
    assert told == report(corrected)
    assert "at least 10 are needed" in call("agreement", "--minimum", "9").stderr


def test_the_command_says_when_there_is_nothing(store: Store, call: Callable[..., Result]) -> None:
    assert "Nobody has corrected anything yet" in call("agreement").stderr


def test_reviewed_comments_are_exported_as_training_reads_them(
    corrected: Store, call: Callable[..., Result], tmp_path: Path
) -> None:
    result = call("export", "-o", tmp_path / "labels.jsonl")
    assert result.exit_code == 0, result.output
    assert "10 texts, 10 of them reviewed." in result.stderr
    assert "10 that are corrected and not reviewed were left out; --all takes them too." in result.stderr
    comments = labelled_comments(tmp_path / "labels.jsonl", themes=[theme.id for theme in taxonomy().themes])
    assert len(comments) == 10
    first = comments[0]
    assert (first.id, first.version_of, first.lang, first.text) == ("1.1", "1", "nn", "sein og hyggelig")
    assert (first.sentiment, first.churn_risk, first.follow_up) == ("mixed", False, False)
    assert [(theme.theme, theme.sentiment) for theme in first.themes] == [("staff_service", "positive")]
    (factor,) = first.factors
    assert first.text[factor.start : factor.end] == "hyggelig"


def test_all_takes_what_is_corrected_with_the_model_s_other_labels(
    corrected: Store, call: Callable[..., Result], tmp_path: Path
) -> None:
    assert "20 texts, 10 of them reviewed." in call("export", "--all", "-o", tmp_path / "labels.jsonl").stderr
    last = labelled_comments(tmp_path / "labels.jsonl")[-1]
    assert {theme.theme: theme.sentiment for theme in last.themes} == {
        "delivery_time": "neutral",
        "staff_service": "positive",
    }


def test_a_former_text_is_exported_with_what_was_said_of_it(
    store: Store, call: Callable[..., Result], tmp_path: Path
) -> None:
    add(store, "sein", question="Kva kan bli betre?")
    run(store)
    say(store, 1, (SENTIMENT, True, "neutral"), reviewed=True)
    add(store, "rask")
    run(store)
    say(store, 1, reviewed=True)
    call("export", "-o", tmp_path / "labels.jsonl")
    lines = labelled_comments(tmp_path / "labels.jsonl")
    assert [(line.id, line.version_of, line.text, line.question, line.sentiment) for line in lines] == [
        ("1.1", "1", "sein", "Kva kan bli betre?", "neutral"),
        ("1.2", "1", "rask", None, "positive"),
    ]


@pytest.mark.slow
def test_what_is_withdrawn_is_not_exported(corrected: Store, call: Callable[..., Result], tmp_path: Path) -> None:
    client = TestClient(create_app(Settings(open=True), ServiceTagger(), store=corrected))
    (correction,) = client.get("/v1/comments/1/corrections").json()["corrections"]
    assert client.delete(f"/v1/comments/1/corrections/{correction['id']}").status_code == 200
    assert "9 texts, 9 of them reviewed." in call("export", "-o", tmp_path / "labels.jsonl").stderr


def test_an_export_that_cannot_be_written_says_so(store: Store, call: Callable[..., Result], tmp_path: Path) -> None:
    result = call("export", "-o", tmp_path / "nowhere" / "labels.jsonl")
    assert result.exit_code == 2
    assert "does not exist" in result.stderr
