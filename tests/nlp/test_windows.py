import numpy as np
import pytest

from nlp.models.encoder import WindowBatch, WindowedEncoder
from nlp.models.tokenizing import Windows
from tests.nlp.by_hand import LABELS
from tests.tiny import tiny_tokenizer

WORDS = ["god", "dyrt", "pakke", "sen"]


class SeesDyrt:
    """A network that sees `price_value` in a window that holds "dyrt", and puts all weight on that token."""

    def __init__(self, dyrt):
        self.dyrt, self.shapes = dyrt, []

    def __call__(self, ids, mask):
        self.shapes.append(ids.shape)
        found = (ids == self.dyrt) & (mask == 1)
        tags = np.full((len(ids), len(LABELS.tags)), -5.0, dtype=np.float32)
        tags[:, LABELS.column["price_value"]] = np.where(found.any(axis=1), 3.0, -5.0)
        weights = np.zeros((*ids.shape, len(LABELS.tags) + 1), dtype=np.float32)
        weights[:, :, LABELS.column["price_value"]] = found
        return WindowBatch(
            sentiment=np.zeros((len(ids), 4), dtype=np.float32),
            tags=tags,
            theme_sentiment=np.zeros((len(ids), len(LABELS.themes), 3), dtype=np.float32),
            token_weights=weights,
            embedding=np.ones((len(ids), 2), dtype=np.float32),
        )


def encoder(max_tokens=16, batch_size=32):
    tokenizer = tiny_tokenizer(WORDS)
    network = SeesDyrt(tokenizer.token_to_id("dyrt"))
    return WindowedEncoder(network, Windows(tokenizer, max_tokens), LABELS, batch_size=batch_size), network


def test_a_word_in_any_window_counts_for_the_text():
    text = " ".join(["god"] * 30 + ["dyrt"] + ["pakke"] * 30)
    (output,) = encoder()[0].run([text])
    column = LABELS.column["price_value"]
    assert output.tags[column] == 3.0
    start, end = output.offsets[output.token_weights[:, column].argmax()]
    assert text[start:end] == "dyrt"


def test_every_word_of_a_long_text_is_there_once():
    text = " ".join(WORDS * 20)
    (output,) = encoder()[0].run([text])
    words = [tuple(pair) for pair in output.offsets.tolist() if pair[0] < pair[1]]
    assert len(words) == len(set(words)) == 80
    assert words == sorted(words)


def test_the_embedding_of_a_long_text_is_a_unit_vector():
    (output,) = encoder()[0].run([" ".join(WORDS * 20)])
    assert np.linalg.norm(output.embedding) == pytest.approx(1, abs=1e-6)


def test_short_and_long_texts_do_not_share_a_batch():
    texts = ["god", " ".join(WORDS * 3)] * 2
    batched, network = encoder(batch_size=2)
    outputs = batched.run(texts)
    assert network.shapes == [(2, 3), (2, 14)]
    assert [len(output.offsets) for output in outputs] == [3, 14, 3, 14]


def test_no_texts():
    assert encoder()[0].run([]) == []
