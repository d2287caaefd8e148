"""A thread that works until it is stopped, whatever fails meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from logging import Logger
from threading import Event, Thread

from api.problems import describe_bug
from api.store.errors import StoreUnavailable


class Background:
    """Calls `work` again and again. What goes wrong is told in the log, and tried again.

    Parameters
    ----------
    work : does what there is to do; how many seconds to wait then, 0 for none
    name : of the thread
    waits, failed : what the log says when the database does not answer, and when there is a bug
    retry_seconds : how long to wait after the database has not answered
    bug_seconds : how long to wait after a bug
    """

    def __init__(
        self,
        work: Callable[[], float],
        *,
        name: str,
        logger: Logger,
        waits: str,
        failed: str,
        retry_seconds: float,
        bug_seconds: float,
    ) -> None:
        self._work, self._logger, self._waits, self._failed = work, logger, waits, failed
        self._retry_seconds, self._bug_seconds = retry_seconds, bug_seconds
        self._woken, self._stopping = Event(), Event()
        self._thread = Thread(target=self._run, name=name, daemon=True)

    @property
    def stopping(self) -> bool:
        """Whether it is to end: work that takes long looks at it."""
        return self._stopping.is_set()

    def start(self) -> None:
        self._thread.start()

    def wake(self) -> None:
        """End the wait, if it waits."""
        self._woken.set()

    def stop(self) -> None:
        """End it, once the work in hand is done."""
        self.tell_to_stop()
        self.join()

    def tell_to_stop(self) -> None:
        self._stopping.set()
        self._woken.set()

    def join(self) -> None:
        """Wait for its end."""
        self._thread.join()

    def stopped_within(self, seconds: float) -> bool:
        """Wait in the middle of work; whether it is to end."""
        return self._stopping.wait(seconds)

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                pause = self._work()
            except StoreUnavailable as error:
                self._logger.warning("%s: %s", self._waits, error)
                pause = self._retry_seconds
            except Exception as bug:
                self._logger.error("%s and will be tried again. %s", self._failed, describe_bug(bug))  # noqa: TRY400
                pause = self._bug_seconds
            if pause:
                self._woken.wait(pause)
                self._woken.clear()
