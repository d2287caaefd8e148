"""`/v1/causes` and `/v1/cause-runs` as callers see them."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("ruptures", reason="needs the extra 'topics'")

from fastapi.testclient import TestClient
from sqlalchemy import select

from api.access.keys import create_key
from api.access.scopes import Scope
from api.app import create_app
from api.cause_runs.models import CauseMember
from api.ingest.ingest import NewComment, ingest
from api.removal.erasure import erase
from api.settings import Settings
from api.store.database import Store
from api.store.models import CommentVersion, now
from tests.api.cause_archive import DAYS, FIRST, add_archive, keep_causes, tag, topic_of
from tests.embedding_stub import EmbeddingStub

LATE, KIND = "delivery_time", "staff_service"


@pytest.fixture
def client(store: Store) -> TestClient:
    key = create_key(store, scopes=[Scope.READ], name="", expires_at=None, by="test")
    app = create_app(Settings(), EmbeddingStub(), store=store)
    return TestClient(app, headers={"Authorization": f"Bearer {key}"})


def admin(store: Store) -> TestClient:
    key = create_key(store, scopes=[Scope.ADMIN], name="", expires_at=None, by="test")
    app = create_app(Settings(), EmbeddingStub(), store=store)
    return TestClient(app, headers={"Authorization": f"Bearer {key}"})


def get(client: TestClient, path: str, **query: Any) -> Any:
    answer = client.get(path, params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def code(client: TestClient, path: str, **query: Any) -> tuple[int, str]:
    answer = client.get(path, params=query)
    return answer.status_code, answer.json()["code"]


def test_before_the_first_run_it_is_said_how_to_ask(client: TestClient) -> None:
    answer = client.get("/v1/causes")
    assert (answer.status_code, answer.json()["code"]) == (404, "no_causes")
    assert '{"kind": "topics"}' in answer.json()["detail"]
    assert get(client, "/v1/cause-runs") == {"runs": []}
    assert code(client, "/v1/causes", run=7) == (404, "unknown_cause_run")


def test_causes_come_by_rank_and_filters_choose_among_them(client: TestClient, store: Store) -> None:
    add_archive(store)
    run = keep_causes(store)
    answer = get(client, "/v1/causes", language="nn")
    assert answer["run"]["id"] == run.id
    assert (answer["run"]["current"], answer["run"]["whole"]) == (True, True)
    assert (answer["run"]["comments"], answer["run"]["causes"]) == (2 * DAYS, 3)
    assert [cause["rank"] for cause in answer["causes"]] == [1, 2, 3]
    first = answer["causes"][0]
    assert (first["theme"], first["sentiment"], first["size"]) == (LATE, "negative", DAYS - 10)
    assert first["nps_points_lost"]["low"] <= first["nps_points_lost"]["estimate"] <= first["nps_points_lost"]["high"]
    assert first["change"]["date"] == "2026-03-11"
    assert first["label"] == run.report["causes"][0]["label"]["nn"]
    assert [cause["theme"] for cause in get(client, "/v1/causes", theme=KIND)["causes"]] == [KIND]
    assert {cause["sentiment"] for cause in get(client, "/v1/causes", sentiment="positive")["causes"]} == {"positive"}
    rising = get(client, "/v1/causes", rising=True)
    assert [(cause["theme"], cause["rank_rising"]) for cause in rising["causes"]] == [(LATE, 1)]
    limited = get(client, "/v1/causes", limit=1)
    assert (limited["total"], len(limited["causes"])) == (3, 1)
    assert code(client, "/v1/causes", theme="delivery_tme") == (422, "unknown_label")
    assert code(client, "/v1/causes", them=LATE) == (422, "unknown_filter")


def test_all_about_a_cause_and_its_comments(client: TestClient, store: Store) -> None:
    add_archive(store)
    run = keep_causes(store)
    late = topic_of(run, LATE)
    cause = get(client, f"/v1/causes/{late}", language="nb")
    assert (cause["run"], cause["topic"], cause["assigned_later"]) == (run.id, late, 0)
    assert sum(week["count"] for week in cause["weeks"]) == DAYS - 10
    assert [(each["dimension"], each["value"]) for each in cause["concentration"]] == [("department", "logistikk")]
    assert cause["words"]["nb"]
    assert "sources" not in cause
    for quote in cause["quotes"]:
        (words,) = quote["spans"]
        assert quote["text"][words["start"] : words["end"]].startswith("Pakka kom sein")
    seen: list[str] = []
    page: dict[str, Any] = {"next": None}
    while True:
        query = {"limit": 7, "run": run.id} | ({"cursor": page["next"]} if page["next"] else {})
        page = get(client, f"/v1/causes/{late}/comments", **query)
        for each in page["comments"]:
            (span,) = each["spans"]
            assert each["comment"]["text"][span["start"] : span["end"]].startswith("Pakka")
            assert each["assigned_at"] is None
        seen += [each["comment"]["external_id"] for each in page["comments"]]
        if page["next"] is None:
            break
    assert seen == [f"L{day}" for day in range(DAYS - 1, 9, -1)]
    kind = topic_of(run, KIND)
    foreign = get(client, f"/v1/causes/{kind}/comments", limit=1)["next"]
    assert code(client, f"/v1/causes/{late}/comments", cursor=foreign) == (404, "bad_cursor")
    assert code(client, "/v1/causes/t-000000000000") == (404, "unknown_cause")
    assert code(client, "/v1/causes/t-000000000000/comments") == (404, "unknown_cause")


def test_what_goes_and_what_is_said_anew_is_not_quoted(client: TestClient, store: Store) -> None:
    add_archive(store)
    run = keep_causes(store)
    late, kind = topic_of(run, LATE), topic_of(run, KIND)
    erased, changed = (get(client, f"/v1/causes/{topic}")["quotes"][0]["external_id"] for topic in (late, kind))
    erase(store, f"r{erased[1:]}", by="test")
    ingest([NewComment("survey", changed, "Noe helt annet", submitted_at=FIRST)], store=store)
    for topic, gone, left in ((late, erased, DAYS - 11), (kind, changed, DAYS - 1)):
        assert gone not in [quote["external_id"] for quote in get(client, f"/v1/causes/{topic}")["quotes"]]
        named = [each["comment"]["external_id"] for each in get(client, f"/v1/causes/{topic}/comments")["comments"]]
        assert gone not in named
        assert len(named) == left


def test_comments_that_were_assigned_later_are_told_apart(client: TestClient, store: Store) -> None:
    add_archive(store)
    run = keep_causes(store)
    late = topic_of(run, LATE)
    ingest([NewComment("survey", "new", "Pakka kom sein nok en gang", submitted_at=FIRST)], store=store)
    tag(store)
    with store.write() as session:
        newest = session.scalars(select(CommentVersion).order_by(CommentVersion.id.desc())).first()
        assert newest is not None
        later = {"topic": late, "start": 0, "end": 26, "segment": None, "assigned_at": now()}
        session.add(CauseMember(cause_run_id=run.id, comment_version_id=newest.id, **later))
    cause = get(client, f"/v1/causes/{late}")
    assert (cause["size"], cause["assigned_later"]) == (DAYS - 10, 1)
    page = get(client, f"/v1/causes/{late}/comments", limit=2)
    assert [each["comment"]["external_id"] for each in page["comments"]] == ["new", f"L{DAYS - 1}"]
    assert [each["assigned_at"] is None for each in page["comments"]] == [False, True]


@pytest.mark.slow
def test_runs_are_listed_and_one_that_is_kept_aside_is_asked_for_by_its_id(client: TestClient, store: Store) -> None:
    add_archive(store)
    shown, aside = keep_causes(store), keep_causes(store, shown=False)
    runs = get(client, "/v1/cause-runs")["runs"]
    assert [(run["id"], run["current"], run["shown"]) for run in runs] == [
        (aside.id, False, False),
        (shown.id, True, True),
    ]
    assert get(client, "/v1/causes")["run"]["id"] == shown.id
    assert get(client, "/v1/causes", run=aside.id)["run"]["id"] == aside.id


class TestAsking:
    def test_every_part_of_what_is_asked_is_kept(self, store: Store) -> None:
        filters = {"department": "Bergen", "q": "pakke*", "submitted_from": "2026-01-01T00:00:00+01:00"}
        body = {"kind": "topics", "filters": filters, "smallest": 8, "names": ["Møbelhuset"], "metadata": ["region"]}
        answer = admin(store).post("/v1/jobs", json=body)
        assert answer.status_code == 202, answer.text
        job = answer.json()
        assert (job["kind"], job["state"], job["doing"]) == ("topics", "queued", None)
        assert job["parameters"] == {
            "filters": {**filters, "submitted_from": "2025-12-31T23:00:00+00:00"},
            "smallest": 8,
            "names": ["Møbelhuset"],
            "metadata": ["region"],
            "time_zone": "Europe/Oslo",
            "seed": 1,
            "anew": False,
            "show": False,
        }

    @pytest.mark.slow
    def test_the_examples_of_openapi_can_be_sent(self, store: Store) -> None:
        asking = admin(store)
        body = asking.get("/openapi.json").json()["paths"]["/v1/jobs"]["post"]["requestBody"]["content"]
        examples = [each["value"] for each in body["application/json"]["examples"].values()]
        of_topics = [example for example in examples if example["kind"] == "topics"]
        assert len(of_topics) == 2
        for example in of_topics:
            answer = asking.post("/v1/jobs", json=example)
            assert answer.status_code == 202, answer.text
            asking.delete(f"/v1/jobs/{answer.json()['id']}")

    @pytest.mark.parametrize(
        ("filters", "show", "shown"),
        [
            ({}, None, True),
            ({"submitted_from": "2026-01-01T00:00:00Z"}, None, True),
            ({"theme": LATE}, None, False),
            ({"theme": LATE}, True, True),
            ({}, False, False),
        ],
    )
    def test_a_run_over_a_part_is_kept_aside_unless_it_is_to_be_shown(
        self, store: Store, filters: dict[str, str], show: bool | None, shown: bool
    ) -> None:
        body = {"kind": "topics", "filters": filters, "show": show}
        assert admin(store).post("/v1/jobs", json=body).json()["parameters"]["show"] is shown

    @pytest.mark.parametrize(
        ("body", "pointer", "detail"),
        [
            ({"kind": "topics", "smallest": 1}, "#/smallest", "greater than or equal to 2"),
            ({"kind": "topics", "filters": {"nps_min": 11}}, "#/filters/nps_min", "0 to 10"),
            ({"kind": "topics", "time_zone": "Europe/Bergen"}, "#/time_zone", ""),
            ({"kind": "topics", "avdeling": "Bergen"}, "#", "A field is not known"),
            ({"kind": "avdeling"}, "#/kind", "Input should be 'retag' or 'topics'"),
            ({}, "#/kind", "Field required"),
            ([], "#", ""),
        ],
    )
    def test_what_is_wrong_is_told_by_its_place_and_not_repeated(
        self, store: Store, body: Any, pointer: str, detail: str
    ) -> None:
        answer = admin(store).post("/v1/jobs", json=body)
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
        (field,) = answer.json()["errors"]
        assert field["pointer"] == pointer
        assert detail in field["detail"]
        assert "avdeling" not in answer.text

    def test_an_unknown_theme_and_a_missing_extra_are_refused(
        self, store: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        asking = admin(store)
        unknown = asking.post("/v1/jobs", json={"kind": "topics", "filters": {"theme": "delivery_tme"}})
        assert (unknown.status_code, unknown.json()["code"]) == (422, "unknown_label")
        monkeypatch.setitem(__import__("sys").modules, "ruptures", None)
        missing = asking.post("/v1/jobs", json={"kind": "topics"})
        assert (missing.status_code, missing.json()["code"]) == (501, "missing_extra")
        assert "stemme[topics]" in missing.json()["detail"]
        assert asking.get("/v1/jobs").json() == {"jobs": []}

    def test_one_of_a_kind_is_under_way_beside_another_kind(self, store: Store) -> None:
        asking = admin(store)
        assert asking.post("/v1/jobs", json={"kind": "topics"}).status_code == 202
        assert asking.post("/v1/jobs", json={"kind": "retag"}).status_code == 202
        again = asking.post("/v1/jobs", json={"kind": "topics"})
        assert (again.status_code, again.json()["code"]) == (409, "job_under_way")

    @pytest.mark.slow
    def test_reading_and_asking_need_their_scopes(self, client: TestClient, store: Store) -> None:
        assert client.post("/v1/jobs", json={"kind": "topics"}).status_code == 403
        for path in ("/v1/causes", "/v1/causes/t-1", "/v1/causes/t-1/comments", "/v1/cause-runs"):
            assert admin(store).get(path).json()["code"] == "missing_scope"
