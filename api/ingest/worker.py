"""The worker: a thread that tags what is stored and waits."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from threading import Event, Thread
from typing import Final

from sqlalchemy import delete, or_, select, update

from api.alerts.raising import AlertRaiser
from api.dependencies import CommentTagger
from api.problems import describe_bug
from api.store.database import Store
from api.store.errors import StoreUnavailable
from api.store.models import CommentVersion, PendingVersion, StoredComment, now
from api.store.records import store_records
from api.store.runs import ensure_run
from api.tag_all import tag_all
from nlp.errors import StemmeError
from nlp.record import Comment, FailedComment, Problem, Record

logger = logging.getLogger(__name__)

POLL_SECONDS: Final = 1.0
"""How soon what another process has stored is found; the service's own routes wake the worker at once."""
RETRY_SECONDS: Final = 2.0
"""After the database has not answered."""
BACK_OFF_SECONDS: Final = 2.0
"""After a comment's first failure; each one after it doubles the time."""
MOST_ATTEMPTS: Final = 5


class TaggingFailed(StemmeError):
    code, title = "tagging_failed", "The comment could not be tagged"

    def __init__(self, attempts: int) -> None:
        super().__init__(f"The tagger failed on this comment {attempts} times; the service's log says where.")


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
    one database.

    Parameters
    ----------
    alerts : asked in that transaction too, so that each alert is raised once and none is lost; None: there are none
    """

    def __init__(
        self,
        store: Store,
        tagger: CommentTagger,
        *,
        batch_size: int,
        max_text_length: int,
        alerts: AlertRaiser | None = None,
    ) -> None:
        self._store, self._tagger, self._alerts = store, tagger, alerts
        self._batch_size, self._max_text_length = batch_size, max_text_length
        self._run_id: int | None = None
        self._woken, self._stopping = Event(), Event()
        self._thread = Thread(target=self._work, name="stemme-tag-worker", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def wake(self) -> None:
        """Tell it that something was stored."""
        self._woken.set()

    def stop(self) -> None:
        """End it after the batch in hand; what waits, waits for the next start."""
        self._stopping.set()
        self._woken.set()
        self._thread.join()

    def tag_batch(self) -> int:
        """Tag the versions that have waited longest; how many it took up.

        Raises
        ------
        StoreUnavailable : if the database does not answer; what was taken up still waits
        """
        waiting = self._next()
        if not waiting:
            return 0
        try:
            self._keep(waiting, self._tagged(waiting))
        except StoreUnavailable:
            raise
        except Exception as bug:
            # One comment at a time, so that the one at fault does not hold up its neighbours.
            logger.error("A batch of %d comments failed. %s", len(waiting), describe_bug(bug))  # noqa: TRY400
            for each in waiting:
                self._tag_alone(each)
        return len(waiting)

    def _work(self) -> None:
        while not self._stopping.is_set():
            pause = 0.0
            try:
                if not self.tag_batch():
                    pause = POLL_SECONDS
            except StoreUnavailable as error:
                logger.warning("Tagging waits: %s", error)
                pause = RETRY_SECONDS
            except Exception as bug:
                logger.error("Tagging failed and will be tried again. %s", describe_bug(bug))  # noqa: TRY400
                pause = RETRY_SECONDS
            if pause:
                self._woken.wait(pause)
                self._woken.clear()

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

    def _tagged(self, waiting: Sequence[Waiting]) -> list[Record]:
        return tag_all(
            [each.comment for each in waiting],
            tagger=self._tagger,
            batch_size=self._batch_size,
            max_text_length=self._max_text_length,
        )

    def _keep(self, waiting: Sequence[Waiting], records: Sequence[Record]) -> None:
        ids, run_id = [each.version_id for each in waiting], self._run()
        with self._store.write() as session:
            # Whoever removes the row stores the tags; a version that was erased meanwhile has none to remove.
            taken = (
                delete(PendingVersion).where(PendingVersion.version_id.in_(ids)).returning(PendingVersion.version_id)
            )
            ours = set(session.scalars(taken))
            stored = [(id_, record) for id_, record in zip(ids, records, strict=True) if id_ in ours]
            store_records(session, run_id, stored)
            raised = 0 if self._alerts is None else self._alerts.raise_for(session, stored)
        if self._alerts is not None and raised:
            self._alerts.announce()

    def _run(self) -> int:
        """The run of this worker: chosen once, so that two services with different models do not take turns at it."""
        if self._run_id is None:
            with self._store.write() as session:
                run_id = ensure_run(session, model=self._tagger.name, taxonomy=self._tagger.taxonomy).id
            self._run_id = run_id
        return self._run_id

    def _tag_alone(self, each: Waiting) -> None:
        try:
            self._keep([each], self._tagged([each]))
        except StoreUnavailable:
            raise
        except Exception as bug:
            attempts = each.attempts + 1
            logger.error("Version %d failed, attempt %d. %s", each.version_id, attempts, describe_bug(bug))  # noqa: TRY400
            if attempts >= MOST_ATTEMPTS:
                error = TaggingFailed(attempts)
                self._keep([each], [FailedComment(each.comment.id, Problem(error.code, str(error)))])
                return
            later = {"attempts": attempts, "not_before": now() + timedelta(seconds=BACK_OFF_SECONDS * 2**each.attempts)}
            with self._store.write() as session:
                session.execute(
                    update(PendingVersion).where(PendingVersion.version_id == each.version_id).values(later)
                )
