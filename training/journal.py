"""What a training run says of itself: its log, and the loss of every step."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from pathlib import Path

log = logging.getLogger("training")
FORMAT = "%(asctime)s %(message)s"


def log_to(*files: Path) -> None:
    """Log to stderr and add to `files`, in a process whose logging nobody else has set up."""
    if logging.getLogger().handlers:
        return
    handlers: list[logging.Handler] = [logging.StreamHandler()]
    handlers += [logging.FileHandler(path, encoding="utf-8") for path in files]
    logging.basicConfig(level=logging.INFO, format=FORMAT, handlers=handlers)
    logging.getLogger("gensim").setLevel(logging.WARNING)


def log_files() -> list[Path]:
    """The files that this process logs to."""
    handlers = logging.getLogger().handlers
    return [Path(handler.baseFilename) for handler in handlers if isinstance(handler, logging.FileHandler)]


class Losses:
    """Adds a JSON line a step to a file: `stage`, `step` (from 0), `task`, `loss` in nats, `at` (UTC).

    The loss is that of the first worker's share of the batch. After a run was resumed, the steps since its last
    checkpoint stand a second time; the later line counts. Without a file nothing is kept.
    """

    def __init__(self, path: Path | None, stage: str) -> None:
        self._path, self._stage = path, stage

    def add(self, step: int, task: str, loss: float) -> None:
        if self._path is None:
            return
        at = datetime.now(UTC).isoformat(timespec="seconds")
        row = {"stage": self._stage, "step": step, "task": task, "loss": round(loss, 5), "at": at}
        with self._path.open("a", encoding="utf-8") as lines:
            lines.write(json.dumps(row) + "\n")
