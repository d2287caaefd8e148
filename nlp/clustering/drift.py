"""How far new comments are from those that the topics were found in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from nlp.clustering.model import REASONS, Assignment

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


@dataclass(frozen=True, slots=True)
class Tally:
    """What is compared of segments that were assigned to topics; sums, so that they need not all be at hand at once.

    Attributes
    ----------
    counts : segments of each topic, in the order of the model's topics
    new : segments with an opinion that no topic fits
    n_segments : all of them, also those that are too short or have no opinion
    similarity : mean cosine to the topic's centre; NaN if none has a topic
    """

    counts: Sequence[int]
    new: int
    n_segments: int
    similarity: float


def tally_of(assignment: Assignment, n_topics: int) -> Tally:
    """Count an assignment."""
    has = assignment.topics >= 0
    return Tally(
        counts=np.bincount(assignment.topics[has], minlength=n_topics).tolist(),
        new=int(np.count_nonzero(assignment.reasons == 1 + REASONS.index("new"))),
        n_segments=len(assignment.topics),
        similarity=float(assignment.similarities[has].mean()) if has.any() else float("nan"),
    )


def drift_between(now: Tally, former: Tally) -> Drift:
    """Compare what was assigned to the same topics at two times."""
    new_share, former_new_share = _new_share(now), _new_share(former)
    index = _stability_index(now, former)
    return Drift(
        n_segments=now.n_segments,
        new_share=new_share,
        former_new_share=former_new_share,
        similarity=now.similarity,
        former_similarity=former.similarity,
        stability_index=index,
        refit=now.n_segments >= FEWEST and (index > SHIFTED or new_share > max(NEW_GREW * former_new_share, 0.05)),
    )


def _new_share(tally: Tally) -> float:
    return tally.new / max(tally.new + sum(tally.counts), 1)


def _stability_index(now: Tally, former: Tally) -> float:
    n_topics = len(former.counts)
    counts = [np.asarray(tally.counts, dtype=np.float32) for tally in (now, former)]
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
