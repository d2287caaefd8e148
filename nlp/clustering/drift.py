"""How far new comments are from those that the topics were found in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from nlp.clustering.model import REASONS, Assignment
from nlp.models.encoder import Floats

# Rules of thumb of credit scoring (Siddiqi 2006): above 0.1 look, above 0.25 the population is another one.
SHIFTED: Final = 0.25
FEWEST: Final = 200
NEW_GREW: Final = 1.5
_HALF: Final = 0.5


@dataclass(frozen=True, slots=True)
class Drift:
    """What new segments are like beside those of the last run.

    Attributes
    ----------
    n_segments : that were compared
    new_share, former_new_share : of the segments with an opinion those that no topic fits, now and in the last run
    similarity, former_similarity : mean cosine to the topic's centre, now and in the last run; NaN if none has one
    stability_index : of the topics' shares, in nats: 0.0 where they are as before (population stability index)
    refit : whether topics should be found anew: the index is above 0.25 or half as many more segments fit no topic;
        never under 200 segments
    """

    n_segments: int
    new_share: float
    former_new_share: float
    similarity: float
    former_similarity: float
    stability_index: float
    refit: bool


def drift_of(now: Assignment, former: Assignment, n_topics: int) -> Drift:
    """Compare two assignments to the same topics."""
    new_share, former_new_share = _new_share(now), _new_share(former)
    index = _stability_index(now, former, n_topics)
    n_segments = len(now.topics)
    return Drift(
        n_segments=n_segments,
        new_share=new_share,
        former_new_share=former_new_share,
        similarity=_similarity(now),
        former_similarity=_similarity(former),
        stability_index=index,
        refit=n_segments >= FEWEST and (index > SHIFTED or new_share > max(NEW_GREW * former_new_share, 0.05)),
    )


def _new_share(assignment: Assignment) -> float:
    new = int(np.count_nonzero(assignment.reasons == 1 + REASONS.index("new")))
    return new / max(new + int(np.count_nonzero(assignment.topics >= 0)), 1)


def _similarity(assignment: Assignment) -> float:
    has = assignment.topics >= 0
    return float(assignment.similarities[has].mean()) if has.any() else float("nan")


def _stability_index(now: Assignment, former: Assignment, n_topics: int) -> float:
    counts = [_counts(assignment, n_topics) for assignment in (now, former)]
    # As many segments in either as in the smaller: else each topic that a small batch lacks would count as a shift.
    n_smaller = min(of_one.sum() for of_one in counts)
    if n_topics == 0 or n_smaller == 0:
        return 0.0
    p, q = (of_one / of_one.sum() * n_smaller + _HALF for of_one in counts)
    p, q = p / p.sum(), q / q.sum()
    index = float(((p - q) * np.log(p / q)).sum())
    # What chance alone gives a sample of this size, by the index's chi-square approximation (Yurdakul 2018).
    by_chance = (n_topics - 1) * sum(1 / of_one.sum() for of_one in counts)
    return max(index - float(by_chance), 0.0)


def _counts(assignment: Assignment, n_topics: int) -> Floats:
    counts = np.bincount(assignment.topics[assignment.topics >= 0], minlength=n_topics)
    return np.asarray(counts, dtype=np.float32)
