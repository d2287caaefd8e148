"""A retag: all of the former tags or all of the new ones, each text once, whatever happens in between."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from threading import Event, Thread
from typing import Any

import pytest
from sqlalchemy import delete, func, select

from api.access.keys import Caller
from api.corrections.correct import NamedLabel, Wanted, correct
from api.corrections.decisions import SENTIMENT, Key
from api.ingest.ingest import NewComment, ingest
from api.ingest.live import GiveWay
from api.ingest.worker import RunChanged, TagWorker
from api.jobs.errors import JobFinished, JobUnderWay, UnknownJob
from api.jobs.jobs import cancel_job, create_job, find_job
from api.jobs.models import Job, JobState
from api.retag.activate import RunModelMissing, activate
from api.retag.dry_run import dry_run
from api.retag.job import RetagJob
from api.store.database import Store
from api.store.models import AuditEntry, StoredComment, Tagging, TagRun
from api.store.runs import NoFormerRun, RunNotReady, UnknownRun, count_run, list_runs
from api.store.search import Filters, find
from nlp.errors import BadModel
from nlp.record import Comment
from nlp.taxonomy import Taxonomy
from tests.api.rest_stub import StubTagger
from tests.api.retagging import (
    EVERYTHING,
    OtherTagger,
    add_tagged,
    retag,
    run_jobs,
    runner_of,
    shown,
    states,
)

FORMER, OTHER = StubTagger.name, OtherTagger.name
SECRET = "Kari Nordmann på Lillevik"


@pytest.fixture(autouse=True)
def _small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.retag.job.PER_STEP", 4)
    monkeypatch.setattr("api.ingest.live.PATIENCE_SECONDS", 0.3)


def tag_waiting(store: Store, tagger: StubTagger) -> None:
    worker = TagWorker(store, tagger, batch_size=10, max_text_length=20_000)
    while worker.tag_batch():
        pass


def per_version(store: Store, model: str) -> list[int]:
    """How often a model has tagged each of its versions."""
    with store.read() as session:
        counts = (
            select(func.count())
            .select_from(Tagging)
            .join(TagRun, TagRun.id == Tagging.run_id)
            .where(TagRun.model == model)
        )
        return list(session.scalars(counts.group_by(Tagging.version_id)))


@pytest.mark.slow
def test_the_former_tags_are_shown_until_all_of_the_new_ones_are(store: Store) -> None:
    add_tagged(store, *map(str, range(10)))
    seen: list[set[str]] = []
    job = retag(store, OtherTagger(lambda _: seen.append(set(shown(store).values()))))
    assert seen == [{FORMER}] * 5  # batches of two
    assert shown(store) == dict.fromkeys(map(str, range(10)), OTHER)
    assert (job.state, job.done, job.total) == (JobState.SUCCEEDED, 10, 10)
    assert states(store) == {FORMER: "former", OTHER: "active"}
    with store.read() as session:
        assert [(each.run.model, each.tagged, each.shown) for each in list_runs(session)] == [
            (OTHER, 10, 10),
            (FORMER, 10, 0),
        ]
        neutral = find(session, Filters(sentiment="neutral"), before_id=None, limit=100)
        assert len(neutral) == 10  # filters read what is shown
        assert find(session, Filters(sentiment="positive"), before_id=None, limit=100) == []


def test_a_part_is_retagged_and_the_rest_stays_as_it_was(store: Store) -> None:
    add_tagged(store, "a", "b", department="Bergen")
    add_tagged(store, "c", "d", first=2, department="Oslo")
    other = OtherTagger()
    job = retag(store, other, {**EVERYTHING, "filters": {"department": "Bergen"}})
    assert other.seen == ["a", "b"]
    assert shown(store) == {"0": OTHER, "1": OTHER, "2": FORMER, "3": FORMER}
    assert job.result == {"run": job.run_id, "former_run": 1, "tagged": 2}


@pytest.mark.parametrize(
    ("filters", "texts"),
    [
        ({"language": "da"}, []),
        ({"language": "nb"}, ["Bra", "Nei!"]),
        ({"sentiment": "negative"}, ["Nei!"]),
        ({"submitted_from": "2999-01-01T00:00:00Z"}, []),
        ({"submitted_before": "2999-01-01T00:00:00+01:00", "flag": "churn_risk"}, ["Nei!"]),
    ],
)
def test_filters_are_those_of_the_search(store: Store, filters: dict[str, str], texts: list[str]) -> None:
    add_tagged(store, "Bra", "Nei!")
    other = OtherTagger()
    retag(store, other, {**EVERYTHING, "filters": filters})
    assert other.seen == texts


def test_what_arrives_meanwhile_is_included(store: Store) -> None:
    """One comment arrives and is tagged by the former model; another still waits when the new run takes over."""
    add_tagged(store, *map(str, range(6)))
    arrived = iter([[NewComment("survey", "late", "seint"), NewComment("survey", "0", "ny tekst")]])

    def arrive(_batch: list[Comment]) -> None:
        if comments := next(arrived, None):
            ingest(comments, store=store)
            tag_waiting(store, StubTagger())
            ingest([NewComment("survey", "waits", "ventar")], store=store)

    other = OtherTagger(arrive)
    retag(store, other)
    assert {"seint", "ny tekst"} <= set(other.seen)
    assert "ventar" not in other.seen
    tag_waiting(store, OtherTagger())
    assert set(shown(store).values()) == {OTHER}
    assert len(shown(store)) == 8
    assert set(per_version(store, OTHER)) == {1}


def test_a_batch_that_was_tagged_while_the_run_changed_is_tagged_by_the_new_model(store: Store) -> None:
    add_tagged(store, "a")
    retag(store, OtherTagger())
    ingest([NewComment("survey", "new", "b")], store=store)

    class Slow(OtherTagger):
        def tag(self, comments: Any, *, batch_size: int = 64) -> Iterator[Any]:
            activate(store, None, by="test", force=True)
            return super().tag(comments, batch_size=batch_size)

    with pytest.raises(RunChanged):
        TagWorker(store, Slow(), batch_size=2, max_text_length=100).tag_batch()
    tag_waiting(store, StubTagger())
    assert shown(store)["new"] == FORMER


def test_a_cancelled_retag_leaves_what_was_shown(store: Store) -> None:
    add_tagged(store, *map(str, range(12)))
    job = create_job(store, kind="retag", parameters=EVERYTHING, by="test")
    left = iter(range(3))

    def cancel(_batch: list[Comment]) -> None:
        if next(left, None) is None:
            cancel_job(store, job.id, by="test")

    ended = run_jobs(store, OtherTagger(cancel), job.id)
    assert ended.state == JobState.CANCELLED
    assert set(shown(store).values()) == {FORMER}
    assert states(store) == {FORMER: "active", OTHER: "cancelled"}
    assert per_version(store, OTHER) == []
    with pytest.raises(RunNotReady, match="is cancelled"):
        activate(store, ended.run_id, by="test", force=True)
    assert retag(store, OtherTagger()).state == JobState.SUCCEEDED  # another may follow


def test_a_job_that_nobody_has_begun_is_cancelled_at_once(store: Store) -> None:
    job = create_job(store, kind="retag", parameters=EVERYTHING, by="test")
    assert cancel_job(store, job.id, by="test").state == JobState.CANCELLED
    assert cancel_job(store, job.id, by="test").state == JobState.CANCELLED


def test_there_is_one_retag_at_a_time(store: Store) -> None:
    job = create_job(store, kind="retag", parameters=EVERYTHING, by="test")
    with pytest.raises(JobUnderWay, match=f"Job {job.id} "):
        create_job(store, kind="retag", parameters=EVERYTHING, by="test")
    with pytest.raises(UnknownJob):
        find_job(store, job.id + 1)


@pytest.mark.slow
def test_a_retag_that_is_stopped_goes_on_where_it_was(store: Store) -> None:
    add_tagged(store, *map(str, range(20)))
    job = create_job(store, kind="retag", parameters=EVERYTHING, by="test")
    reached, go_on = Event(), Event()

    def hold(batch: list[Comment]) -> None:
        if batch[0].text == "12":
            reached.set()
            go_on.wait(60)

    first = OtherTagger(hold)
    runner = runner_of(store, first)
    runner.start()
    assert reached.wait(60)
    stopping = Thread(target=runner.stop)
    stopping.start()
    time.sleep(0.2)
    go_on.set()
    stopping.join()
    assert find_job(store, job.id).state == JobState.RUNNING
    assert set(shown(store).values()) == {FORMER}
    second = OtherTagger()
    assert run_jobs(store, second, job.id).state == JobState.SUCCEEDED
    assert second.seen == [str(n) for n in range(12, 20)]  # a step that was not whole is done anew, and no other
    assert per_version(store, OTHER) == [1] * 20
    assert set(shown(store).values()) == {OTHER}


def test_a_store_from_before_the_job_s_end_has_it_done_anew_and_finds_the_work_done(store: Store) -> None:
    """As when a backup of the store is brought back, and the notes of the steps are newer."""
    add_tagged(store, *map(str, range(8)))
    job = retag(store, OtherTagger())
    with store.write() as session:
        row = session.get_one(Job, job.id)
        row.state = JobState.RUNNING
    other = OtherTagger()
    with store.write() as session:
        session.get_one(TagRun, 2).state, session.get_one(TagRun, 2).rank = "preparing", None
        session.flush()
        session.get_one(TagRun, 1).state = "active"
    assert run_jobs(store, other, job.id).state == JobState.SUCCEEDED
    assert other.seen == []
    assert set(shown(store).values()) == {OTHER}


def test_going_back_is_at_once_and_leaves_nothing_without_tags(store: Store) -> None:
    add_tagged(store, "a", "b")
    with pytest.raises(NoFormerRun):
        activate(store, None, by="test")
    retag(store, OtherTagger())
    ingest([NewComment("survey", "new", "c")], store=store)
    tag_waiting(store, OtherTagger())
    with pytest.raises(RunModelMissing, match="the shipped model is stemme-small"):
        activate(store, None, by="test")
    assert activate(store, None, by="test", force=True).model == FORMER
    assert shown(store) == {"0": FORMER, "1": FORMER, "new": OTHER}  # the former model has not seen the last
    assert activate(store, None, by="test", force=True).model == OTHER
    assert set(shown(store).values()) == {OTHER}
    with pytest.raises(UnknownRun):
        activate(store, 99, by="test")
    with store.read() as session:
        lines = session.scalars(select(AuditEntry.action).where(AuditEntry.action == "run.activated")).all()
    assert len(lines) == 3


@pytest.mark.slow
def test_a_comment_that_the_tagger_fails_on_has_that_for_a_record(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    add_tagged(store, "a", f"bug {SECRET}", "c")

    def fail(batch: list[Comment]) -> None:
        if any("bug" in comment.text for comment in batch):
            raise KeyError(batch[0].text)

    assert retag(store, OtherTagger(fail)).state == JobState.SUCCEEDED
    with store.read() as session:
        codes = session.scalars(select(Tagging.error_code).where(Tagging.shown).order_by(Tagging.version_id)).all()
    assert codes == [None, "tagging_failed", None]
    assert "Kari" not in caplog.text


def test_a_model_that_cannot_be_loaded_fails_the_job_and_touches_nothing(store: Store) -> None:
    class Broken(OtherTagger):
        pass

    def load(_folder: object) -> StubTagger:
        raise BadModel("/models/other holds no model.")

    add_tagged(store, "a")
    job = create_job(store, kind="retag", parameters=EVERYTHING, by="test")
    runner = runner_of(store, OtherTagger())
    runner._kinds = {"retag": RetagJob(load, batch_size=2, max_text_length=100)}  # type: ignore[arg-type]
    runner.start()
    until = time.monotonic() + 60
    while not find_job(store, job.id).finished and time.monotonic() < until:
        time.sleep(0.05)
    runner.stop()
    ended = find_job(store, job.id)
    assert (ended.state, ended.error_code) == (JobState.FAILED, "bad_model")
    assert ended.error_message == "/models/other holds no model."
    assert shown(store) == {"0": FORMER}
    with pytest.raises(JobFinished, match="is failed"):
        cancel_job(store, job.id, by="test")


def test_a_comment_that_is_erased_meanwhile_leaves_nothing(store: Store) -> None:
    add_tagged(store, "a", "b", "c")

    def erase(batch: list[Comment]) -> None:
        if batch[0].text == "a":
            with store.write() as session:
                session.execute(delete(StoredComment).where(StoredComment.external_id == "1"))

    job = retag(store, OtherTagger(erase))
    assert (job.state, job.done) == (JobState.SUCCEEDED, 2)
    assert shown(store) == {"0": OTHER, "2": OTHER}


@pytest.mark.slow
def test_a_rate_is_kept(store: Store) -> None:
    add_tagged(store, *map(str, range(8)))
    begun = time.monotonic()
    retag(store, OtherTagger(), {**EVERYTHING, "rate": 4})
    assert time.monotonic() - begun >= 2.0


def test_live_comments_go_first_as_long_as_somebody_tags_them(store: Store) -> None:
    ingest([NewComment("survey", str(n), "x") for n in range(3)], store=store)
    worker = TagWorker(store, StubTagger(), batch_size=1, max_text_length=100)
    pauses: list[int] = []

    def pause(_seconds: float) -> None:
        pauses.append(worker.tag_batch())

    GiveWay(store).wait(pause)
    assert pauses == [1, 1, 1]
    ingest([NewComment("survey", "stuck", "x")], store=store)
    way = GiveWay(store)
    way.wait(time.sleep)  # nobody is at it: it returns
    pauses = []
    way.wait(lambda _seconds: pauses.append(0))
    assert pauses == []  # and does not wait for the same comment again


def test_a_dry_run_counts_what_would_change_and_stores_nothing(store: Store) -> None:
    add_tagged(store, "Bra", "Nei!", "")
    limits: dict[str, Any] = {"batch_size": 2, "max_text_length": 100}
    found = dry_run(store, OtherTagger(), Filters(), sample=None, **limits).as_dict()
    assert (found["compared"], found["changed"]) == (3, 2)
    assert found["languages"]["nb"] == {"compared": 2, "changed": 2}
    assert {(each["before"], each["after"], each["comments"]) for each in found["changes"]} == {
        ("positive", "neutral", 1),
        ("negative", "neutral", 1),
    }
    assert dry_run(store, StubTagger(), Filters(), sample=None, **limits).changed.total() == 0
    assert dry_run(store, OtherTagger(), Filters(), sample=1, **limits).compared.total() == 1
    assert states(store) == {FORMER: "active"}


def test_the_counts_of_runs_are_those_of_what_is_shown(store: Store) -> None:
    """Runs that have tagged some versions each, in any order of rank, and one that is not shown at all."""
    add_tagged(store, *"abcdef")
    tagged = {2: [1, 2, 3], 3: [3, 4], 4: [1, 5, 6], 5: [2]}
    with store.write() as session:
        for id_, rank, state in ((2, 7, "former"), (3, 4, "former"), (4, None, "preparing"), (5, 9, "former")):
            session.add(TagRun(id=id_, model=f"m@{id_}", taxonomy="journey@1.0.0", state=state, rank=rank))
        session.flush()
        session.add_all(
            Tagging(version_id=each, run_id=id_, error_code="x") for id_, ids in tagged.items() for each in ids
        )
        session.get_one(TagRun, 1).rank = 5
    with store.read() as session:
        shown_of = (
            select(Tagging.run_id, func.count()).where(Tagging.shown, Tagging.run_id != 1).group_by(Tagging.run_id)
        )
        expected = dict(session.execute(shown_of).tuples().all())
        counted = {each.run.id: (each.tagged, each.shown) for each in list_runs(session)}
        assert {id_: counted[id_] for id_ in (2, 3, 4, 5)} == {2: (3, 2), 3: (2, 0), 4: (3, 0), 5: (1, 1)}
        assert expected == {2: 2, 5: 1}
        assert (count_run(session, 2).tagged, count_run(session, 2).shown) == (3, 2)


def test_a_dry_run_counts_what_readers_would_see(store: Store) -> None:
    """A person has decided: the shown record is theirs before and after, whatever the models say of the label."""
    add_tagged(store, "Bra", "Nei!", "Greit")
    decide(store, 1, SENTIMENT, "mixed")  # the models say positive and neutral
    decide(store, 2, SENTIMENT, "neutral")  # and here negative and neutral
    limits: dict[str, Any] = {"batch_size": 2, "max_text_length": 100}
    found = dry_run(store, OtherTagger(), Filters(), sample=None, **limits).as_dict()
    assert (found["compared"], found["changed"]) == (3, 1)
    assert [(each["before"], each["after"]) for each in found["changes"]] == [("positive", "neutral")]
    retag(store, OtherTagger())
    with store.read() as session:
        shown_now = {
            each.comment.id: each.record.sentiment.label for each in find(session, Filters(), before_id=None, limit=9)
        }
    assert shown_now == {1: "mixed", 2: "neutral", 3: "neutral"}


def decide(store: Store, id_: int, key: Key, value: str) -> None:
    wanted = Wanted(version=1, labels=[NamedLabel("test", key, value=value)])
    correct(store, id_, wanted, caller=Caller("anna", frozenset()), taxonomy=Taxonomy.load())


def test_a_bug_that_quotes_a_text_is_not_written_down(
    store: Store, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_tagged(store, "a")

    def fail(*_: object, **__: object) -> None:
        raise KeyError(SECRET)

    monkeypatch.setattr("api.retag.job.store_records", fail)
    with caplog.at_level(logging.DEBUG):
        job = retag(store, OtherTagger())
    assert (job.state, job.error_code) == (JobState.FAILED, "job_broke")
    assert "KeyError" in caplog.text
    assert "Kari" not in caplog.text
    assert "Kari" not in (job.error_message or "")
