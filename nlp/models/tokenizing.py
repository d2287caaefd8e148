"""Texts to token ids, in windows that the encoder can read; a survey's question stands behind each as context."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer

from nlp.errors import BadModel

TOKENIZER = "tokenizer.json"
OVERLAP = 32  # tokens that two windows of a long text share, so that no phrase is cut in both
TEXT, QUESTION = 1, 2  # what the attention mask says of a token; 0 is padding
QUESTION_SHARE = 4  # a question takes at most one part in so many of a window; what goes beyond is cut off


@dataclass(frozen=True, slots=True)
class Window:
    """Part of a text as the encoder reads it.

    `ids` and `offsets` have one entry per token, special tokens included; `offsets` are code points of the text,
    and (0, 0) for special tokens. Tokens before `new_from` stood in the window before this one; the first `n_text`
    tokens are the text's, those behind them the question's.
    """

    text_index: int
    ids: npt.NDArray[np.int64]
    offsets: npt.NDArray[np.int32]
    new_from: int
    n_text: int


class Windows:
    """Cuts texts into windows of at most `max_tokens` tokens."""

    def __init__(self, tokenizer: Tokenizer, max_tokens: int) -> None:
        tokenizer.no_padding()
        tokenizer.enable_truncation(max_tokens, stride=min(OVERLAP, max_tokens // 4), strategy="only_first")
        self._tokenizer = tokenizer
        self._questions = Questions(tokenizer, max_tokens)
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

    def of(self, texts: Sequence[str], questions: Sequence[str | None] | None = None) -> list[Window]:
        """Every window of every text, in order; a text has at least one.

        Parameters
        ----------
        questions : what each text answers, None where that is not known; no question is like no questions
        """
        asked = [self._questions.shortened(question) for question in questions or [None] * len(texts)]
        inputs = [(text, question) if question else text for text, question in zip(texts, asked, strict=True)]
        windows = []
        for text_index, encoding in enumerate(self._tokenizer.encode_batch(inputs)):
            seen = 0
            for part in (encoding, *encoding.overflowing):
                ids = np.array(part.ids, dtype=np.int64)
                n_text = part.sequence_ids.index(1) if asked[text_index] else len(ids)
                offsets = np.array(part.offsets, dtype=np.int32).reshape(-1, 2)[:n_text]
                new_from = int(np.searchsorted(offsets[:-1, 0], seen)) if seen else 0
                windows.append(Window(text_index, ids, offsets, new_from, n_text))
                seen = max(seen, int(offsets[:, 1].max(initial=0)))
        return windows


class Questions:
    """Cuts questions to their share of a window, so that they never crowd out the text."""

    def __init__(self, tokenizer: Tokenizer, max_tokens: int) -> None:
        self._tokenizer, self._longest = tokenizer, max(1, max_tokens // QUESTION_SHARE)
        self._shortened = lru_cache(maxsize=1_000)(self._shorten)  # a survey asks the same few questions

    def shortened(self, question: str | None) -> str:
        """The question without what goes beyond its share; empty if there is none, or no token in it."""
        return self._shortened(question) if question else ""

    def _shorten(self, question: str) -> str:
        readable = question.encode("utf-8", "replace").decode("utf-8").strip()
        encoding = self._tokenizer.encode(readable, add_special_tokens=False)
        offsets = encoding.offsets[: self._longest]
        return readable[: offsets[-1][1]] if offsets else ""


def padded(windows: Sequence[Window], pad_id: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Ids and mask of windows side by side, each int64 of shape (n_windows, longest); see `TEXT` and `QUESTION`."""
    longest = max(len(window.ids) for window in windows)
    ids = np.full((len(windows), longest), pad_id, dtype=np.int64)
    mask = np.zeros((len(windows), longest), dtype=np.int64)
    for row, window in enumerate(windows):
        ids[row, : len(window.ids)] = window.ids
        mask[row, : window.n_text] = TEXT
        mask[row, window.n_text : len(window.ids)] = QUESTION
    return ids, mask
