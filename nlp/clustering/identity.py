"""Topics keep their ids from run to run, and what analysts merged or split stays so."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from nlp.clustering.draft import Draft, n_topics_of, rearranged, settled
from nlp.clustering.model import Assignment, Centres, nearest_centres
from nlp.clustering.partition import NONE, Labels
from nlp.errors import require
from nlp.models.encoder import Floats
from nlp.topic_segments import Segment

# Of the segments of both topics, at least this share is in either: below, it is another topic.
SAME_TOPIC: Final = 0.2


@dataclass(frozen=True, slots=True)
class Carried:
    """A draft whose topics have the ids of the former ones that they are; a new topic's id is empty."""

    draft: Draft
    ids: Sequence[str]

    def by_size(self) -> Carried:
        """The largest topics first; new ones that no segment has are left out."""
        sizes = np.bincount(self.draft.assignment.topics[self.draft.assignment.topics != NONE], minlength=len(self.ids))
        order = [place for place in np.argsort(-sizes, kind="stable").tolist() if sizes[place] or self.ids[place]]
        return Carried(rearranged(self.draft, order), [self.ids[place] for place in order])


@dataclass(frozen=True, slots=True)
class Former:
    """The last run.

    Attributes
    ----------
    ids : of its topics, in the order in which `centres` counts them
    pinned : ids of those that analysts merged or split
    """

    centres: Centres
    ids: Sequence[str]
    pinned: Collection[str]


def carry(former: Former, found: Draft, segments: Sequence[Segment], embeddings: Floats, *, min_size: int) -> Carried:
    """Give topics the ids that they had.

    A topic that analysts merged or split takes its segments first, whatever the new clusters are. The other topics are
    paired with the former ones with which they share most segments (Jaccard), each with one at most.

    Parameters
    ----------
    found : the new topics of `segments`
    min_size : what a new topic must keep where a pinned one took segments of it
    """
    before = nearest_centres(segments, embeddings, former.centres)
    pins = np.array([place for place, id_ in enumerate(former.ids) if id_ in former.pinned], dtype=np.intp)
    n_new = n_topics_of(found)
    if len(pins):
        found, n_new = _with_pinned(
            found, before, former.centres, pins, segments=segments, embeddings=embeddings, min_size=min_size
        )
    ids = [""] * n_new + [former.ids[pin] for pin in pins]
    overlap = _jaccard(found.assignment.topics, before.topics, len(ids), len(former.ids))
    overlap[n_new:] = 0
    overlap[:, pins] = 0
    optimize = require("scipy.optimize", extra="topics")
    for new, old in zip(*optimize.linear_sum_assignment(-overlap), strict=True):
        if overlap[new, old] >= SAME_TOPIC:
            ids[new] = former.ids[old]
    return Carried(found, ids)


def _jaccard(new: Labels, old: Labels, n_new: int, n_old: int) -> Floats:
    both = (new != NONE) & (old != NONE)
    shared = np.zeros((n_new, n_old))
    np.add.at(shared, (new[both], old[both]), 1)
    of_new = np.bincount(new[new != NONE], minlength=n_new)[:, None]
    of_old = np.bincount(old[old != NONE], minlength=n_old)[None, :]
    return np.asarray(shared / np.maximum(of_new + of_old - shared, 1), dtype=np.float32)


def _with_pinned(
    found: Draft,
    before: Assignment,
    former: Centres,
    pins: Labels,
    *,
    segments: Sequence[Segment],
    embeddings: Floats,
    min_size: int,
) -> tuple[Draft, int]:
    """The draft with the pinned topics behind its own; and how many topics come before them.

    Parameters
    ----------
    before : of the same segments to the former topics
    pins : positions of the pinned ones among the former topics, in ascending order
    """
    held = np.isin(before.topics, pins)
    free = found.assignment.topics[~held & (found.assignment.topics != NONE)]
    # What is left of a topic that lost most of its segments to a pinned one is no topic of its own.
    kept_topics = np.flatnonzero(np.bincount(free, minlength=n_topics_of(found)) >= min_size)
    kept = np.flatnonzero(np.isin(found.centres.topics, kept_topics))
    of_pins = np.flatnonzero(np.isin(former.topics, pins))
    centre_of = np.where(
        held,
        _renumbered(of_pins, len(former.topics), first=len(kept))[before.centres],
        _renumbered(kept, len(found.centres.topics), first=0)[found.assignment.centres],
    )
    topics = np.concatenate(
        [
            np.searchsorted(kept_topics, found.centres.topics[kept]),
            len(kept_topics) + np.searchsorted(pins, former.topics[of_pins]),
        ]
    )
    together = settled(
        segments,
        embeddings,
        centre_of,
        mean=found.centres.mean,
        groups=[
            *(found.centres.groups[place] for place in kept.tolist()),
            *(former.groups[place] for place in of_pins.tolist()),
        ],
        topics=topics.astype(np.intp),
        former_vectors=np.concatenate([found.centres.vectors[kept], former.vectors[of_pins]]),
    )
    return together, len(kept_topics)


def _renumbered(places: Labels, n_places: int, *, first: int) -> Labels:
    """New numbers of some places, from `first` up; -1 for the others, and for -1."""
    numbers = np.full(n_places + 1, NONE, dtype=np.intp)
    numbers[places] = first + np.arange(len(places))
    return numbers
