"""What every writer does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from api.files.rows import Row
from nlp.record import Record


class Writer(Protocol):
    """Takes rows and their records in order, a few at a time; `finish` writes what is left, and closes nothing."""

    def write(self, tagged: Sequence[tuple[Row, Record]]) -> None: ...

    def finish(self) -> None: ...
