"""Embeddings that know what they are embeddings of, for a frame that hands on nothing but arrays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from nlp.topic_segments import Segment, SegmentBatch


class SegmentVectors(np.ndarray[Any, np.dtype[np.float32]]):
    """An array of embeddings, row for row with the segments that they are of.

    BERTopic gives its cluster model an array and no texts, and our topics are looked for within themes and sentiments.
    A copy has the segments too; what has other rows has none.

    Attributes
    ----------
    segments : None where the rows are no longer those of the segments

    >>> batch = SegmentBatch([Segment("A", 0, 4, "Fint", "nb")], np.ones((1, 2), dtype=np.float32))
    >>> vectors = SegmentVectors.of(batch)
    >>> vectors.copy().segments == batch.segments, vectors[:0].segments, vectors.mean(axis=0).tolist()
    (True, None, [1.0, 1.0])
    """

    segments: Sequence[Segment] | None

    @classmethod
    def of(cls, batch: SegmentBatch) -> SegmentVectors:
        """The embeddings of a batch; they are not copied."""
        vectors: SegmentVectors = np.asarray(batch.embeddings, dtype=np.float32).view(cls)
        vectors.segments = batch.segments
        return vectors

    def __array_finalize__(self, source: object) -> None:
        segments = getattr(source, "segments", None)
        same = segments is not None and self.ndim > 1 and self.shape[0] == len(segments)
        self.segments = segments if same else None
