"""The count of what a retag loses when it is killed, on a small store; and that the count would notice."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

import pytest
from sqlalchemy import delete, func, select, update

from api.corrections.models import Correction, LabelDecision
from api.store.database import Store
from api.store.models import Source, Tag, Tagging, TagRun
from api.store.runs import active_run, make_active
from eval import retag_kills, retag_people
from eval.retag_kills import Counted, Watch
from eval.retag_people import People
from eval.retag_store import fill
from nlp.taxonomy import Taxonomy


@pytest.fixture
def store(tmp_path: Path):
    store = Store.open(f"sqlite:///{tmp_path}/store.db")
    fill(store, 20)
    yield store
    store.close()


@pytest.fixture
def people(store: Store) -> People:
    people = People(store, Taxonomy.load())
    people.prepare(10)
    return people


def counted(store: Store, people: People | None = None) -> Counted:
    return retag_kills._count(store, Watch(store), people or People(store, Taxonomy.load()), arrived=0, kills=0)


@pytest.mark.slow
def test_what_people_do_fills_every_table_that_a_retag_must_leave_alone(store, people):
    found = counted(store, people)
    assert (found.corrections, found.corrections_lost, found.decisions_not_shown) == (12, 0, 0)  # two are overruled
    assert found.decisions_against_the_model == 10  # the former model says nothing of any
    assert found.alerts > 0
    assert found.messages_in_the_outbox > found.alerts  # one webhook wants all, the other some
    with store.read() as session:
        assert session.scalar(select(func.count()).where(LabelDecision.spans != [])) > 5
        assert session.scalar(select(func.count(Correction.withdrawn_at))) == 1


@pytest.mark.slow
def test_the_count_notices_a_correction_that_is_gone_or_changed(store, people):
    with store.write() as session:
        session.execute(delete(Correction).where(Correction.id == 3))
        session.execute(update(Correction).where(Correction.id == 5).values(by="somebody else"))
        session.execute(update(LabelDecision).where(LabelDecision.correction_id == 6).values(spans=[[0, 1]]))
    found = counted(store, people)
    assert found.corrections_lost == 3
    assert not found.well


@pytest.mark.slow
def test_the_count_notices_a_correction_that_no_longer_wins(store, people, monkeypatch):
    monkeypatch.setattr("api.corrections.shown.overlay", lambda record, _decisions: record)
    found = counted(store, people)
    assert found.decisions_not_shown == 10
    assert found.corrections_lost == 0


@pytest.mark.slow
def test_the_count_notices_tags_of_reports_without_the_correction(store, people, monkeypatch):
    monkeypatch.setattr(retag_people, "_tags_in_sql", lambda *_: {})
    assert 0 < counted(store, people).decisions_not_shown < counted(store, people).decisions_against_the_model


@pytest.mark.slow
def test_corrections_made_meanwhile_are_watched_too_and_touch_no_alert(store, people):
    watch = Watch(store)
    people.correct_meanwhile(4)
    assert watch.changed() == 0
    assert counted(store, people).corrections == 16
    with store.write() as session:
        session.execute(delete(Correction).where(Correction.id == 16))
    assert counted(store, people).corrections_lost == 1


@pytest.mark.slow
def test_the_count_notices_what_is_lost_or_in_part(store):
    assert counted(store).lost == counted(store).tags_in_part_or_twice == 0
    with store.write() as session:
        session.execute(delete(Tag).where(Tag.tagging_id == 3, Tag.label == "churn_risk"))
        session.execute(delete(Tagging).where(Tagging.id == 7))
    found = counted(store)
    assert (found.lost, found.tags_in_part_or_twice) == (1, 1)
    assert not found.well


@pytest.mark.slow
def test_the_count_notices_what_the_model_does_not_say_and_what_is_not_switched(store):
    assert counted(store).other_than_the_model_says > 0  # the former model's tags are not the shipped one's
    with store.write() as session:
        run = TagRun(model="new@1", taxonomy="journey@1.0.0", state="preparing")
        session.add(run)
        session.flush()
        make_active(session, run)
    assert counted(store).still_shown_by_the_former_run == 20


@pytest.mark.slow
def test_the_watch_notices_a_mixture_and_a_change_elsewhere(store):
    watch = Watch(store)
    watch.look()
    assert (watch.mixtures, watch.changed()) == (0, 0)
    with store.write() as session:
        run = TagRun(model="new@1", taxonomy="journey@1.0.0", state="preparing")
        session.add(run)
        session.flush()
        session.execute(update(Tagging).where(Tagging.id == 1).values(run_id=run.id))
        make_active(session, run)
        session.execute(update(Source).values(name="changed"))
    watch.look()
    assert (watch.mixtures, watch.changed()) == (1, 1)


def test_one_that_is_well_says_so(store):
    zeros = dict.fromkeys((field.name for field in fields(Counted)), 0)
    nothing = Counted(**{**zeros, "comments": 20, "corrections": 3, "alerts": 1})
    assert nothing.well
    assert not replace(nothing, corrections_lost=1).well
    assert not replace(nothing, tagged_twice=1).well
    with store.read() as session:
        assert active_run(session) is not None
        assert len(session.scalars(select(Tagging)).all()) == 20


@pytest.mark.slow
def test_a_small_retag_that_is_killed_loses_nothing(tmp_path: Path):
    found = retag_kills.measure(f"sqlite:///{tmp_path}/store.db", comments=600, kills=2, corrections=30, seed=1)
    assert found.well, found
    assert found.corrections > 30
    assert found.decisions_against_the_model > 20
    assert found.messages_in_the_outbox > 0
    assert found.comments == 600 + found.arrived_meanwhile
