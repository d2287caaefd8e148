"""Reports over the store: the figures, the same figures again, and what two runs differ in."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, update
from typer.testing import CliRunner, Result

import api
from api.app import create_app
from api.cli import app
from api.ingest.active_tagger import ActiveTagger
from api.ingest.ingest import NewComment, ingest
from api.ingest.worker import TagWorker
from api.nps import Period
from api.removal.erasure import erase
from api.reports.answers import NpsAnswer
from api.reports.compare import TELLING
from api.reports.dimensions import MOST, NAMES
from api.reports.groups import MOST_GROUPS
from api.reports.make import nps_answer
from api.reports.query import MOST_QUOTES, FactorsQuery, NpsQuery, RunsQuery, ThemesQuery
from api.reports.quotes import LONGEST, excerpt
from api.settings import Settings
from api.store.database import Store
from api.store.models import StoredComment
from api.store.runs import active_run
from nlp.record import Span
from tests.api.rest_stub import StubTagger as ServiceTagger
from tests.stubs import StubTagger

PAGE = (Path(api.__file__).parents[1] / "docs" / "reports.md").read_text(encoding="utf-8")
MAY = datetime(2026, 5, 10, 12, tzinfo=UTC)


class Tagger(StubTagger):
    taxonomy = StubTagger.taxonomy_id


class LaterTagger(Tagger):
    """Another model: it reads `sein` no more, and calls `dyrt` fair where the first calls it dear."""

    name = "stub@2.0.0"

    def tag_one(self, comment: Any) -> Any:
        changed = comment.text.replace("sein", "sann").replace("dyrt", "rask")
        return super().tag_one(type(comment)(comment.id, changed, comment.question))


def add(store: Store, *rows: dict[str, Any], first: int = 0) -> None:
    given = [
        {"source": "survey", "external_id": str(first + n), "submitted_at": MAY, **row} for n, row in enumerate(rows)
    ]
    ingest([NewComment(**row) for row in given], store=store)


class LastTagger(LaterTagger):
    """A third model, which reads as the second."""

    name = "stub@3.0.0"


def tag_waiting(store: Store, tagger: Any = None) -> None:
    """By this tagger; without one, by that of the active run, which the first model has in an empty store."""
    if tagger is None:
        with store.read() as session:
            run = active_run(session)
        known = {each.name: each for each in (Tagger, LaterTagger, LastTagger)}
        tagger = Tagger() if run is None else known[run.model]()
    active = ActiveTagger(store, lambda _: tagger, None)
    active.start()  # a model that the store has not had takes over
    worker = TagWorker(store, active, batch_size=64, max_text_length=20_000)
    while worker.tag_batch():
        pass


def tag_again(store: Store, tagger: Any) -> None:
    """Let another model tag every version, as a run that takes over."""
    from sqlalchemy import insert, select

    from api.store.models import CommentVersion, PendingVersion

    with store.write() as session:
        ids = session.scalars(select(CommentVersion.id)).all()
        session.execute(insert(PendingVersion), [{"version_id": id_, "attempts": 0} for id_ in ids])
    tag_waiting(store, tagger)


@pytest.fixture
def client(store: Store) -> TestClient:
    return TestClient(create_app(Settings(open=True), ServiceTagger(), store=store))


def get(client: TestClient, report: str, **query: Any) -> Any:
    answer = client.get(f"/v1/reports/{report}", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def figures(answer: Any) -> Any:
    """All of an answer but the moment that it is of."""
    return {name: value for name, value in answer.items() if name != "asked"}


def scores(answer: Any) -> list[tuple[Any, ...]]:
    return [
        (row["period"], *row["group"].values(), row["answers"], row["nps"] and round(row["nps"]["value"], 1))
        for row in answer["rows"]
    ]


ROWS = [
    *[{"text": "sein", "nps": 2, "department": "Bergen"}] * 12,
    *[{"text": "rask men dyrt", "nps": 9, "department": "Oslo", "channel": "sms"}] * 15,
    *[{"text": "hyggelig", "nps": 8, "metadata": {"butikk": 17}}] * 10,
    {"text": "", "nps": 10},
    {"text": "dyrt"},
]


def test_the_score_of_the_store_by_a_field_and_by_tags(client: TestClient, store: Store) -> None:
    add(store, *ROWS)
    tag_waiting(store)
    whole = get(client, "nps", minimum=10)
    assert whole["totals"] == {"comments": 39, "answers": 38, "tagged": 38, "untaggable": 1, "waiting": 0}
    # 16 of 38 promote and 12 detract
    assert scores(whole) == [(None, 38, 10.5)]
    assert scores(get(client, "nps", by="department", minimum=10)) == [
        (None, "Bergen", 12, -100.0),
        (None, "Oslo", 15, 100.0),
        (None, None, 11, 9.1),
    ]
    # "rask men dyrt" is in two groups, and the empty text in none
    assert scores(get(client, "nps", by="theme", minimum=10)) == [
        (None, "delivery_time", 27, 11.1),
        (None, "price_value", 15, 100.0),
        (None, "staff_service", 10, 0.0),
        (None, None, 1, None),
    ]
    assert scores(get(client, "nps", by=["theme", "theme_sentiment"], theme="delivery_time", minimum=10)) == [
        (None, "delivery_time", "negative", 12, -100.0),
        (None, "delivery_time", "positive", 15, 100.0),
        (None, "price_value", "negative", 15, 100.0),
    ]
    assert scores(get(client, "nps", by="metadata.butikk", minimum=10)) == [
        (None, "17", 10, 0.0),
        (None, None, 28, 14.3),
    ]
    assert scores(get(client, "nps", by="factor", minimum=10))[0] == (None, "sympathetic", 10, 0.0)
    assert scores(get(client, "nps", by="churn_risk", minimum=10)) == [(None, "false", 37, 8.1), (None, None, 1, None)]


def test_what_waits_is_counted_as_waiting(client: TestClient, store: Store) -> None:
    assert get(client, "nps")["totals"]["comments"] == 0
    assert get(client, "nps", by="theme", period="week")["rows"] == []
    add(store, {"text": "sein", "nps": 4})
    answer = get(client, "nps", by="theme")
    assert answer["totals"] == {"comments": 1, "answers": 1, "tagged": 0, "untaggable": 0, "waiting": 1}
    assert scores(answer) == [(None, None, 1, None)]
    assert get(client, "themes")["rows"][0]["themes"] == []


def test_groups_beyond_the_limit_are_counted(client: TestClient, store: Store) -> None:
    add(store, *({"text": "x", "nps": 9, "channel": f"c{n % 5}"} for n in range(24)))
    answer = get(client, "nps", by="channel", limit=2, period="month")
    assert [row["group"]["channel"] for row in answer["rows"]] == ["c0", "c1"]
    assert answer["left_out"] == {"groups": 3, "comments": 14}


def test_metadata_is_grouped_as_text_whatever_it_is(client: TestClient, store: Store) -> None:
    values = [17, "17", True, None, "å\0", [1], 'a"b']
    add(store, *({"text": "x", "nps": 9, "metadata": {'kjøp "her"': value}} for value in values))
    answer = get(client, "nps", by='metadata.kjøp "her"')
    found = {row["group"]['metadata.kjøp "her"']: row["answers"] for row in answer["rows"]}
    assert found == {"17": 2, "true": 1, None: 1, "å\ufffd": 1, "[1]": 1, 'a"b': 1}


MOMENTS = st.datetimes(datetime(1995, 1, 1), datetime(2037, 12, 30), timezones=st.just(UTC))
ANSWERS = st.lists(
    st.tuples(MOMENTS, st.sampled_from([None, *range(11)]), st.sampled_from([None, "Bø", "Ål"]), st.sampled_from("ab")),
    min_size=1,
    max_size=60,
)


@pytest.mark.slow
@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    rows=ANSWERS,
    period=st.sampled_from([None, *Period]),
    zone=st.sampled_from(["Europe/Oslo", "America/St_Johns", "Pacific/Apia", "UTC"]),
    by=st.sampled_from([[], ["department"], ["department", "metadata.k"]]),
)
def test_the_store_scores_as_a_file_does(
    database: str,
    tmp_path_factory: pytest.TempPathFactory,
    *,
    rows: Any,
    period: Period | None,
    zone: str,
    by: list[str],
) -> None:
    store, folder = Store.connect(database), tmp_path_factory.mktemp("nps")
    store.upgrade()
    with store.write() as session:
        session.execute(delete(StoredComment))
    path, output = folder / "rows.csv", folder / "nps.json"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["nps", "submitted_at", "department", "metadata.k"])
        writer.writerows(["" if n is None else n, at.isoformat(), d or "", k] for at, n, d, k in rows)
    add(
        store,
        *({"text": "x", "submitted_at": at, "nps": n, "department": d, "metadata": {"k": k}} for at, n, d, k in rows),
    )
    options = [part for name in by for part in ("--by", name)] + ([f"--period={period}"] if period else [])
    call("nps", str(path), *options, "--minimum", "10", "--time-zone", zone, "-o", str(output))
    query = NpsQuery(by=by, period=period, minimum=10, time_zone=zone, limit=MOST_GROUPS)
    answer = nps_answer(store, query)
    store.close()
    assert [row.model_dump() for row in answer.rows] == json.loads(output.read_text(encoding="utf-8"))


@pytest.mark.parametrize("second", [0, 59.9999999 // 0.000001 * 0.000001])
def test_the_last_second_of_a_day_is_of_that_day(client: TestClient, store: Store, second: float) -> None:
    at = datetime(2026, 3, 31, 23, 59, tzinfo=ZoneInfo("Europe/Oslo")) + timedelta(seconds=second)
    add(store, {"text": "x", "nps": 9, "submitted_at": at})
    assert get(client, "nps", period="month")["rows"][0]["period"] == "2026-03"


@pytest.mark.parametrize("at", [datetime.min, datetime.max])
def test_the_ends_of_the_calendar_have_periods(client: TestClient, store: Store, at: datetime) -> None:
    add(store, {"text": "x", "nps": 9, "submitted_at": at.replace(tzinfo=UTC)})
    assert get(client, "nps", period="year")["rows"][0]["period"] == f"{at.year:04}"
    assert get(client, "themes", period="day")["rows"][0]["comments"] == 1


def test_a_report_of_themes(client: TestClient, store: Store) -> None:
    april = [{"text": "sein", "submitted_at": MAY - timedelta(days=30)}] * 3
    add(store, *april, {"text": "hyggelig", "submitted_at": MAY - timedelta(days=30)}, *ROWS)
    tag_waiting(store)
    first, second = get(client, "themes", period="month", minimum=10)["rows"]
    assert (first["period"], first["comments"], first["themes"][0]["change"]) == ("2026-04", 4, None)
    theme = second["themes"][0]
    assert {name: theme[name] for name in ("theme", "stage", "comments", "sentiment", "answers")} == {
        "theme": "delivery_time",
        "stage": "delivery",
        "comments": 27,
        "sentiment": {"negative": 12, "positive": 15},
        "answers": 27,
    }
    assert theme["share"] == pytest.approx(27 / 38)  # the empty text has no tags
    assert theme["nps"]["value"] == pytest.approx(100 / 9)
    assert (theme["change"]["since"], theme["change"]["comments"]) == ("2026-04", 24)
    assert theme["change"]["share"] == pytest.approx(27 / 38 - 3 / 4)
    assert theme["change"]["low"] < theme["change"]["share"] < theme["change"]["high"]
    assert [(q["sentiment"], q["text"], q["spans"]) for q in theme["quotes"]] == [
        ("positive", "rask men dyrt", [{"start": 0, "end": 4}]),
        ("negative", "sein", [{"start": 0, "end": 4}]),
    ]


def test_a_stretch_of_time_is_compared_with_the_one_before(client: TestClient, store: Store) -> None:
    add(store, *[{"text": "sein", "submitted_at": MAY - timedelta(days=1)}] * 4, *[{"text": "rask"}] * 3, {"text": "x"})
    tag_waiting(store)
    stretch = {"submitted_from": MAY.isoformat(), "submitted_before": (MAY + timedelta(days=1)).isoformat()}
    change = get(client, "themes", **stretch)["rows"][0]["themes"][0]["change"]
    assert (change["since"], change["comments"], change["share"]) == (None, -1, -0.25)


def test_a_report_of_factors_by_a_dimension(client: TestClient, store: Store) -> None:
    add(store, *[{"text": "hyggelig", "channel": "sms", "nps": 10}] * 10, {"text": "sein", "channel": "sms"})
    tag_waiting(store)
    (row,) = get(client, "factors", by="channel", minimum=10, quotes=1)["rows"]
    (factor,) = row["factors"]
    assert (factor["factor"], factor["polarity"], factor["comments"]) == ("sympathetic", {"positive": 10}, 10)
    assert factor["share"] == pytest.approx(10 / 11)
    assert (factor["nps"]["value"], len(factor["quotes"])) == (100.0, 1)


def test_groups_of_themes_beyond_the_limit_are_left_out_and_a_theme_twice_counts_once(
    client: TestClient, store: Store
) -> None:
    add(store, *[{"text": "sein og rask", "channel": "a"}] * 3, {"text": "dyrt", "channel": "b"}, {"text": "dyrt"})
    tag_waiting(store)
    answer = get(client, "themes", by="channel", limit=1)
    (row,) = answer["rows"]
    assert (row["group"], answer["left_out"]["groups"], answer["left_out"]["comments"]) == ({"channel": "a"}, 2, 2)
    assert [(each["theme"], each["comments"], each["share"]) for each in row["themes"]] == [("delivery_time", 3, 1.0)]


def test_a_long_text_is_quoted_around_the_words() -> None:
    text = "æ" * 500 + "sein" + "😀" * 500
    part, start, (span,) = excerpt(text, [Span(500, 504)])
    assert (len(part), part[span.start : span.end], text[start : start + LONGEST]) == (LONGEST, "sein", part)


def change_everything(store: Store, tagger: Any = None) -> None:
    """New comments, new texts, new values, and a new run, of this tagger or the second one."""
    add(store, *[{"text": "hyggelig", "nps": 10, "department": "Bergen"}] * 20, first=100)
    add(store, {"text": "rask", "nps": 10, "department": "Oslo"}, {"text": "sein", "nps": 0, "department": "Ål"})
    tag_waiting(store)
    tag_again(store, tagger or LaterTagger())
    add(store, {"text": "rask", "nps": 3, "channel": "web", "metadata": {"butikk": 1}})
    tag_waiting(store)


@pytest.mark.parametrize(
    ("report", "query"),
    [
        ("nps", {"minimum": 10}),
        ("nps", {"by": ["department", "metadata.butikk"], "period": "week", "minimum": 10}),
        ("nps", {"by": ["theme", "sentiment"], "minimum": 10, "limit": 2}),
        ("nps", {"department": "Bergen", "nps_max": 5, "minimum": 10}),
        ("nps", {"q": "sein", "sentiment": "negative", "minimum": 10}),
        ("themes", {"by": "department", "period": "month", "minimum": 10}),
        ("themes", {"theme": "delivery_time", "flag": "churn_risk"}),
        ("factors", {"minimum": 10}),
    ],
)
def test_a_report_asked_again_gives_the_same_figures(
    client: TestClient, store: Store, report: str, query: dict[str, Any]
) -> None:
    add(store, *ROWS, {"text": "sein, eg bytter", "nps": 1})
    tag_waiting(store)
    first = get(client, report, **query)
    assert first["rows"]
    change_everything(store)
    again = client.get(first["asked"]["again"])
    assert again.json() == first
    if "flag" not in query:
        assert figures(get(client, report, **query)) != figures(first)  # the changes are such that they show


@pytest.mark.slow
def test_the_tags_of_a_run_are_given_again_beside_those_that_are_shown(client: TestClient, store: Store) -> None:
    add(store, *ROWS)
    tag_waiting(store)
    first = get(client, "themes")
    tag_again(store, LaterTagger())
    assert figures(get(client, "themes")) != figures(first)
    assert figures(get(client, "themes", run=1)) == figures(first)
    of_second = get(client, "themes", run=2)
    assert figures(of_second) == figures(get(client, "themes"))
    assert "run=2" in of_second["asked"]["again"]
    assert figures(get(client, "themes", run=2, as_of=first["asked"]["as_of"]))["totals"]["tagged"] == 0


def test_values_that_changed_twice_are_those_of_their_time(client: TestClient, store: Store) -> None:
    moments = []
    for value in ("Bergen", "Oslo", None, "Oslo"):
        add(store, {"text": "x", "nps": 9, "department": value})
        moments.append(get(client, "nps", by="department")["asked"]["as_of"])
    found = [get(client, "nps", by="department", as_of=at)["rows"][0]["group"]["department"] for at in moments]
    assert found == ["Bergen", "Oslo", None, "Oslo"]


def test_what_was_removed_is_missing_from_then_on(client: TestClient, store: Store) -> None:
    add(store, *ROWS)
    first = get(client, "nps", minimum=10)
    with store.write() as session:
        session.execute(update(StoredComment).where(StoredComment.department == "Bergen").values(respondent="kunde-7"))
    erase(store, "kunde-7", by="test")
    again = client.get(first["asked"]["again"]).json()
    assert again["totals"]["comments"] == 39 - 12
    assert (first["asked"]["removed_since"], again["asked"]["removed_since"]) == (0, 12)
    elsewhere = get(client, "nps", source="another", as_of=first["asked"]["as_of"])
    assert elsewhere["asked"]["removed_since"] == 0


def test_a_report_waits_for_a_write_that_has_begun(store: Store) -> None:
    from threading import Event, Thread

    from tests.api.stored import add_comment

    written, go_on, answers = Event(), Event(), list[NpsAnswer]()

    def write() -> None:
        with store.write() as session:
            add_comment(session, "sein", nps=9)
            written.set()
            go_on.wait(30)

    writer = Thread(target=write)
    reader = Thread(target=lambda: answers.append(nps_answer(store, NpsQuery())))
    writer.start()
    assert written.wait(30)
    reader.start()
    reader.join(0.5)
    assert answers == []  # else its moment could be later than the comment's, which it does not see
    go_on.set()
    writer.join()
    reader.join(30)
    assert answers[0].totals.comments == 1


def test_two_runs_compared(client: TestClient, store: Store) -> None:
    add(store, *ROWS)
    tag_waiting(store)
    tag_again(store, LaterTagger())
    add(store, {"text": "sein"}, first=200)
    tag_waiting(store, LaterTagger())
    answer = get(client, "runs/1/compare/2", minimum=10)
    assert (answer["a"]["model"], answer["b"]["model"]) == ("stub@1.0.0", "stub@2.0.0")
    assert answer["versions"] == {"both": 39, "only_a": 0, "only_b": 1, "failed_a": 1, "failed_b": 1}
    flips = {(f["kind"], f["label"], f["direction"], f["language"]): f["comments"] for f in answer["flips"]}
    assert flips == {
        ("theme", "delivery_time", "lost", "nb"): 12,
        ("theme", "price_value", "lost", "nb"): 16,
        ("theme", "delivery_time", "gained", "nb"): 1,
        ("sentiment", "", "negative to neutral", "nb"): 12,
        ("sentiment", "", "mixed to positive", "nb"): 15,
        ("sentiment", "", "negative to positive", "nb"): 1,
    }
    themes = {each["theme"]: each for each in answer["themes"]}
    assert [(each["a"]["rank"], each["b"]["rank"]) for each in themes.values()] == [(1, 1), (3, 2), (2, None)]
    assert themes["delivery_time"]["a"]["nps"]["value"] == pytest.approx(100 / 9)
    assert themes["delivery_time"]["nps_change"] == pytest.approx(100 - 100 / 9)
    assert answer["sentiment"]["a"]["comments"] == {"negative": 13, "neutral": 0, "mixed": 15, "positive": 10}
    assert answer["sentiment"]["b"]["mean_score"] == pytest.approx(26 / 38)
    telling = answer["telling"]
    assert len(telling) == len({each["comment"] for each in telling}) == TELLING
    strata = [(each["kind"], each["label"], each["direction"]) for each in telling[:4]]
    assert len(set(strata)) == 4  # of each one, before a second
    lost = next(each for each in telling if each["label"] == "price_value")
    # the newest of those that changed as much
    assert (lost["direction"], lost["change"], lost["text"]) == ("lost", 0.7, "dyrt")
    assert "price_value" in str(lost["a"])
    assert "price_value" not in str(lost["b"])


@pytest.mark.slow
def test_a_comparison_asked_again_is_the_same(client: TestClient, store: Store) -> None:
    add(store, *ROWS)
    tag_waiting(store)
    tag_again(store, LaterTagger())
    first = get(client, "runs/1/compare/2", department="Oslo")
    assert first["versions"]["both"] == 15
    change_everything(store, LastTagger())
    assert client.get(first["asked"]["again"]).json() == first


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("nps?by=departmnt", 422, "unknown_dimension"),
        ("nps?by=metadata.", 422, "unknown_dimension"),
        ("nps?by=respondent", 422, "unknown_dimension"),
        ("nps?by=source&by=theme&by=factor&by=stage&by=channel", 422, "invalid_request"),
        ("nps?respondent=kunde-7", 422, "unknown_filter"),
        ("nps?quotes=1", 422, "unknown_filter"),
        ("nps?minimum=9", 422, "invalid_request"),
        ("nps?period=hour", 422, "invalid_request"),
        ("nps?time_zone=Mars", 422, "invalid_request"),
        ("nps?as_of=2026-11-02", 422, "invalid_request"),
        ("nps?as_of=2999-11-02T00:00:00Z", 409, "future_moment"),
        ("themes?theme=delivery", 422, "unknown_label"),
        ("themes?run=1", 404, "unknown_run"),
        ("runs/1/compare/2", 404, "unknown_run"),
        ("runs/1/compare/1", 409, "same_run"),
        ("runs/1/compare/2?run=3", 422, "unknown_filter"),
    ],
)
def test_what_cannot_be_answered_is_refused(client: TestClient, path: str, status: int, code: str) -> None:
    answer = client.get(f"/v1/reports/{path}")
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_a_report_that_would_be_too_long_is_refused(
    client: TestClient, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.reports.labels.MOST_ROWS", 3)
    add(store, *({"text": "x", "submitted_at": MAY + timedelta(days=n)} for n in range(4)))
    answer = client.get("/v1/reports/themes?period=day")
    assert (answer.status_code, answer.json()["code"]) == (422, "too_many_rows")
    assert get(client, "themes", period="week")["rows"]


def call(*arguments: str) -> Result:
    return CliRunner(env={"COLUMNS": "160"}).invoke(app, list(arguments))


@pytest.mark.slow
def test_the_command_answers_as_rest_does(client: TestClient, store: Store, database: str, tmp_path: Path) -> None:
    add(store, *ROWS)
    tag_waiting(store)
    tag_again(store, LaterTagger())
    of_rest = get(client, "themes", by="department", sentiment="positive", minimum=10)
    output, moment = tmp_path / "answer.json", of_rest["asked"]["as_of"]
    common = ["--database", database, "--minimum", "10", "--as-of", moment, "-o", str(output)]
    calls: list[tuple[list[str], Callable[[], Any]]] = [
        (["report", "themes", "--by", "department", "--where", "sentiment=positive"], lambda: of_rest),
        (["report", "factors"], lambda: get(client, "factors", minimum=10, as_of=moment)),
        (["report", "runs", "1", "2"], lambda: get(client, "runs/1/compare/2", minimum=10, as_of=moment)),
        (["nps", "--by", "channel"], lambda: get(client, "nps", by="channel", minimum=10, as_of=moment)),
    ]
    for arguments, expected in calls:
        result = call(*arguments, *common)
        assert result.exit_code == 0, result.output
        assert json.loads(output.read_text(encoding="utf-8")) == expected()
        assert "gives the same figures again" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["nps", "--score-column", "q1"], "no INPUT is named"),
        (["nps", "svar.csv", "--where", "channel=sms"], "are for the store"),
        (["nps", "--where", "channel"], "--where takes NAME=VALUE"),
        (["nps", "--where", "chanel=sms"], "--where takes NAME=VALUE"),
        (["nps", "--where", "nps_min=x"], "--where nps_min=…: "),
        (["report", "themes", "--as-of", "yesterday"], "--as-of: "),
        (["report", "themes", "--quotes", "99"], "--quotes: "),
    ],
)
def test_options_that_are_wrong_are_named(arguments: list[str], why: str) -> None:
    result = call(*arguments)
    assert result.exit_code == 2
    assert why in result.stderr


def test_the_page_describes_every_parameter_dimension_and_limit() -> None:
    for query in (NpsQuery, ThemesQuery, FactorsQuery, RunsQuery):
        assert query.address in PAGE
        assert [name for name in query.model_fields if f"`{name}`" not in PAGE] == []
    assert [name for name in NAMES if f"`{name}`" not in PAGE] == []
    assert [str(period) for period in Period if f"`{period}`" not in PAGE] == []
    for limit in (f"{MOST_GROUPS:,} groups", f"{MOST} dimensions", f"{MOST_QUOTES} quotes", f"{TELLING} comments"):
        assert limit in PAGE
