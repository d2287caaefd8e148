"""Topics of their own for what bursts: incidents are taken out of the everyday topics that they lie in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from typing import Final

import numpy as np

from nlp.clustering.bursts import MOST_VALUES, Burst, Heard, bins_of, bursts, surest_bursts
from nlp.clustering.draft import FAR, LEAST_FLOOR, Draft, cosines, n_topics_of, spread_of
from nlp.clustering.model import Centres, Group, eligibility, nearest_centres, rows_by_group
from nlp.clustering.partition import NONE, Grain, Labels, centred, centres_of, k_means, nearest_of, ward
from nlp.errors import require
from nlp.models.encoder import Floats
from nlp.topic_segments import Segment

SAID_ALIKE: Final = 5
"""Segments of a small group on the average, as long as there are not too many of them: nearly the same words."""


MOST_SMALL_GROUPS, MOST_OF_ALL = 1_000, 8_000
"""Of one theme and sentiment; and of all together, each of which is compared with each."""
MOST_AT_ONCE, PART = 4_000, 1_000
"""Segments that are compared each with each; more are cut into parts of about so many first."""
WEIGHT_OF_SPELLING, SPELLINGS, TEXTS, FEATURES = 0.7, 100, 8, 30_000
"""Of small groups' vectors: the length of what their spelling adds beside an embedding of length 1, how many numbers it
has, how many clauses of each group it is read from, and how many strings of letters are counted."""
FEWEST_DATED, MANY_DATED = 200, 1_000
"""Comments: of fewer no incident is looked for; and of fewer than many, only those are believed that chance does not
give, while among many comments a share of them may be false."""
SHUFFLES_OF_FEW = 39
"""Searches of shuffled comments, among few comments."""
SAME: Final = 2 / 3
"""Of a topic's segments and of a burst's: where they share so many, the topic is the incident."""


@dataclass(frozen=True, slots=True, eq=False)
class Circumstances:
    """When and where comments were given, by comment id.

    Parameters
    ----------
    days : comments that are not there take no part in the search
    places : department, touchpoint and the like by name; what is not there is not known
    """

    days: Mapping[str, date]
    places: Mapping[str, Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class Search:
    """How incidents are looked for.

    Attributes
    ----------
    shuffles : searches of comments with shuffled days, from which follows what chance gives; 0 to look for none
    false_share : of the incidents, how many chance may have given
    """

    shuffles: int
    false_share: float


@dataclass(frozen=True, slots=True, eq=False)
class _SmallGroups:
    """Of each segment its small group, -1 where it may have no topic; of each small group its centre, and its theme."""

    labels: Labels
    centres: Floats
    groups: Sequence[Group]


def with_incidents(
    found: Draft,
    segments: Sequence[Segment],
    embeddings: Floats,
    circumstances: Circumstances,
    grain: Grain,
    *,
    how: Search,
    seed: int,
) -> Draft:
    """The draft with a further topic for each incident; the draft itself where there is none.

    In the themes that an incident touches, the small groups become centres beside those of the topics, each for its
    topic: a clause then goes to the incident only where no everyday wording is nearer to it.
    """
    if not how.shuffles or len(circumstances.days) < FEWEST_DATED:
        return found
    small, found_bursts = _bursts(segments, embeddings, found.centres.mean, circumstances, grain, how=how, seed=seed)
    if not found_bursts:
        return found
    topic_of = _topics_of(small.labels, found.assignment.topics, len(small.groups))
    touched: set[Group] = set()
    n_topics = n_topics_of(found)
    for burst in found_bursts:
        if not _is_a_topic(burst.groups, small.labels, found.assignment.topics):
            topic_of[burst.groups] = n_topics
            touched |= {small.groups[place] for place in burst.groups.tolist()}
            n_topics += 1
    added = [place for place, group in enumerate(small.groups) if group in touched and topic_of[place] != NONE]
    if not touched:
        return found
    of = found.centres
    further = _centres(of, embeddings, small, np.array(added, dtype=np.intp), topic_of)
    centres = Centres(
        mean=of.mean,
        vectors=np.concatenate([of.vectors, further.vectors]),
        floors=np.concatenate([of.floors, further.floors]),
        strict_floors=np.concatenate([of.strict_floors, further.strict_floors]),
        similarity=np.concatenate([of.similarity, further.similarity]),
        topics=np.concatenate([of.topics, further.topics]),
        groups=[*of.groups, *further.groups],
    )
    return Draft(centres, nearest_centres(segments, embeddings, centres))


def _bursts(
    segments: Sequence[Segment],
    embeddings: Floats,
    mean: Floats,
    circumstances: Circumstances,
    grain: Grain,
    *,
    how: Search,
    seed: int,
) -> tuple[_SmallGroups, list[Burst]]:
    """What bursts, among many comments or few, and the small groups that it was found in."""
    small = _small_groups(segments, embeddings, mean, grain, seed)
    heard = _heard(segments, small, circumstances, seed)
    if heard is None:
        return small, []
    if len(circumstances.days) < MANY_DATED:
        return small, surest_bursts(heard, shuffles=max(how.shuffles, SHUFFLES_OF_FEW), seed=seed)
    return small, bursts(heard, shuffles=how.shuffles, false_share=how.false_share, seed=seed)


def _is_a_topic(burst: Labels, small: Labels, topics: Labels) -> bool:
    """Whether some topic holds most of a burst and hardly anything else: words alone have found the incident."""
    of_burst = topics[np.isin(small, burst) & (topics != NONE)]
    sizes = np.bincount(topics[topics != NONE])
    shared = np.bincount(of_burst, minlength=len(sizes))
    return bool(((shared >= SAME * np.maximum(sizes, 1)) & (shared >= SAME * max(len(of_burst), 1))).any())


def _small_groups(
    segments: Sequence[Segment], embeddings: Floats, mean: Floats, grain: Grain, seed: int
) -> _SmallGroups:
    labels = np.full(len(segments), NONE, dtype=np.intp)
    centres: list[Floats] = []
    groups: list[Group] = []
    random = np.random.default_rng(seed)
    by_group = rows_by_group(segments, eligibility(segments) == 0)
    wanted = {group: min(len(rows) / SAID_ALIKE, MOST_SMALL_GROUPS) for group, rows in by_group.items()}
    kept = min(1.0, MOST_OF_ALL / max(sum(wanted.values()), 1.0))
    for group, rows in by_group.items():
        chosen = rows
        if len(rows) > grain.sample_size:
            chosen = np.sort(random.choice(rows, grain.sample_size, replace=False))
        sample = centred(embeddings[chosen], mean)
        found = _alike(sample, max(int(kept * wanted[group]), 1), seed)
        own = centres_of(sample, found)
        near = found if len(chosen) == len(rows) else nearest_of(embeddings, rows, mean, own)[0]
        labels[rows] = near + len(groups)
        centres.append(own)
        groups.extend([group] * len(own))
    return _SmallGroups(labels, np.concatenate(centres) if centres else np.zeros((0, len(mean)), np.float32), groups)


def _alike(sample: Floats, n_groups: int, seed: int) -> Labels:
    """Many small groups by Ward's method, the same with any seed; of very many segments part by part."""
    if len(sample) <= MOST_AT_ONCE:
        return ward(sample, n_groups)
    parts = k_means(sample, round(len(sample) / PART), seed)
    labels = np.zeros(len(sample), dtype=np.intp)
    n_so_far = 0
    for part in range(int(parts.max()) + 1):
        rows = np.flatnonzero(parts == part)
        n_of_part = max(round(n_groups * len(rows) / len(sample)), 1)
        # What very many say in the same words is one part, however large.
        found = ward(sample[rows], n_of_part) if len(rows) <= MOST_AT_ONCE else k_means(sample[rows], n_of_part, seed)
        labels[rows] = found + n_so_far
        n_so_far += int(found.max()) + 1
    return labels


def _heard(segments: Sequence[Segment], small: _SmallGroups, circumstances: Circumstances, seed: int) -> Heard | None:
    """What is said when and where, of the comments whose day is known; None where there is none."""
    number_of = {id_: number for number, id_ in enumerate(circumstances.days)}
    pairs = {
        (number_of[segment.comment_id], label)
        for segment, label in zip(segments, small.labels.tolist(), strict=True)
        if label != NONE and segment.comment_id in number_of
    }
    if not pairs:
        return None
    comment, group = np.array(sorted(pairs), dtype=np.intp).T
    days = np.array(list(circumstances.days.values()), dtype="datetime64[D]")
    values = [_numbered([of.get(id_) for id_ in number_of]) for of in circumstances.places.values()]
    words = _words(segments, small, seed)
    return Heard(comment, group, bins_of(days), [of for of in values if (of != NONE).any()], words)


def _words(segments: Sequence[Segment], small: _SmallGroups, seed: int) -> Floats:
    """What each small group says: its centre, and beside it what it is spelt like.

    Embeddings bring together what is said in other words and other languages; strings of letters bring together what
    names the same thing ("lokket", "plastlokket"), however it is said. Which small groups are of one incident, both
    together show better than either.
    """
    order = np.argsort(small.labels, kind="stable")
    order = order[small.labels[order] != NONE]
    bounds = np.searchsorted(small.labels[order], np.arange(len(small.groups) + 1))
    said = [
        " ".join(dict.fromkeys(segments[row].text.lower() for row in order[first:end][:TEXTS].tolist()))
        for first, end in pairwise(bounds.tolist())
    ]
    text = require("sklearn.feature_extraction.text", extra="topics")
    decomposition = require("sklearn.decomposition", extra="topics")
    normalize = require("sklearn.preprocessing", extra="topics").normalize
    counted = text.TfidfVectorizer(
        analyzer="char_wb", ngram_range=(3, 5), min_df=min(2, len(said)), sublinear_tf=True, max_features=FEATURES
    )
    try:
        counts = counted.fit_transform(said)
    except ValueError:  # no string of letters stands in two of them
        return small.centres
    n_numbers = min(SPELLINGS, min(counts.shape) - 1)
    if n_numbers < 1:
        return small.centres
    limits = require("threadpoolctl", extra="topics").threadpool_limits
    with limits(1):  # as k-means: the same seed, the same groups
        spelling = decomposition.TruncatedSVD(n_numbers, algorithm="arpack", random_state=seed).fit_transform(counts)
    both = np.hstack([small.centres, WEIGHT_OF_SPELLING * normalize(spelling)])
    return np.asarray(normalize(both), dtype=np.float32)


def _numbered(values: Sequence[str | None]) -> Labels:
    """Numbers of the most frequent values, -1 for the others: what a few comments have is no place."""
    names, counts = np.unique([value for value in values if value is not None], return_counts=True)
    kept = names[np.argsort(-counts, kind="stable")[:MOST_VALUES]].tolist()
    number = {name: place for place, name in enumerate(kept)}
    return np.array([NONE if value is None else number.get(value, NONE) for value in values], dtype=np.intp)


def _topics_of(small: Labels, topics: Labels, n_small: int) -> Labels:
    """The topic that most segments of each small group have; -1 where most have none."""
    n_topics = int(topics.max(initial=NONE)) + 1
    has = small != NONE
    flat = small[has] * (n_topics + 1) + np.where(topics[has] == NONE, n_topics, topics[has])
    most = np.bincount(flat, minlength=n_small * (n_topics + 1)).reshape(n_small, n_topics + 1).argmax(axis=1)
    return np.where(most == n_topics, NONE, most).astype(np.intp)


def _centres(of: Centres, embeddings: Floats, small: _SmallGroups, added: Labels, topic_of: Labels) -> Centres:
    """Small groups as centres.

    One of an everyday topic takes what lies as far as the topics of its theme allow, so that no clause is lost; one of
    an incident only what is about as near as its own.
    """
    place_of = np.full(len(small.groups) + 1, NONE, dtype=np.intp)
    place_of[added] = np.arange(len(added))
    centre_of = place_of[small.labels]
    groups = [small.groups[place] for place in added.tolist()]
    similarities = cosines(embeddings, of.mean, centre_of, small.centres[added])
    means, spread = spread_of(centre_of, similarities, groups, topic_of[added])
    own = np.where(topic_of[added] > of.topics.max(initial=NONE), means - FAR * spread, -1.0)
    floors, strict_floors = (
        np.maximum(_least_by_group(of, kind, groups), own).astype(np.float32) for kind in (of.floors, of.strict_floors)
    )
    return Centres(of.mean, small.centres[added], floors, strict_floors, means, topic_of[added], groups)


def _least_by_group(of: Centres, floors: Floats, groups: Sequence[Group]) -> Floats:
    least: dict[Group, float] = {}
    for group, floor in zip(of.groups, floors.tolist(), strict=True):
        least[group] = min(floor, least.get(group, floor))
    return np.array([least.get(group, LEAST_FLOOR) for group in groups], dtype=np.float32)
