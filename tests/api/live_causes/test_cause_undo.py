"""What analysts did to causes can be undone: names, places and actions stand as they did, and nothing else moves."""

from __future__ import annotations

import json
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select
from typer.testing import CliRunner

pytest.importorskip("ruptures", reason="needs the extra 'topics'")

from api.cause_runs.models import CauseMember, CauseRun
from api.cause_runs.runs import load_topics
from api.cli import app as commands
from api.live_causes.edits import merge, rename, split
from api.live_causes.models import CauseEdit, CauseUndo
from api.live_causes.undo import undo
from api.removal.erasure import erase
from api.store.audit import AuditFilters, read_log
from api.store.database import Store
from api.store.models import CommentVersion, StoredComment
from tests.api.cause_archive import keep_causes, run_topics, topic_of
from tests.api.live_causes.actions import add, complaints, read, split_body
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
from tests.api.live_stub import LiveStub, add_tagged, assign, topics_of, waiting

NAMES = ("label", "label_language", "words", "quotes", "theme", "sentiment", "parent", "size", "share", "sources")


def undone(client: TestClient, edit: int, **query: str) -> dict[str, Any]:
    answer = client.delete(f"/v1/causes/edits/{edit}", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def conflict(client: TestClient, edit: int) -> str:
    answer = client.delete(f"/v1/causes/edits/{edit}")
    assert (answer.status_code, answer.json()["code"]) == (409, "undo_conflict"), answer.text
    return str(answer.json()["detail"])


def placed(store: Store) -> dict[tuple[int, int], str]:
    """The topic of every place in comments."""
    with store.read() as session:
        query = select(CauseMember.comment_version_id, CauseMember.start, CauseMember.topic)
        rows = session.execute(query.where(CauseMember.cause_run_id == current(store).id)).all()
    return {(version, start): topic for version, start, topic in rows}


def named(store: Store) -> dict[str, dict[str, Any]]:
    return {topic: {name: cause[name] for name in NAMES} for topic, cause in causes(store).items()}


def nps(store: Store) -> dict[str, Any]:
    """What is counted, and not drawn, of each cause's answers; None of one with few."""
    every = {topic: cause["nps"] for topic, cause in causes(store).items()}
    return {topic: each and (each["answers"], each["of_cause"], each["without"]) for topic, each in every.items()}


def in_topics(store: Store) -> dict[str, Any]:
    """What the topic model says, by topic, whatever its order."""
    model = load_topics(store, current(store).id)
    rows = model.assignment.topics.tolist()
    centres = {
        topic.id: sorted(
            model.centres.vectors[centre].tolist() for centre in range(len(model.centres.topics))
            if model.centres.topics[centre] == place
        )
        for place, topic in enumerate(model.topics)
    }  # fmt: skip
    ids = [topic.id for topic in model.topics]
    return {
        "topics": {topic.id: topic for topic in model.topics},
        "rows": [ids[place] if place >= 0 else None for place in rows],
        "centres": centres,
        "centre of row": [model.centres.vectors[at].tolist() if at >= 0 else None for at in model.assignment.centres],
        "similarities": model.assignment.similarities.round(5).tolist(),
        "pinned": model.pinned,
    }


@pytest.mark.slow
def test_a_merge_is_undone_with_its_places_names_and_actions(client: TestClient, store: Store, run: CauseRun) -> None:
    late, dear, _ = (topic_of(run, theme) for theme in THEMES)
    own, other = add(client, late), add(client, dear, "Lavere pris")
    add_tagged(store, {"a": "Det var dyrt i dag", "b": "Pakka kom sein i dag"})
    assign(store)
    places, names, topics = placed(store), named(store), in_topics(store)
    figures = nps(store)
    edit = client.post(f"/v1/causes/{late}/merge", json={"with": [dear]}).json()
    assert placed(store) != places
    make_figures(store)
    back = undone(client, edit["id"], by="Kari", why="De var to ting likevel")
    assert (back["kind"], back["topic"], back["by"], back["why"]) == ("undo", late, "Kari", "De var to ting likevel")
    assert back["detail"] == {"edit": edit["id"], "kind": "merge", "with": [dear]}
    assert back["actions"] == [
        {"action": own["id"], "from": late, "to": late},
        {"action": other["id"], "from": late, "to": dear},
    ]
    assert placed(store) == places
    assert named(store) == names
    assert in_topics(store) == topics
    assert waiting(store) == 0
    assert [cause["rank"] for cause in current(store).report["causes"]] == [1, 2, 3]
    assert unknown(causes(store)[late])
    assert unknown(causes(store)[dear])
    make_figures(store)
    assert nps(store) == figures
    for action in (own, other):
        found = read(client, action)
        assert (found["topic"], found["came_from"]) == (action["topic"], [])
        assert complaints(found)[0] == complaints(action)[0]
    page = client.get("/v1/causes/edits").json()["edits"]
    assert [(each["kind"], each["undone_by"]) for each in page] == [("undo", None), ("merge", back["id"])]
    with store.read() as session:
        lines = read_log(session, AuditFilters(action="cause.restored"), limit=5)
        moved = read_log(session, AuditFilters(action="cause_action.moved"), limit=5)
    assert [(line.subject, line.detail["undoes"], line.detail["edit"]) for line in lines] == [
        (f"cause {late}", edit["id"], back["id"])
    ]
    assert [line.detail["edit"] for line in moved] == [back["id"], edit["id"]]


def test_comments_that_came_after_a_merge_are_assigned_anew(client: TestClient, store: Store, run: CauseRun) -> None:
    late, dear, _ = (topic_of(run, theme) for theme in THEMES)
    edit = client.post(f"/v1/causes/{late}/merge", json={"with": [dear]}).json()
    add_tagged(store, {"a": "Det var dyrt i dag", "b": "Pakka kom sein i dag"})
    assign(store)
    assert topics_of(store, run.id, "a", "b") == {"a": [late], "b": [late]}
    undone(client, edit["id"])
    assert waiting(store) == 2
    assign(store)
    assert topics_of(store, run.id, "a", "b") == {"a": [dear], "b": [late]}


@pytest.mark.slow
def test_a_split_is_undone_with_what_came_to_its_parts(client: TestClient, store: Store, run: CauseRun) -> None:
    late, dear, _ = (topic_of(run, theme) for theme in THEMES)
    first = client.post(f"/v1/causes/{late}/merge", json={"with": [dear]}).json()
    places, names, topics = placed(store), named(store), in_topics(store)
    edit = client.post(f"/v1/causes/{late}/split", json=split_body(store, late)).json()
    (_, part) = (each["topic"] for each in edit["detail"]["parts"])
    action = add(client, part, "Lavere pris")
    add_tagged(store, {"a": "Det var dyrt i dag"})
    assign(store)
    assert topics_of(store, run.id, "a") == {"a": [part]}
    back = undone(client, edit["id"])
    assert back["actions"] == [{"action": action["id"], "from": part, "to": late}]
    assert topics_of(store, run.id, "a") == {"a": [late]}
    assert {place: topic for place, topic in placed(store).items() if place in places} == places
    assert named(store) == names
    assert in_topics(store) == topics
    assert read(client, action)["topic"] == late
    # What was below it can be undone now.
    undone(client, first["id"])
    assert set(causes(store)) == {topic_of(run, theme) for theme in THEMES}


def test_a_name_is_undone_and_figures_stay(client: TestClient, store: Store, run: CauseRun) -> None:
    topic = topic_of(run, "staff_service")
    whole, topics = causes(store), in_topics(store)
    for name in ("Hyggelige folk", "Blide folk"):
        client.patch(f"/v1/causes/{topic}", json={"label": {"nb": name}})
    undone(client, 2)
    assert causes(store)[topic]["label"]["nb"] == "Hyggelige folk"
    assert load_topics(store, run.id).topic(topic).given_label == {"nb": "Hyggelige folk"}
    undone(client, 1)
    assert causes(store) == whole
    assert in_topics(store) == topics
    with store.read() as session:
        assert session.scalar(select(CauseEdit.id).where(CauseEdit.kind == "undo").limit(1)) == 3


def test_edits_of_other_causes_stay(client: TestClient, store: Store, run: CauseRun) -> None:
    late, dear, kind = (topic_of(run, theme) for theme in THEMES)
    client.post(f"/v1/causes/{late}/merge", json={"with": [dear]})
    client.patch(f"/v1/causes/{kind}", json={"label": {"nb": "Hyggelige folk"}})
    whole = placed(store)
    parts = [places_with(store, kind, word, 1) for word in ("i dag", "igjen")]
    apart = split(store, kind, parts, reader=LiveStub(), editor=EDITOR)
    undone(client, 1)
    assert set(causes(store)) == {late, dear, *(part["topic"] for part in apart.detail["parts"])}
    assert causes(store)[kind]["label"]["nb"] == "Hyggelige folk"
    undone(client, apart.id)
    assert {place for place, topic in placed(store).items() if topic == kind} == {
        place for place, topic in whole.items() if topic == kind
    }
    assert places_by_topic(store)[dear] > 0


@pytest.mark.slow
def test_conflicts_say_what_to_do(client: TestClient, store: Store, run: CauseRun) -> None:
    late, dear, kind = (topic_of(run, theme) for theme in THEMES)
    client.patch(f"/v1/causes/{dear}", json={"label": {"nb": "For dyrt"}})
    client.post(f"/v1/causes/{late}/merge", json={"with": [dear]})
    client.patch(f"/v1/causes/{late}", json={"label": {"nb": "Alt som er galt"}})
    before = causes(store)
    assert "Edit 3 (rename) has changed the same cause since edit 2" in conflict(client, 2)
    assert "`DELETE /v1/causes/edits/2`" in conflict(client, 1), "the cause is in another now"
    answer = client.delete("/v1/causes/edits/99")
    assert (answer.status_code, answer.json()["code"]) == (404, "unknown_edit")
    assert client.delete("/v1/causes/edits/3", params={"hvem": "x"}).json()["code"] == "unknown_filter"
    assert causes(store) == before
    undone(client, 3)
    assert "undone already, by edit 4" in conflict(client, 3)
    assert "itself the undo of edit 3" in conflict(client, 4)
    undone(client, 2)
    assert causes(store)[dear]["label"]["nb"] == "For dyrt"
    with store.write() as session:
        session.delete(session.get(CauseUndo, 1))
    assert "made with an earlier version. Give the cause another name instead" in conflict(client, 1)
    keep_causes(store, former=load_topics(store, run.id))
    client.post(f"/v1/causes/{kind}/merge", json={"with": [dear]})
    keep_causes(store, former=load_topics(store, current(store).id))
    assert "Part the cause with a split instead" in conflict(client, 6)
    assert "made before run" in conflict(client, 6)
    assert "Edit 6 (merge) has changed the same cause since edit 1" in conflict(client, 1)


@pytest.mark.slow
def test_an_undo_is_kept_by_later_runs_and_what_stood_before_is_dropped(
    client: TestClient, store: Store, run: CauseRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.ingest.live.PATIENCE_SECONDS", 0.3)
    late, dear, kind = (topic_of(run, theme) for theme in THEMES)
    client.post(f"/v1/causes/{late}/merge", json={"with": [dear]})
    client.patch(f"/v1/causes/{kind}", json={"label": {"nb": "Hyggelige folk"}})
    undone(client, 1)
    assert run_topics(store, show=False).state == "succeeded"
    with store.read() as session:
        assert set(session.scalars(select(CauseUndo.edit_id))) == {1, 2}
    assert run_topics(store).state == "succeeded"
    assert current(store).id != run.id
    assert set(causes(store)) == {late, dear, kind}
    with store.read() as session:
        assert session.scalars(select(CauseUndo.edit_id)).all() == []


def test_a_name_is_undone_after_a_newer_run(client: TestClient, store: Store, run: CauseRun) -> None:
    topic = topic_of(run, "staff_service")
    own, figures = causes(store)[topic]["label"], nps(store)
    client.patch(f"/v1/causes/{topic}", json={"label": {"nb": "Hyggelige folk", "sv": "Trevliga"}})
    client.patch(f"/v1/causes/{topic}", json={"label": {"nb": "Blide folk"}})
    keep_causes(store, former=load_topics(store, run.id))
    assert causes(store)[topic]["label"]["nb"] == "Blide folk"
    back = undone(client, 2, why="Det første var bedre")
    assert (back["kind"], back["topic"], back["detail"]) == ("undo", topic, {"edit": 2, "kind": "rename"})
    assert load_topics(store, current(store).id).topic(topic).given_label == {"nb": "Hyggelige folk", "sv": "Trevliga"}
    assert causes(store)[topic]["label"]["nb"] == "Hyggelige folk"
    undone(client, 1)
    cause = causes(store)[topic]
    assert load_topics(store, current(store).id).topic(topic).given_label == {}
    assert cause["label"]["nb"] == cause["label"]["nn"], "until the next run, the name of the nearest readers"
    assert not {"Blide folk", "Hyggelige folk", "Trevliga"}.intersection(cause["label"].values())
    assert nps(store) == figures, "a name changes no figure"
    keep_causes(store, former=load_topics(store, current(store).id))
    assert causes(store)[topic]["label"] == own, "the next run names it anew"
    assert "undone already, by edit 4" in conflict(client, 1)


def test_a_name_of_all_readers_gives_way_to_the_words(client: TestClient, store: Store, run: CauseRun) -> None:
    topic = topic_of(run, "delivery_time")
    client.patch(f"/v1/causes/{topic}", json={"label": dict.fromkeys(("nb", "nn", "da", "sv", "en"), "Sein pakke")})
    keep_causes(store, former=load_topics(store, run.id))
    undone(client, 1)
    cause = causes(store)[topic]
    words = next(iter(cause["words"].values()))
    assert cause["label"]["nb"].endswith(f": {', '.join(words[:3])}")
    assert cause["sources"]["made_of"]["nb"] == words[:3]
    assert "Sein pakke" not in cause["label"].values()


@pytest.mark.slow
def test_a_split_is_undone_after_a_newer_run(client: TestClient, store: Store, run: CauseRun) -> None:
    late, dear, kind = (topic_of(run, theme) for theme in THEMES)
    client.post(f"/v1/causes/{late}/merge", json={"with": [dear]})
    whole = {place for place, topic in placed(store).items() if topic == late}
    edit = client.post(f"/v1/causes/{late}/split", json=split_body(store, late)).json()
    (_, part) = (each["topic"] for each in edit["detail"]["parts"])
    keep_causes(store, former=load_topics(store, run.id))
    assert set(causes(store)) == {late, part, kind}
    action = add(client, part, "Lavere pris")
    add_tagged(store, {"a": "Det var dyrt i dag"})
    assign(store)
    assert topics_of(store, current(store).id, "a") == {"a": [part]}
    back = undone(client, edit["id"])
    assert back["actions"] == [{"action": action["id"], "from": part, "to": late}]
    assert read(client, action)["topic"] == late
    assert set(causes(store)) == {late, kind}
    assert {place for place, topic in placed(store).items() if topic == late} >= whole
    assert topics_of(store, current(store).id, "a") == {"a": [late]}
    assert unknown(causes(store)[late])
    make_figures(store)
    assert "pending" not in causes(store)[late]
    keep_causes(store, former=load_topics(store, current(store).id))
    assert set(causes(store)) == {late, kind}, "later runs keep it"


def test_what_a_newer_run_has_not_kept_cannot_be_undone(client: TestClient, store: Store, run: CauseRun) -> None:
    late, dear, kind = (topic_of(run, theme) for theme in THEMES)
    client.patch(f"/v1/causes/{kind}", json={"label": {"nb": "Hyggelige folk"}})
    client.post(f"/v1/causes/{late}/merge", json={"with": [dear]})
    client.post(f"/v1/causes/{late}/split", json=split_body(store, late))
    anew = keep_causes(store)
    before = causes(store)
    for edit in (1, 3):
        said = conflict(client, edit)
        assert f"Run {anew.id} has not kept edit {edit}" in said or f"The cause of edit {edit} is no more" in said
    assert causes(store) == before


@pytest.mark.slow
def test_what_stood_before_forgets_comments_that_are_erased(
    client: TestClient, store: Store, run: CauseRun, database: str
) -> None:
    topic = topic_of(run, "delivery_time")
    sources = causes(store)[topic]["sources"]["labels"]
    version = sources["nb"]["version"]
    with store.read() as session:
        text, respondent = session.execute(
            select(CommentVersion.text, StoredComment.respondent)
            .join(StoredComment, StoredComment.id == CommentVersion.comment_id)
            .where(CommentVersion.id == version)
        ).one()
    assert causes(store)[topic]["label"]["nb"] == text
    client.patch(f"/v1/causes/{topic}", json={"label": dict.fromkeys(("nb", "nn", "da", "sv", "en"), "Sein pakke")})
    erase(store, respondent, by="test")
    with store.read() as session:
        kept = session.scalars(select(CauseUndo)).one()
        quoted = [quote["version"] for cause in kept.report["causes"] for quote in cause["quotes"]]
        assert version not in quoted
        assert quoted
        assert text not in json.dumps(kept.report, ensure_ascii=False)
        assert text.encode() not in kept.topics
    undone(client, 1)
    after = causes(store)[topic]
    assert text not in after["label"].values()
    assert after["label"]["nb"] != "Sein pakke"
    assert version not in [quote["version"] for quote in after["quotes"]]


def test_an_edit_that_comes_meanwhile_is_a_conflict_and_loses_nothing(
    store: Store, run: CauseRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    import api.live_causes.undo as module
    from api.live_causes.errors import UndoConflict

    late, dear, kind = (topic_of(run, theme) for theme in THEMES)
    merge(store, late, [dear], editor=EDITOR)
    find_before, done = module.find_before, []

    def overtaken(*given: Any) -> Any:
        found = find_before(*given)
        done.append(1)
        if len(done) == 2:  # once it has been seen that it can be undone
            rename(store, late, {"nb": "Alt som er galt"}, editor=EDITOR)
        return found

    monkeypatch.setattr(module, "find_before", overtaken)
    with pytest.raises(UndoConflict, match=r"Edit 2 \(rename\)"):
        undo(store, 1, editor=EDITOR)
    assert set(causes(store)) == {late, kind}
    assert causes(store)[late]["label"]["nb"] == "Alt som er galt"


def test_the_list_can_be_of_one_cause(client: TestClient, run: CauseRun) -> None:
    late, dear, kind = (topic_of(run, theme) for theme in THEMES)
    client.patch(f"/v1/causes/{kind}", json={"label": {"nb": "Hyggelige folk"}})
    client.post(f"/v1/causes/{late}/merge", json={"with": [dear]})
    undone(client, 2)

    def listed(topic: str, **query: int) -> list[int]:
        page = client.get("/v1/causes/edits", params={"topic": topic, **query}).json()
        return [each["id"] for each in page["edits"]]

    assert [listed(topic) for topic in (late, dear, kind, "t-0")] == [[3, 2], [3, 2], [1], []]
    assert (listed(dear, limit=1), listed(dear, before=3)) == ([3], [2])


@pytest.mark.slow
def test_the_command_undoes(store: Store, run: CauseRun, database: str) -> None:
    late, dear, kind = (topic_of(run, theme) for theme in THEMES)

    def call(*arguments: str) -> Any:
        return CliRunner().invoke(commands, ["causes", *arguments, "--database", database])

    assert call("merge", late, dear).exit_code == 0
    done = call("undo", "1", "--why", "De var to ting")
    assert done.exit_code == 0, done.stderr
    assert "took back merge 1" in done.stdout
    assert "De var to ting" in done.stdout
    assert set(causes(store)) == {late, dear, kind}
    listed = call("edits").stdout.splitlines()
    assert "undone by 2" in listed[1]
    assert [json.loads(line)["undone_by"] for line in call("edits", "--json").stdout.splitlines()] == [None, 2]
    assert call("edits", "--topic", kind).stdout == ""
    again = call("undo", "1")
    assert (again.exit_code, "(undo_conflict)" in again.stderr) == (2, True)
