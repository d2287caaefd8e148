"""Runs of word pieces: which count, where their rows lie, and what they add to the network."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the extra 'train'")

from transformers import BertConfig, BertModel

from nlp.models.ngrams import HashedNgrams, runs
from nlp.models.onnx_forward import OnnxForward
from nlp.models.torch_model import TaggingModel
from tests.nlp.by_hand import LABELS

BUCKETS = 2**20
IDS = torch.tensor([[2, 7, 8, 9, 3, 0], [2, 8, 9, 3, 0, 0]])
MASK = torch.tensor([[1, 1, 1, 1, 1, 0], [1, 1, 1, 1, 0, 0]])


def counted(ids, mask):
    """The buckets that count, of the first text."""
    places, there = runs(ids, mask, BUCKETS)
    return places[0][there[0] == 1].tolist()


def test_runs_of_one_to_three_pieces_count_once_for_each_place():
    assert len(set(counted(IDS, MASK))) == len(counted(IDS, MASK)) == 5 + 4 + 3


def test_the_same_run_has_the_same_bucket_wherever_it_stands():
    both = set(counted(IDS, MASK)) & set(counted(IDS[1:], MASK[1:]))
    assert len(both) == (2 + 2) + (1 + 1) + 1  # 2 3 8 9, "8 9", "9 3", "8 9 3"


def test_the_order_of_pieces_counts():
    turned = torch.tensor([[2, 8, 7, 9, 3, 0]])
    assert len(set(counted(IDS, MASK)) & set(counted(turned, MASK[:1]))) == 5 + 1  # "9 3"


def test_neither_pads_nor_the_question_count():
    asked = torch.tensor([[2, 7, 8, 9, 3, 11]]), torch.tensor([[1, 1, 1, 1, 1, 0]])
    assert counted(*asked) == counted(IDS, MASK)


def test_rows_are_added_and_divided_by_the_root_of_their_number():
    table = torch.zeros(BUCKETS, 4)
    table[counted(IDS, MASK)[2]] = torch.tensor([1.0, 0.0, -2.0, 0.5])
    said = HashedNgrams(table)(IDS, MASK)
    assert said[0].tolist() == pytest.approx([1 / 12**0.5, 0, -2 / 12**0.5, 0.5 / 12**0.5])
    assert said[1].tolist() == pytest.approx([1 / 9**0.5, 0, -2 / 9**0.5, 0.5 / 9**0.5])  # piece 8 is here too


def test_a_text_of_nothing_has_no_word_in_it():
    assert HashedNgrams(torch.ones(8, 4))(IDS, torch.zeros_like(MASK)).tolist() == [[0.0] * 4] * 2


@pytest.fixture
def model():
    torch.manual_seed(3)
    config = BertConfig(vocab_size=50, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32)
    table = torch.randn(512, len(LABELS.sentiments))
    return TaggingModel(BertModel(config, add_pooling_layer=False), LABELS, ngrams=HashedNgrams(table)).eval()


def test_they_are_added_to_the_overall_sentiment_and_to_nothing_else(model):
    with torch.inference_mode():
        both, ngrams = model(IDS, MASK), model.ngrams
        model.ngrams = None
        alone = model(IDS, MASK)
        assert torch.allclose(both.sentiment, alone.sentiment + ngrams(IDS, MASK))
    assert not torch.allclose(both.sentiment, alone.sentiment)
    assert all(torch.equal(*pair) for name, *pair in zip(both._fields, both, alone, strict=True) if name != "sentiment")


def test_the_table_is_stored_with_the_heads_and_a_network_without_one_has_none(model, tmp_path):
    model.save(tmp_path)
    again = TaggingModel.load(tmp_path, LABELS)
    assert torch.equal(again.ngrams.table, model.ngrams.table)
    model.ngrams = None
    model.save(tmp_path)
    assert TaggingModel.load(tmp_path, LABELS).ngrams is None


def test_training_the_network_leaves_the_table_as_it_is(model):
    assert "ngrams.table" not in dict(model.named_parameters())


def test_what_is_served_adds_the_same(model, tmp_path):
    pytest.importorskip("onnx", reason="needs the extra 'train'")
    from training.export import export_onnx, quantize

    with torch.inference_mode():
        trained = model(IDS, MASK).sentiment.numpy()
    export_onnx(model, tmp_path / "full.onnx")
    quantize(tmp_path / "full.onnx", tmp_path / "int8.onnx")
    full, int8 = (OnnxForward(tmp_path / name)(IDS.numpy(), MASK.numpy()) for name in ("full.onnx", "int8.onnx"))
    assert np.abs(full.sentiment - trained).max() < 1e-4
    assert np.abs(int8.sentiment - trained).max() < 0.1
    long = OnnxForward(tmp_path / "int8.onnx")(np.full((1, 40), 7), np.ones((1, 40), dtype=np.int64))
    with torch.inference_mode():
        due = model(torch.full((1, 40), 7), torch.ones(1, 40, dtype=torch.long)).sentiment.numpy()
    assert np.abs(long.sentiment - due).max() < 0.3
