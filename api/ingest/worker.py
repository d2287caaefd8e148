"""The worker: a thread that tags what is stored and waits."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from sqlalchemy import delete, or_, select, update

from api.alerts.raising import AlertRaiser
from api.background import Background
from api.dependencies import CommentTagger
from api.ingest.active_tagger import ActiveModelMissing, ActiveTagger
from api.live_causes.queue import queue_for_causes
from api.problems import describe_bug
from api.store.database import Store
from api.store.errors import StoreUnavailable
from api.store.models import CommentVersion, PendingVersion, StoredComment, now
from api.store.records import store_records
from api.store.runs import is_active
from api.tag_all import tag_all
from nlp.errors import StemmeError
from nlp.record import Comment, FailedComment, Problem, Record, TaggedComment

logger = logging.getLogger(__name__)

POLL_SECONDS: Final = 1.0
"""How soon what another process has stored is found; the service's own routes wake the worker at once."""
RETRY_SECONDS: Final = 2.0
"""After the database has not answered."""
MODEL_RETRY_SECONDS: Final = 10.0
"""While the active run's model is not here."""
BACK_OFF_SECONDS: Final = 2.0
"""After a comment's first failure; each one after it doubles the time."""
MOST_ATTEMPTS: Final = 5


class TaggingFailed(StemmeError):
    code, title = "tagging_failed", "The comment could not be tagged"

    def __init__(self, attempts: int) -> None:
        super().__init__(f"The tagger failed on this comment {attempts} times; the service's log says where.")


class RunChanged(Exception):
    """Another run has become active while a batch was tagged; the batch still waits."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A version that waits, as the tagger reads it."""

    version_id: int
    comment: Comment
    attempts: int


class TagWorker:
    """Tags versions in the order in which they were stored, in batches.

    A version leaves the queue in the transaction that stores its tags. So what was acknowledged and is not tagged when
    the process dies is tagged after the next start, and nothing is tagged twice in a run, not even by two services on
    one database. Each batch is tagged by the model of the run that is active when it is stored.

    Parameters
    ----------
    tagger : one that stays, or one that follows the active run
    alerts : asked in that transaction too, so that each alert is raised once and none is lost; None: there are none
    changed : told of the tagger when another is loaded, and of the error while the active run's model is not here
    """

    def __init__(
        self,
        store: Store,
        tagger: CommentTagger | ActiveTagger,
        *,
        batch_size: int,
        max_text_length: int,
        alerts: AlertRaiser | None = None,
        changed: Callable[[CommentTagger | ActiveModelMissing], None] = lambda _: None,
    ) -> None:
        self._store, self._alerts = store, alerts
        self._active = tagger if isinstance(tagger, ActiveTagger) else ActiveTagger(store, lambda _: tagger, None)
        self._batch_size, self._max_text_length = batch_size, max_text_length
        self._changed, self._told = changed, self._active.tagger
        self._background = Background(
            self._work,
            name="stemme-tag-worker",
            logger=logger,
            waits="Tagging waits",
            failed="Tagging failed",
            retry_seconds=RETRY_SECONDS,
            bug_seconds=RETRY_SECONDS,
        )

    def start(self) -> None:
        self._background.start()

    def wake(self) -> None:
        """Tell it that something was stored."""
        self._background.wake()

    def stop(self) -> None:
        """End it after the batch in hand; what waits, waits for the next start."""
        self._background.stop()

    def tag_batch(self) -> int:
        """Tag the versions that have waited longest; how many it took up.

        Raises
        ------
        StoreUnavailable : if the database does not answer; what was taken up still waits
        ActiveModelMissing : if the active run's model is not here; what waits, waits
        """
        run_id, tagger = self._active.now()
        if tagger is not self._told:
            self._told = tagger
            self._changed(tagger)
        waiting = self._next()
        if not waiting:
            return 0
        try:
            self._keep(waiting, self._tagged(waiting, tagger), run_id)
        except (StoreUnavailable, RunChanged):
            raise
        except Exception as bug:
            # One comment at a time, so that the one at fault does not hold up its neighbours.
            logger.error("A batch of %d comments failed. %s", len(waiting), describe_bug(bug))  # noqa: TRY400
            for each in waiting:
                self._tag_alone(each, tagger, run_id)
        return len(waiting)

    def _work(self) -> float:
        try:
            return 0.0 if self.tag_batch() else POLL_SECONDS
        except RunChanged:
            return 0.0  # the batch is tagged anew, by the run that is active now
        except ActiveModelMissing as error:
            if self._told is not None:
                logger.error("%s", error)  # noqa: TRY400, once, and nothing of it is a bug
            self._told = None
            self._changed(error)
            return MODEL_RETRY_SECONDS

    def _next(self) -> Sequence[Waiting]:
        columns = select(
            CommentVersion.id,
            CommentVersion.text,
            CommentVersion.question,
            StoredComment.external_id,
            PendingVersion.attempts,
        )
        due = or_(PendingVersion.not_before.is_(None), PendingVersion.not_before <= now())
        with self._store.read() as session:
            rows = session.execute(
                columns.join(PendingVersion, PendingVersion.version_id == CommentVersion.id)
                .join(CommentVersion.comment)
                .where(due)
                .order_by(CommentVersion.id)
                .limit(self._batch_size)
            )
            return [
                Waiting(version_id, Comment(external_id, text, question), attempts)
                for version_id, text, question, external_id, attempts in rows
            ]

    def _tagged(self, waiting: Sequence[Waiting], tagger: CommentTagger) -> list[Record]:
        return tag_all(
            [each.comment for each in waiting],
            tagger=tagger,
            batch_size=self._batch_size,
            max_text_length=self._max_text_length,
        )

    def _keep(self, waiting: Sequence[Waiting], records: Sequence[Record], run_id: int) -> None:
        ids = [each.version_id for each in waiting]
        with self._store.write() as session:
            if not is_active(session, run_id):
                raise RunChanged
            # Whoever removes the row stores the tags; a version that was erased meanwhile has none to remove.
            taken = (
                delete(PendingVersion).where(PendingVersion.version_id.in_(ids)).returning(PendingVersion.version_id)
            )
            ours = set(session.scalars(taken))
            stored = [(id_, record) for id_, record in zip(ids, records, strict=True) if id_ in ours]
            store_records(session, run_id, stored)
            queue_for_causes(session, [id_ for id_, record in stored if isinstance(record, TaggedComment)])
            raised = 0 if self._alerts is None else self._alerts.raise_for(session, stored)
        if self._alerts is not None and raised:
            self._alerts.announce()

    def _tag_alone(self, each: Waiting, tagger: CommentTagger, run_id: int) -> None:
        try:
            self._keep([each], self._tagged([each], tagger), run_id)
        except (StoreUnavailable, RunChanged):
            raise
        except Exception as bug:
            attempts = each.attempts + 1
            logger.error("Version %d failed, attempt %d. %s", each.version_id, attempts, describe_bug(bug))  # noqa: TRY400
            if attempts >= MOST_ATTEMPTS:
                error = TaggingFailed(attempts)
                self._keep([each], [FailedComment(each.comment.id, Problem(error.code, str(error)))], run_id)
                return
            later = {"attempts": attempts, "not_before": now() + timedelta(seconds=BACK_OFF_SECONDS * 2**each.attempts)}
            with self._store.write() as session:
                session.execute(
                    update(PendingVersion).where(PendingVersion.version_id == each.version_id).values(later)
                )
