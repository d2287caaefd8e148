"""The count of what a retag loses when it is killed, on a small store; and that the count would notice."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import delete, select, update

from api.store.database import Store
from api.store.models import Source, Tag, Tagging, TagRun
from api.store.runs import active_run, make_active
from eval import retag_kills
from eval.retag_kills import Counted, Watch
from eval.retag_store import fill


@pytest.fixture
def store(tmp_path: Path):
    store = Store.open(f"sqlite:///{tmp_path}/store.db")
    fill(store, 20)
    yield store
    store.close()


def counted(store: Store) -> Counted:
    return retag_kills._count(store, Watch(store), arrived=0, kills=0)


def test_the_count_notices_what_is_lost_or_in_part(store):
    assert counted(store).lost == counted(store).tags_in_part_or_twice == 0
    with store.write() as session:
        session.execute(delete(Tag).where(Tag.tagging_id == 3, Tag.label == "churn_risk"))
        session.execute(delete(Tagging).where(Tagging.id == 7))
    found = counted(store)
    assert (found.lost, found.tags_in_part_or_twice) == (1, 1)
    assert not found.well


def test_the_count_notices_what_the_model_does_not_say_and_what_is_not_switched(store):
    assert counted(store).other_than_the_model_says > 0  # the former model's tags are not the shipped one's
    with store.write() as session:
        run = TagRun(model="new@1", taxonomy="journey@1.0.0", state="preparing")
        session.add(run)
        session.flush()
        make_active(session, run)
    assert counted(store).still_shown_by_the_former_run == 20


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
    nothing = Counted(20, 0, 0, *[0] * 7)
    assert nothing.well
    assert not replace(nothing, tagged_twice=1).well
    with store.read() as session:
        assert active_run(session) is not None
        assert len(session.scalars(select(Tagging)).all()) == 20


@pytest.mark.slow
def test_a_small_retag_that_is_killed_loses_nothing(tmp_path: Path):
    found = retag_kills.measure(f"sqlite:///{tmp_path}/store.db", comments=600, kills=2, seed=1)
    assert found.well, found
    assert found.comments == 600 + found.arrived_meanwhile
