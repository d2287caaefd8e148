"""The store as the place where comments go: a batch is a transaction, and the same export again changes nothing."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from api.exports.comment import ImportedComment
from api.ingest.ingest import Outcome, ingest
from api.ingest.treatment import Treatment
from api.personal_data import Kind
from api.store.database import Store
from api.store.errors import StoreUnavailable

PAUSE_SECONDS: Final = 2.0
"""Before a batch is tried again that the store did not take."""
PATIENCE_SECONDS: Final = 60.0
"""For how long one is tried."""


@dataclass(slots=True)
class StoredCounts:
    """What an import changed in the store, and what was masked on the way into it."""

    outcomes: Counter[Outcome] = field(default_factory=Counter)
    masked: Counter[Kind] = field(default_factory=Counter)

    @property
    def comments(self) -> int:
        return self.outcomes.total()

    def __str__(self) -> str:
        """For people, one line and one more for what was masked.

        >>> print(StoredCounts(Counter({Outcome.NEW: 1_200, Outcome.UNCHANGED: 7}), Counter({Kind.PHONE: 2})))
        1,200 new, 0 changed, 7 unchanged
          masked: 2 phone
        """
        lines = [", ".join(f"{self.outcomes[outcome]:,} {outcome}" for outcome in Outcome)]
        if self.masked:
            lines.append("  masked: " + ", ".join(f"{count:,} {kind}" for kind, count in self.masked.most_common()))
        return "\n".join(lines)


class StoreSink:
    """Stores each batch before it takes the next; one that the store does not answer is tried again for a while.

    Parameters
    ----------
    treat : what is done to each comment before it is stored
    notice : hears that the store does not answer
    """

    def __init__(self, store: Store, *, treat: Treatment, notice: Callable[[str], None]) -> None:
        self.store, self._treat, self._notice = store, treat, notice
        self.counts = StoredCounts()

    def write(self, comments: Sequence[ImportedComment]) -> None:
        """Store a batch.

        Raises
        ------
        StoreUnavailable : if the store has not answered for `PATIENCE_SECONDS`; the batches before are stored
        """
        until = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                stored = ingest([each.to_new() for each in comments], store=self.store, treat=self._treat)
                break
            except StoreUnavailable:
                if time.monotonic() >= until:
                    raise
                self._notice(f"{self.store.name} does not answer; trying again.")
                time.sleep(PAUSE_SECONDS)
        for each in stored:
            self.counts.outcomes[each.outcome] += 1
            self.counts.masked.update(each.masked)

    def finish(self) -> None:
        """Every batch is on the disk already."""
