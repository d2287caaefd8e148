"""Upkeep: a thread of the service that keeps the retention policy, prunes the outbox and wipes what was deleted, once a
day.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from threading import Event, Thread
from typing import Final

from api.problems import describe_bug
from api.removal.policy import RetentionPolicy
from api.removal.retention import apply_policy
from api.store.database import Store
from api.store.errors import StoreUnavailable
from api.store.models import now
from api.store.wipe import wipe
from api.webhooks.pruning import prune_delivered

logger = logging.getLogger(__name__)

DAY_SECONDS: Final = 86_400.0
RETRY_SECONDS: Final = 60.0
"""After the database has not answered."""
ACTOR: Final = "service"


class Upkeep:
    """Works at the start of the service and every day after it. Several services on one database do no harm.

    Parameters
    ----------
    keep_delivered : how long messages to webhooks stay after they were delivered; None: for ever
    """

    def __init__(self, store: Store, policy: RetentionPolicy, *, keep_delivered: timedelta | None = None) -> None:
        self._store, self._policy, self._keep_delivered = store, policy, keep_delivered
        self._stopping = Event()
        self._thread = Thread(target=self._work, name="stemme-upkeep", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """End it after the batch in hand."""
        self._stopping.set()
        self._thread.join()

    def run_once(self) -> None:
        """Keep the policy now, prune the outbox, and wipe what was deleted before.

        Raises
        ------
        StoreUnavailable : if the database does not answer
        """
        if self._keep_delivered is not None:
            pruned = prune_delivered(self._store, before=now() - self._keep_delivered, keep_on=self._may_go_on)
            if pruned:
                logger.info("Messages to webhooks that were delivered long ago have been deleted: %d.", pruned)
        applied = apply_policy(self._store, self._policy, moment=now(), by=ACTOR, keep_on=self._may_go_on)
        if applied.extent.comments:
            logger.info("Removed as older than the retention allows: %d.", applied.extent.comments)
        else:
            wipe(self._store)  # what an erasure could not wipe, as somebody was reading

    def _may_go_on(self) -> bool:
        return not self._stopping.is_set()

    def _work(self) -> None:
        while not self._stopping.is_set():
            pause = DAY_SECONDS
            try:
                self.run_once()
            except StoreUnavailable as error:
                logger.warning("Upkeep waits: %s", error)
                pause = RETRY_SECONDS
            except Exception as bug:
                logger.error("Upkeep failed and will be tried again. %s", describe_bug(bug))  # noqa: TRY400
            self._stopping.wait(pause)
