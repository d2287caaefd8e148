"""What a training run says of itself: its log, and the loss of every step."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from pathlib import Path

import torch
from torch import Tensor

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
    """Adds a JSON line a step to a file: `stage`, `step` (from 0), `task`, `loss` in nats, `at` (UTC, when written).

    The loss is that of the first worker's share of the batch. After a run was resumed, the steps since its last
    checkpoint stand a second time; the later line counts. Without a file nothing is kept.
    """

    def __init__(self, path: Path | None, stage: str) -> None:
        self._path, self._stage = path, stage
        self._added: list[tuple[int, str, Tensor]] = []

    def add(self, step: int, task: str, loss: Tensor) -> None:
        """Take a step's loss, a scalar that stays where it is until `write`: reading it would make a GPU wait."""
        self._added.append((step, task, loss.detach()))

    def write(self) -> list[tuple[str, float]]:
        """Add what came since to the file; the tasks and losses of these steps come back."""
        if not self._added:
            return []
        at = datetime.now(UTC).isoformat(timespec="seconds")
        values = torch.stack([loss for _, _, loss in self._added]).tolist()
        rows = [
            {"stage": self._stage, "step": step, "task": task, "loss": round(value, 5), "at": at}
            for (step, task, _), value in zip(self._added, values, strict=True)
        ]
        told = [(task, value) for (_, task, _), value in zip(self._added, values, strict=True)]
        self._added.clear()
        if self._path is not None:
            with self._path.open("a", encoding="utf-8") as lines:
                lines.writelines(json.dumps(row) + "\n" for row in rows)
        return told
