"""The ways of finding topics that are compared: what each is given."""

from __future__ import annotations

import numpy as np
import pytest

from eval import topic_quality
from nlp.topic_segments import Segment, SegmentBatch


def test_incidents_are_sought_by_one_dimension_that_says_the_department_of_every_comment(monkeypatch):
    given = []

    def stop(segments, embeddings, *, circumstances, seed):
        given.append(circumstances)
        raise InterruptedError

    monkeypatch.setattr(topic_quality, "find_topics", stop)
    segments = [Segment(f"A{number}", 0, 4, "dyrt", "nb") for number in range(3)]
    with pytest.raises(InterruptedError):
        topic_quality.stemme_with_incidents(SegmentBatch(segments, np.ones((3, 4), dtype=np.float32) / 2), seed=0)
    assert set(given[0].places) == {"department"}
    assert set(given[0].places["department"]) == set(given[0].days) == {"A0", "A1", "A2"}
