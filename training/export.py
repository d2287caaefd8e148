"""From a trained network to the folder that ships: ONNX with int8 weights, tokenizer and manifest."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import numpy as np
import numpy.typing as npt
import onnx
import torch
from onnx import helper, numpy_helper
from onnxruntime.quantization.shape_inference import quant_pre_process

from nlp.models.encoder import ONNX
from nlp.models.onnx_forward import OUTPUTS
from nlp.models.torch_model import TaggingModel

OPSET: Final = 17
CONTRIB: Final = "com.microsoft"  # ONNX Runtime's own operators
# Activations are unsigned and lie around 128. Weights keep to 7 bits: processors without VNNI add two products in 16
# bits, and 2 x 255 x 64 is the most that fits (onnxruntime.ai, Quantize ONNX Models, "reduce_range").
ACTIVATION_ZERO, ACTIVATION_TOP, WEIGHT_TOP, TABLE_TOP = 128, 127, 64, 127
SMALLEST: Final = 1e-9  # a row of zeros has this scale


def export_onnx(model: TaggingModel, path: Path, *, opset: int = OPSET) -> None:
    """Write the network in full precision, with free batch and token axes."""
    ids = torch.ones(2, 8, dtype=torch.long)
    free = {0: "batch", 1: "tokens"}
    with _plain_attention(model), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of tracing: the shapes that it calls constant are
        torch.onnx.export(
            model.eval(),
            (ids, torch.ones_like(ids)),
            str(path),
            input_names=["input_ids", "attention_mask"],
            output_names=list(OUTPUTS),
            dynamic_axes={
                "input_ids": free,
                "attention_mask": free,
                "token_weights": free,
                **{name: {0: "batch"} for name in OUTPUTS if name != "token_weights"},
            },
            opset_version=opset,
            dynamo=False,
        )


@contextmanager
def _plain_attention(model: TaggingModel) -> Iterator[None]:
    """Attention as two products and a softmax; PyTorch's fused one becomes twice as many nodes, most about NaN."""
    before = model.backbone.config._attn_implementation
    model.backbone.set_attn_implementation("eager")
    try:
        yield
    finally:
        model.backbone.set_attn_implementation(before)


def quantize(full: Path, path: Path) -> None:
    """Weights to int8, a scale per output channel; activations as they come, a scale per token.

    ONNX Runtime's own `quantize_dynamic` has one scale for a whole batch, so that a comment's tags depend on the
    comments beside it, and one large value costs all others their precision. A scale per token (Yao et al. 2022,
    ZeroQuant, NeurIPS, section 3.1) leaves every comment alone. docs/model.md compares the alternatives.

    Parameters
    ----------
    full : as `export_onnx` writes it, of opset 15 to 17
    path : becomes the file that `OnnxForward` opens
    """
    with TemporaryDirectory() as folder:
        prepared = Path(folder) / ONNX
        quant_pre_process(full, prepared, skip_symbolic_shape=True)
        model = onnx.load(prepared)
    _Int8Graph(model.graph).rewrite()
    if CONTRIB not in {opset.domain for opset in model.opset_import}:
        model.opset_import.append(helper.make_opsetid(CONTRIB, 1))
    onnx.save(model, path)


class _Int8Graph:
    """Rewrites what multiplies by a weight or looks up a row of a table; all else stays in full precision."""

    def __init__(self, graph: onnx.GraphProto) -> None:
        self._graph = graph
        self._weights = {
            tensor.name: tensor
            for tensor in graph.initializer
            if tensor.data_type == onnx.TensorProto.FLOAT and len(tensor.dims) == 2
        }
        self._constants: dict[str, npt.NDArray[np.generic]] = {
            "int8/zero": np.array(ACTIVATION_ZERO, dtype=np.uint8),
            "int8/zeros": np.array([ACTIVATION_ZERO], dtype=np.uint8),
            "int8/last": np.array([-1], dtype=np.int64),
            "int8/step": np.array(1 / ACTIVATION_TOP, dtype=np.float32),
            "int8/smallest": np.array(SMALLEST, dtype=np.float32),
        }
        self._nodes: list[onnx.NodeProto] = []
        self._quantized_activations: set[str] = set()

    def rewrite(self) -> None:
        for node in self._graph.node:
            if node.op_type == "MatMul" and node.input[1] in self._weights:
                self._multiply(node.input[0], node.input[1], node.output[0])
            elif node.op_type == "Gather" and node.input[0] in self._weights and _axis(node) == 0:
                self._look_up(node.input[0], node.input[1], node.output[0])
            else:
                self._nodes.append(node)
        used = {name for node in self._nodes for name in node.input}
        kept = [tensor for tensor in self._graph.initializer if tensor.name in used]
        new = [numpy_helper.from_array(value, name) for name, value in self._constants.items() if name in used]
        for field, values in ((self._graph.node, self._nodes), (self._graph.initializer, [*kept, *new])):
            del field[:]
            field.extend(values)

    def _multiply(self, activation: str, weight: str, output: str) -> None:
        """The product of the rows, whatever axes they lie in, laid out in these axes again."""
        self._quantize_rows(activation)
        self._quantize_weight(weight, axis=0, top=WEIGHT_TOP)
        n_columns = self._weights[weight].dims[1]
        self._constants[f"int8/{n_columns}"] = np.array([n_columns], dtype=np.int64)
        scaled = [f"{activation}/int8", f"{weight}/int8", f"{activation}/scale", f"{weight}/scale", "int8/zero"]
        self._add("MatMulIntegerToFloat", scaled, f"{output}/rows", domain=CONTRIB)
        self._add("Concat", [f"{activation}/axes", f"int8/{n_columns}"], f"{output}/shape", axis=0)
        self._add("Reshape", [f"{output}/rows", f"{output}/shape"], output)

    def _quantize_rows(self, activation: str) -> None:
        """The largest value of a row, whatever its sign, becomes 127; queries, keys and values share the result.

        Rows lie in one axis here: `QuantizeLinear` then takes a scale for each and divides by it in the same pass.
        """
        if activation in self._quantized_activations:
            return
        self._quantized_activations.add(activation)
        at = f"{activation}/"
        self._add("Shape", [activation], f"{at}axes", end=-1)
        self._add("Flatten", [activation], f"{at}rows", axis=-1)
        self._add("Abs", [f"{at}rows"], f"{at}size")
        self._add("ReduceMax", [f"{at}size"], f"{at}top", axes=[-1], keepdims=0)
        self._add("Mul", [f"{at}top", "int8/step"], f"{at}wide")
        self._add("Add", [f"{at}wide", "int8/smallest"], f"{at}steps")
        self._add("Shape", [f"{at}steps"], f"{at}count")
        self._add("Expand", ["int8/zeros", f"{at}count"], f"{at}zeros")
        self._add("QuantizeLinear", [f"{at}rows", f"{at}steps", f"{at}zeros"], f"{at}int8", axis=0)
        self._add("Unsqueeze", [f"{at}steps", "int8/last"], f"{at}scale")

    def _look_up(self, table: str, rows: str, output: str) -> None:
        self._quantize_weight(table, axis=1, top=TABLE_TOP)
        self._add("Gather", [f"{table}/int8", rows], f"{output}/int8")
        self._add("Gather", [f"{table}/scale", rows], f"{output}/scale")
        self._add("Cast", [f"{output}/int8"], f"{output}/steps", to=onnx.TensorProto.FLOAT)
        self._add("Mul", [f"{output}/steps", f"{output}/scale"], output)

    def _quantize_weight(self, name: str, *, axis: int, top: int) -> None:
        """Columns of a matrix (`axis` 0, scales of shape (n_columns,)) or rows of a table (1, (n_rows, 1))."""
        values = numpy_helper.to_array(self._weights[name])
        scale = np.maximum(np.abs(values).max(axis=axis, keepdims=axis == 1) / top, SMALLEST).astype(np.float32)
        self._constants[f"{name}/int8"] = np.rint(values / scale).astype(np.int8)
        self._constants[f"{name}/scale"] = scale

    def _add(self, operator: str, inputs: list[str], output: str, **attributes: object) -> None:
        self._nodes.append(helper.make_node(operator, inputs, [output], name=f"{output}/{operator}", **attributes))


def _axis(gather: onnx.NodeProto) -> int:
    return next((attribute.i for attribute in gather.attribute if attribute.name == "axis"), 0)
