"""The assigner: a thread that gives clauses of tagged comments the topics of the current run of causes.

It comes after tagging and never before it: a comment is tagged whatever becomes of its topics, and while comments wait
to be tagged the assigner waits too.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, cast

import numpy as np
from sqlalchemy import delete, insert, or_, select, update
from sqlalchemy.orm import Session

from api.background import Background
from api.cause_runs.models import CauseMember, CauseRun
from api.corrections.shown import shown_records
from api.dependencies import CommentTagger
from api.ingest.live import GiveWay
from api.live_causes.models import CauseAssignment, WaitingForCauses
from api.live_causes.queue import catch_up, has_caught_up
from api.live_causes.topics import CurrentTopics, current_topics
from api.problems import describe_bug
from api.store.database import Store
from api.store.errors import StoreUnavailable
from api.store.models import CommentVersion, StoredComment, now
from nlp.clustering.model import REASONS
from nlp.record import Comment, TaggedComment
from nlp.topic_segments import Reader, joined, segments_of
from nlp.topics import Assignment, Segment, TopicModel

logger = logging.getLogger(__name__)

POLL_SECONDS: Final = 1.0
"""How soon what was tagged or corrected is found; nobody waits for it."""
RETRY_SECONDS: Final = 2.0
"""After the database has not answered."""
BUG_SECONDS: Final = 60.0
"""After a bug that is no version's, such as topics that cannot be read."""
BACK_OFF_SECONDS: Final = 2.0
"""After a version's first failure; each one after it doubles the time."""
MOST_ATTEMPTS: Final = 10
"""Some half an hour; a version that failed so often is left to the next run of causes."""
NEW: Final = 1 + REASONS.index("new")


class TopicsChanged(Exception):
    """Another run of causes became current, or an analyst has edited its topics, while a batch was assigned."""


class Stopping(Exception):
    """The assigner is to end."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A version that waits; no record of one that could not be tagged, or that is no longer the text that stands."""

    version_id: int
    queued_at: datetime
    attempts: int
    comment: Comment
    record: TaggedComment | None


@dataclass(frozen=True, slots=True)
class Assigned:
    """A version's clauses and their topics, row for row; no topic is None."""

    segments: Sequence[Segment]
    topics: Sequence[str | None]
    fitting_none: int
    similarity: float


NOTHING: Final = Assigned([], [], 0, 0.0)


class CauseAssigner:
    """Assigns what waits, in batches.

    A version leaves the queue in the transaction that stores its topics, so that what a killed process leaves is done
    after the next start, once. Nothing waits for topics without a run of causes; while the active model is another
    than the run's, what waits stays where it is, for the next run or for the model's return.

    Parameters
    ----------
    tagger : the one that is loaded, None before there is one
    idle : called when a batch was the last, so that somebody can look at the drift
    """

    def __init__(
        self,
        store: Store,
        tagger: Callable[[], CommentTagger | None],
        *,
        batch_size: int,
        idle: Callable[[], None] = lambda: None,
    ) -> None:
        self._store, self._tagger, self._batch_size, self._idle = store, tagger, batch_size, idle
        self._loaded: tuple[CurrentTopics, TopicModel] | None = None
        self._told_of: CurrentTopics | None = None
        self._live = GiveWay(store)
        self._busy = False
        self._background = Background(
            self._work,
            name="stemme-cause-assigner",
            logger=logger,
            waits="Topics of new comments wait",
            failed="Assigning topics failed",
            retry_seconds=RETRY_SECONDS,
            bug_seconds=BUG_SECONDS,
        )

    def start(self) -> None:
        self._background.start()

    def stop(self) -> None:
        """End it after the batch in hand; what waits, waits for the next start."""
        self._background.stop()

    def assign_batch(self) -> int:
        """Assign the versions that have waited longest; how many it took up.

        Raises
        ------
        StoreUnavailable : if the database does not answer; what was taken up still waits
        TopicsChanged : if the topics were changed meanwhile; the same
        """
        with self._store.read() as session:
            topics = current_topics(session)
            caught_up = topics is None or has_caught_up(session, topics.run_id)
        if topics is None:
            return 0
        if not caught_up:
            catch_up(self._store, topics.run_id)
        tagger = self._tagger()
        if tagger is None or not self._fits(topics, tagger):
            return 0
        waiting = self._next()
        if not waiting:
            return 0
        model, reader = self._model(topics), cast("Reader", tagger)
        try:
            self._keep(waiting, assigned_to(model, waiting, reader), topics)
        except (StoreUnavailable, TopicsChanged):
            raise
        except Exception as bug:
            # One version at a time, so that the one at fault does not hold up its neighbours.
            logger.error("Topics of a batch of %d comments failed. %s", len(waiting), describe_bug(bug))  # noqa: TRY400
            for each in waiting:
                self._assign_alone(each, model, reader, topics)
        return len(waiting)

    def _work(self) -> float:
        try:
            self._live.wait(self._pause)
            if self.assign_batch():
                self._busy = True
                return 0.0
        except (Stopping, TopicsChanged):
            return 0.0  # a batch whose topics have changed is assigned anew, to those that count now
        if self._busy:
            self._busy = False
            self._idle()
        return POLL_SECONDS

    def _pause(self, seconds: float) -> None:
        if self._background.stopped_within(seconds):
            raise Stopping

    def _fits(self, topics: CurrentTopics, tagger: CommentTagger) -> bool:
        if tagger.name == topics.encoder:
            self._told_of = None
            return True
        if self._told_of != topics:
            logger.warning(
                "New comments get no topics: those of run %d were found with %s, and %s is at work. Find causes anew: "
                "`POST /v1/jobs` with the kind `topics`.",
                topics.run_id,
                topics.encoder,
                tagger.name,
            )
        self._told_of = topics
        return False

    def _model(self, topics: CurrentTopics) -> TopicModel:
        if self._loaded is None or self._loaded[0] != topics:
            with self._store.read() as session:
                stored = session.scalar(select(CauseRun.topics).where(CauseRun.id == topics.run_id))
            if stored is None:
                raise TopicsChanged
            self._loaded = topics, TopicModel.from_bytes(stored)
        return self._loaded[1]

    def _next(self) -> Sequence[Waiting]:
        due = or_(WaitingForCauses.not_before.is_(None), WaitingForCauses.not_before <= now())
        query = (
            select(WaitingForCauses, CommentVersion.text, CommentVersion.question)
            .add_columns((CommentVersion.number == StoredComment.version).label("stands"))
            .join(CommentVersion, CommentVersion.id == WaitingForCauses.version_id)
            .join(StoredComment, StoredComment.id == CommentVersion.comment_id)
            .where(due)
            .order_by(WaitingForCauses.version_id)
            .limit(self._batch_size)
        )
        with self._store.read() as session:
            rows = session.execute(query).all()
            records = shown_records(session, [row.version_id for row, *_ in rows])
        found = []
        for row, text, question, stands in rows:
            record = records.get(row.version_id) if stands else None
            own = record if isinstance(record, TaggedComment) else None
            comment = Comment(str(row.version_id), text, question)
            found.append(Waiting(row.version_id, row.queued_at, row.attempts, comment, own))
        return found

    def _keep(self, waiting: Sequence[Waiting], assigned: Sequence[Assigned], topics: CurrentTopics) -> None:
        with self._store.write() as session:
            if current_topics(session, to_use=True) != topics:
                raise TopicsChanged
            # Whoever removes the row stores the topics. One that was queued again meanwhile has other tags by now; one
            # that was erased is not there.
            ids = [each.version_id for each in waiting]
            locked = select(WaitingForCauses.version_id, WaitingForCauses.queued_at).where(
                WaitingForCauses.version_id.in_(ids)
            )
            there = dict(session.execute(locked.with_for_update()).tuples().all())
            ours = [
                (each, own)
                for each, own in zip(waiting, assigned, strict=True)
                if there.get(each.version_id) == each.queued_at
            ]
            done = [each.version_id for each, _ in ours]
            session.execute(delete(WaitingForCauses).where(WaitingForCauses.version_id.in_(done)))
            store_assigned(session, topics.run_id, [(each.version_id, own) for each, own in ours if each.record])

    def _assign_alone(self, each: Waiting, model: TopicModel, reader: Reader, topics: CurrentTopics) -> None:
        try:
            self._keep([each], assigned_to(model, [each], reader), topics)
        except (StoreUnavailable, TopicsChanged):
            raise
        except Exception as bug:
            attempts = each.attempts + 1
            logger.error("Topics of version %d failed, attempt %d. %s", each.version_id, attempts, describe_bug(bug))  # noqa: TRY400
            same = (WaitingForCauses.version_id == each.version_id, WaitingForCauses.queued_at == each.queued_at)
            with self._store.write() as session:
                if attempts >= MOST_ATTEMPTS:
                    logger.error("Version %d gets no topics before the next run of causes.", each.version_id)  # noqa: TRY400
                    session.execute(delete(WaitingForCauses).where(*same))
                    return
                later = now() + timedelta(seconds=BACK_OFF_SECONDS * 2**each.attempts)
                session.execute(update(WaitingForCauses).where(*same).values(attempts=attempts, not_before=later))


def assign_waiting(assigner: CauseAssigner) -> int:
    """Assign whatever waits, until nothing is due; how many versions were taken up.

    Raises
    ------
    StoreUnavailable : if the database does not answer; what has no topics still waits
    """
    done = 0
    while True:
        try:
            taken = assigner.assign_batch()
        except TopicsChanged:
            continue
        if not taken:
            return done
        done += taken


def assigned_to(model: TopicModel, waiting: Sequence[Waiting], reader: Reader) -> list[Assigned]:
    """Topics of the clauses of each version, in order; nothing of one without a record.

    Raises
    ------
    WrongEmbeddings : if the reader is not of the model's encoder
    """
    batch = joined(segments_of([(each.comment, each.record) for each in waiting if each.record is not None], reader))
    if not batch.segments:
        return [NOTHING] * len(waiting)
    found, _ = model.assign(batch.segments, batch.embeddings)
    rows: dict[str, list[int]] = {}
    for row, segment in enumerate(batch.segments):
        rows.setdefault(segment.comment_id, []).append(row)
    ids = [topic.id for topic in model.topics]
    return [_assigned(batch.segments, found, rows.get(each.comment.id, []), ids) for each in waiting]


def _assigned(segments: Sequence[Segment], found: Assignment, rows: Sequence[int], ids: Sequence[str]) -> Assigned:
    own = [int(found.topics[row]) for row in rows]
    with_topic = [row for row, topic in zip(rows, own, strict=True) if topic >= 0]
    return Assigned(
        [segments[row] for row in rows],
        [ids[topic] if topic >= 0 else None for topic in own],
        fitting_none=int(np.count_nonzero(found.reasons[rows] == NEW)),
        similarity=float(found.similarities[with_topic].sum()),
    )


def store_assigned(session: Session, run_id: int, assigned: Sequence[tuple[int, Assigned]]) -> None:
    """Store topics of versions in a run, in place of those that their comments had in it."""
    if not assigned:
        return
    moment, ids = now(), [version_id for version_id, _ in assigned]
    of_run = CauseMember.cause_run_id == run_id
    read = select(CauseMember.comment_version_id).where(
        of_run, CauseMember.segment.is_not(None), CauseMember.comment_version_id.in_(ids)
    )
    known = {*session.scalars(read)}
    before = select(CauseAssignment.version_id).where(
        CauseAssignment.cause_run_id == run_id,
        CauseAssignment.version_id.in_(ids),
        CauseAssignment.assigned_again,
    )
    known |= {*session.scalars(before)}
    comments = select(CommentVersion.comment_id).where(CommentVersion.id.in_(ids))
    versions = select(CommentVersion.id).where(CommentVersion.comment_id.in_(comments))
    session.execute(delete(CauseMember).where(of_run, CauseMember.comment_version_id.in_(versions)))
    session.execute(
        delete(CauseAssignment).where(CauseAssignment.cause_run_id == run_id, CauseAssignment.version_id.in_(versions))
    )
    session.execute(
        insert(CauseAssignment),
        [
            {
                "cause_run_id": run_id,
                "version_id": version_id,
                "assigned_at": moment,
                "clauses": len(own.segments),
                "fitting_none": own.fitting_none,
                "similarity": own.similarity,
                "assigned_again": version_id in known,
            }
            for version_id, own in assigned
        ],
    )
    members = [
        {
            "cause_run_id": run_id,
            "comment_version_id": version_id,
            "topic": topic,
            "start": segment.start,
            "end": segment.end,
            "segment": None,
            # What the run has read is its own, and counted in its figures, also with other tags.
            "assigned_at": None if version_id in known else moment,
        }
        for version_id, own in assigned
        for segment, topic in zip(own.segments, own.topics, strict=True)
        if topic is not None
    ]
    if members:
        session.execute(insert(CauseMember), members)
