"""Runs of causes in the store: what is kept, what is shown, what analysts change, and what goes with comments."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta

import numpy as np
import pytest

pytest.importorskip("ruptures", reason="needs the extra 'topics'")

from sqlalchemy import delete, select, update
from sqlalchemy.exc import IntegrityError

from api.cause_runs.errors import TopicsNotKept, UnknownCauseRun
from api.cause_runs.make_report import make_report
from api.cause_runs.models import CauseMember, CauseRun, CauseSource
from api.cause_runs.report import versions_in
from api.cause_runs.runs import current_run, drop_places, load_topics, members, replace_topics
from api.jobs.jobs import create_job
from api.removal.erasure import erase
from api.removal.policy import RetentionPolicy
from api.removal.retention import apply_policy
from api.store.database import Store
from api.store.models import CommentVersion, StoredComment, now
from nlp.models.encoder import Floats
from nlp.record import Comment
from nlp.root_causes import RootCauses
from nlp.topics import Quote
from tests.api.cause_archive import DAYS, FIRST, add_archive, find_causes, keep_causes, save, topic_of
from tests.api.every_table import places_of
from tests.embedding_stub import EmbeddingStub

LATE, KIND = "delivery_time", "staff_service"


@pytest.fixture
def archive(store: Store) -> Store:
    add_archive(store)
    return store


def texts_of(store: Store, run: CauseRun, topic: str) -> list[str]:
    with store.read() as session:
        texts = dict(session.execute(select(CommentVersion.id, CommentVersion.text)).tuples().all())
    return [texts[each.comment_version_id][each.start : each.end] for each in members(store, run.id, topic)]


class TestKeeping:
    def test_before_the_first_run_there_is_none(self, store: Store) -> None:
        assert current_run(store) is None

    def test_a_run_is_kept_with_its_places_and_topics(self, archive: Store) -> None:
        keep_causes(archive)
        run = current_run(archive)
        assert run is not None
        assert (run.n_comments, run.encoder) == (2 * DAYS, "stub@1.0.0")
        assert run.created_at <= run.finished_at
        late = topic_of(run, LATE)
        found = texts_of(archive, run, late)
        assert len(found) == DAYS - 10
        assert all(text.startswith("Pakka kom sein") for text in found)
        model = load_topics(archive, run.id)
        assert model.topic(late).size == len(found)
        for member in members(archive, run.id, late):
            assert member.segment is not None
            assert model.topics[model.assignment.topics[member.segment]].id == late

    def test_members_come_in_pages_the_newest_first(self, archive: Store) -> None:
        run = keep_causes(archive)
        late = topic_of(run, LATE)
        whole = [each.comment_version_id for each in members(archive, run.id, late)]
        assert whole == sorted(whole, reverse=True)
        rest = members(archive, run.id, late, until=whole[4])
        assert [each.comment_version_id for each in rest] == whole[5:]

    def test_the_report_repeats_no_text_but_names_and_words(self, archive: Store) -> None:
        run = keep_causes(archive)
        first = run.report["causes"][0]
        assert (first["rank"], first["theme"], first["size"]) == (1, LATE, DAYS - 10)
        assert set(first["label"]) == {"en", "nb", "nn", "da", "sv"}
        assert all(set(quote) == {"version", "start", "end"} for quote in first["quotes"])
        assert "comments" not in first

    def test_the_newest_run_that_is_not_aside_is_the_current_one(self, archive: Store) -> None:
        shown = keep_causes(archive)
        keep_causes(archive, shown=False)
        current = current_run(archive)
        assert current is not None
        assert current.id == shown.id
        again = keep_causes(archive)
        current = current_run(archive)
        assert current is not None
        assert current.id == again.id

    def test_a_job_keeps_one_run(self, archive: Store) -> None:
        found, read_up_to = find_causes(archive)
        job = create_job(archive, kind="topics", parameters={}, by="test")
        for expected in (1, 1):
            with suppress(IntegrityError):
                save(archive, found, make_report(found, read_up_to=read_up_to), job_id=job.id)
            with archive.read() as session:
                assert len(session.scalars(select(CauseRun)).all()) == expected

    def test_an_unknown_run_and_topics_that_are_not_kept_are_said(self, archive: Store) -> None:
        with pytest.raises(UnknownCauseRun, match="GET /v1/cause-runs"):
            load_topics(archive, 99)
        run = keep_causes(archive)
        with archive.write() as session:
            session.execute(update(CauseRun).values(topics=b"no archive"))
        with pytest.raises(TopicsNotKept):
            load_topics(archive, run.id)

    def test_of_old_runs_the_report_stays(self, archive: Store) -> None:
        runs = [keep_causes(archive, shown=number == 0) for number in range(3)]
        with archive.write() as session:
            while drop_places(session, kept=1, at_once=7):
                pass
        assert load_topics(archive, runs[0].id).topics, "the current one stays whole"
        assert load_topics(archive, runs[2].id).topics
        with pytest.raises(TopicsNotKept):
            load_topics(archive, runs[1].id)
        assert members(archive, runs[1].id, topic_of(runs[1], LATE)) == []
        assert members(archive, runs[0].id, topic_of(runs[0], LATE))


class TestChanges:
    def test_a_name_that_an_analyst_gives_stands_in_the_report(self, archive: Store) -> None:
        run = keep_causes(archive)
        late = topic_of(run, LATE)
        replace_topics(archive, run.id, load_topics(archive, run.id).rename(late, {"nb": "Treg levering"}))
        changed = current_run(archive)
        assert changed is not None
        assert changed.report["causes"][0]["label"]["nb"] == "Treg levering"
        assert load_topics(archive, run.id).topic(late).given_label == {"nb": "Treg levering"}

    def test_places_follow_a_merge(self, archive: Store) -> None:
        run = keep_causes(archive)
        late, kind = topic_of(run, LATE), topic_of(run, KIND)
        with archive.write() as session:
            newest = session.scalars(select(CommentVersion.id).order_by(CommentVersion.id.desc())).first()
            assert newest is not None
            later = {"topic": kind, "start": 0, "end": 3, "segment": None, "assigned_at": now()}
            session.add(CauseMember(cause_run_id=run.id, comment_version_id=newest, **later))
        before = len(members(archive, run.id, late)) + len(members(archive, run.id, kind))
        changed = replace_topics(archive, run.id, load_topics(archive, run.id).merge(late, [kind]))
        assert members(archive, run.id, kind) == []
        assert len(members(archive, run.id, late)) == before
        merged = next(cause for cause in changed.report["causes"] if cause["topic"] == late)
        assert merged["size"] == before - 1, "what was assigned later is not the run's"
        assert kind not in [cause["topic"] for cause in changed.report["causes"]]
        assert [cause["rank"] for cause in changed.report["causes"]] == [1, 2]

    def test_a_split_makes_a_cause_with_its_places(self, archive: Store) -> None:
        run = keep_causes(archive)
        late = topic_of(run, LATE)
        found, _ = find_causes(archive)
        embeddings = _embedded(found)
        places = members(archive, run.id, late)
        parts = [[Quote(str(each.comment_version_id), each.start, each.end)] for each in (places[0], places[-1])]
        model = load_topics(archive, run.id).split(late, found.segments, embeddings, parts=parts)
        changed = replace_topics(archive, run.id, model)
        new = changed.report["causes"][-1]
        assert new["topic"] not in [cause["topic"] for cause in run.report["causes"]]
        assert new["size"] == len(members(archive, run.id, new["topic"])) > 0
        assert new["nps_points_lost"] is None
        told = {word for words in new["words"].values() for word in words}
        assert told == set(new["sources"]["words"]), "each word is known to be somebody's"


class TestForgetting:
    def test_a_name_goes_with_the_comment_that_it_is_taken_from(self, archive: Store) -> None:
        run = keep_causes(archive)
        late = topic_of(run, LATE)
        (cause,) = [cause for cause in run.report["causes"] if cause["topic"] == late]
        source = cause["sources"]["labels"]["nb"]["version"]
        assert erase(archive, respondent_of(archive, source), by="test").extent.rows["cause_members"] == 1
        now_ = current_run(archive)
        assert now_ is not None
        (after,) = [cause for cause in now_.report["causes"] if cause["topic"] == late]
        assert source not in versions_in(now_.report)
        assert after["sources"]["labels"]["nb"] != cause["sources"]["labels"]["nb"]
        assert after["label"]["nb"]
        topic = load_topics(archive, run.id).topic(late)
        assert dict(topic.label) == after["label"]
        assert {each.comment_id for each in topic.label_source.values()} & {str(source)} == set()
        with archive.read() as session:
            assert source not in session.scalars(select(CauseSource.comment_version_id)).all()

    @pytest.mark.slow
    def test_when_all_who_say_it_go_nothing_of_what_they_said_is_left(self, archive: Store) -> None:
        keep_causes(archive)
        keep_causes(archive, shown=False)
        with archive.read() as session:
            assert "cause_runs.report" in places_of(session, "sein")
            assert "cause_runs.topics" in places_of(session, "sein"), "or the search would prove nothing"
            late = session.scalars(select(StoredComment).where(StoredComment.external_id.like("L%"))).all()
        for comment in late:
            assert comment.respondent is not None
            erase(archive, comment.respondent, by="test")
        with archive.read() as session:
            assert places_of(session, "akka") == []
            assert places_of(session, "sein") == []
            assert places_of(session, "hyggelig"), "others' words stay"

    def test_retention_takes_words_out_too(self, archive: Store) -> None:
        keep_causes(archive)
        policy = RetentionPolicy(days=1)
        apply_policy(archive, policy, moment=FIRST + timedelta(days=DAYS + 5), by="test")
        with archive.read() as session:
            assert places_of(session, "sein") == []
            assert places_of(session, "hyggelig") == []
            assert session.scalars(select(CauseMember)).all() == []
        run = current_run(archive)
        assert run is not None
        assert [cause["size"] for cause in run.report["causes"] if cause["theme"] == LATE] == [DAYS - 10], "counts stay"

    def test_comments_that_go_while_causes_are_looked_for_leave_nothing(self, archive: Store) -> None:
        found, read_up_to = find_causes(archive)
        report = make_report(found, read_up_to=read_up_to)
        with archive.write() as session:
            session.execute(delete(StoredComment).where(StoredComment.external_id.like("L%")))
        save(archive, found, report)
        with archive.read() as session:
            assert places_of(session, "sein") == []
            assert "cause_runs.report" in places_of(session, "yggelig")

    def test_a_run_that_cannot_be_read_does_not_hold_up_an_erasure(self, archive: Store) -> None:
        run = keep_causes(archive)
        source = next(iter(versions_in(run.report)))
        with archive.write() as session:
            session.execute(update(CauseRun).values(topics=b"Pakka kom sein"))
        erase(archive, respondent_of(archive, source), by="test")
        with archive.read() as session:
            assert "cause_runs.topics" not in places_of(session, "Pakka")

    @pytest.mark.slow
    def test_a_model_that_was_loaded_before_does_not_bring_words_back(self, archive: Store) -> None:
        run = keep_causes(archive)
        kind = topic_of(run, KIND)
        loaded = load_topics(archive, run.id)
        with archive.read() as session:
            late = session.scalars(select(StoredComment).where(StoredComment.external_id.like("L%"))).all()
        for comment in late:
            erase(archive, comment.respondent or "", by="test")
        replace_topics(archive, run.id, loaded.rename(kind, {"nb": "Hyggelige folk"}))
        with archive.read() as session:
            assert places_of(session, "sein") == []
            assert "cause_runs.report" in places_of(session, "Hyggelige folk")


def respondent_of(store: Store, version_id: int) -> str:
    with store.read() as session:
        version = session.get(CommentVersion, version_id)
        assert version is not None
        assert version.comment.respondent is not None
        return version.comment.respondent


def _embedded(found: RootCauses) -> Floats:
    comments = [Comment(each.comment_id, each.text) for each in found.segments]
    vectors = [vector for _, vector in EmbeddingStub().tag_and_embed(comments) if vector is not None]
    return np.array(vectors, dtype=np.float32)
