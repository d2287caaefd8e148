"""Topics before they have names: centres, and which segments belong to which."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from nlp.clustering.model import Assignment, Centres, Group, eligibility, nearest_centres, rows_by_group
from nlp.clustering.partition import NONE, Grain, Labels, centred, linked, partition, slices
from nlp.models.encoder import Floats
from nlp.topic_segments import Segment

# A segment this many standard deviations less like its centre than the others is not one of them.
FAR = 2.5
FAR_WITHOUT_THEME = 1.0
LEAST_FLOOR = 0.05
LEAST_SPREAD = 0.02  # of cosines: where all say the same, rounding would decide who does


@dataclass(frozen=True, slots=True)
class Draft:
    """Centres, and the assignment that follows from them."""

    centres: Centres
    assignment: Assignment


def n_topics_of(found: Draft) -> int:
    """How many topics a draft has."""
    return int(found.centres.topics.max(initial=NONE)) + 1


def rearranged(found: Draft, topics: Sequence[int]) -> Draft:
    """The draft with only these of its topics, in this order; the others have no segments."""
    place_of = np.full(n_topics_of(found) + 1, NONE, dtype=np.intp)
    place_of[list(topics)] = np.arange(len(topics))
    kept = np.flatnonzero(place_of[found.centres.topics] != NONE)
    centre_of = np.full(len(found.centres.topics) + 1, NONE, dtype=np.intp)
    centre_of[kept] = np.arange(len(kept))
    of = found.centres
    return Draft(
        Centres(
            mean=of.mean,
            vectors=of.vectors[kept],
            floors=of.floors[kept],
            strict_floors=of.strict_floors[kept],
            similarity=of.similarity[kept],
            topics=place_of[of.topics[kept]],
            groups=[of.groups[place] for place in kept.tolist()],
        ),
        replace(
            found.assignment,
            topics=place_of[found.assignment.topics],
            centres=centre_of[found.assignment.centres],
        ),
    )


def draft(
    segments: Sequence[Segment],
    embeddings: Floats,
    grain: Grain,
    *,
    alike: float,
    seed: int,
    progress: Callable[[float], None],
) -> Draft:
    """Find topics within each theme and sentiment, and join those that are one cause under two themes.

    Parameters
    ----------
    alike : cosine distance below which topics of one sentiment and different themes are one
    """
    codes = eligibility(segments)
    mean = np.asarray(embeddings.sum(axis=0, dtype=np.float64) / max(len(embeddings), 1), dtype=np.float32)
    centre_of = np.full(len(segments), NONE, dtype=np.intp)
    groups: list[Group] = []
    done = 0
    by_group = rows_by_group(segments, codes == 0)
    # Themes first: a clause without one goes to their topics if it is like them, and only else makes a topic.
    for group, rows in sorted(by_group.items(), key=lambda item: item[0][0] is None):
        left = (
            rows if group[0] is not None else _unlike(segments, embeddings, rows, centre_of, mean=mean, groups=groups)
        )
        labels = partition(embeddings, left, mean, grain, seed)
        centre_of[left] = np.where(labels == NONE, NONE, labels + len(groups))
        groups.extend([group] * (int(labels.max(initial=NONE)) + 1))
        done += len(rows)
        progress(done / max(len(segments), 1))
    topics = _joined_across(embeddings, mean, centre_of, groups, alike)
    return settled(segments, embeddings, centre_of, mean=mean, groups=groups, topics=topics)


def _unlike(
    segments: Sequence[Segment],
    embeddings: Floats,
    rows: Labels,
    centre_of: Labels,
    *,
    mean: Floats,
    groups: Sequence[Group],
) -> Labels:
    """Give segments without a theme to the topics that they are like, in `centre_of`; the rows of the others."""
    so_far = settled(
        segments, embeddings, centre_of, mean=mean, groups=groups, topics=np.arange(len(groups), dtype=np.intp)
    )
    near = nearest_centres([segments[row] for row in rows.tolist()], embeddings[rows], so_far.centres).centres
    centre_of[rows] = near
    return np.asarray(rows[near == NONE])


def settled(
    segments: Sequence[Segment],
    embeddings: Floats,
    centre_of: Labels,
    *,
    mean: Floats,
    groups: Sequence[Group],
    topics: Labels,
    former_vectors: Floats | None = None,
) -> Draft:
    """Centres in the midst of their segments, and each segment's nearest one.

    Parameters
    ----------
    centre_of : shape (n_segments,), -1 where there is none
    mean : shape (width,)
    groups, topics : of each centre
    former_vectors : shape (n_centres, width), what a centre stays that has no segment now
    """
    vectors = vectors_of(embeddings, mean, centre_of, len(groups))
    if former_vectors is not None:
        empty = ~vectors.any(axis=1)
        vectors[empty] = former_vectors[empty]
    means, spread = spread_of(centre_of, cosines(embeddings, mean, centre_of, vectors), groups, topics)
    floors = np.maximum(means - FAR * spread, LEAST_FLOOR)
    themed = np.array([theme is not None for theme, _ in groups], dtype=bool)
    strict = np.where(themed, np.maximum(means - FAR_WITHOUT_THEME * spread, LEAST_FLOOR), floors)
    centres = Centres(mean, vectors, floors, strict, means, topics, groups)
    # As new segments will be assigned, so that a comment has the same topic today and after the next run's start.
    return Draft(centres, nearest_centres(segments, embeddings, centres))


def vectors_of(embeddings: Floats, mean: Floats, centre_of: Labels, n_centres: int) -> Floats:
    """Unit means of the centres' segments, read a piece at a time."""
    sums = np.zeros((n_centres, embeddings.shape[1]))
    for rows in slices(len(embeddings)):
        vectors, labels = centred(embeddings[rows], mean), centre_of[rows]
        order = np.argsort(labels, kind="stable")
        order = order[labels[order] != NONE]
        found, starts = np.unique(labels[order], return_index=True)
        if len(found):
            sums[found] += np.add.reduceat(vectors[order], starts, axis=0)
    return np.asarray(sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-9), dtype=np.float32)


def cosines(embeddings: Floats, mean: Floats, centre_of: Labels, vectors: Floats) -> Floats:
    """Each segment's cosine to its centre, NaN where it has none."""
    similarities = np.full(len(embeddings), np.nan, dtype=np.float32)
    for rows in slices(len(embeddings)):
        labels = centre_of[rows]
        has = labels != NONE
        similarities[rows][has] = np.einsum("nd,nd->n", centred(embeddings[rows][has], mean), vectors[labels[has]])
    return similarities


def spread_of(
    centre_of: Labels, similarities: Floats, groups: Sequence[Group], topics: Labels
) -> tuple[Floats, Floats]:
    """Mean and standard deviation of the cosines of each centre's segments.

    Centres of one topic within one theme and sentiment share them: an incident has many small centres, and some three
    segments that say the same do not tell how far another one may be. The deviation is `LEAST_SPREAD` at least.
    """
    shared = {key: number for number, key in enumerate(dict.fromkeys(zip(groups, topics.tolist(), strict=True)))}
    pool_of = np.array([shared[key] for key in zip(groups, topics.tolist(), strict=True)], dtype=np.intp)
    has = centre_of != NONE
    pools = pool_of[centre_of[has]]
    counts = np.maximum(np.bincount(pools, minlength=len(shared)), 1)
    means = np.bincount(pools, similarities[has], minlength=len(shared)) / counts
    squares = np.bincount(pools, similarities[has] ** 2, minlength=len(shared)) / counts
    spread = np.maximum(np.sqrt(np.maximum(squares - means**2, 0)), LEAST_SPREAD)
    return means[pool_of].astype(np.float32), spread[pool_of].astype(np.float32)


def _joined_across(
    embeddings: Floats, mean: Floats, centre_of: Labels, groups: Sequence[Group], alike: float
) -> Labels:
    """The topic of each centre: centres of one sentiment that are nearly the same are one topic."""
    vectors = vectors_of(embeddings, mean, centre_of, len(groups))
    topics = np.full(len(groups), NONE, dtype=np.intp)
    n_topics = 0
    for sentiment in sorted({group[1] or "" for group in groups}):
        places = np.array([place for place, group in enumerate(groups) if (group[1] or "") == sentiment], dtype=np.intp)
        found = linked(vectors[places], alike)
        topics[places] = found + n_topics
        n_topics += int(found.max(initial=NONE)) + 1
    return topics
