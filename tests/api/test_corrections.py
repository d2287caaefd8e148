"""Correcting tags: a person's word is shown, found and kept, whatever a model says later."""

from __future__ import annotations

from dataclasses import replace
from threading import Barrier, Thread
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select

from api.access.keys import create_key
from api.access.scopes import Scope
from api.app import create_app
from api.corrections.answers import taxonomy
from api.corrections.decisions import keys_of
from api.corrections.examples import REQUESTS
from api.corrections.models import Correction, LabelDecision
from api.corrections.shown import shown_records, shown_taggings, shown_tags
from api.ingest.ingest import NewComment, ingest
from api.settings import Settings
from api.store.database import Store
from api.store.models import AuditEntry, CommentVersion, StoredComment, Tagging, TagRun
from api.store.records import store_records
from api.store.runs import ensure_run
from nlp.record import Comment, FailedComment, Flag, Problem, Record, TaggedComment
from tests.api.rest_stub import StubTagger as ServiceTagger
from tests.api.serving import PATIENCE_SECONDS
from tests.api.test_record_schema import validate
from tests.stubs import StubTagger

TEXT = "😡 sein pakke, men hyggelig dame"
SPAN = {"start": 2, "end": 12}  # "sein pakke": offsets in bytes or UTF-16 units would miss it


@pytest.fixture
def client(store: Store) -> TestClient:
    return TestClient(create_app(Settings(open=True), ServiceTagger(), store=store))


@pytest.fixture
def id_(client: TestClient, store: Store) -> int:
    """A comment that is tagged: late, nice staff, sympathetic, mixed."""
    add(store, TEXT)
    run(store)
    return 1


def add(store: Store, text: str, *, external_id: str = "1") -> None:
    ingest([NewComment("survey", external_id, text)], store=store)


def run(store: Store, model: str = "stub@1.0.0", **changes: Any) -> None:
    """A run over the texts that stand; `changes` are what its model says otherwise than the stub."""
    with store.write() as session:
        run_id = ensure_run(session, model=model, taxonomy="journey@1.0.0").id
        done = select(Tagging.version_id).where(Tagging.run_id == run_id)
        for version in session.scalars(select(CommentVersion).where(CommentVersion.id.not_in(done))):
            store_records(session, run_id, [(version.id, said_by(model, version.text, **changes))])


def said_by(model: str, text: str, **changes: Any) -> Record:
    record = StubTagger().tag_one(Comment("1", text))
    assert isinstance(record, TaggedComment)
    return changes["record"] if "record" in changes else replace(record, model=model, **changes)


def patch(client: TestClient, id_: int, **body: Any) -> dict[str, Any]:
    answer = client.patch(f"/v1/comments/{id_}/tags", json={"version": 1, **body})
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def refused(client: TestClient, id_: int, **body: Any) -> tuple[int, str, str]:
    answer = client.patch(f"/v1/comments/{id_}/tags", json={"version": 1, **body})
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    return answer.status_code, answer.json()["code"], answer.json()["detail"]


def read(client: TestClient, id_: int) -> dict[str, Any]:
    return dict(client.get(f"/v1/comments/{id_}").json())


def found(client: TestClient, **query: Any) -> list[int]:
    return [each["id"] for each in client.get("/v1/comments", params=query).json()["comments"]]


def themes(answer: dict[str, Any]) -> dict[str, str]:
    return {theme["theme"]: theme["sentiment"] for theme in answer["record"]["themes"]}


def factors(answer: dict[str, Any]) -> list[str]:
    return [f"{factor['factor']}:{factor['polarity']}" for factor in answer["record"]["factors"]]


def history(client: TestClient, id_: int) -> list[dict[str, Any]]:
    return list(client.get(f"/v1/comments/{id_}/corrections").json()["corrections"])


def test_what_is_named_is_corrected_and_the_rest_stays(client: TestClient, id_: int) -> None:
    before = read(client, id_)
    assert (themes(before), factors(before)) == (
        {"delivery_time": "negative", "staff_service": "positive"},
        ["sympathetic:positive"],
    )
    after = patch(
        client,
        id_,
        sentiment={"label": "negative"},
        themes=[
            {"theme": "delivery_condition", "sentiment": "negative", "spans": [SPAN]},
            {"theme": "staff_service", "present": False},
        ],
        factors=[
            {"factor": "sympathetic", "polarity": "negative"},
            {"factor": "professional", "polarity": "positive", "spans": [SPAN]},
        ],
        follow_up={"flag": True, "spans": [SPAN]},
    )
    assert after == read(client, id_)
    record = after["record"]
    validate(record)
    assert record["sentiment"] == {
        "label": "negative",
        "score": -1.0,
        "probabilities": {"negative": 1.0, "neutral": 0.0, "mixed": 0.0, "positive": 0.0},
    }
    assert record["themes"] == [
        before["record"]["themes"][0],
        {
            "theme": "delivery_condition",
            "stage": "delivery",
            "sentiment": "negative",
            "confidence": 1.0,
            "spans": [SPAN],
        },
    ]
    assert factors(after) == ["sympathetic:positive", "sympathetic:negative", "professional:positive"]
    assert record["follow_up"] == {"flag": True, "confidence": 1.0, "spans": [SPAN]}
    assert record["churn_risk"] == before["record"]["churn_risk"]
    assert {(each["kind"], each["label"], each["present"], each["value"]) for each in after["corrected"]} == {
        ("sentiment", None, True, "negative"),
        ("theme", "delivery_condition", True, "negative"),
        ("theme", "staff_service", False, None),
        ("factor", "sympathetic", True, None),
        ("factor", "professional", True, None),
        ("flag", "follow_up", True, None),
    }
    assert (before["corrected"], before["reviewed"], after["reviewed"]) == ([], False, False)
    assert after["revision"] != before["revision"]


def test_every_filter_sees_what_is_corrected(client: TestClient, id_: int) -> None:
    patch(
        client,
        id_,
        sentiment={"label": "negative"},
        language="nn",
        themes=[{"theme": "ordering", "sentiment": "neutral"}, {"theme": "staff_service", "present": False}],
        factors=[{"factor": "sympathetic", "polarity": "positive", "present": False}],
        churn_risk={"flag": True},
    )
    queries = {
        "sentiment": ("negative", "mixed"),
        "language": ("nn", "nb"),
        "theme": ("ordering", "staff_service"),
        "flag": ("churn_risk", "follow_up"),
        "factor": (None, "sympathetic"),
    }
    for name, (now, before) in queries.items():
        assert found(client, **{name: before}) == []
        if now:
            assert found(client, **{name: now}) == [id_]
    assert found(client, theme="delivery_time") == [id_]
    assert client.get("/v1/comments").json()["comments"] == [read(client, id_)]


def test_a_factor_has_each_polarity_on_its_own(client: TestClient, id_: int) -> None:
    patch(client, id_, factors=[{"factor": "sympathetic", "polarity": "negative"}])
    after = patch(client, id_, factors=[{"factor": "sympathetic", "polarity": "positive", "present": False}])
    assert factors(after) == ["sympathetic:negative"]
    assert found(client, factor="sympathetic") == [id_]


def test_a_correction_survives_every_later_run(client: TestClient, store: Store, id_: int) -> None:
    patch(
        client,
        id_,
        sentiment={"label": "negative"},
        themes=[
            {"theme": "ordering", "sentiment": "negative", "spans": [SPAN]},
            {"theme": "delivery_time", "present": False},
            {"theme": "staff_service", "sentiment": "neutral"},
        ],
        churn_risk={"flag": True},
    )
    as_corrected = read(client, id_)["record"]
    nothing = said_by("other@2.0.0", "dyrt")  # says price_value, and nothing of what was there
    for number, record in enumerate([said_by("other@2.0.0", TEXT), nothing, said_by("other@3.0.0", "rask")], start=2):
        run(store, f"other@{number}.0.0", record=record)
        answer = read(client, id_)
        assert answer["record"]["sentiment"] == as_corrected["sentiment"]
        assert themes(answer)["ordering"] == "negative"
        assert themes(answer)["staff_service"] == "neutral"
        assert "delivery_time" not in themes(answer)
        assert answer["record"]["churn_risk"]["flag"] is True
        assert answer["record"]["model"] == f"other@{number}.0.0"
        assert found(client, theme="delivery_time") == []
        assert found(client, theme="ordering", sentiment="negative", flag="churn_risk") == [id_]
    run(store, "other@9.0.0", record=nothing)
    assert "price_value" in themes(read(client, id_))  # what nobody has decided is the new model's
    with store.read() as session:
        assert len(session.scalars(select(TagRun)).all()) == 5  # there were later runs


def test_what_a_reviewer_did_not_name_survives_too(client: TestClient, store: Store, id_: int) -> None:
    seen = read(client, id_)
    reviewed = patch(client, id_, reviewed=True, revision=seen["revision"], language="nn")
    assert reviewed["reviewed"] is True
    assert themes(reviewed) == themes(seen)
    assert [(each["kind"], each["value"]) for each in reviewed["corrected"]] == [("language", "nn")]
    run(store, "other@2.0.0", record=said_by("other@2.0.0", "dyrt, bytter, ring meg"))
    later = read(client, id_)
    assert (themes(later), factors(later)) == (themes(seen), factors(seen))
    assert later["record"]["themes"][0]["spans"] == seen["record"]["themes"][0]["spans"]
    assert (later["record"]["churn_risk"]["flag"], later["record"]["language"]) == (False, "nn")
    assert found(client, flag="churn_risk") == found(client, theme="price_value") == []
    marked = {(each["kind"], each["label"]) for each in later["corrected"]}
    assert ("theme", "price_value") in marked  # here the record is not what the model says
    assert ("theme", "ordering") not in marked
    (correction,) = history(client, id_)
    assert len(correction["labels"]) == len(keys_of(taxonomy()))
    assert [label["kind"] for label in correction["labels"] if label["named"]] == ["language"]


def test_a_run_that_fails_on_a_comment_takes_nothing_away(client: TestClient, store: Store, id_: int) -> None:
    failure = FailedComment("1", Problem("tagging_failed", "It failed."))
    patch(client, id_, themes=[{"theme": "ordering", "sentiment": "negative"}])
    run(store, "other@2.0.0", record=failure)
    answer = read(client, id_)
    assert answer["record"]["error"]["code"] == "tagging_failed"
    assert [each["label"] for each in answer["corrected"]] == ["ordering"]
    assert found(client, theme="ordering") == [id_]
    run(store, "other@3.0.0")
    patch(client, id_, reviewed=True, revision=read(client, id_)["revision"])
    run(store, "other@4.0.0", record=failure)
    assert themes(read(client, id_)) == {
        "delivery_time": "negative",
        "staff_service": "positive",
        "ordering": "negative",
    }


def test_a_new_text_is_tagged_anew_and_the_correction_stays_with_the_old_one(
    client: TestClient, store: Store, id_: int
) -> None:
    patch(client, id_, themes=[{"theme": "ordering", "sentiment": "negative"}], by="Kari")
    add(store, "rask")
    run(store)
    assert themes(read(client, id_)) == {"delivery_time": "positive"}
    assert found(client, theme="ordering") == []
    (old,) = history(client, id_)
    assert (old["version"], old["applies"], old["by"], old["labels"][0]["stands"]) == (1, False, "Kari", True)
    status, code, detail = refused(client, id_, sentiment={"label": "negative"})
    assert (status, code) == (409, "text_changed")
    assert "of version 1 of the text, and version 2 stands" in detail
    patch(client, id_, version=2, sentiment={"label": "negative"})
    assert [(each["version"], each["applies"]) for each in history(client, id_)] == [(2, True), (1, False)]


def test_the_same_again_changes_nothing(client: TestClient, store: Store, id_: int) -> None:
    body = {
        "themes": [{"theme": "ordering", "sentiment": "negative"}, {"theme": "staff_service", "present": False}],
        "reviewed": True,
        "revision": read(client, id_)["revision"],
    }
    first = patch(client, id_, **body)
    assert patch(client, id_, **body) == first
    assert len(history(client, id_)) == 1
    with store.read() as session:
        assert len(session.scalars(select(AuditEntry)).all()) == 1


def test_correcting_again_overrules_and_keeps_the_history(client: TestClient, id_: int) -> None:
    patch(client, id_, themes=[{"theme": "delivery_time", "present": False}], by="Kari", why="Feil tema.")
    after = patch(client, id_, themes=[{"theme": "delivery_time", "sentiment": "neutral"}], by="Olav")
    assert themes(after)["delivery_time"] == "neutral"
    second, first = history(client, id_)
    assert (first["by"], first["why"], first["key"], first["key_name"]) == ("Kari", "Feil tema.", "open", "open")
    assert [label["stands"] for each in (second, first) for label in each["labels"]] == [True, False]
    assert (first["labels"][0]["model_present"], first["labels"][0]["model_value"]) == (True, "negative")
    assert first["model"] == "stub@1.0.0"


def test_a_withdrawal_lets_what_was_there_before_stand_again(client: TestClient, id_: int) -> None:
    model = themes(read(client, id_))
    patch(client, id_, themes=[{"theme": "delivery_time", "present": False}])
    patch(client, id_, themes=[{"theme": "delivery_time", "sentiment": "neutral"}])
    second, first = (each["id"] for each in history(client, id_))
    withdrawn = client.delete(f"/v1/comments/{id_}/corrections/{second}", params={"by": "Kari"}).json()
    assert "delivery_time" not in themes(withdrawn)
    assert found(client, theme="delivery_time") == []
    assert client.delete(f"/v1/comments/{id_}/corrections/{second}").json() == withdrawn
    after = client.delete(f"/v1/comments/{id_}/corrections/{first}").json()
    assert (themes(after), after["corrected"]) == (model, [])
    assert [(each["id"], each["withdrawn"]["by"]) for each in history(client, id_)] == [(second, "Kari"), (first, None)]


def test_of_an_overruled_correction_a_withdrawal_changes_nothing_shown(client: TestClient, id_: int) -> None:
    patch(client, id_, themes=[{"theme": "delivery_time", "present": False}])
    patch(client, id_, themes=[{"theme": "delivery_time", "sentiment": "neutral"}])
    second, first = (each["id"] for each in history(client, id_))
    after = client.delete(f"/v1/comments/{id_}/corrections/{first}").json()
    assert themes(after)["delivery_time"] == "neutral"
    assert themes(client.delete(f"/v1/comments/{id_}/corrections/{second}").json())["delivery_time"] == "negative"


def test_a_review_holds_for_the_tags_that_were_read_only(client: TestClient, store: Store, id_: int) -> None:
    revision = read(client, id_)["revision"]
    run(store, "other@2.0.0", record=said_by("other@2.0.0", "dyrt"))
    status, code, detail = refused(client, id_, reviewed=True, revision=revision)
    assert (status, code) == (409, "comment_changed")
    assert "Nothing was stored" in detail
    assert history(client, id_) == []
    patch(client, id_, sentiment={"label": "negative"})  # a single label needs no revision
    assert refused(client, id_, reviewed=True, revision=revision)[1] == "comment_changed"
    patch(client, id_, reviewed=True, revision=read(client, id_)["revision"])


@pytest.mark.parametrize(
    ("body", "code", "what"),
    [
        ({}, "bad_correction", "Nothing is corrected"),
        ({"reviewed": True}, "bad_correction", "Send `revision`"),
        ({"themes": [{"theme": "delivery_tme", "sentiment": "negative"}]}, "unknown_label", "Did you mean 'delivery_"),
        ({"themes": [{"theme": "ordering"}]}, "bad_correction", "themes[0] is a theme that the comment does not have"),
        (
            {"themes": [{"theme": "ordering", "sentiment": "negative", "present": False}]},
            "bad_correction",
            "themes[0] is not there",
        ),
        ({"churn_risk": {"flag": False, "spans": [SPAN]}}, "bad_correction", "churn_risk is not there"),
        (
            {"themes": [{"theme": "ordering", "sentiment": "negative"}, {"theme": "ordering", "present": False}]},
            "bad_correction",
            "themes[0] and themes[1] are the same label",
        ),
        (
            {"follow_up": {"flag": True, "spans": [SPAN, {"start": 3, "end": len(TEXT) + 1}]}},
            "bad_correction",
            f"follow_up.spans[1] runs from 3 to {len(TEXT) + 1}; the text has {len(TEXT)} code points",
        ),
        ({"follow_up": {"flag": True, "spans": [{"start": 3, "end": 3}]}}, "bad_correction", "runs from 3 to 3"),
        ({"follow_up": {"flag": True, "spans": [{"start": 1, "end": 2}]}}, "bad_correction", "only white space"),
        ({"sentiment": {"label": "angry"}}, "invalid_request", "sentiment.label"),
        ({"sentiment": "negative"}, "invalid_request", "sentiment"),
        ({"language": "de"}, "invalid_request", "language"),
        ({"factors": [{"factor": "sympathetic"}]}, "invalid_request", "factors[0].polarity: Field required"),
        ({"churn_risk": {"flag": "yes"}}, "invalid_request", "churn_risk.flag"),
        ({"themes": [{"theme": "ordering", "confidence": 1}]}, "invalid_request", "A field is not known. Allowed: pre"),
        ({"Kari Nordmann": 1}, "invalid_request", "A field is not known. Allowed: version, sentiment"),
        ({"sentiment": {"label": "mixed"}, "why": "x" * 2_001}, "invalid_request", "at most 2000 are allowed"),
        ({"sentiment": {"label": "mixed"}, "by": "\0"}, "invalid_request", "NUL"),
        ({"version": "1", "sentiment": {"label": "mixed"}}, "invalid_request", "whole number"),
        ({"version": -1, "sentiment": {"label": "mixed"}}, "invalid_request", "whole number"),
    ],
)
def test_what_does_not_fit_is_refused_and_nothing_of_it_is_stored(
    client: TestClient, id_: int, body: dict[str, Any], code: str, what: str
) -> None:
    status, found_code, detail = refused(client, id_, **body)
    assert (status, found_code) == (422, code)
    assert what in detail
    assert "Kari" not in detail
    assert history(client, id_) == []


def test_a_comment_without_tags_cannot_be_corrected(client: TestClient, store: Store) -> None:
    assert refused(client, 17, sentiment={"label": "mixed"})[:2] == (404, "unknown_comment")
    add(store, TEXT)
    status, code, detail = refused(client, 1, sentiment={"label": "mixed"})
    assert (status, code) == (409, "not_tagged")
    assert "waits to be tagged" in detail
    run(store, record=FailedComment("1", Problem("empty_text", "It is empty.")))
    assert "could not be tagged (empty_text)" in refused(client, 1, sentiment={"label": "mixed"})[2]


def test_a_correction_of_another_comment_is_not_withdrawn(client: TestClient, store: Store, id_: int) -> None:
    add(store, "rask", external_id="2")
    run(store)
    patch(client, id_, sentiment={"label": "negative"})
    correction = history(client, id_)[0]["id"]
    answer = client.delete(f"/v1/comments/2/corrections/{correction}")
    assert (answer.status_code, answer.json()["code"]) == (404, "unknown_correction")
    assert client.get("/v1/comments/99/corrections").json()["code"] == "unknown_comment"
    assert client.delete("/v1/comments/99/corrections/1").json()["code"] == "unknown_comment"


def test_the_history_comes_in_pages(client: TestClient, id_: int) -> None:
    for label in ("negative", "neutral", "positive"):
        patch(client, id_, sentiment={"label": label})
    page = client.get(f"/v1/comments/{id_}/corrections", params={"limit": 2}).json()
    rest = client.get(f"/v1/comments/{id_}/corrections", params={"limit": 2, "before": page["next"]}).json()
    values = [each["labels"][0]["value"] for each in page["corrections"] + rest["corrections"]]
    assert (values, rest["next"]) == (["positive", "neutral", "negative"], None)


def test_who_corrected_stands_in_the_history_and_in_the_audit_log(store: Store, id_: int) -> None:
    key = create_key(store, scopes=[Scope.CORRECT, Scope.READ], name="analysts", expires_at=None, by="test")
    headers = {"Authorization": f"Bearer {key}"}
    client = TestClient(create_app(Settings(), ServiceTagger(), store=store), headers=headers)
    patch(client, id_, themes=[{"theme": "staff_service", "present": False}], by="Kari", why="Ho er ikkje tilsett her")
    (correction,) = history(client, id_)
    assert (correction["key"], correction["key_name"]) == (key.split("_")[1], "analysts")
    client.delete(f"/v1/comments/{id_}/corrections/{correction['id']}")
    with store.read() as session:
        _, made, withdrawn = session.scalars(select(AuditEntry).order_by(AuditEntry.id))
    assert (made.actor, made.action, made.subject) == (key.split("_")[1], "tags.corrected", f"comment {id_}")
    assert made.detail == {
        "correction": correction["id"],
        "version": 1,
        "labels": ["theme:staff_service"],
        "reviewed": False,
    }
    assert (withdrawn.action, withdrawn.detail) == ("tags.correction_withdrawn", {"correction": correction["id"]})


def test_reading_is_not_correcting(store: Store, id_: int) -> None:
    key = create_key(store, scopes=[Scope.READ, Scope.INGEST], name="", expires_at=None, by="test")
    client = TestClient(create_app(Settings(), store=store), headers={"Authorization": f"Bearer {key}"})
    assert refused(client, id_, sentiment={"label": "mixed"})[:2] == (403, "missing_scope")
    assert client.delete(f"/v1/comments/{id_}/corrections/1").status_code == 403
    assert client.get(f"/v1/comments/{id_}/corrections").status_code == 200


@pytest.mark.slow
def test_people_who_correct_the_same_comment_at_once_lose_nothing(store: Store, id_: int) -> None:
    names = ("ordering", "website_app", "reachability", "contract_terms")
    # With a time limit: if one of them fails before it begins, the others would else wait for it for ever. So it was:
    # an app makes its models and routes when it is made and first asked, with warnings muted in the whole process,
    # which several threads at once cannot do. Now each app has answered before they begin.
    start, answers = Barrier(len(names), timeout=PATIENCE_SECONDS), []
    clients = {name: TestClient(create_app(Settings(open=True), ServiceTagger(), store=store)) for name in names}
    for client in clients.values():
        assert client.get(f"/v1/comments/{id_}/corrections").status_code == 200

    def work(theme: str) -> None:
        client = clients[theme]
        start.wait()
        for label in ("negative", "neutral", "positive"):
            body = {
                "version": 1,
                "sentiment": {"label": label},
                "themes": [{"theme": theme, "sentiment": label}],
                "by": theme,
            }
            answers.append(client.patch(f"/v1/comments/{id_}/tags", json=body).status_code)

    people = [Thread(target=work, args=[name], daemon=True) for name in names]
    for person in people:
        person.start()
    for person in people:
        person.join(PATIENCE_SECONDS)
        assert not person.is_alive(), "a correction hangs"
    assert answers == [200] * 12
    with store.read() as session:
        assert len(session.scalars(select(Correction)).all()) == 12
        standing = session.scalars(select(LabelDecision).where(LabelDecision.standing)).all()
        record = shown_records(session, [1])[1]
    assert isinstance(record, TaggedComment)
    assert {tag.theme: tag.sentiment for tag in record.themes if tag.theme in names} == dict.fromkeys(names, "positive")
    assert len({(row.kind, row.label) for row in standing}) == len(standing) == 5


def test_a_comment_takes_its_corrections_with_it(client: TestClient, store: Store, id_: int) -> None:
    patch(client, id_, sentiment={"label": "negative"}, why="Kari ringte")
    with store.write() as session:
        session.delete(session.get_one(StoredComment, id_))
    with store.read() as session:
        assert session.scalars(select(Correction)).all() == session.scalars(select(LabelDecision)).all() == []


def test_the_tables_for_sql_say_what_the_record_says(client: TestClient, store: Store, id_: int) -> None:
    add(store, "dyrt, ring meg", external_id="2")
    run(store)
    patch(
        client,
        id_,
        sentiment={"label": "positive"},
        themes=[{"theme": "ordering", "sentiment": "neutral", "spans": [SPAN]}],
        factors=[{"factor": "sympathetic", "polarity": "positive", "present": False}],
    )
    with store.read() as session:
        records = shown_records(session, [1, 2])
        assert tags_by_sql(session) == {version: tags_of(record) for version, record in records.items()}
        taggings = shown_taggings.c
        rows = session.execute(select(taggings.version_id, taggings.sentiment, taggings.score, taggings.language)).all()
        assert sorted(rows) == [(1, "positive", 1.0, "nb"), (2, "negative", -1.0, "nb")]


def tags_by_sql(session: Any) -> dict[int, set[Any]]:
    tags: dict[int, set[Any]] = {}
    for row in session.execute(select(shown_tags)):
        spans = tuple(map(tuple, row.spans))
        tag = (row.kind, row.label, row.stage, row.sentiment, row.raised, row.confidence, spans)
        assert tag not in tags.setdefault(row.version_id, set())
        tags[row.version_id].add(tag)
    return tags


def tags_of(record: Record) -> set[Any]:
    assert isinstance(record, TaggedComment)

    def spans(tag: Any) -> tuple[tuple[int, int], ...]:
        return tuple((span.start, span.end) for span in tag.spans)

    flags: dict[str, Flag] = {"churn_risk": record.churn_risk, "follow_up": record.follow_up}
    return {
        *(("theme", tag.theme, tag.stage, tag.sentiment, True, tag.confidence, spans(tag)) for tag in record.themes),
        *(("factor", tag.factor, None, tag.polarity, True, tag.confidence, spans(tag)) for tag in record.factors),
        *(("flag", name, None, None, tag.flag, tag.confidence, spans(tag)) for name, tag in flags.items()),
    }


@pytest.mark.parametrize("name", REQUESTS)
def test_the_examples_are_taken(client: TestClient, store: Store, name: str) -> None:
    add(store, "Hyggelig dame på telefonen, men pakka kom tre uker for sent.")
    run(store)
    body = dict(REQUESTS[name]["value"])
    if "revision" in body:
        body["revision"] = read(client, 1)["revision"]
    after = patch(client, 1, **body)
    if name == "tags":
        (span,) = next(theme["spans"] for theme in after["record"]["themes"] if theme["theme"] == "delivery_time")
        assert after["text"][span["start"] : span["end"]] == "tre uker for sent"
