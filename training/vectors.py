"""Skip-gram vectors of the tokenizer's pieces, from which the encoder's token embeddings start.

Skip-gram (Mikolov et al. 2013, Distributed Representations of Words and Phrases, NIPS) takes minutes. What it saves
pre-training was not measured with this recipe.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from gensim.models import Word2Vec

from training.config import VectorsRecipe
from training.streams import Stream

SENTENCE = 200
STANDARD_DEVIATION = 0.04


def skip_gram(
    streams: dict[str, Stream],
    recipe: VectorsRecipe,
    *,
    vocabulary_size: int,
    width: int,
    shares: dict[str, float],
    workers: int,
    seed: int,
) -> np.ndarray:
    """Vectors of every piece.

    Parameters
    ----------
    shares : part of each stream to read, 0 to 1; streams not named are read whole

    Returns
    -------
    float32 of shape (vocabulary_size, width), scaled to the spread at which the encoder starts; pieces that the
    streams do not hold are random at that spread. With more than one worker the result varies a little from run to
    run (gensim's threads race).
    """
    model = Word2Vec(
        sentences=_Sentences(streams, shares),
        vector_size=width,
        window=recipe.window,
        negative=recipe.negatives,
        epochs=recipe.epochs,
        sg=1,
        min_count=1,
        sample=1e-4,
        workers=workers,
        seed=seed,
    )
    vectors = np.random.default_rng(seed).normal(0, STANDARD_DEVIATION, (vocabulary_size, width)).astype(np.float32)
    known = np.array([int(piece) for piece in model.wv.index_to_key])
    learned = model.wv.vectors - model.wv.vectors.mean(axis=0)
    vectors[known] = learned * (STANDARD_DEVIATION / learned.std())
    return vectors


class _Sentences:
    """Runs of pieces as gensim wants them, as often as it asks."""

    def __init__(self, streams: dict[str, Stream], shares: dict[str, float]) -> None:
        self._tokens = [
            stream.tokens[: int(len(stream.tokens) * shares.get(name, 1.0))] for name, stream in streams.items()
        ]

    def __iter__(self) -> Iterator[list[str]]:
        for tokens in self._tokens:
            for first in range(0, len(tokens), SENTENCE):
                yield [str(token) for token in tokens[first : first + SENTENCE]]
