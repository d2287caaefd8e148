"""What the table of runs of word pieces learns, and what it counts for beside the network."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the extra 'train'")
pytest.importorskip("sklearn", reason="needs the extra 'train'")

from nlp.models.ngrams import HashedNgrams
from tests.nlp.by_hand import LABELS
from tests.tiny import tiny_tokenizer
from training.config import NgramsRecipe
from training.examples import Example, Examples
from training.ngrams import _counted, fit_ngrams, weigh

RECIPE = NgramsRecipe(buckets=4_096, inverse_regularization=30.0)
WORDS = ["varen", "er", "fin", "treg", "dårlig", "ikke", "kom", "aldri", "snill", "dame", "og", "helt", "ok"]
TOKENIZER = tiny_tokenizer(WORDS)
GOOD, BAD, MIDDLE = ("positive",), ("negative",), ("neutral", "mixed")


def examples(*texts, rated=()):
    return Examples(
        labelled=[Example(text, sentiments, 1.0) for text, sentiments in texts],
        translated=[],
        rated=[Example(text, sentiments, 0.4) for text, sentiments in rated],
    )


def said(ngrams, text):
    ids = torch.tensor([TOKENIZER.encode(text).ids])
    logits = ngrams(ids, torch.ones_like(ids))[0].tolist()
    return dict(zip(LABELS.sentiments, logits, strict=True))


def test_words_and_their_order_are_learned():
    known = examples(("varen er fin", GOOD), ("er varen ikke fin", BAD), ("dame er ikke fin", BAD), ("fin dame", GOOD))
    ngrams = fit_ngrams(known, TOKENIZER, LABELS, RECIPE)
    assert said(ngrams, "dame er fin")["positive"] > 0 > said(ngrams, "dame er fin")["negative"]
    assert said(ngrams, "varen er ikke fin")["negative"] > 0 > said(ngrams, "varen er ikke fin")["positive"]


def test_a_sentiment_that_no_text_has_is_not_said():
    ngrams = fit_ngrams(examples(("fin", GOOD), ("treg", BAD)), TOKENIZER, LABELS, RECIPE)
    assert said(ngrams, "fin")["mixed"] < -5


def test_a_sentence_of_either_kind_is_neutral_and_three_stars_are_left_out():
    known = examples(("fin", GOOD), ("treg", BAD), ("helt ok", MIDDLE), rated=[("snill", MIDDLE), ("aldri", BAD)])
    ngrams = fit_ngrams(known, TOKENIZER, LABELS, RECIPE)
    assert max(said(ngrams, "helt ok"), key=said(ngrams, "helt ok").get) == "neutral"
    assert max(said(ngrams, "aldri"), key=said(ngrams, "aldri").get) == "negative"
    without = fit_ngrams(
        examples(("fin", GOOD), ("treg", BAD), ("helt ok", MIDDLE), rated=[("aldri", BAD)]), TOKENIZER, LABELS, RECIPE
    )
    assert torch.equal(ngrams.table, without.table)


def test_what_is_learned_from_is_what_is_added_up_later():
    table = torch.randn(64, 3, generator=torch.Generator().manual_seed(1))
    text = "varen er fin og varen er treg"
    ids = torch.tensor([TOKENIZER.encode(text).ids])
    added = HashedNgrams(table)(ids, torch.ones_like(ids)).numpy()
    assert _counted(TOKENIZER, [text], 64) @ table.numpy() == pytest.approx(added, abs=1e-5)


@pytest.fixture
def answers():
    """Sentiments of 400 comments, and what a network says of them that is right in about three of four."""
    draw = np.random.default_rng(5)
    due = draw.integers(0, 4, 400)
    return due, 2 * np.eye(4)[due] + draw.normal(size=(400, 4))


def test_a_table_that_knows_something_counts_and_is_in_the_network_s_measure(answers):
    due, network = answers
    more = 4 * (2 * np.eye(4)[due] + np.random.default_rng(6).normal(size=(400, 4)))
    weighed = weigh(HashedNgrams(torch.ones(1, 4)), network, more, due).table
    assert weighed.tolist()[0] == pytest.approx([0.25] * 4, rel=0.3)  # it says as much, four times as loud
    right = [((network + share * more).argmax(axis=1) == due).mean() for share in (0.0, float(weighed[0, 0]))]
    assert right[1] > right[0] + 0.05


def test_a_table_that_is_wrong_counts_for_nothing(answers):
    due, network = answers
    wrong = -network + np.random.default_rng(6).normal(size=(400, 4))
    assert weigh(HashedNgrams(torch.ones(1, 4)), network, -2 * np.eye(4)[due], due).table.tolist() == [[0.0] * 4]
    assert weigh(HashedNgrams(torch.ones(1, 4)), network, wrong, due).table.max() < 0.2
