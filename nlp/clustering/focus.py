"""Names and quotes of topics from a part of what is said of them: from since a cause rose, at the place where it did.

A topic holds whatever is worded alike, and what has begun to be said of it is often its smaller part. Named after the
middle of all its segments, a cause that rises may bear the name of a side issue that has stood there all along.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from nlp.clustering.describe import (
    Name,
    Reading,
    by_frequency,
    fitting,
    languages_for,
    names_among,
    quotes_of,
    rows_by_topic,
    said_name,
    words_by_topic,
)
from nlp.clustering.model import Assignment, Topic
from nlp.clustering.partition import Labels, centred
from nlp.clustering.words import Lemmatizer
from nlp.models.encoder import Floats
from nlp.topic_segments import Segment

MOST_READ: Final = 20_000
"""Segments of a part, from which its middle is taken."""
_BELOW_ALL: Final = 2.0
"""More than two cosines can differ by."""


def told_by_parts(
    topics: Sequence[Topic],
    segments: Sequence[Segment],
    embeddings: Floats,
    assignment: Assignment,
    *,
    mean: Floats,
    parts: Mapping[int, Labels],
    how: Reading,
    known: Mapping[str, Topic],
) -> list[Topic]:
    """The topics, those with a part named after it and quoted from it first.

    A name stays that an analyst gave, and so does one that people know from the last run if it was said in the part.
    Where nothing in the part can be a name, the topic's name stays.

    Parameters
    ----------
    assignment : of the segments
    mean : of all embeddings when topics were found, shape (width,)
    parts : by a topic's position some rows of its segments
    known : topics of the last run by id
    """
    lemmatize = Lemmatizer()
    rows_of = rows_by_topic(assignment.topics, len(topics))
    typical = np.nan_to_num(assignment.similarities, nan=-1.0)
    read: dict[int, Labels] = {}
    for place, rows in parts.items():
        read[place] = rows[:: -(-len(rows) // MOST_READ)]
        typical[rows_of[place]] -= _BELOW_ALL
        typical[read[place]] = _centrality(embeddings[read[place]], mean)
    names = names_among(segments, lemmatize, how.names)
    said = [read.get(place, rows) for place, rows in enumerate(rows_of)]
    words = words_by_topic(segments, typical, said, lemmatize, names)
    result = list(topics)
    taken = Counter((reader, name.lower()) for topic in topics for reader, name in topic.label.items())
    for place in sorted(parts, key=lambda place: (-len(rows_of[place]), place)):
        topic = topics[place]
        said_at = {(segments[row].comment_id, segments[row].start) for row in parts[place].tolist()}
        fit = fitting(segments, typical, words[place], lemmatize=lemmatize, names=names)
        most = by_frequency(words[place])
        chosen: dict[str, Name] = {}
        for reader, before in topic.label.items():
            if reader in topic.given_label or _is_known(topic, reader, known.get(topic.id), said_at):
                continue
            taken[reader, before.lower()] -= 1
            others = {name for (whose, name), times in taken.items() if whose == reader and times > 0}
            name = said_name(segments, words[place], fit, languages_for(reader, most), taken=others)
            if name is not None:
                chosen[reader] = name
            taken[reader, (before if name is None else name[0]).lower()] += 1
        quotes = quotes_of(segments, embeddings, rows_of[place], mean=mean, similarities=typical, n_quotes=how.n_quotes)
        result[place] = _with_names(replace(topic, quotes=quotes), chosen)
    return result


def _centrality(embeddings: Floats, mean: Floats) -> Floats:
    """Each segment's cosine to the middle of all of them."""
    vectors = centred(np.asarray(embeddings), mean)
    middle = vectors.sum(axis=0)
    return np.asarray(vectors @ (middle / max(float(np.linalg.norm(middle)), 1e-9)), dtype=np.float32)


def _is_known(topic: Topic, reader: str, former: Topic | None, said_at: Collection[tuple[str, int]]) -> bool:
    """Whether a reader knows the topic by its name from the last run, and the name was said in the part."""
    source = topic.label_source.get(reader)
    if former is None or source is None or former.label.get(reader) != topic.label[reader]:
        return False
    return (source.comment_id, source.start) in said_at


def _with_names(topic: Topic, names: Mapping[str, Name]) -> Topic:
    return replace(
        topic,
        label={**topic.label, **{reader: text for reader, (text, _, _) in names.items()}},
        label_language={**topic.label_language, **{reader: language for reader, (_, language, _) in names.items()}},
        label_source={
            **{reader: source for reader, source in topic.label_source.items() if reader not in names},
            **{reader: source for reader, (_, _, source) in names.items() if source is not None},
        },
    )
