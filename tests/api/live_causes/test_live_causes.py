"""New comments get the topics of the current run: after they are tagged, once, whatever fails in between."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import select, update

pytest.importorskip("sklearn")
pytest.importorskip("simplemma")

from api.access.keys import Caller
from api.cause_runs.models import CauseMember, CauseRun
from api.corrections.answers import taxonomy
from api.corrections.correct import NamedLabel, Wanted, correct, withdraw
from api.corrections.decisions import Key
from api.corrections.models import DecisionKind
from api.live_causes.assigner import MOST_ATTEMPTS
from api.live_causes.drift import DriftLog, drift_of_causes
from api.live_causes.models import CauseAssignment, CauseCatchUp, WaitingForCauses
from api.store.database import Store
from api.store.models import CommentVersion, StoredComment, Tagging
from tests.api.cause_archive import add_archive, keep_causes, topic_of
from tests.api.live_stub import LiveStub, add_tagged, assign, assigner_of, topics_of, waiting
from tests.api.serving import ROOT, Served, wait_for

ANALYST = Caller("prefix", frozenset(), "analyst")
LOAD = "lambda model: LiveStub(seconds={seconds})"
BEFORE = "from tests.api.live_stub import LiveStub"


def comment_id(store: Store, name: str) -> int:
    with store.read() as session:
        found = session.scalar(select(StoredComment.id).where(StoredComment.external_id == name))
        assert found is not None
        return found


def theme(name: str, *, present: bool = True, value: str | None = None) -> NamedLabel:
    return NamedLabel("themes[0]", Key(DecisionKind.THEME, name), present, value)


def test_a_tagged_comment_gets_the_topics_of_its_clauses_once(store: Store, run: CauseRun) -> None:
    late, kind = topic_of(run, "delivery_time"), topic_of(run, "staff_service")
    assign(store)  # what the run may not have read
    add_tagged(store, {"both": "Pakka kom sein i dag\nAlltid hyggelig hos dere i dag", "other": "Katten sov på matta."})
    assert waiting(store) == 2
    assert assign(store) == 2
    assert topics_of(store, run.id, "both", "other") == {"both": [late, kind]}
    assert waiting(store) == 0
    assert assign(store) == 0
    with store.read() as session:
        rows = session.scalars(select(CauseMember).where(CauseMember.assigned_at.is_not(None))).all()
        assert [(each.start, each.end, each.segment) for each in rows] == [(0, 20, None), (21, 51, None)]
        drift = drift_of_causes(session)
    assert drift is not None
    assert (drift.run, drift.comments, drift.clauses, drift.waiting, drift.refit) == (run.id, 2, 3, 0, False)


def test_without_a_run_of_causes_nothing_waits(store: Store) -> None:
    add_tagged(store, {"a": "Pakka kom sein i dag"})
    assert waiting(store) == 0
    assert assign(store) == 0
    with store.read() as session:
        assert drift_of_causes(session) is None


def test_with_another_model_what_waits_stays_and_drift_says_so(
    store: Store, run: CauseRun, caplog: pytest.LogCaptureFixture
) -> None:
    assign(store)
    other = LiveStub(name="other@2.0.0")
    add_tagged(store, {"a": "Pakka kom sein i dag"}, tagger=other)
    assigner = assigner_of(store, other)
    assert [assigner.assign_batch(), assigner.assign_batch()] == [0, 0]
    assert caplog.text.count("New comments get no topics") == 1
    assert waiting(store) == 1
    with store.read() as session:
        drift = drift_of_causes(session)
    assert drift is not None
    assert (drift.refit, drift.encoder, drift.active_model) == (True, "stub@1.0.0", "other@2.0.0")
    assert "Another model is at work" in drift.why
    assert assign(store) == 1  # its model is back


def test_a_correction_of_a_theme_assigns_anew_and_so_does_withdrawing_it(store: Store, run: CauseRun) -> None:
    add_tagged(store, {"a": "Pakka kom sein i dag"})
    assign(store)
    late, id_ = topic_of(run, "delivery_time"), comment_id(store, "a")
    assert topics_of(store, run.id, "a") == {"a": [late]}
    gone = Wanted(version=1, labels=[theme("delivery_time", present=False)])
    correct(store, id_, gone, caller=ANALYST, taxonomy=taxonomy())
    assert waiting(store) == 1
    assign(store)
    # Without the theme the stub's clause has a sentiment of its own and stands as near to the topic as before.
    with store.read() as session:
        assert (
            session.scalars(select(CauseAssignment.clauses).order_by(CauseAssignment.assigned_at.desc())).first() == 1
        )
    flag = NamedLabel("follow_up", Key(DecisionKind.FLAG, "follow_up"), True, None)
    found = correct(store, id_, Wanted(version=1, labels=[flag]), caller=ANALYST, taxonomy=taxonomy())
    assert waiting(store) == 0  # topics have nothing to do with a flag
    with store.read() as session:
        from api.corrections.models import Correction

        first = session.scalars(select(Correction.id).order_by(Correction.id)).first()
    assert first is not None
    withdraw(store, id_, first, caller=ANALYST, by=None)
    assert waiting(store) == 1
    assign(store)
    assert topics_of(store, run.id, "a") == {"a": [late]}
    assert found.version.number == 1


def test_a_new_text_takes_the_place_of_the_one_before(store: Store, run: CauseRun) -> None:
    add_tagged(store, {"a": "Pakka kom sein i dag"})
    assign(store)
    add_tagged(store, {"a": "Alltid hyggelig hos dere i dag"})
    assign(store)
    assert topics_of(store, run.id, "a") == {"a": [topic_of(run, "staff_service")]}


def test_what_fails_is_tried_again_and_holds_nobody_up(
    store: Store, run: CauseRun, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    assign(store)
    texts = {"a": "Pakka kom sein i dag", "b": "Hyggelig Kari Nordmann hjalp meg.", "c": "Det var dyrt i dag"}
    add_tagged(store, texts)
    monkeypatch.setattr("api.live_causes.assigner.BACK_OFF_SECONDS", 3_600)
    assert assign(store, LiveStub(broken="Nordmann")) == 3
    assert set(topics_of(store, run.id, *texts)) == {"a", "c"}
    assert waiting(store) == 1
    assert "KeyError" in caplog.text
    assert "Nordmann" not in caplog.text
    with store.read() as session:
        tagged = session.scalars(
            select(Tagging.error_code).join(CommentVersion).where(CommentVersion.text == texts["b"])
        )
        assert tagged.all() == [None]  # it is tagged all the same
    assert assign(store) == 0  # not due yet
    with store.write() as session:
        session.execute(update(WaitingForCauses).values(not_before=None))
    assert assign(store) == 1
    assert waiting(store) == 0
    with store.read() as session:
        assert len(session.scalars(select(CauseAssignment)).all()) >= 3
    add_tagged(store, {"d": "Hyggelig Kari Nordmann igjen."})
    for _ in range(MOST_ATTEMPTS):
        with store.write() as session:
            session.execute(update(WaitingForCauses).values(not_before=None))
        assign(store, LiveStub(broken="Nordmann"))
    assert waiting(store) == 0
    assert "gets no topics before the next run" in caplog.text


def test_topics_for_tags_that_a_person_changed_meanwhile_are_not_kept(store: Store, run: CauseRun) -> None:
    add_tagged(store, {"a": "Pakka kom sein i dag"})
    assign(store)
    id_ = comment_id(store, "a")
    correct(
        store,
        id_,
        Wanted(version=1, labels=[theme("price_value", value="negative")]),
        caller=ANALYST,
        taxonomy=taxonomy(),
    )

    class Interrupted(LiveStub):
        def tag_and_embed(self, comments):  # type: ignore[no-untyped-def]
            labels = [theme("price_value", present=False)]
            correct(store, id_, Wanted(version=1, labels=labels), caller=ANALYST, taxonomy=taxonomy())
            return super().tag_and_embed(comments)

    before = assigned_at(store, run, "a")
    assert assigner_of(store, Interrupted()).assign_batch() == 1
    assert assigned_at(store, run, "a") == before
    assert waiting(store) == 1
    assign(store)
    assert assigned_at(store, run, "a") != before


def assigned_at(store: Store, run: CauseRun, name: str) -> object:
    with store.read() as session:
        version = session.scalar(
            select(CommentVersion.id).join(CommentVersion.comment).where(StoredComment.external_id == name)
        )
        assignment = session.get(CauseAssignment, (run.id, version))
        assert assignment is not None
        return assignment.assigned_at


def test_what_was_tagged_while_a_run_was_made_is_assigned_to_it(store: Store) -> None:
    add_archive(store)
    run = keep_causes(store)
    with store.write() as session:  # tagged before the run was there, and after it had read
        session.execute(update(CauseRun).values(created_at=run.created_at - timedelta(hours=1), shown=False))
    add_tagged(store, {"a": "Pakka kom sein i dag"})
    assert waiting(store) == 0
    with store.write() as session:
        session.execute(update(CauseRun).values(shown=True))
    assert assign(store) >= 1  # and any whose clauses fitted no topic, as nothing tells that the run has read them
    assert topics_of(store, run.id, "a") == {"a": [topic_of(run, "delivery_time")]}
    with store.read() as session:
        assert session.get(CauseCatchUp, run.id) is not None


def test_a_new_run_takes_over_what_waited_for_the_one_before(store: Store, run: CauseRun) -> None:
    assign(store)
    add_tagged(store, {"a": "Pakka kom sein i dag"})
    with store.write() as session:
        session.execute(update(WaitingForCauses).values(queued_at=run.created_at - timedelta(hours=1)))
    second = keep_causes(store)
    assert assign(store) == 0
    assert topics_of(store, second.id, "a") == {"a": [topic_of(second, "delivery_time")]}
    with store.read() as session:
        rows = session.scalars(select(CauseMember.segment).where(CauseMember.cause_run_id == second.id)).all()
    assert None not in rows


@pytest.mark.slow
def test_drift_is_logged_when_the_verdict_changes(
    store: Store, run: CauseRun, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    assign(store)
    log = DriftLog(store)
    add_tagged(store, dict.fromkeys(map(str, range(40)), "Pakka kom sein i dag"))
    assign(store)
    log.tell()
    log.tell()
    assert caplog.text.count("40 comments assigned since") == 1
    add_tagged(store, dict.fromkeys(map(str, range(40, 240)), "Pakka kom sein i dag"))
    assign(store)
    log.tell()
    assert [record.levelname for record in caplog.records if "assigned since" in record.message] == ["INFO", "WARNING"]
    with store.read() as session:
        drift = drift_of_causes(session)
    assert drift is not None
    assert drift.refit  # all of one topic, which was a third of the run
    assert drift.stability_index > 0.25


@pytest.mark.slow
def test_a_killed_service_loses_no_topics(
    start: Callable[..., Served], store: Store, database: str, run: CauseRun
) -> None:
    settings = f"port=0, open=True, database={database!r}, batch_size=4"
    names = [f"k{number}" for number in range(40)]
    sent = [{"source": "live", "external_id": name, "text": "Pakka kom sein i dag"} for name in names]
    slow = start(LOAD.format(seconds=0.1), settings=settings, before=BEFORE)
    slow.wait_until_ready()
    with slow.client() as client:
        assert client.post("/v1/comments", json={"comments": sent}).status_code == 202
    wait_for(lambda: 0 < len(topics_of(store, run.id, *names)) < len(names))
    slow.process.kill()
    slow.process.wait()
    assert waiting(store) > 0, "the kill came after all had topics: it proves nothing"
    served = start(LOAD.format(seconds=0.0), settings=settings, before=BEFORE)
    served.wait_until_ready()
    wait_for(lambda: waiting(store) == 0)
    late = topic_of(run, "delivery_time")
    assert topics_of(store, run.id, *names) == {name: [late] for name in names}
    with served.client() as client:
        drift = client.get("/v1/causes/drift").json()
    assert (drift["run"], drift["waiting"], drift["comments"]) == (run.id, 0, 40)


@pytest.mark.slow
def test_the_base_installation_assigns(store: Store, run: CauseRun, database: str) -> None:
    assign(store)
    add_tagged(store, {"a": "Pakka kom sein i dag"})
    code = (
        "import sys\n"
        "for name in ('sklearn', 'scipy', 'simplemma', 'threadpoolctl', 'ruptures', 'babel', 'torch'):\n"
        "    sys.modules[name] = None\n"
        "from api.store.database import Store\n"
        "from tests.api.live_stub import assign\n"
        f"print(assign(Store.open({database!r})))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "1"
    assert topics_of(store, run.id, "a") == {"a": [topic_of(run, "delivery_time")]}
