"""The stub tagger with an embedding: texts about the same theme lie together, as closely as their words are alike."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from hashlib import sha256

import numpy as np

from nlp.models.encoder import Floats
from nlp.record import Comment, Record, TaggedComment
from tests.stubs import StubTagger

WIDTH = 16


class EmbeddingStub(StubTagger):
    taxonomy = StubTagger.taxonomy_id  # as the service calls it

    def tag_and_embed(self, comments: Iterable[Comment]) -> Iterator[tuple[Record, Floats | None]]:
        for comment in comments:
            record = self.tag_one(comment)
            yield record, _vector(record, comment.text) if isinstance(record, TaggedComment) else None


def _vector(record: TaggedComment, text: str) -> Floats:
    """Along one axis for each theme and sentiment, and a little off it for each text."""
    vector = np.random.default_rng(_number(text)).normal(scale=0.05, size=WIDTH).astype(np.float32)
    for theme in record.themes:
        vector[_number(theme.theme + theme.sentiment) % WIDTH] += 1.0
    return np.asarray(vector / np.linalg.norm(vector), dtype=np.float32)


def _number(text: str) -> int:
    return int.from_bytes(sha256(text.encode()).digest()[:4])
