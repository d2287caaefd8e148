"""Upkeep: a thread of the service that keeps the retention policy, prunes the outbox and wipes what was deleted, once a
day.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Final

from api.background import Background
from api.removal.policy import RetentionPolicy
from api.removal.retention import apply_policy
from api.store.database import Store
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
        self._background = Background(
            self._work,
            name="stemme-upkeep",
            logger=logger,
            waits="Upkeep waits",
            failed="Upkeep failed",
            retry_seconds=RETRY_SECONDS,
            bug_seconds=DAY_SECONDS,
        )

    def start(self) -> None:
        self._background.start()

    def stop(self) -> None:
        """End it after the batch in hand."""
        self._background.stop()

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
        return not self._background.stopping

    def _work(self) -> float:
        self.run_once()
        return DAY_SECONDS
