"""Which segments a topic's centre takes."""

import numpy as np
import pytest

pytest.importorskip("scipy", reason="needs the extra 'topics'")

from nlp.clustering.draft import settled
from nlp.topic_segments import Segment

WIDTH, TOPICS, EACH = 24, 60, 7
GROUP = ("delivery_time", "negative")


def test_what_says_the_same_to_the_letter_belongs_together():
    random = np.random.default_rng(2)
    said = random.normal(size=(TOPICS, WIDTH)).astype(np.float32)
    said /= np.linalg.norm(said, axis=1, keepdims=True)
    topic_of = np.repeat(np.arange(TOPICS), EACH)
    segments = [Segment(f"c{row}", 0, 4, "Sein", "nb", *GROUP) for row in range(TOPICS * EACH)]
    draft = settled(
        segments,
        said[topic_of],
        topic_of,
        mean=said.mean(axis=0),
        groups=[GROUP] * TOPICS,
        topics=np.arange(TOPICS),
    )
    assert draft.assignment.topics.tolist() == topic_of.tolist()
