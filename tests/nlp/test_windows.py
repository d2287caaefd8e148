import threading
import time

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


def encoder(max_tokens=16, batch_tokens=512, threads=1):
    tokenizer = tiny_tokenizer(WORDS)
    network = SeesDyrt(tokenizer.token_to_id("dyrt"))
    windows = Windows(tokenizer, max_tokens)
    return WindowedEncoder(network, windows, LABELS, batch_tokens=batch_tokens, threads=threads), network


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
    batched, network = encoder(batch_tokens=28)
    outputs = batched.run(texts)
    assert network.shapes == [(2, 3), (2, 14)]
    assert [len(output.offsets) for output in outputs] == [3, 14, 3, 14]


def test_as_many_passes_run_at_once_as_there_are_threads():
    together, network = encoder(batch_tokens=3, threads=2)
    meeting = threading.Barrier(2)  # a pass that runs alone waits here until it fails
    together._forward = lambda ids, mask: (meeting.wait(timeout=10), network(ids, mask))[1]
    outputs = together.run(["god", "dyrt", "pakke", "dyrt"])
    assert [output.tags.max() for output in outputs] == [-5.0, 3.0, -5.0, 3.0]


def test_no_more_passes_run_at_once_than_there_are_threads():
    together, network = encoder(batch_tokens=3, threads=2)
    running, most = [], []

    def slow(ids, mask):
        running.append(ids)
        most.append(len(running))
        time.sleep(0.01)
        running.pop()
        return network(ids, mask)

    together._forward = slow
    together.run(["god"] * 8)
    assert max(most) == 2


def test_threads_get_equal_shares():
    together, network = encoder(batch_tokens=24, threads=2)
    together.run(["god"] * 10)  # 30 tokens: one pass of 24 and one of 6 would leave a thread idle
    assert sorted(network.shapes) == [(5, 3), (5, 3)]


def test_windows_longer_than_a_pass_run_alone():
    alone, network = encoder(batch_tokens=4)
    outputs = alone.run([" ".join(WORDS), "god"])
    assert network.shapes == [(1, 3), (1, 6)]
    assert [len(output.offsets) for output in outputs] == [6, 3]


def test_a_text_is_ready_before_others_have_run():
    waiting, network = encoder(batch_tokens=14, threads=2)
    short_is_read = threading.Event()

    def forward(ids, mask):
        if ids.shape[1] > 3:
            assert short_is_read.wait(timeout=10)
        return network(ids, mask)

    waiting._forward = forward
    ready = waiting.as_ready([" ".join(WORDS * 3), "god"])
    assert next(ready)[0] == 1
    short_is_read.set()
    assert [place for place, _ in ready] == [0]


def test_windows_of_a_text_that_run_at_once_are_joined_in_order():
    text = " ".join(["dyrt", *["god"] * 60, "sen"])
    (output,) = encoder(batch_tokens=16, threads=3)[0].run([text])
    words = [text[start:end] for start, end in output.offsets if start < end]
    assert words == text.split()
    assert output.tags[LABELS.column["price_value"]] == 3.0


def test_an_error_in_a_pass_reaches_the_caller_and_stops_the_others():
    failing, network = encoder(batch_tokens=3, threads=2)

    def forward(ids, mask):
        network.shapes.append(ids.shape)
        raise RuntimeError("out of memory")

    failing._forward = forward
    with pytest.raises(RuntimeError, match="out of memory"):
        failing.run(["god"] * 200)
    assert len(network.shapes) < 200


def test_no_texts():
    assert encoder()[0].run([]) == []


def test_a_question_is_seen_and_not_pooled():
    seeing, network = encoder()
    masks = []
    seeing._forward = lambda ids, mask: masks.append(mask.tolist()) or network(ids, mask)
    (output,) = seeing.run(["dyrt"], ["god pakke"])
    # [CLS] dyrt [SEP] is the text, god pakke [SEP] the question.
    assert masks == [[[1, 1, 1, 2, 2, 2]]]
    assert output.offsets.tolist() == [[0, 0], [0, 4], [0, 0]]
    assert len(output.token_weights) == 3


def test_texts_with_and_without_a_question_run_together():
    seeing, network = encoder()
    outputs = seeing.run(["god", "dyrt"], [None, "pakke"])
    assert network.shapes == [(2, 5)]
    assert [len(output.offsets) for output in outputs] == [3, 3]


@pytest.mark.parametrize("question", ["", "   ", None])
def test_a_question_without_words_is_none(question):
    seeing, network = encoder()
    seeing.run(["god"], [question])
    assert network.shapes == [(1, 3)]


def test_half_a_surrogate_pair_in_a_question_is_read_as_an_unknown_word():
    seeing, network = encoder()
    seeing.run(["god"], ["\udce5"])
    assert network.shapes == [(1, 5)]


def test_a_long_question_leaves_room_for_the_text():
    text = " ".join(["god"] * 30 + ["dyrt"])
    seeing, network = encoder(max_tokens=16)
    (output,) = seeing.run([text], ["pakke " * 100])
    assert output.tags[LABELS.column["price_value"]] == 3.0
    assert {shape[1] for shape in network.shapes} == {16}
    words = [text[start:end] for start, end in output.offsets if end > start]
    assert words == text.split()
