"""Texts to token ids, in windows that the encoder can read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer

from nlp.errors import BadModel

TOKENIZER = "tokenizer.json"
OVERLAP = 32  # tokens that two windows of a long text share, so that no phrase is cut in both


@dataclass(frozen=True, slots=True)
class Window:
    """Part of a text as the encoder reads it.

    `ids` and `offsets` have one entry per token, special tokens included; `offsets` are code points of the text,
    and (0, 0) for special tokens. Tokens before `new_from` stood in the window before this one.
    """

    text_index: int
    ids: npt.NDArray[np.int64]
    offsets: npt.NDArray[np.int32]
    new_from: int


class Windows:
    """Cuts texts into windows of at most `max_tokens` tokens."""

    def __init__(self, tokenizer: Tokenizer, max_tokens: int) -> None:
        tokenizer.no_padding()
        tokenizer.enable_truncation(max_tokens, stride=min(OVERLAP, max_tokens // 4))
        self._tokenizer = tokenizer
        pad = tokenizer.token_to_id("[PAD]")
        self.pad_id: int = 0 if pad is None else pad

    @classmethod
    def load(cls, folder: Path, max_tokens: int) -> Windows:
        """Read a model folder's `tokenizer.json`.

        Raises
        ------
        BadModel : if it is missing or not a tokenizer
        """
        path = folder / TOKENIZER
        try:
            return cls(Tokenizer.from_str(path.read_text(encoding="utf-8")), max_tokens)
        except Exception as error:  # tokenizers raises bare Exception
            raise BadModel(f"{path} is not a tokenizer: {error}") from error

    def of(self, texts: Sequence[str]) -> list[Window]:
        """Every window of every text, in order; a text has at least one."""
        windows = []
        for text_index, encoding in enumerate(self._tokenizer.encode_batch(list(texts))):
            seen = 0
            for part in (encoding, *encoding.overflowing):
                offsets = np.array(part.offsets, dtype=np.int32).reshape(-1, 2)
                new_from = int(np.searchsorted(offsets[:-1, 0], seen)) if seen else 0
                windows.append(Window(text_index, np.array(part.ids, dtype=np.int64), offsets, new_from))
                seen = max(seen, int(offsets[:, 1].max(initial=0)))
        return windows


def padded(windows: Sequence[Window], pad_id: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Ids and attention mask of windows side by side, each int64 of shape (n_windows, longest)."""
    longest = max(len(window.ids) for window in windows)
    ids = np.full((len(windows), longest), pad_id, dtype=np.int64)
    mask = np.zeros((len(windows), longest), dtype=np.int64)
    for row, window in enumerate(windows):
        ids[row, : len(window.ids)] = window.ids
        mask[row, : len(window.ids)] = 1
    return ids, mask
