"""The encoder as the rest of the program sees it: texts in, one `EncoderOutput` per text out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from nlp.errors import BadModel, require
from nlp.models.labels import LabelSpace
from nlp.models.manifest import Manifest
from nlp.models.tokenizing import Window, Windows, padded

SHIPPED = Path(__file__).with_name("stemme-small")
ONNX = "model.onnx"
BATCH_SIZE = 8  # windows per pass: what lies between two layers then stays in the processor's cache
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class EncoderOutput:
    """What one forward pass says of one text.

    Attributes
    ----------
    labels : the order of everything below
    sentiment : logits of shape (n_sentiments,)
    tags : logits of shape (n_tags,)
    theme_sentiment : logits of shape (n_themes, 3)
    token_weights : shape (n_tokens, n_tags + 1); each column sums to 1 over a window's tokens
    offsets : int32 of shape (n_tokens, 2), code points of the text
    embedding : unit vector of shape (width,)
    """

    labels: LabelSpace
    sentiment: Floats
    tags: Floats
    theme_sentiment: Floats
    token_weights: Floats
    offsets: npt.NDArray[np.int32]
    embedding: Floats


@dataclass(frozen=True, slots=True)
class WindowBatch:
    """The raw outputs for windows side by side; the fields are those of `EncoderOutput` with a leading batch axis."""

    sentiment: Floats
    tags: Floats
    theme_sentiment: Floats
    token_weights: Floats
    embedding: Floats


class Forward(Protocol):
    """A network that runs on padded windows: ONNX Runtime or PyTorch."""

    def __call__(self, ids: npt.NDArray[np.int64], mask: npt.NDArray[np.int64]) -> WindowBatch: ...


class Encoder(Protocol):
    """Anything that turns texts into outputs; tests write theirs by hand."""

    labels: LabelSpace

    def run(self, texts: Sequence[str], questions: Sequence[str | None] | None = None) -> list[EncoderOutput]: ...


class WindowedEncoder:
    """Runs a network over texts of any length and joins the windows of a long one."""

    def __init__(self, forward: Forward, windows: Windows, labels: LabelSpace, *, batch_size: int = BATCH_SIZE) -> None:
        self.labels = labels
        self._forward, self._windows, self._batch_size = forward, windows, batch_size

    def run(self, texts: Sequence[str], questions: Sequence[str | None] | None = None) -> list[EncoderOutput]:
        """One output per text, in order.

        Windows of like length run together, since a batch costs as much as its longest window in every row.

        Parameters
        ----------
        questions : what each text answers, None where that is not known
        """
        if not texts:
            return []
        windows = self._windows.of(texts, questions)
        by_length = sorted(range(len(windows)), key=lambda place: len(windows[place].ids))
        outputs: list[EncoderOutput | None] = [None] * len(windows)
        for first in range(0, len(windows), self._batch_size):
            places = by_length[first : first + self._batch_size]
            batch = [windows[place] for place in places]
            raw = self._forward(*padded(batch, self._windows.pad_id))
            for row, (place, window) in enumerate(zip(places, batch, strict=True)):
                outputs[place] = _output(raw, row, window, self.labels)
        parts: list[list[EncoderOutput]] = [[] for _ in texts]
        for window, output in zip(windows, outputs, strict=True):
            assert output is not None
            parts[window.text_index].append(output)
        return [_joined(outputs_of_text) for outputs_of_text in parts]


def load_encoder(folder: Path, manifest: Manifest, *, threads: int | None = None) -> WindowedEncoder:
    """Open a model folder: `model.onnx` runs in ONNX Runtime, a Hugging Face checkpoint in PyTorch.

    Parameters
    ----------
    threads : how many it runs on, None for one on each core; in PyTorch that holds for the whole process

    Raises
    ------
    BadModel : if the folder holds neither
    MissingExtra : if it holds a checkpoint and PyTorch is not installed
    """
    windows = Windows.load(folder, manifest.max_tokens)
    if (folder / ONNX).exists():
        from nlp.models.onnx_forward import OnnxForward  # noqa: PLC0415 - a checkpoint does not need ONNX Runtime

        return WindowedEncoder(OnnxForward(folder / ONNX, threads=threads), windows, manifest.labels)
    if (folder / "config.json").exists():
        torch = require("torch", extra="train")
        require("transformers", extra="train")
        if threads is not None:
            torch.set_num_threads(threads)
        from nlp.models.torch_forward import TorchForward  # noqa: PLC0415 - serving must not need PyTorch

        return WindowedEncoder(TorchForward.load(folder, manifest.labels), windows, manifest.labels)
    raise BadModel(f"{folder} holds neither {ONNX} nor a Hugging Face checkpoint (config.json).")


def _output(raw: WindowBatch, row: int, window: Window, labels: LabelSpace) -> EncoderOutput:
    new = slice(window.new_from, window.n_text)
    return EncoderOutput(
        labels=labels,
        sentiment=raw.sentiment[row],
        tags=raw.tags[row],
        theme_sentiment=raw.theme_sentiment[row],
        token_weights=raw.token_weights[row, new],
        offsets=window.offsets[new],
        embedding=raw.embedding[row],
    )


def _joined(parts: Sequence[EncoderOutput]) -> EncoderOutput:
    """One output for a text of several windows.

    A tag holds for the text if any window shows it, so its logit is the highest; the sentiment about a theme is that
    of the window that shows the theme best, and evidence is weighed by how surely its window shows the tag. The
    overall sentiment and the embedding are means over the text's tokens.
    """
    if len(parts) == 1:
        return parts[0]
    lengths = np.array([len(part.offsets) for part in parts], dtype=np.float32)
    share = lengths / lengths.sum()
    tags = np.stack([part.tags for part in parts])
    best = tags.argmax(axis=0)
    n_themes = parts[0].theme_sentiment.shape[0]
    embedding = np.einsum("p,pd->d", share, np.stack([part.embedding for part in parts]))
    sureness = 1 / (1 + np.exp(-np.concatenate([tags, np.zeros((len(parts), 1))], axis=1)))
    return EncoderOutput(
        labels=parts[0].labels,
        sentiment=np.einsum("p,ps->s", share, np.stack([part.sentiment for part in parts])).astype(np.float32),
        tags=tags.max(axis=0),
        theme_sentiment=np.stack([parts[best[theme]].theme_sentiment[theme] for theme in range(n_themes)]),
        token_weights=np.concatenate(
            [part.token_weights * sure for part, sure in zip(parts, sureness, strict=True)]
        ).astype(np.float32),
        offsets=np.concatenate([part.offsets for part in parts]),
        embedding=(embedding / max(float(np.linalg.norm(embedding)), 1e-12)).astype(np.float32),
    )
