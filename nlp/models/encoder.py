"""The encoder as the rest of the program sees it: texts in, one `EncoderOutput` per text out."""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from nlp.errors import BadModel, require
from nlp.models.labels import LabelSpace
from nlp.models.manifest import Manifest
from nlp.models.tokenizing import Window, Windows, padded

ONNX = "model.onnx"
# Per pass, pads included: enough that the many small steps between products cost little, and few enough that what lies
# between two layers stays in the processor's cache, and that a pass over long windows holds no more memory than others.
BATCH_TOKENS = 512
PADS_ALLOWED = 1.1  # of a batch: windows of neighbouring lengths need fewer, and the rest lets the last window in
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
    """Anything that turns texts into outputs; tests write theirs by hand.

    `run` gives one output per text, in order; `as_ready` gives each text's place and output as soon as it is known, in
    any order, so that a caller can go on with some while others run.
    """

    labels: LabelSpace

    def run(self, texts: Sequence[str], questions: Sequence[str | None] | None = None) -> list[EncoderOutput]: ...

    def as_ready(
        self, texts: Sequence[str], questions: Sequence[str | None] | None = None
    ) -> Iterator[tuple[int, EncoderOutput]]: ...


class WindowedEncoder:
    """Runs a network over texts of any length and joins the windows of a long one; safe to share between threads.

    Parameters
    ----------
    batch_tokens : of the windows that run together, pads included; a longer window runs alone
    threads : passes that run at once. Each keeps a core busy, where cores that share one pass would wait for each
        other between any two of its hundreds of small steps.
    """

    def __init__(
        self,
        forward: Forward,
        windows: Windows,
        labels: LabelSpace,
        *,
        batch_tokens: int = BATCH_TOKENS,
        threads: int = 1,
    ) -> None:
        self.labels, self.threads = labels, threads
        self._forward, self._windows, self._batch_tokens = forward, windows, batch_tokens
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="encoder")  # a thread starts when it is needed

    def run(self, texts: Sequence[str], questions: Sequence[str | None] | None = None) -> list[EncoderOutput]:
        """One output per text, in order.

        Parameters
        ----------
        questions : what each text answers, None where that is not known
        """
        outputs = dict(self.as_ready(texts, questions))
        return [outputs[place] for place in range(len(texts))]

    def as_ready(
        self, texts: Sequence[str], questions: Sequence[str | None] | None = None
    ) -> Iterator[tuple[int, EncoderOutput]]:
        """The place and the output of each text, once all its windows have run; the parameters are those of `run`."""
        windows = self._windows.of(texts, questions) if texts else []
        awaited = Counter(window.text_index for window in windows)
        parts: defaultdict[int, dict[int, EncoderOutput]] = defaultdict(dict)
        for place, output in self._outputs(windows):
            text = windows[place].text_index
            parts[text][place] = output
            if len(parts[text]) == awaited[text]:
                of_text = parts.pop(text)
                yield text, _joined([of_text[place] for place in sorted(of_text)])

    def _outputs(self, windows: Sequence[Window]) -> Iterator[tuple[int, EncoderOutput]]:
        """The place and the output of each window, pass by pass."""
        batches = _batches(windows, self._batch_tokens, at_once=self.threads)
        if self.threads == 1 or len(batches) == 1:  # a lone comment need not wait for another thread to wake up
            for places in batches:
                yield from zip(places, self._pass([windows[place] for place in places]), strict=True)
            return
        passes = [self._pool.submit(self._pass, [windows[place] for place in places]) for places in batches]
        try:
            for places, outputs in zip(batches, passes, strict=True):
                yield from zip(places, outputs.result(), strict=True)
        finally:
            for outputs in passes:  # those that have not begun, where one has failed or the caller has gone
                outputs.cancel()

    def _pass(self, batch: Sequence[Window]) -> list[EncoderOutput]:
        raw = self._forward(*padded(batch, self._windows.pad_id))
        return [_output(raw, row, window, self.labels) for row, window in enumerate(batch)]


def load_encoder(
    folder: Path, manifest: Manifest, *, threads: int | None = None, full_precision: bool = False
) -> WindowedEncoder:
    """Open a model folder: `model.onnx` runs in ONNX Runtime, a Hugging Face checkpoint in PyTorch.

    Parameters
    ----------
    threads : how many it runs on, None for one on each core; in PyTorch that holds for the whole process
    full_precision : pass over `model.onnx`, whose weights are int8, and run the checkpoint

    Raises
    ------
    BadModel : if the folder holds neither
    MissingExtra : if it holds a checkpoint and PyTorch is not installed
    """
    windows = Windows.load(folder, manifest.max_tokens)
    if (folder / ONNX).exists() and not full_precision:
        from nlp.models.onnx_forward import OnnxForward  # noqa: PLC0415 - a checkpoint does not need ONNX Runtime

        forward = OnnxForward(folder / ONNX, threads=1)
        return WindowedEncoder(forward, windows, manifest.labels, threads=threads or _n_cores())
    if (folder / "config.json").exists():
        torch = require("torch", extra="train")
        require("transformers", extra="train")
        if threads is not None:
            torch.set_num_threads(threads)
        from nlp.models.torch_forward import TorchForward  # noqa: PLC0415 - serving must not need PyTorch

        return WindowedEncoder(TorchForward.load(folder, manifest.labels), windows, manifest.labels)
    missing = "no" if full_precision else f"neither {ONNX} nor a"
    raise BadModel(f"{folder} holds {missing} Hugging Face checkpoint (config.json).")


def _n_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _batches(windows: Sequence[Window], most_tokens: int, *, at_once: int = 1) -> list[list[int]]:
    """The places of windows that run together.

    Windows of like length do, since a pass costs as much as its longest window in every row. Where several passes run
    at once they are made small enough that each thread gets as many, so that none waits for the last one.

    Parameters
    ----------
    most_tokens : of a batch, pads included, but for a window that is longer
    at_once : passes that run at the same time
    """
    n_tokens = sum(len(window.ids) for window in windows)
    n_rounds = -(-n_tokens // (most_tokens * at_once))
    even = n_tokens / max(1, n_rounds * at_once)
    most = most_tokens if at_once == 1 else min(most_tokens, PADS_ALLOWED * even)
    batches: list[list[int]] = []
    for place in sorted(range(len(windows)), key=lambda place: len(windows[place].ids)):
        if batches and (len(batches[-1]) + 1) * len(windows[place].ids) <= most:
            batches[-1].append(place)
        else:
            batches.append([place])
    return batches


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
