"""The deliverer: a thread that sends what lies in the outbox."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections import Counter
from contextlib import suppress
from datetime import timedelta
from threading import Lock, Thread
from typing import Final

from api.problems import describe_bug
from api.store.database import Store
from api.store.errors import StoreUnavailable
from api.webhooks.address import AddressPolicy
from api.webhooks.models import DeliveryState
from api.webhooks.outbox import Claim, Outcome, anything_due, claim, settle
from api.webhooks.sending import Sender, trusted_certificates

logger = logging.getLogger(__name__)

POLL_SECONDS: Final = 1.0
"""How soon is found what another process has put in, and what is to be tried again."""
RETRY_SECONDS: Final = 2.0
"""After the database has not answered."""
MOST_AT_ONCE: Final = 16
MOST_PER_WEBHOOK: Final = 4
"""With so many in hand no more are taken up for it, so that a slow receiver does not hold up the others."""
LEASE_MARGIN_SECONDS: Final = 15.0
"""How much longer a message is ours than an attempt may take: to write down what came of it."""


class WebhookDeliverer:
    """Sends messages until it is stopped: each at least once, several at a time, a few of them to one receiver.

    A message is claimed in one transaction, sent, and settled in another. So two services on one database do not both
    send it, and if this one dies in between, it is sent again under the same id once its lease has ended.
    """

    def __init__(
        self,
        store: Store,
        *,
        policy: AddressPolicy,
        timeout_seconds: float,
        most_attempts: int,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._store, self._policy, self._tls = store, policy, tls
        self._timeout_seconds, self._most_attempts = timeout_seconds, most_attempts
        self._lease = timedelta(seconds=timeout_seconds + LEASE_MARGIN_SECONDS)
        self._thread = Thread(target=self._run, name="stemme-webhook-deliverer", daemon=True)
        self._lock = Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._woken: asyncio.Event | None = None
        self._stopping = False
        self._in_hand: dict[asyncio.Task[None], int] = {}

    def start(self) -> None:
        self._thread.start()

    def wake(self) -> None:
        """Tell it that there are messages; may be called from any thread, also before it has started."""
        with self._lock:
            if self._loop is not None and self._woken is not None:
                self._loop.call_soon_threadsafe(self._woken.set)

    def stop(self) -> None:
        """End it after the attempts in hand; what waits, waits for the next start."""
        self._stopping = True
        self.wake()
        self._thread.join()

    def _run(self) -> None:
        asyncio.run(self._work())

    async def _work(self) -> None:
        woken = asyncio.Event()
        with self._lock:
            self._loop, self._woken = asyncio.get_running_loop(), woken
        try:
            async with Sender(
                policy=self._policy, timeout_seconds=self._timeout_seconds, tls=self._tls or trusted_certificates()
            ) as sender:
                while not self._stopping:
                    pause = await self._send_due(sender)
                    if pause:
                        with suppress(TimeoutError):
                            await asyncio.wait_for(woken.wait(), pause)
                        woken.clear()
                await asyncio.gather(*self._in_hand)
        finally:
            with self._lock:
                self._loop = self._woken = None

    async def _send_due(self, sender: Sender) -> float:
        """Begin to send what is due, as much as there is room for; seconds until it is worth looking again."""
        per_webhook = Counter(self._in_hand.values())
        room = MOST_AT_ONCE - per_webhook.total()
        full = {webhook for webhook, count in per_webhook.items() if count >= MOST_PER_WEBHOOK}
        try:
            claims = await asyncio.to_thread(self._claim, min(room, MOST_PER_WEBHOOK), full)
        except StoreUnavailable as error:
            logger.warning("Webhooks wait: %s", error)
            return RETRY_SECONDS
        except Exception as bug:
            logger.error("Webhooks failed and will be tried again. %s", describe_bug(bug))  # noqa: TRY400
            return RETRY_SECONDS
        for each in claims:
            task = asyncio.create_task(self._deliver(sender, each))
            self._in_hand[task] = each.webhook_id
            task.add_done_callback(self._let_go)
        return 0.0 if claims else POLL_SECONDS

    def _let_go(self, task: asyncio.Task[None]) -> None:
        del self._in_hand[task]
        if self._woken is not None:
            self._woken.set()  # there is room again

    def _claim(self, most: int, full: set[int]) -> list[Claim]:
        if most <= 0:
            return []
        # Looking first costs no lock, and most of the time there is nothing.
        with self._store.read() as session:
            if not anything_due(session, without=full):
                return []
        with self._store.write() as session:
            return claim(session, most=most, lease=self._lease, without=full)

    async def _deliver(self, sender: Sender, claimed: Claim) -> None:
        try:
            outcome = await sender.send(claimed)
        except Exception as bug:
            logger.error("Delivery %d failed. %s", claimed.delivery_id, describe_bug(bug))  # noqa: TRY400
            outcome = Outcome(None, "stemme failed while it sent this; its log tells more.")
        try:
            state = await asyncio.to_thread(self._settle, claimed, outcome)
        except StoreUnavailable as error:
            # Its lease will end, and it is then sent again under the same id.
            logger.warning("Delivery %d could not be settled: %s", claimed.delivery_id, error)
            return
        except Exception as bug:
            logger.error("Delivery %d could not be settled. %s", claimed.delivery_id, describe_bug(bug))  # noqa: TRY400
            return
        _log(claimed, outcome, state)

    def _settle(self, claimed: Claim, outcome: Outcome) -> DeliveryState | None:
        with self._store.write() as session:
            return settle(session, claimed, outcome, most_attempts=self._most_attempts)


def _log(claimed: Claim, outcome: Outcome, state: DeliveryState | None) -> None:
    # Webhooks by their id: an address may hold a secret in its path.
    what = (claimed.delivery_id, claimed.webhook_id, claimed.attempt)
    if outcome.gone:
        logger.warning("Webhook %d is switched off: its receiver answered 410 Gone.", claimed.webhook_id)
    if state is DeliveryState.DEAD:
        logger.error("Delivery %d to webhook %d is dead after attempt %d. %s", *what, outcome.error)
    elif outcome.error is not None:
        logger.warning("Delivery %d to webhook %d failed, attempt %d. %s", *what, outcome.error)
    else:
        logger.info("Delivery %d reached webhook %d, attempt %d.", *what)
