"""From a trained network to the folder that ships: ONNX with int8 weights, tokenizer and manifest."""

from __future__ import annotations

import warnings
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from onnxruntime.quantization import QuantType, quantize_dynamic
from onnxruntime.quantization.shape_inference import quant_pre_process

from nlp.models.encoder import ONNX
from nlp.models.onnx_forward import OUTPUTS
from nlp.models.torch_model import TaggingModel


def export_onnx(model: TaggingModel, path: Path, *, opset: int = 17) -> None:
    """Write the network in full precision, with free batch and token axes."""
    ids = torch.ones(2, 8, dtype=torch.long)
    free = {0: "batch", 1: "tokens"}
    with warnings.catch_warnings():
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


def quantize(full: Path, path: Path) -> None:
    """Weights to int8, a scale per output channel; activations are quantized as they come (dynamic quantization)."""
    with TemporaryDirectory() as folder:
        prepared = Path(folder) / ONNX
        quant_pre_process(full, prepared, skip_symbolic_shape=True)
        quantize_dynamic(
            prepared,
            path,
            weight_type=QuantType.QInt8,
            per_channel=True,
            op_types_to_quantize=["MatMul", "Gather"],
            extra_options={"MatMulConstBOnly": True},
        )
