import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the extra 'train'")

from types import SimpleNamespace

from training.ranking import TranslationRanking
from training.streams import Stream

PAD, CLASSIFY, SEPARATE = 0, 2, 3


def stream_of(*pairs):
    documents = [[CLASSIFY, *first, SEPARATE, *second, SEPARATE] for first, second in pairs]
    starts = np.cumsum([0, *map(len, documents[:-1])])
    return Stream(np.concatenate(documents).astype(np.uint16), starts.astype(np.int64))


class Reads:
    """A backbone whose state of a token is the vector that `vectors` has for it."""

    def __init__(self, vectors):
        self.vectors = vectors

    def __call__(self, input_ids, attention_mask):
        return SimpleNamespace(last_hidden_state=self.vectors[input_ids])


def loss(vectors, *pairs):
    ranking = TranslationRanking({"translated": stream_of(*pairs), "parallel": stream_of(*pairs)}, 3, PAD, SEPARATE)
    return float(ranking.loss(Reads(vectors), ranking.pairs(16, np.random.default_rng(0))))


def test_translations_that_lie_together_cost_nothing_and_strangers_do():
    pairs = [([4], [14]), ([5], [15]), ([6], [16])]
    together = torch.zeros(20, 8)
    for place in range(3):
        together[[4 + place, 14 + place], place] = 1
    apart = together.clone()
    apart[[14, 15, 16]] = together[[15, 16, 14]]
    assert loss(together, *pairs) < 0.01
    assert loss(apart, *pairs) > 5


def test_sides_begin_with_the_first_token_and_end_in_time():
    drawn = stream_of(([4] * 9, [5, 6])).pairs(1, SEPARATE, 4, np.random.default_rng(0))
    assert [side.tolist() for side in drawn[0]] == [[CLASSIFY, 4, 4, 4], [CLASSIFY, 5, 6, SEPARATE]]
