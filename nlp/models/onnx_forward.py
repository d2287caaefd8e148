"""The network in ONNX Runtime: what is served, without PyTorch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime

from nlp.errors import BadModel
from nlp.models.encoder import WindowBatch

# Measured on AVX-512 (docs/model.md): these two add a bias or a second input on the way, but compute what follows a
# number at a time; what they replace uses the processor's vectors.
SLOW_FUSIONS = ["SkipLayerNormFusion", "BiasGeluFusion"]
OUTPUTS = ("sentiment", "tags", "theme_sentiment", "token_weights", "embedding")


class OnnxForward:
    """An exported network; safe to call from several threads at once.

    Parameters
    ----------
    threads : that share one call, None for every core
    profile : where ONNX Runtime writes the time of each operator, as the beginning of a file's name; see `profiled`
    """

    def __init__(self, path: Path, *, threads: int | None = None, profile: Path | None = None) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads or 0  # 0 is its word for every core
        # Waiting threads that spin burn the other core and win nothing on batches of this size.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        if profile is not None:
            options.enable_profiling = True
            options.profile_file_prefix = str(profile)
        try:
            self._session = onnxruntime.InferenceSession(
                path, options, providers=["CPUExecutionProvider"], disabled_optimizers=SLOW_FUSIONS
            )
        except Exception as error:  # ONNX Runtime raises classes of its own that share no public base
            raise BadModel(f"{path} cannot be opened by ONNX Runtime: {error}") from error
        names = tuple(output.name for output in self._session.get_outputs())
        if names != OUTPUTS:
            raise BadModel(f"{path} has the outputs {', '.join(names)}; expected {', '.join(OUTPUTS)}.")

    def __call__(self, ids: npt.NDArray[np.int64], mask: npt.NDArray[np.int64]) -> WindowBatch:
        """Run on padded windows, both int64 of shape (n_windows, n_tokens)."""
        return WindowBatch(*self._session.run(OUTPUTS, {"input_ids": ids, "attention_mask": mask}))

    def profiled(self) -> Path:
        """Stop profiling; the file that holds the events, as JSON."""
        return Path(self._session.end_profiling())
