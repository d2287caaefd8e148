"""The job `topics`: what it reads, what it keeps, and that nothing of it is half done."""

from __future__ import annotations

import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import UTC
from threading import Thread
from typing import Any

import pytest

pytest.importorskip("ruptures", reason="needs the extra 'topics'")

from sqlalchemy import func, select, update

from api.access.keys import Caller
from api.cause_runs import apart as apart_module
from api.cause_runs import reading
from api.cause_runs import runs as runs_module
from api.cause_runs.apart import discover_apart
from api.cause_runs.discovery import Reading
from api.cause_runs.embeddings import Pace, embed, forget_versions_read, model_of, not_kept
from api.cause_runs.errors import TopicsProcessDied
from api.cause_runs.find import list_cause_runs
from api.cause_runs.models import CauseMember, CauseRun, ClauseEmbeddings
from api.cause_runs.runs import current_run, load_topics, members, replace_topics, show_run
from api.corrections.answers import taxonomy
from api.corrections.correct import NamedLabel, Wanted, correct
from api.corrections.decisions import Key
from api.corrections.models import DecisionKind
from api.ingest.live import GiveWay
from api.interactive import InteractiveCalls
from api.jobs.errors import RecordedError
from api.jobs.jobs import cancel_job, find_job
from api.jobs.kinds import Stopped
from api.jobs.models import JobState
from api.removal.erasure import erase
from api.store.database import Store
from api.store.models import AuditEntry, CommentVersion, StoredComment
from api.store.search import Filters
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
    @pytest.mark.slow
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

    @pytest.mark.slow
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

    @pytest.mark.slow
    def test_metadata_is_a_dimension_where_it_is_asked_for(self, archive: Store) -> None:
        with archive.write() as session:
            for comment in session.scalars(select(StoredComment)):
                comment.extra = {"region": "nord" if comment.external_id.startswith("L") else "sør", "liste": [1]}
        run_topics(archive, metadata=["region", "liste"])
        places = {(each["dimension"], each["value"]) for each in cause(shown(archive), LATE)["concentration"]}
        assert ("metadata.region", "nord") in places
        assert not any("liste" in dimension for dimension, _ in places)

    @pytest.mark.slow
    def test_what_people_corrected_counts(self, archive: Store) -> None:
        with archive.read() as session:
            dear = session.scalars(select(StoredComment).where(StoredComment.external_id.like("D%"))).all()
        assert cause_themes(archive) >= {"price_value"}
        for comment in dear:
            take_theme_away(archive, comment.id, "price_value")
        run_topics(archive, anew=True)
        assert "price_value" not in {each["theme"] for each in shown(archive).report["causes"]}

    @pytest.mark.slow
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
    @pytest.mark.slow
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

    @pytest.mark.slow
    def test_a_cause_that_was_not_there_is_new_and_one_without_partner_is_gone(self, archive: Store) -> None:
        run_topics(archive, filters={"submitted_before": "2026-03-11T00:00:00+00:00"}, smallest=3)
        dear = topic_of(shown(archive), "price_value")
        run_topics(archive, filters={"q": "pakka"}, anew=True)
        run = shown(archive)
        assert {each["since"]["what"] for each in run.report["causes"]} == {"new"}
        assert dear in run.report["gone"]

    @pytest.mark.slow
    def test_another_encoder_begins_anew(self, archive: Store) -> None:
        run_topics(archive)
        job = run_topics(archive, reader=Renamed())
        assert job.state == JobState.SUCCEEDED
        assert shown(archive).encoder == "stub@2.0.0"
        assert cause(shown(archive), LATE)["since"]["what"] == "steady", "the comments say that it is the same"

    @pytest.mark.slow
    def test_old_runs_are_cleared(self, archive: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("api.cause_runs.job.KEPT_RUNS", 2)
        for _ in range(3):
            run_topics(archive)
        with archive.read() as session:
            of_runs = set(session.scalars(select(CauseMember.cause_run_id)))
            assert len(session.scalars(select(CauseRun)).all()) == 3
        assert len(of_runs) == 2


class TestFailing:
    @pytest.mark.slow
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

    @pytest.mark.slow
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

    @pytest.mark.slow
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


class Counting(EmbeddingStub):
    """Notes of which comments it embeds clauses."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def tag_and_embed(self, comments: Iterable[Comment]) -> Iterator[Any]:
        for comment in comments:
            self.asked.append(str(comment.id))
            yield from super().tag_and_embed([comment])


def kept_versions(store: Store) -> set[str]:
    with store.read() as session:
        return {str(id_) for id_ in session.scalars(select(ClauseEmbeddings.version_id))}


class TestKeeping:
    @pytest.mark.slow
    def test_what_was_read_before_a_kill_is_not_read_again_and_the_result_is_the_same(
        self,
        start: Callable[..., Served],
        archive: Store,
        database: str,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr("api.cause_runs.embeddings.COMMENTS_AT_ONCE", 5)
        whole = run_topics(archive, anew=True, show=False)
        assert whole.result is not None
        job = ask(archive, anew=True)
        before = (
            "from tests.api.test_topics_job import Slow\nimport api.cause_runs.job as j\nj.TELL_SECONDS = 0.0\n"
            "import api.cause_runs.embeddings as e\ne.COMMENTS_AT_ONCE = 5"
        )
        served = start("lambda _: Slow(0.5)", settings=f"port=0, open=True, database={database!r}", before=before)
        wait_for(lambda: len(kept_versions(archive)) >= 10)
        served.process.kill()
        served.process.wait()
        kept = kept_versions(archive)
        reader = Counting()
        assert run_topics(archive, find_job(archive, job.id), reader=reader).state == JobState.SUCCEEDED
        assert len(kept) < 2 * DAYS, "it was killed while it read"
        assert set(reader.asked).isdisjoint(kept)
        assert set(reader.asked) | kept == {str(version) for version in range(1, 2 * DAYS + 1)}
        assert kept_versions(archive) == set()
        with archive.read() as session:
            calm = session.get_one(CauseRun, whole.result["cause_run"]).report["causes"]
        assert shown(archive).report["causes"] == calm

    def test_another_model_reads_everything_anew(self, archive: Store) -> None:
        job = ask(archive)
        first, second = Counting(), Counting()
        for name, reader in (("stub@1", first), ("stub@1", second), ("stub@2", second)):
            feedback = reading.read(
                archive, Filters(), up_to=100, time_zone=UTC, only=not_kept(job.id, model_of(None, name))
            )
            pace = Pace(GiveWay(archive), InteractiveCalls(), lambda _: None)
            embed(archive, job.id, feedback, reader, model=model_of(None, name), pace=pace)
            assert len(kept_versions(archive)) == 2 * DAYS
        assert sorted(first.asked) == sorted(second.asked)

    @pytest.mark.slow
    def test_what_is_kept_goes_with_its_comment(self, archive: Store) -> None:
        job = ask(archive)
        feedback = reading.read(archive, Filters(), up_to=100, time_zone=UTC)
        pace = Pace(GiveWay(archive), InteractiveCalls(), lambda _: None)
        embed(archive, job.id, feedback, EmbeddingStub(), model="stub", pace=pace)
        with archive.read() as session:
            gone = session.scalars(
                select(CommentVersion.id).join(CommentVersion.comment).where(StoredComment.respondent == "s3")
            ).all()
        assert {str(id_) for id_ in gone} <= kept_versions(archive)
        erase(archive, "s3", by="test")
        assert kept_versions(archive).isdisjoint(str(id_) for id_ in gone)
        assert len(kept_versions(archive)) == 2 * DAYS - 1

    def test_clauses_that_a_correction_makes_anew_are_read_too(
        self, archive: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """As `discover` meets it: a version whose row is missing is read, and causes are looked for once more."""
        asked: list[int] = []

        def discover(store: Store, read: Reading, *, progress: Any) -> int | None:
            if not asked:
                forget_versions_read(store, [7])
            asked.append(len(kept_versions(store)))
            return really(store, read, progress=progress)

        from api.cause_runs import discovery

        really = discovery.discover
        monkeypatch.setattr("api.cause_runs.discovery.discover", discover)
        reader = Counting()
        assert run_topics(archive, reader=reader).state == JobState.SUCCEEDED
        assert asked == [2 * DAYS - 1, 2 * DAYS]
        assert Counter(reader.asked)["7"] == 2 * Counter(reader.asked)["9"]

    def test_nothing_is_kept_of_a_job_that_fails(self, archive: Store) -> None:
        assert run_topics(archive, smallest=1_000).state == JobState.FAILED
        assert kept_versions(archive) == set()

    @pytest.mark.slow
    def test_nobody_sees_a_run_that_is_being_stored(self, archive: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("api.cause_runs.runs.ROWS_AT_ONCE", 5)
        run_topics(archive)
        before, seen = shown(archive).id, []

        def existing(session: Any, versions: Any) -> set[int]:
            with archive.read() as other:
                runs = list_cause_runs(other, limit=9).runs
                parts = other.scalar(select(func.count()).where(CauseMember.cause_run_id > before))
                seen.append(([run.id for run in runs], shown(archive).id, parts))
            return really(session, versions)

        really = runs_module._existing
        monkeypatch.setattr(runs_module, "_existing", existing)
        run_topics(archive, seed=2)
        assert {(tuple(runs), current) for runs, current, _ in seen} == {((before,), before)}
        assert max(parts for _, _, parts in seen) >= 2 * 5, "it is stored in parts"
        assert shown(archive).id > before

    def test_a_job_that_is_cancelled_while_it_is_stored_leaves_nothing(
        self, archive: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        job = ask(archive)

        def stage(*arguments: Any, **named: Any) -> int:
            run_id = really(*arguments, **named)
            cancel_job(archive, job.id, by="test")
            return run_id

        really = runs_module.stage_run
        monkeypatch.setattr("api.cause_runs.discovery.stage_run", stage)
        assert run_topics(archive, job).state == JobState.CANCELLED
        with archive.read() as session:
            assert session.scalars(select(CauseRun)).all() == []
            assert session.scalars(select(CauseMember)).all() == []
        assert kept_versions(archive) == set()


class TestApart:
    """Finding causes in a process of its own."""

    @pytest.fixture
    def read(self, archive: Store) -> Reading:
        job = ask(archive, anew=True)
        feedback = reading.read(archive, Filters(), up_to=100, time_zone=UTC)
        pace = Pace(GiveWay(archive), InteractiveCalls(), lambda _: None)
        embed(archive, job.id, feedback, EmbeddingStub(), model="stub", pace=pace)
        begun = archive.settled_moment().isoformat()
        return Reading(job.id, job.parameters, 2 * DAYS, 100, begun, 1, EmbeddingStub.name, "stub")

    @pytest.mark.slow
    def test_a_service_finds_the_same_causes_and_its_callers_are_not_held_up(
        self, archive: Store, read: Reading
    ) -> None:
        from api.cause_runs.discovery import discover

        told: list[str] = []
        run_id = discover_apart(archive, read, progress=lambda step, _: told.append(step))
        assert {"collecting", "clustering", "storing"} <= set(told)
        with archive.write() as session:
            apart = show_run(session, run_id or 0, shown=False).report["causes"]
            session.execute(update(CauseRun).values(job_id=None))
        here = discover(archive, read, progress=lambda *_: None)
        with archive.read() as session:
            assert session.get_one(CauseRun, here).report["causes"] == apart

    @pytest.mark.slow
    def test_its_errors_keep_their_codes(self, archive: Store, read: Reading) -> None:
        few = replace(read, parameters={**read.parameters, "smallest": 1_000})
        with pytest.raises(RecordedError) as error:
            discover_apart(archive, few, progress=lambda *_: None)
        assert error.value.code == "no_topics"

    def test_one_that_dies_is_told(self, archive: Store, read: Reading, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(apart_module.ONE_THREAD, "PYTHONHOME", "/nowhere")  # Python itself does not start
        with pytest.raises(TopicsProcessDied, match="memory"):
            discover_apart(archive, read, progress=lambda *_: None)

    @pytest.mark.slow
    def test_it_ends_when_the_job_does(self, archive: Store, read: Reading, monkeypatch: pytest.MonkeyPatch) -> None:
        started: list[subprocess.Popen[str]] = []

        class Noted(subprocess.Popen[str]):
            def __init__(self, *arguments: Any, **named: Any) -> None:
                super().__init__(*arguments, **named)
                started.append(self)

        def stop(step: str, _share: float) -> None:
            if step == "collecting":
                raise Stopped

        monkeypatch.setattr(subprocess, "Popen", Noted)
        with pytest.raises(Stopped):
            discover_apart(archive, read, progress=stop)
        (process,) = started
        assert process.poll() is not None


def cause_themes(store: Store) -> set[str]:
    run_topics(store)
    return {each["theme"] for each in shown(store).report["causes"]}


def take_theme_away(store: Store, comment_id: int, theme: str) -> None:
    labels = (NamedLabel("themes[0]", Key(DecisionKind.THEME, theme), present=False),)
    correct(
        store, comment_id, Wanted(version=1, labels=labels), caller=Caller("test", frozenset()), taxonomy=taxonomy()
    )
