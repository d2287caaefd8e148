"""The network in PyTorch: any Hugging Face encoder from a local folder (needs the extra `train`)."""

from __future__ import annotations

from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt
import torch

from nlp.errors import BadModel
from nlp.models.encoder import WindowBatch
from nlp.models.labels import LabelSpace
from nlp.models.torch_model import TaggingModel


class TorchForward:
    """A checkpoint as it was trained."""

    def __init__(self, model: TaggingModel) -> None:
        self._model = model.eval()

    @classmethod
    def load(cls, folder: Path, labels: LabelSpace) -> Self:
        """Read a checkpoint and its heads.

        Raises
        ------
        BadModel : if a file is missing or the heads do not fit
        """
        try:
            return cls(TaggingModel.load(folder, labels))
        except (OSError, RuntimeError, ValueError) as error:
            raise BadModel(f"{folder} cannot be loaded as a checkpoint with heads: {error}") from error

    def __call__(self, ids: npt.NDArray[np.int64], mask: npt.NDArray[np.int64]) -> WindowBatch:
        """Run on padded windows, both int64 of shape (n_windows, n_tokens)."""
        with torch.inference_mode():
            output = self._model(torch.from_numpy(ids), torch.from_numpy(mask))
        return WindowBatch(*(tensor.numpy() for tensor in output))
