"""How good topics are: against labelled themes, and by their words alone. Pure functions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import log

import numpy as np

from nlp.clustering.partition import Labels
from nlp.errors import require

OUTLIER = -1


@dataclass(frozen=True, slots=True)
class TopicScores:
    """Scores of one way to find topics.

    Attributes
    ----------
    topics : how many there are
    nmi : normalised mutual information with the themes, over segments of comments with one theme; segments without a
        topic stand together as one more topic
    purity : share of the segments whose comment has the theme that is the commonest of their topic; segments without a
        topic count as wrong
    purity_of_assigned : the same over the segments that have a topic
    coherence : NPMI of the topics' words, -1.0 (never together) to 1.0 (always together), mean over topics
    diversity : different words among the topics' words
    outliers : share of segments without a topic
    same_topic : shared topics of a comment and its localisation in another language (Jaccard), mean over pairs
    """

    topics: int
    nmi: float
    purity: float
    purity_of_assigned: float
    coherence: float
    diversity: float
    outliers: float
    same_topic: float


def scored(
    topics: Labels,
    comment_ids: Sequence[str],
    themes_of: Mapping[str, Collection[str]],
    *,
    words: Sequence[Sequence[str]],
    documents: Mapping[str, Collection[str]],
    pairs: Sequence[tuple[str, str]],
) -> TopicScores:
    """Score topics.

    Parameters
    ----------
    topics : shape (n_segments,), the topic of each segment, -1 where there is none
    comment_ids : of each segment
    themes_of : labelled themes by comment; only segments of these comments count against themes
    words : of each topic, at most ten
    documents : the terms of each comment, for coherence
    pairs : ids of a comment and its localisation
    """
    labelled = np.array([bool(themes_of.get(id_)) for id_ in comment_ids])
    gold = [themes_of.get(id_, ()) for id_ in comment_ids]
    correct, assigned = _pure(topics, gold, labelled)
    return TopicScores(
        topics=len(set(topics.tolist()) - {OUTLIER}),
        nmi=_nmi(topics, gold),
        purity=correct / max(int(labelled.sum()), 1),
        purity_of_assigned=correct / max(assigned, 1),
        coherence=npmi(words, documents),
        diversity=diversity(words),
        outliers=float((topics == OUTLIER).mean()),
        same_topic=_agreement(topics, comment_ids, pairs),
    )


def _nmi(topics: Labels, gold: Sequence[Collection[str]]) -> float:
    metrics = require("sklearn.metrics", extra="topics")
    rows = [row for row, themes in enumerate(gold) if len(themes) == 1]
    if not rows:
        return float("nan")
    return float(metrics.normalized_mutual_info_score([next(iter(gold[row])) for row in rows], topics[rows]))


def _pure(topics: Labels, gold: Sequence[Collection[str]], labelled: np.ndarray) -> tuple[int, int]:
    """Segments whose comment has the commonest theme of their topic, and segments with a topic."""
    themes_in: dict[int, Counter[str]] = {}
    rows = np.flatnonzero(labelled & (topics != OUTLIER)).tolist()
    for row in rows:
        themes_in.setdefault(int(topics[row]), Counter()).update(set(gold[row]))
    return sum(max(counts.values()) for counts in themes_in.values()), len(rows)


def npmi(words: Sequence[Sequence[str]], documents: Mapping[str, Collection[str]]) -> float:
    """Normalised pointwise mutual information of each topic's pairs of words within documents, mean over topics.

    References
    ----------
    Lau, Newman and Baldwin (2014), Machine Reading Tea Leaves, EACL; Bouma (2009) for the measure

    >>> npmi([["pakke", "knust"]], {"1": {"pakke", "knust"}, "2": {"ventet"}})
    1.0
    """
    wanted = {word for of_topic in words for word in of_topic}
    holding: dict[str, set[str]] = {word: set() for word in wanted}
    for id_, terms in documents.items():
        for word in wanted.intersection(terms):
            holding[word].add(id_)
    by_topic = [
        float(
            np.mean([_npmi(holding[one], holding[other], len(documents)) for one, other in combinations(of_topic, 2)])
        )
        for of_topic in words
        if len(of_topic) > 1
    ]
    return float(np.mean(by_topic)) if by_topic else float("nan")


def _npmi(one: set[str], other: set[str], n_documents: int) -> float:
    together = len(one & other) / n_documents
    if not together:
        return -1.0
    if together == 1:
        return 1.0
    return log(together / (len(one) / n_documents * len(other) / n_documents)) / -log(together)


def diversity(words: Sequence[Sequence[str]]) -> float:
    """The share of different words among all words of all topics.

    References
    ----------
    Dieng, Ruiz and Blei (2020), Topic Modeling in Embedding Spaces, TACL 8

    >>> diversity([["pakke", "knust"], ["pakke", "sein"]])
    0.75
    """
    every = [word for of_topic in words for word in of_topic]
    return len(set(every)) / len(every) if every else float("nan")


def _agreement(topics: Labels, comment_ids: Sequence[str], pairs: Sequence[tuple[str, str]]) -> float:
    of_comment: dict[str, set[int]] = {}
    for id_, topic in zip(comment_ids, topics.tolist(), strict=True):
        of_comment.setdefault(id_, set()).add(topic)
    shares = []
    for one, other in pairs:
        found, localised = of_comment.get(one, set()) - {OUTLIER}, of_comment.get(other, set()) - {OUTLIER}
        if found or localised:
            shares.append(len(found & localised) / len(found | localised))
    return float(np.mean(shares)) if shares else float("nan")
