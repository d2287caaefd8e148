"""What analysts change in topics: names, merges, splits."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from nlp.clustering.describe import Reading, describe, made_name, name_of_theme
from nlp.clustering.draft import Draft, settled
from nlp.clustering.labels import heaviest_words, nearest_reader
from nlp.clustering.model import Assignment, Centres, Quote, Topic
from nlp.clustering.partition import NONE, Labels, centred, centres_of, nearest
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


def unnamed(topic: Topic, readers: Collection[str]) -> Topic:
    """The topic without the name that an analyst gave it, for some readers.

    They see the name that readers of the nearest language have from a customer, else one that is made of the topic's
    theme and words; the next run looks for one among its clauses.
    """
    found = [reader for reader in topic.label if reader not in topic.given_label]
    label, language, source = dict(topic.label), dict(topic.label_language), dict(topic.label_source)
    for reader in readers:
        near = nearest_reader(reader, found, topic.label_language)
        if near is None:
            language[reader], words = heaviest_words(reader, topic.words)
            label[reader] = made_name(name_of_theme(topic.theme, reader), words)
            continue
        label[reader], language[reader] = topic.label[near], topic.label_language[near]
        if near in topic.label_source:
            source[reader] = topic.label_source[near]
    given = {reader: name for reader, name in topic.given_label.items() if reader not in readers}
    return replace(topic, label=label, label_language=language, label_source=source, given_label=given)


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
    centres, topics_of = edited.centres, edited.assignment.topics
    rows = np.flatnonzero(topics_of == place)
    part_of, means = _shared_out([segments[row] for row in rows.tolist()], embeddings[rows], parts, centres)

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
    first = _still_named(described[place], whole)
    kept = [first if other == place else topic for other, topic in enumerate(edited.topics)]
    added = [replace(described[other], parent=whole.parent) for other in new]
    return Edited([*kept, *added], found.centres, found.assignment), [topic.id for topic in added]


@dataclass(frozen=True, slots=True)
class Parted:
    """What parting a topic by its own segments leaves: the model's parts, ids of the new topics, and of each segment
    the id of its topic."""

    edited: Edited
    new: Sequence[str]
    topic_of: Sequence[str]


def parted_alone(
    edited: Edited,
    place: int,
    segments: Sequence[Segment],
    embeddings: Floats,
    *,
    rows: Sequence[int | None],
    parts: Sequence[Sequence[Quote]],
    how: Reading,
) -> Parted:
    """A topic becomes several, and all other topics stay untouched: only its own segments are needed.

    Parameters
    ----------
    place : of the topic
    segments, embeddings : of the topic, as far as their comments are still there; also those assigned since
    rows : the row of each in the assignment, None of one that was assigned since
    parts : as of `parted`

    Raises
    ------
    BadTopicEdit : as `parted`
    """
    centres = edited.centres
    part_of, means = _shared_out(segments, embeddings, parts, centres)
    order = np.argsort(-np.bincount(part_of, minlength=len(parts)), kind="stable")
    rank_of = np.argsort(order, kind="stable")[part_of]
    former = _nearest_of_topic(segments, embeddings, centres, place)
    pairs = sorted({*zip(rank_of.tolist(), former.tolist(), strict=True)})
    centre_of = np.array([pairs.index(pair) for pair in zip(rank_of.tolist(), former.tolist(), strict=True)])
    own = settled(
        segments,
        embeddings,
        centre_of.astype(np.intp),
        mean=centres.mean,
        groups=[centres.groups[centre] for _, centre in pairs],
        topics=np.array([rank for rank, _ in pairs], dtype=np.intp),
        former_vectors=np.array([means[order[rank]] for rank, _ in pairs]),
    ).centres
    # No segment is lost to either part, however far it stands from the new centres: the analyst has parted all of them.
    similarities = np.einsum("nd,nd->n", centred(embeddings, centres.mean), own.vectors[centre_of])
    mine = Assignment(rank_of, np.zeros(len(segments), dtype=np.int8), similarities, centre_of.astype(np.intp))
    whole = edited.topics[place]
    others = [topic.id for topic in edited.topics if topic.id != whole.id]
    ids = [whole.id] + [""] * (len(parts) - 1)
    described = describe(segments, embeddings, Draft(own, mine), ids, how=how, retired=others)
    topics = [_still_named(described[0], whole) if topic.id == whole.id else topic for topic in edited.topics]
    topics += [replace(topic, parent=whole.parent) for topic in described[1:]]
    return Parted(
        Edited(topics, *_with_own(edited, place, own, mine, rows)),
        [topic.id for topic in described[1:]],
        [described[rank].id for rank in rank_of.tolist()],
    )


def _with_own(
    edited: Edited, place: int, own: Centres, mine: Assignment, rows: Sequence[int | None]
) -> tuple[Centres, Assignment]:
    """Centres and assignment with a topic's own ones, which count its parts from 0, in their place."""
    centres, before = edited.centres, edited.assignment
    other = np.flatnonzero(centres.topics != place)
    places = np.array([place, *range(len(edited.topics), len(edited.topics) + int(own.topics.max()))], dtype=np.intp)
    new_centre = np.full(len(centres.topics) + 1, NONE, dtype=np.intp)
    new_centre[other] = np.arange(len(other))
    topics, similarities = before.topics.copy(), before.similarities.copy()
    centre_of = new_centre[before.centres]
    # Rows of comments that are gone count for the largest part.
    centre_of[topics == place] = len(other)
    for at, row in enumerate(rows):
        if row is not None:
            topics[row], similarities[row] = places[mine.topics[at]], mine.similarities[at]
            centre_of[row] = len(other) + mine.centres[at]
    joined = Centres(
        mean=centres.mean,
        vectors=np.concatenate([centres.vectors[other], own.vectors]),
        floors=np.concatenate([centres.floors[other], own.floors]),
        strict_floors=np.concatenate([centres.strict_floors[other], own.strict_floors]),
        similarity=np.concatenate([centres.similarity[other], own.similarity]),
        topics=np.concatenate([centres.topics[other], places[own.topics]]),
        groups=[*(centres.groups[centre] for centre in other.tolist()), *own.groups],
    )
    return joined, Assignment(topics, before.reasons, similarities, centre_of)


def part_of(edited: Edited, places: Sequence[int]) -> Edited:
    """Some topics with their centres, and their rows of the assignment; the other rows have no topic in it.

    What the other topics are like stays out, so that it is small once it is packed.
    """
    of = edited.centres
    new_place = np.full(len(edited.topics) + 1, NONE, dtype=np.intp)
    new_place[list(places)] = np.arange(len(places))
    kept = np.flatnonzero(new_place[of.topics] != NONE)
    new_centre = np.full(len(of.topics) + 1, NONE, dtype=np.intp)
    new_centre[kept] = np.arange(len(kept))
    topics = new_place[edited.assignment.topics]
    centres = Centres(
        mean=of.mean,
        vectors=of.vectors[kept],
        floors=of.floors[kept],
        strict_floors=of.strict_floors[kept],
        similarity=of.similarity[kept],
        topics=new_place[of.topics[kept]],
        groups=[of.groups[place] for place in kept.tolist()],
    )
    rows = topics != NONE
    similarities = np.where(rows, edited.assignment.similarities, np.float32("nan"))
    centre_of = np.where(rows, new_centre[edited.assignment.centres], NONE)
    mine = Assignment(topics, np.zeros(len(topics), dtype=np.int8), similarities, centre_of)
    return Edited([edited.topics[place] for place in places], centres, mine)


def put_back(
    edited: Edited, before: Edited, *, instead_of: Collection[str], parents: Mapping[str, str | None]
) -> Edited:
    """Topics as they were before a change, in place of those that it has left; all others stay as they are.

    Parameters
    ----------
    before : of `part_of`, with the same rows in it that the topics have which go
    instead_of : ids of the topics that go
    parents : by topic the parent that it had before the change, of others that the change gave another

    Raises
    ------
    BadTopicEdit : if the topics that go have other rows than those that come
    """
    back = {topic.id: topic for topic in before.topics}
    there = {topic.id: topic for topic in edited.topics}
    kept = [back.get(topic.id, topic) for topic in edited.topics if topic.id not in instead_of or topic.id in back]
    topics = [*kept, *(topic for topic in before.topics if topic.id not in there)]
    place_of = {topic.id: place for place, topic in enumerate(topics)}
    goes = np.array([topic.id in instead_of for topic in edited.topics] + [False])
    rows = before.assignment.topics != NONE
    if not np.array_equal(goes[edited.assignment.topics], rows):
        raise BadTopicEdit("The topics have other clauses by now than they had before, so they cannot be put back.")
    new_place = np.array(
        [NONE if topic.id in instead_of else place_of[topic.id] for topic in edited.topics] + [NONE], dtype=np.intp
    )
    back_place = np.array([place_of[topic.id] for topic in before.topics] + [NONE], dtype=np.intp)
    other = np.flatnonzero(~goes[edited.centres.topics])
    new_centre = np.full(len(edited.centres.topics) + 1, NONE, dtype=np.intp)
    new_centre[other] = np.arange(len(other))
    now, then = edited.centres, before.centres
    centres = Centres(
        mean=now.mean,
        vectors=np.concatenate([now.vectors[other], then.vectors]),
        floors=np.concatenate([now.floors[other], then.floors]),
        strict_floors=np.concatenate([now.strict_floors[other], then.strict_floors]),
        similarity=np.concatenate([now.similarity[other], then.similarity]),
        topics=np.concatenate([new_place[now.topics[other]], back_place[then.topics]]),
        groups=[*(now.groups[centre] for centre in other.tolist()), *then.groups],
    )
    of_before = np.where(before.assignment.centres == NONE, NONE, before.assignment.centres + len(other))
    assignment = Assignment(
        np.where(rows, back_place[before.assignment.topics], new_place[edited.assignment.topics]),
        edited.assignment.reasons,
        np.where(rows, before.assignment.similarities, edited.assignment.similarities),
        np.where(rows, of_before, new_centre[edited.assignment.centres]),
    )
    return Edited([_under(topic, there.get(topic.id), parents, place_of) for topic in topics], centres, assignment)


def _under(topic: Topic, now: Topic | None, parents: Mapping[str, str | None], known: Collection[str]) -> Topic:
    """The topic under the parent that it had before, else the one that it has, as far as these are there."""
    wanted = (parents.get(topic.id, topic.parent), None if now is None else now.parent)
    return replace(topic, parent=next((each for each in wanted if each in known and each != topic.id), None))


def _nearest_of_topic(segments: Sequence[Segment], embeddings: Floats, centres: Centres, place: int) -> Labels:
    """Each segment's nearest centre among those of its topic: of its own theme and sentiment where there is one."""
    of_topic = np.flatnonzero(centres.topics == place)
    likeness = centred(embeddings, centres.mean) @ centres.vectors[of_topic].T
    groups = [centres.groups[centre] for centre in of_topic.tolist()]
    for row, segment in enumerate(segments):
        fits = [sentiment == segment.sentiment and segment.theme in (None, theme) for theme, sentiment in groups]
        if any(fits):
            likeness[row, ~np.array(fits)] = -np.inf
    return np.asarray(of_topic[likeness.argmax(axis=1)], dtype=np.intp)


def _shared_out(
    segments: Sequence[Segment], embeddings: Floats, parts: Sequence[Sequence[Quote]], centres: Centres
) -> tuple[Labels, Floats]:
    """The part of each of a topic's segments, and the unit means of the segments that each part names.

    Raises
    ------
    BadTopicEdit : if there are fewer than two parts, a part names none of the segments, or two name the same one
    """
    if len(parts) < FEWEST_PARTS:
        raise BadTopicEdit(f"A split needs at least two parts, not {len(parts)}.")
    row_of = {(segment.comment_id, segment.start): row for row, segment in enumerate(segments)}
    part_of_row: dict[int, int] = {}
    means: list[Floats] = []
    for number, part in enumerate(parts):
        named = [row_of[quote.comment_id, quote.start] for quote in part if (quote.comment_id, quote.start) in row_of]
        if not named:
            raise BadTopicEdit(f"Part {number} names no segment of the topic. Name at least one of its quotes.")
        for row in named:
            if part_of_row.setdefault(row, number) != number:
                raise BadTopicEdit(f"Parts {part_of_row[row]} and {number} name the same segment. Name it in one.")
        means.append(centres_of(centred(embeddings[named], centres.mean), np.zeros(len(named), dtype=np.intp)))
    part_of, _ = nearest(centred(embeddings, centres.mean), np.concatenate(means))
    for row, number in part_of_row.items():
        part_of[row] = number
    return np.asarray(part_of, dtype=np.intp), np.concatenate(means)


def _still_named(topic: Topic, whole: Topic) -> Topic:
    """The largest part under the name that an analyst gave the whole, and in its place."""
    topic = replace(topic, parent=whole.parent)
    return renamed(topic, whole.given_label) if whole.given_label else topic
