"""Analysts name, merge and split causes: at once, in the report too, and for every later run."""

from __future__ import annotations

import json
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select
from typer.testing import CliRunner

pytest.importorskip("sklearn")
pytest.importorskip("simplemma")
pytest.importorskip("ruptures")

from api.cause_runs.models import CauseRun
from api.cause_runs.runs import load_topics
from api.cli import app as commands
from api.jobs.models import Job
from api.live_causes import examples
from api.live_causes.edits import merge, rename, split
from api.live_causes.models import CauseEdit
from api.store.audit import AuditFilters, read_log
from api.store.database import Store
from nlp.topics import BadTopicEdit, WrongEmbeddings
from tests.api.cause_archive import add_archive, keep_causes, run_topics, topic_of
from tests.api.live_causes.causes import (
    EDITOR,
    THEMES,
    causes,
    current,
    make_figures,
    places_by_topic,
    places_with,
    unknown,
)
from tests.api.live_stub import LiveStub, add_tagged, assign, topics_of


def test_a_name_holds_at_once_and_for_whom_it_was_given(client: TestClient, store: Store, run: CauseRun) -> None:
    topic, before = topic_of(run, "delivery_time"), causes(store)
    answer = client.patch(f"/v1/causes/{topic}", json=examples.RENAME["rename"]["value"])
    assert answer.status_code == 200, answer.text
    edit = answer.json()
    assert (edit["kind"], edit["topic"], edit["run"], edit["by"]) == ("rename", topic, run.id, "Kari")
    assert edit["detail"] == {"label": {"nb": "Lang telefonkø", "da": "Lang telefonkø"}}
    after = causes(store)[topic]
    assert {reader: after["label"][reader] for reader in ("nb", "da")} == edit["detail"]["label"]
    assert after["label"]["sv"] == before[topic]["label"]["sv"]
    assert after["nps_points_lost"] == before[topic]["nps_points_lost"] is not None
    assert load_topics(store, run.id).topic(topic).given_label == edit["detail"]["label"]
    with store.read() as session:
        assert session.scalars(select(Job.id)).all() == []  # a name changes no figure


@pytest.mark.slow
def test_a_merge_moves_places_and_makes_figures_anew(client: TestClient, store: Store, run: CauseRun) -> None:
    kept, gone = topic_of(run, "delivery_time"), topic_of(run, "price_value")
    other = topic_of(run, "staff_service")
    add_tagged(store, {"a": "Det var dyrt i dag"})
    assign(store)
    before, places = causes(store), places_by_topic(store)
    answer = client.post(f"/v1/causes/{kept}/merge", json={"with": [gone], "why": "Samme sak"})
    assert answer.status_code == 200, answer.text
    assert answer.json()["detail"] == {"with": [gone]}
    after = causes(store)
    assert set(after) == {kept, other}
    assert after[kept]["size"] == before[kept]["size"] + before[gone]["size"]
    assert unknown(after[kept])
    assert after[other]["nps_points_lost"] == before[other]["nps_points_lost"]
    assert places_by_topic(store) == {kept: places[kept] + places[gone], other: places[other]}
    assert topics_of(store, run.id, "a") == {"a": [kept]}
    job = make_figures(store)
    assert (job.state, job.result) == ("succeeded", {"cause_run": run.id, "causes": 2, "comments": 60})
    made = causes(store)
    assert made[kept]["size"] == after[kept]["size"]
    assert made[kept]["nps"]["answers"] == after[kept]["size"]
    assert made[kept]["stage"] is not None
    assert not made[kept].get("pending")
    assert made[kept]["label"] == before[kept]["label"]
    assert sum(week["count"] for week in made[kept]["weeks"]) == after[kept]["size"]
    assert made[other]["nps"]["answers"] == before[other]["nps"]["answers"]
    assert current(store).report["without"] == run.report["without"]


@pytest.mark.slow
def test_a_split_parts_every_place(client: TestClient, store: Store, run: CauseRun) -> None:
    late, dear = topic_of(run, "delivery_time"), topic_of(run, "price_value")
    merge(store, late, [dear], editor=EDITOR)
    before = places_by_topic(store)
    add_tagged(store, {"a": "Det var dyrt i dag", "b": "Pakka kom sein i dag"})
    assign(store)
    parts = [places_with(store, late, word, 2) for word in ("dyrt", "sein")]
    body = {"parts": [[{"comment": p.comment, "start": p.start, "end": p.end} for p in part] for part in parts]}
    answer = client.post(f"/v1/causes/{late}/split", json=body)
    assert answer.status_code == 200, answer.text
    (first, second) = answer.json()["detail"]["parts"]
    assert first["topic"] == late
    assert first["places"] + second["places"] == before[late] + 2
    assert topics_of(store, run.id, "a", "b") == {"a": [second["topic"]], "b": [late]}
    after = causes(store)
    assert unknown(after[late])
    assert unknown(after[second["topic"]])
    assert after[late]["size"] + after[second["topic"]]["size"] == before[late]
    assert make_figures(store).state == "succeeded"
    made = causes(store)
    assert made[second["topic"]]["theme"] == "price_value"
    assert made[second["topic"]]["size"] == after[second["topic"]]["size"]
    assert made[second["topic"]]["mean_sentiment"] == -1.0
    assert sum(week["count"] for week in made[late]["weeks"]) == made[late]["size"]
    # New comments go to the parts.
    add_tagged(store, {"c": "Det var dyrt igjen"})
    assign(store)
    assert topics_of(store, run.id, "c") == {"c": [second["topic"]]}


@pytest.mark.slow
def test_edits_are_kept_by_two_further_runs(store: Store, run: CauseRun) -> None:
    late, dear, kind = (topic_of(run, theme) for theme in THEMES)
    rename(store, kind, {"nb": "Hyggelige folk"}, editor=EDITOR)
    merge(store, late, [dear], editor=EDITOR)
    first, days = current(store), 30
    for _ in range(2):
        add_archive(store, days=6, first=days)
        days += 6
        again = keep_causes(store, former=load_topics(store, current(store).id))
        known = causes(store)
        assert again.id != first.id
        assert set(known) == {late, kind}
        assert known[kind]["label"]["nb"] == "Hyggelige folk"
        words = {word for of_language in known[late]["words"].values() for word in of_language}
        assert {"dyr", "sein"} <= words | {word.rstrip("t") for word in words}
    parts = [places_with(store, late, word, 2) for word in ("dyrt", "sein")]
    split(store, late, parts, reader=LiveStub(), editor=EDITOR)
    apart = set(causes(store))
    assert len(apart) == 3
    for _ in range(2):
        add_archive(store, days=6, first=days)
        days += 6
        keep_causes(store, former=load_topics(store, current(store).id))
        assert set(causes(store)) == apart


def test_who_did_what_is_listed_and_in_the_audit_log(client: TestClient, store: Store, run: CauseRun) -> None:
    late, dear, kind = (topic_of(run, theme) for theme in THEMES)
    client.patch(f"/v1/causes/{kind}", json={"label": {"en": "Kind staff"}, "by": "Kari", "why": "Short"})
    client.post(f"/v1/causes/{late}/merge", json={"with": [dear]})
    page = client.get("/v1/causes/edits", params={"limit": 1}).json()
    assert [(each["kind"], each["topic"]) for each in page["edits"]] == [("merge", late)]
    rest = client.get("/v1/causes/edits", params={"before": page["next"]}).json()
    assert [(each["kind"], each["by"], each["why"]) for each in rest["edits"]] == [("rename", "Kari", "Short")]
    assert rest["next"] is None
    with store.read() as session:
        lines = read_log(session, AuditFilters(), limit=10)
        noted = {line.action: (line.subject, line.detail) for line in lines if line.action.startswith("cause.")}
    assert noted == {
        "cause.renamed": (f"cause {kind}", {"edit": 1, "run": run.id, "readers": ["en"]}),
        "cause.merged": (f"cause {late}", {"edit": 2, "run": run.id, "with": [dear]}),
    }


@pytest.mark.slow
def test_what_cannot_be_done_says_what_to_do(client: TestClient, store: Store, run: CauseRun) -> None:
    late, dear, kind = (topic_of(run, theme) for theme in THEMES)
    (place,) = places_with(store, late, "sein", 1)
    own = {"comment": place.comment, "start": place.start, "end": place.end}
    before = causes(store)
    wrong = [
        ("patch", "t-0", {"label": {"nb": "Navn"}}, 404, "unknown_cause", "GET /v1/causes"),
        ("patch", late, {"label": {}}, 422, "invalid_request", "Give one for a reader's language"),
        ("patch", late, {"label": {"fi": "Jono"}}, 422, "invalid_request", "Allowed: nb, nn, da, sv, en"),
        ("patch", late, {"label": {"nb": "   "}}, 422, "invalid_request", "blank"),
        ("post/merge", late, {"with": [late]}, 422, "bad_topic_edit", "two different topics"),
        ("post/merge", late, {"with": [dear, dear]}, 422, "bad_topic_edit", "two different topics"),
        ("post/merge", late, {"with": ["t-0"]}, 422, "unknown_topic", "no topic 't-0'"),
        ("post/split", late, {"parts": [[own]]}, 422, "invalid_request", "at least 2 items"),
        ("post/split", late, {"parts": [[own], [own]]}, 422, "bad_topic_edit", "name the same segment"),
        ("post/split", late, {"parts": [[own], [{**own, "start": 3}]]}, 422, "bad_topic_edit", "Part 1 names 3 to"),
        ("post/split", kind, {"parts": [[own], [own]]}, 422, "bad_topic_edit", "none of the cause's places"),
    ]
    for how, topic, body, status, code, hint in wrong:
        method, _, action = how.partition("/")
        answer = client.request(method, f"/v1/causes/{topic}{'/' if action else ''}{action}", json=body)
        found = answer.json()
        assert (answer.status_code, found["code"]) == (status, code), found
        assert hint in found["detail"]
    assert causes(store) == before
    with store.read() as session:
        assert session.scalars(select(CauseEdit)).all() == []
    with pytest.raises(WrongEmbeddings, match="other@2"):
        split(store, late, [[place], [place]], reader=LiveStub(name="other@2"), editor=EDITOR)


def test_without_causes_there_is_nothing_to_edit(client: TestClient) -> None:
    assert client.patch("/v1/causes/t-0", json={"label": {"nb": "Navn"}}).json()["code"] == "no_causes"
    assert client.get("/v1/causes/drift").json()["code"] == "no_causes"
    assert client.get("/v1/causes/edits").json() == {"edits": [], "next": None}


def test_an_edit_that_comes_while_another_is_made_is_not_lost(store: Store, run: CauseRun) -> None:
    late, dear, kind = (topic_of(run, theme) for theme in THEMES)
    merge(store, late, [dear], editor=EDITOR)

    class Interrupted(LiveStub):
        def tag_and_embed(self, comments):  # type: ignore[no-untyped-def]
            if not self.read:
                rename(store, kind, {"nb": "Hyggelige folk"}, editor=EDITOR)
            return super().tag_and_embed(comments)

    parts = [places_with(store, late, word, 2) for word in ("dyrt", "sein")]
    split(store, late, parts, reader=Interrupted(), editor=EDITOR)
    known = causes(store)
    assert len(known) == 3
    assert known[kind]["label"]["nb"] == "Hyggelige folk"


def test_figures_that_an_edit_overtakes_are_made_again(
    store: Store, run: CauseRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    import api.cause_runs.make_report as module

    late, dear, kind = (topic_of(run, theme) for theme in THEMES)
    size = sum(cause["size"] for cause in causes(store).values())
    merge(store, late, [dear], editor=EDITOR)
    make_report, made = module.make_report, []

    def overtaken(*given: Any, **named: Any) -> Any:
        if not made:
            merge(store, late, [kind], editor=EDITOR)
        made.append(1)
        return make_report(*given, **named)

    monkeypatch.setattr(module, "make_report", overtaken)
    assert make_figures(store).state == "succeeded"
    assert len(made) == 2
    assert set(causes(store)) == {late}
    assert causes(store)[late]["size"] == size
    with store.read() as session:
        assert len(session.scalars(select(Job.id)).all()) == 1


def test_an_edit_that_comes_while_causes_are_found_is_kept(
    store: Store, run: CauseRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.ingest.live.PATIENCE_SECONDS", 0.3)
    late, dear, kind = (topic_of(run, theme) for theme in THEMES)
    begun: list[int] = []

    class Interrupted(LiveStub):
        def tag_and_embed(self, comments):  # type: ignore[no-untyped-def]
            if not begun:
                rename(store, kind, {"nb": "Hyggelige folk"}, editor=EDITOR)
                merge(store, late, [dear], editor=EDITOR)
                begun.append(1)
            return super().tag_and_embed(comments)

    job = run_topics(store, reader=Interrupted())
    assert job.state == "succeeded"
    assert current(store).id != run.id
    known = causes(store)
    assert set(known) == {late, kind}
    assert known[kind]["label"]["nb"] == "Hyggelige folk"
    assert known[late]["nps"] is not None


@pytest.mark.slow
def test_the_commands_edit_and_list(store: Store, run: CauseRun, database: str) -> None:
    late, dear, kind = (topic_of(run, theme) for theme in THEMES)

    def call(*arguments: str) -> Any:
        return CliRunner().invoke(commands, ["causes", *arguments, "--database", database])

    renamed = call("rename", kind, "--label", "nb=Hyggelige folk", "--label", "en=Kind staff", "--why", "Kort")
    assert renamed.exit_code == 0, renamed.stderr
    assert "nb: Hyggelige folk; en: Kind staff" in renamed.stdout
    assert call("merge", late, dear).exit_code == 0
    assert set(causes(store)) == {late, kind}
    lines = [json.loads(line) for line in call("edits", "--json").stdout.splitlines()]
    assert [(line["kind"], line["why"]) for line in lines] == [("merge", None), ("rename", "Kort")]
    assert "refit: False" in call("drift").stdout
    bad = call("rename", kind, "--label", "nb")
    assert (bad.exit_code, "Write it as nb=NAME" in bad.stderr) == (2, True)
    gone = call("merge", late, dear)
    assert (gone.exit_code, "(unknown_topic)" in gone.stderr) == (2, True)
    other = call("split", late, "--part", "1:0-5", "--part", "2:0-5")  # the shipped model did not find these
    assert "(wrong_embeddings)" in other.stderr


def test_names_are_trimmed_and_checked(store: Store, run: CauseRun) -> None:
    topic = topic_of(run, "staff_service")
    with pytest.raises(BadTopicEdit, match="Known: nb, nn, da, sv, en"):
        rename(store, topic, {"fi": "Jono"}, editor=EDITOR)
    assert rename(store, topic, {"sv": "  Trevliga  "}, editor=EDITOR).detail == {"label": {"sv": "Trevliga"}}
