"""The job `topics`: what it reads, what it keeps, and that nothing of it is half done."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from threading import Thread
from typing import Any

import pytest

pytest.importorskip("ruptures", reason="needs the extra 'topics'")

from sqlalchemy import select

from api.access.keys import Caller
from api.cause_runs.models import CauseMember, CauseRun
from api.cause_runs.runs import current_run, load_topics, members, replace_topics
from api.corrections.answers import taxonomy
from api.corrections.correct import NamedLabel, Wanted, correct
from api.corrections.decisions import Key
from api.corrections.models import DecisionKind
from api.jobs.jobs import cancel_job, find_job
from api.jobs.models import JobState
from api.store.database import Store
from api.store.models import AuditEntry, StoredComment
from nlp.record import Comment
from tests.api.cause_archive import ASKED, DAYS, add_archive, ask, run_topics, topic_of
from tests.api.serving import Served, wait_for
from tests.embedding_stub import EmbeddingStub

LATE, KIND = "delivery_time", "staff_service"


@pytest.fixture(autouse=True)
def _no_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.ingest.live.PATIENCE_SECONDS", 0.3)
    monkeypatch.setattr("api.cause_runs.job.TELL_SECONDS", 0.0)


@pytest.fixture
def archive(store: Store) -> Store:
    add_archive(store)
    return store


def shown(store: Store) -> CauseRun:
    run = current_run(store)
    assert run is not None
    return run


def cause(run: CauseRun, theme: str) -> dict[str, Any]:
    (found,) = [each for each in run.report["causes"] if each["theme"] == theme]
    return dict(found)


class Slow(EmbeddingStub):
    """Waits before each comment that it embeds."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def tag_and_embed(self, comments: Iterable[Comment]) -> Iterator[Any]:
        for each in super().tag_and_embed(comments):
            time.sleep(self.seconds)
            yield each


class Renamed(EmbeddingStub):
    name = "stub@2.0.0"


class TestFinding:
    def test_causes_are_found_in_what_is_stored(self, archive: Store) -> None:
        job = run_topics(archive)
        assert (job.state, job.done, job.total) == (JobState.SUCCEEDED, 2 * DAYS, 2 * DAYS)
        run = shown(archive)
        assert job.result is not None
        assert (job.result["cause_run"], job.result["shown"]) == (run.id, True)
        assert (run.job_id, run.parameters) == (job.id, ASKED)
        late = cause(run, LATE)
        assert (late["rank"], late["size"]) == (1, DAYS - 10)
        assert late["change"]["date"] == "2026-03-11"
        assert [(each["dimension"], each["value"]) for each in late["concentration"]] == [("department", "logistikk")]
        assert late["nps_points_lost"]["estimate"] > 0
        with archive.read() as session:
            (line,) = session.scalars(select(AuditEntry).where(AuditEntry.action == "causes.found"))
            assert (line.actor, line.subject) == ("test", str(run.id))

    def test_filters_choose_the_comments_and_keep_the_run_aside(self, archive: Store) -> None:
        whole = run_topics(archive)
        job = run_topics(archive, filters={"department": "butikk"}, show=False)
        assert job.done == DAYS
        assert job.result is not None
        with archive.read() as session:
            run = session.get(CauseRun, job.result["cause_run"])
            assert run is not None
            assert {each["theme"] for each in run.report["causes"]} == {KIND}
        assert whole.result is not None
        assert shown(archive).id == whole.result["cause_run"]

    def test_a_period_and_words_are_filters_too(self, archive: Store) -> None:
        run_topics(archive, filters={"submitted_from": "2026-03-21T00:00:00+00:00", "q": "pakka"})
        assert shown(archive).n_comments == 10

    def test_metadata_is_a_dimension_where_it_is_asked_for(self, archive: Store) -> None:
        with archive.write() as session:
            for comment in session.scalars(select(StoredComment)):
                comment.extra = {"region": "nord" if comment.external_id.startswith("L") else "sør", "liste": [1]}
        run_topics(archive, metadata=["region", "liste"])
        places = {(each["dimension"], each["value"]) for each in cause(shown(archive), LATE)["concentration"]}
        assert ("metadata.region", "nord") in places
        assert not any("liste" in dimension for dimension, _ in places)

    def test_what_people_corrected_counts(self, archive: Store) -> None:
        with archive.read() as session:
            dear = session.scalars(select(StoredComment).where(StoredComment.external_id.like("D%"))).all()
        assert cause_themes(archive) >= {"price_value"}
        for comment in dear:
            take_theme_away(archive, comment.id, "price_value")
        run_topics(archive, anew=True)
        assert "price_value" not in {each["theme"] for each in shown(archive).report["causes"]}

    def test_a_comment_that_was_said_anew_counts_as_it_stands(self, archive: Store) -> None:
        run_topics(archive)
        versions = {
            each.comment_version_id for each in members(archive, shown(archive).id, topic_of(shown(archive), LATE))
        }
        from api.ingest.ingest import NewComment, ingest
        from tests.api.cause_archive import FIRST, tag

        again = NewComment("survey", "L15", "Alltid hyggelig hos dere igjen", respondent="r15", submitted_at=FIRST)
        ingest([again], store=archive)
        tag(archive)
        run_topics(archive)
        late = {each.comment_version_id for each in members(archive, shown(archive).id, topic_of(shown(archive), LATE))}
        assert len(late) == len(versions) - 1
        assert late < versions


class TestFormerRun:
    def test_causes_keep_their_ids_names_and_what_became_of_them(self, archive: Store) -> None:
        run_topics(archive)
        first = shown(archive)
        late = topic_of(first, LATE)
        assert cause(first, LATE)["since"] is None
        replace_topics(archive, first.id, load_topics(archive, first.id).rename(late, {"nb": "Treg levering"}))
        add_archive(archive, first=DAYS, days=60, kind_words=False)
        run_topics(archive, seed=7)
        second = shown(archive)
        assert second.id != first.id
        after = cause(second, LATE)
        assert (after["topic"], after["label"]["nb"]) == (late, "Treg levering")
        assert (after["since"]["what"], after["since"]["former"]) == ("growing", late)
        assert after["since"]["ratio"]["estimate"] == pytest.approx(3.0, rel=0.1)
        assert cause(second, KIND)["since"]["what"] == "fading"

    def test_a_cause_that_was_not_there_is_new_and_one_without_partner_is_gone(self, archive: Store) -> None:
        run_topics(archive, filters={"submitted_before": "2026-03-11T00:00:00+00:00"}, smallest=3)
        dear = topic_of(shown(archive), "price_value")
        run_topics(archive, filters={"q": "pakka"}, anew=True)
        run = shown(archive)
        assert {each["since"]["what"] for each in run.report["causes"]} == {"new"}
        assert dear in run.report["gone"]

    def test_another_encoder_begins_anew(self, archive: Store) -> None:
        run_topics(archive)
        job = run_topics(archive, reader=Renamed())
        assert job.state == JobState.SUCCEEDED
        assert shown(archive).encoder == "stub@2.0.0"
        assert cause(shown(archive), LATE)["since"]["what"] == "steady", "the comments say that it is the same"

    def test_old_runs_are_cleared(self, archive: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("api.cause_runs.job.KEPT_RUNS", 2)
        for _ in range(3):
            run_topics(archive)
        with archive.read() as session:
            of_runs = set(session.scalars(select(CauseMember.cause_run_id)))
            assert len(session.scalars(select(CauseRun)).all()) == 3
        assert len(of_runs) == 2


class TestFailing:
    def test_an_empty_store_and_filters_that_let_nothing_through_are_said(self, store: Store) -> None:
        empty = run_topics(store)
        assert (empty.state, empty.error_code) == (JobState.FAILED, "no_topics")
        add_archive(store)
        nothing = run_topics(store, filters={"department": "Bergen"})
        assert (nothing.state, nothing.error_code) == (JobState.FAILED, "no_topics")
        assert "filters" in (nothing.error_message or "")
        few = run_topics(store, smallest=1_000)
        assert (few.state, few.error_code) == (JobState.FAILED, "no_topics")
        assert current_run(store) is None

    def test_without_the_extra_it_names_it(self, archive: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(__import__("sys").modules, "ruptures", None)
        job = run_topics(archive)
        assert (job.state, job.error_code) == (JobState.FAILED, "missing_extra")
        assert "stemme[topics]" in (job.error_message or "")

    def test_a_cancelled_job_leaves_what_was_shown(self, archive: Store) -> None:
        run_topics(archive)
        before = shown(archive).id
        job = ask(archive)
        thread = Thread(target=run_topics, args=(archive, job), kwargs={"reader": Slow(0.2)})
        thread.start()
        wait_for(lambda: find_job(archive, job.id).doing == "reading comments")
        cancel_job(archive, job.id, by="test")
        thread.join()
        ended = find_job(archive, job.id)
        assert (ended.state, ended.doing) == (JobState.CANCELLED, None)
        assert shown(archive).id == before

    def test_a_service_that_is_killed_leaves_nothing_and_another_goes_on(
        self, start: Callable[..., Served], archive: Store, database: str
    ) -> None:
        before = "from tests.api.test_topics_job import Slow\nimport api.cause_runs.job as j\nj.TELL_SECONDS = 0.0"
        load = "lambda folder: Slow(0.2)"
        job = ask(archive)
        served = start(load, settings=f"port=0, open=True, database={database!r}", before=before)
        served.wait_until_ready()
        with served.client() as client:
            wait_for(lambda: client.get(f"/v1/jobs/{job.id}").json()["state"] == "running")
        served.process.kill()
        served.process.wait()
        with archive.read() as session:
            assert session.scalars(select(CauseRun)).all() == []
            assert session.scalars(select(CauseMember)).all() == []
        done = run_topics(archive, find_job(archive, job.id))
        assert done.state == JobState.SUCCEEDED
        assert shown(archive).job_id == job.id


def cause_themes(store: Store) -> set[str]:
    run_topics(store)
    return {each["theme"] for each in shown(store).report["causes"]}


def take_theme_away(store: Store, comment_id: int, theme: str) -> None:
    labels = (NamedLabel("themes[0]", Key(DecisionKind.THEME, theme), present=False),)
    correct(
        store, comment_id, Wanted(version=1, labels=labels), caller=Caller("test", frozenset()), taxonomy=taxonomy()
    )
