"""What int8 costs and what it must not: tags that depend on the comments beside them."""

from collections import Counter

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the extra 'train'")
onnx = pytest.importorskip("onnx", reason="needs the extra 'train'")

from onnx import numpy_helper
from transformers import BertConfig, BertModel

from nlp.models.onnx_forward import OnnxForward
from nlp.models.torch_model import TaggingModel
from tests.nlp.by_hand import LABELS
from training.export import WEIGHT_TOP, export_onnx, quantize

N_PIECES, WIDTH = 500, 32


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A network of random weights, in full precision (`full.onnx`) and in int8 (`int8.onnx`)."""
    torch.manual_seed(3)
    config = BertConfig(
        vocab_size=N_PIECES, hidden_size=WIDTH, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64
    )
    model = TaggingModel(BertModel(config, add_pooling_layer=False), LABELS)
    torch.nn.init.normal_(model.heads.tags, std=0.5)
    folder = tmp_path_factory.mktemp("onnx")
    before = model.backbone.config._attn_implementation
    export_onnx(model, folder / "full.onnx")
    assert model.backbone.config._attn_implementation == before != "eager"  # training goes on with the fast one
    quantize(folder / "full.onnx", folder / "int8.onnx")
    return folder


@pytest.fixture(scope="module")
def batch():
    """Twelve comments of 4 to 15 pieces, padded to 15."""
    lengths = np.arange(4, 16)
    mask = (np.arange(15) < lengths[:, None]).astype(np.int64)
    return np.random.default_rng(3).integers(5, N_PIECES, mask.shape) * mask, mask


def probabilities(path, ids, mask):
    return 1 / (1 + np.exp(-OnnxForward(path)(ids, mask).tags))


def weights_of(path, dtype):
    arrays = map(numpy_helper.to_array, onnx.load(path).graph.initializer)
    return [array for array in arrays if array.dtype == dtype and array.ndim == 2]


def test_int8_says_what_full_precision_says(folder, batch):
    full, int8 = (probabilities(folder / name, *batch) for name in ("full.onnx", "int8.onnx"))
    assert full.std() > 0.01  # the network does say something
    assert np.abs(full - int8).max() < 0.02


def test_a_comment_gets_the_same_answer_alone_and_in_company(folder, batch):
    ids, mask = batch
    forward = OnnxForward(folder / "int8.onnx")
    together = forward(ids, mask)
    for row, length in enumerate(mask.sum(axis=1)):
        alone = forward(ids[row : row + 1, :length], mask[row : row + 1, :length])
        np.testing.assert_allclose(alone.tags[0], together.tags[row], atol=1e-4)
        np.testing.assert_allclose(alone.token_weights[0], together.token_weights[row, :length], atol=1e-4)


def operators(path):
    return Counter(node.op_type for node in onnx.load(path).graph.node)


def test_attention_is_two_products_and_a_softmax(folder):
    found = operators(folder / "full.onnx")
    assert found["Softmax"] == 2 + 1  # of two layers and of the heads
    assert not found["IsNaN"]


def test_a_row_is_quantized_in_one_pass(folder):
    # In each of two layers: before queries, keys and values, after attention, around the two of the feed-forward part.
    # Then the heads': the tokens' scores and the sentiment about themes.
    n_activations, n_products = 2 * 4 + 2, 2 * 6 + 2
    added = operators(folder / "int8.onnx") - operators(folder / "full.onnx")
    assert added["QuantizeLinear"] == added["Flatten"] == n_activations
    assert added["MatMulIntegerToFloat"] == n_products
    assert added["Div"] == 0  # none by the scales


def test_every_matrix_and_table_is_int8(folder):
    matrices = weights_of(folder / "full.onnx", np.float32)
    narrow = [array for array in weights_of(folder / "int8.onnx", np.int8) if array.shape[1] > 1]
    assert len(narrow) == len([array for array in matrices if array.size > 100]) > 10
    assert (folder / "int8.onnx").stat().st_size < 0.7 * (folder / "full.onnx").stat().st_size


def test_weights_leave_room_for_processors_that_add_in_16_bits(folder):
    tables = {N_PIECES, 512, 2}  # pieces, places and segments are looked up, not multiplied
    multiplied = [array for array in weights_of(folder / "int8.onnx", np.int8) if array.shape[0] not in tables]
    assert multiplied
    assert max(np.abs(array.astype(int)).max() for array in multiplied) == WEIGHT_TOP


def test_a_row_of_zeros_stays_zero(tmp_path):
    from onnx import TensorProto, helper

    weight = numpy_helper.from_array(np.ones((4, 3), dtype=np.float32), "weight")
    shape = ["rows", 4]
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "weight"], ["y"])],
        "product",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["rows", 3])],
        [weight],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, tmp_path / "full.onnx")
    quantize(tmp_path / "full.onnx", tmp_path / "int8.onnx")
    import onnxruntime

    session = onnxruntime.InferenceSession(tmp_path / "int8.onnx", providers=["CPUExecutionProvider"])
    (product,) = session.run(None, {"x": np.array([[0, 0, 0, 0], [1, 2, 3, 4]], dtype=np.float32)})
    np.testing.assert_allclose(product, [[0, 0, 0], [10, 10, 10]], rtol=0.01)
