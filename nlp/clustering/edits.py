"""What analysts change in topics: names, merges, splits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from nlp.clustering.describe import Reading, describe
from nlp.clustering.draft import settled
from nlp.clustering.model import Assignment, Centres, Quote, Topic
from nlp.clustering.partition import NONE, centred, centres_of, nearest
from nlp.errors import StemmeError
from nlp.models.encoder import Floats
from nlp.topic_segments import Segment

FEWEST_PARTS = 2


class BadTopicEdit(StemmeError):
    code, title = "bad_topic_edit", "The topic cannot be changed so"


@dataclass(frozen=True, slots=True)
class Edited:
    """What a change leaves: topics, centres and assignment of a model."""

    topics: Sequence[Topic]
    centres: Centres
    assignment: Assignment


def renamed(topic: Topic, label: Mapping[str, str]) -> Topic:
    """The topic under a name that an analyst gave.

    Parameters
    ----------
    label : by reader (`nb`, `nn`, `da`, `sv`, `en`); readers who are not named keep the name that they have

    Raises
    ------
    BadTopicEdit : if a name is empty or a reader is none of the five
    """
    for reader, text in label.items():
        if reader not in topic.label:
            raise BadTopicEdit(f"{reader!r} is no reader's language. Known: {', '.join(topic.label)}.")
        if not text.strip():
            raise BadTopicEdit(f"The name for {reader!r} is empty. Give one, or leave the language out.")
    named = {reader: text.strip() for reader, text in label.items()}
    return replace(
        topic,
        label={**topic.label, **named},
        label_language={**topic.label_language, **{reader: reader for reader in named}},
        label_source={reader: source for reader, source in topic.label_source.items() if reader not in named},
        given_label={**topic.given_label, **named},
    )


def merged(edited: Edited, places: Sequence[int]) -> Edited:
    """One topic takes in others; it keeps its id, name, words and quotes, and counts their segments.

    Parameters
    ----------
    places : of the topic that is kept, then of those that it takes in

    Raises
    ------
    BadTopicEdit : if there is nothing to take in, or a topic is named twice
    """
    if len(places) < FEWEST_PARTS or len(set(places)) < len(places):
        raise BadTopicEdit("A merge needs at least two different topics. Name the one to keep and others to take in.")
    kept, gone = places[0], set(places[1:])
    left = [place for place in range(len(edited.topics)) if place not in gone]
    new_place = np.full(len(edited.topics) + 1, NONE, dtype=np.intp)
    new_place[left] = np.arange(len(left))
    new_place[sorted(gone)] = new_place[kept]
    kept_id, gone_ids = edited.topics[kept].id, {edited.topics[place].id for place in gone}
    topics = []
    for place in left:
        topic = edited.topics[place]
        if place == kept:
            topic = replace(topic, size=sum(edited.topics[other].size for other in places))
        if topic.parent in gone_ids:
            topic = replace(topic, parent=None if topic.id == kept_id else kept_id)
        topics.append(topic)
    by_id = {topic.id: topic for topic in topics}
    if (parent := by_id[kept_id].parent) is not None and by_id[parent].parent == kept_id:
        topics[int(new_place[kept])] = replace(by_id[kept_id], parent=None)
    return Edited(
        topics,
        replace(edited.centres, topics=new_place[edited.centres.topics]),
        replace(edited.assignment, topics=new_place[edited.assignment.topics]),
    )


def parted(
    edited: Edited,
    place: int,
    segments: Sequence[Segment],
    embeddings: Floats,
    *,
    parts: Sequence[Sequence[Quote]],
    how: Reading,
) -> tuple[Edited, list[str]]:
    """A topic becomes several; and the ids of the new ones.

    Parameters
    ----------
    place : of the topic
    segments, embeddings : those of the assignment
    parts : some of the topic's segments for each part, by where they stand; the other segments go to the nearest part

    Raises
    ------
    BadTopicEdit : if there are fewer than two parts, or a part names none of the topic's segments
    """
    if len(parts) < FEWEST_PARTS:
        raise BadTopicEdit(f"A split needs at least two parts, not {len(parts)}.")
    centres, topics_of = edited.centres, edited.assignment.topics
    rows = np.flatnonzero(topics_of == place)
    row_of = {(segments[row].comment_id, segments[row].start): row for row in rows.tolist()}
    examples: list[list[int]] = []
    for number, part in enumerate(parts):
        named = [row_of[quote.comment_id, quote.start] for quote in part if (quote.comment_id, quote.start) in row_of]
        if not named:
            raise BadTopicEdit(f"Part {number} names no segment of the topic. Name at least one of its quotes.")
        examples.append(named)
    means = np.concatenate(
        [
            centres_of(centred(embeddings[named], centres.mean), np.zeros(len(named), dtype=np.intp))
            for named in examples
        ]
    )
    part_of, _ = nearest(centred(embeddings[rows], centres.mean), means)
    for number, named in enumerate(examples):
        part_of[np.isin(rows, named)] = number

    # The largest part stays in the topic's place; each part has a centre in every group that it is said in.
    order = np.argsort(-np.bincount(part_of, minlength=len(parts)), kind="stable")
    topic_of_part = {
        int(part): place if rank == 0 else len(edited.topics) + rank - 1 for rank, part in enumerate(order)
    }
    other = np.flatnonzero(centres.topics != place)
    new_centre = np.full(len(centres.topics) + 1, NONE, dtype=np.intp)
    new_centre[other] = np.arange(len(other))
    centre_of = new_centre[edited.assignment.centres]
    groups, topics = [centres.groups[centre] for centre in other.tolist()], centres.topics[other].tolist()
    former = edited.assignment.centres[rows]
    vectors = [centres.vectors[centre] for centre in other]
    for part, centre in sorted({*zip(part_of.tolist(), former.tolist(), strict=True)}):
        centre_of[rows[(part_of == part) & (former == centre)]] = len(groups)
        groups.append(centres.groups[centre])
        topics.append(topic_of_part[part])
        vectors.append(means[part])
    found = settled(
        segments,
        embeddings,
        centre_of,
        mean=centres.mean,
        groups=groups,
        topics=np.array(topics, dtype=np.intp),
        former_vectors=np.array(vectors),
    )
    new = list(range(len(edited.topics), len(edited.topics) + len(parts) - 1))
    described = describe(segments, embeddings, found, [topic.id for topic in edited.topics] + [""] * len(new), how=how)
    whole = edited.topics[place]
    first = replace(described[place], parent=whole.parent)
    if whole.given_label:
        first = renamed(first, whole.given_label)
    kept = [first if other == place else topic for other, topic in enumerate(edited.topics)]
    added = [replace(described[other], parent=whole.parent) for other in new]
    return Edited([*kept, *added], found.centres, found.assignment), [topic.id for topic in added]
