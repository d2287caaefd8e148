"""The count of what a topics job does twice when its service is killed, on a small store; and that it would notice."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

import pytest

pytest.importorskip("ruptures", reason="needs the extra 'topics'")

from sqlalchemy import delete, select, update

from api.cause_runs.embeddings import COMMENTS_AT_ONCE
from api.cause_runs.models import CauseMember, CauseRun, ClauseEmbeddings
from api.jobs.models import Job
from api.store.database import Store
from eval import topics_kills
from eval.topics_kills import Counted
from tests.api.cause_archive import DAYS, add_archive, run_topics


@pytest.fixture
def store(tmp_path: Path):
    store = Store.open(f"sqlite:///{tmp_path}/store.db")
    add_archive(store)
    yield store
    store.close()


def counted(store: Store, jobs: tuple[Job, Job], logs: tuple[Path, Path]) -> Counted:
    return topics_kills._count(store, jobs, logs, kills=1, later=0)


@pytest.fixture
def logs(tmp_path: Path) -> tuple[Path, Path]:
    calm, disturbed = tmp_path / "calm", tmp_path / "disturbed"
    for log in (calm, disturbed):
        log.write_text("1\n2\n2\n3\n", encoding="utf-8")
    return calm, disturbed


@pytest.mark.slow
def test_two_jobs_that_say_the_same_are_well_and_any_difference_is_noticed(store, logs):
    jobs = (run_topics(store, anew=True, show=False), run_topics(store, anew=True, show=False))
    found = counted(store, jobs, logs)
    assert found.well, found
    assert (found.comments, found.embedded_twice) == (2 * DAYS, 0)
    logs[1].write_text("1\n1\n2\n2\n2\n3\n", encoding="utf-8")
    assert counted(store, jobs, logs).embedded_twice == 2
    with store.write() as session:
        last = session.scalars(select(CauseMember.id).order_by(CauseMember.id.desc())).first()
        session.execute(delete(CauseMember).where(CauseMember.id == last))
        run = session.scalars(select(CauseRun).where(CauseRun.job_id == jobs[1].id)).one()
        run.report = {**run.report, "causes": run.report["causes"][1:]}
        session.add(ClauseEmbeddings(version_id=1, job_id=jobs[1].id, model="m", clauses=[], vectors=b""))
    found = counted(store, jobs, logs)
    assert (found.differing_members, found.differing_causes, found.embeddings_left) == (1, 1, 1)
    assert not found.well
    with store.write() as session:
        session.execute(update(CauseRun).where(CauseRun.job_id == jobs[1].id).values(ready=False))
    assert counted(store, jobs, logs).runs_left_in_part == 1


def test_more_than_a_batch_a_kill_is_not_well():
    nothing = Counted(**dict.fromkeys((field.name for field in fields(Counted)), 0))
    assert replace(nothing, kills=2, embedded_twice=2 * COMMENTS_AT_ONCE).well
    assert not replace(nothing, kills=2, embedded_twice=2 * COMMENTS_AT_ONCE + 1).well
    assert not replace(nothing, not_ended=1).well


@pytest.mark.slow
def test_a_small_job_that_is_killed_gives_the_same_result(tmp_path: Path):
    found = topics_kills.measure(f"sqlite:///{tmp_path}/store.db", tmp_path, comments=400, kills=2, seed=1)
    assert found.well, found
    assert (found.comments, found.kills) == (400, 2)
    assert found.members > 0
