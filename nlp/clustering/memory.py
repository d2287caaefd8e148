"""What a topic keeps of the last run beside its id: the name that people know it by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from nlp.clustering.edits import renamed
from nlp.clustering.model import Topic
from nlp.clustering.partition import Labels
from nlp.topic_segments import Segment


def remembered(
    topics: Sequence[Topic], former: Mapping[str, Topic], segments: Sequence[Segment], topic_of: Labels
) -> list[Topic]:
    """The topics of a new run with the names that they had.

    What an analyst named stays named so. Else a topic keeps its name for a reader as long as the clause that it was
    taken from is still one of its segments: a name goes with the comment that it comes from. A topic that has no
    segment now, and stays because an analyst made it, is as it was, without quotes.

    Parameters
    ----------
    former : topics of the last run by id
    topic_of : shape (n_segments,), positions in `topics`
    """
    sources = {
        (source.comment_id, source.start)
        for topic in topics
        if topic.id in former
        for source in former[topic.id].label_source.values()
    }
    place_of = {
        (segment.comment_id, segment.start): int(topic_of[row])
        for row, segment in enumerate(segments)
        if (segment.comment_id, segment.start) in sources
    }
    taken = {(reader, text.lower()): topic.id for topic in topics for reader, text in topic.label.items()}
    return [
        _remembered(topic, former[topic.id], {source for source, at in place_of.items() if at == place}, taken)
        if topic.id in former
        else topic
        for place, topic in enumerate(topics)
    ]


def _remembered(
    topic: Topic, before: Topic, present: set[tuple[str, int]], taken: Mapping[tuple[str, str], str]
) -> Topic:
    if not topic.size:
        return replace(before, size=0, quotes=(), parent=None)
    for reader, source in before.label_source.items():
        free = taken.get((reader, before.label[reader].lower()), topic.id) == topic.id
        if free and (source.comment_id, source.start) in present:
            topic = replace(
                topic,
                label={**topic.label, reader: before.label[reader]},
                label_language={**topic.label_language, reader: before.label_language[reader]},
                label_source={**topic.label_source, reader: source},
            )
    return renamed(topic, before.given_label) if before.given_label else topic
