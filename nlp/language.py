"""Which language a comment is written in: bokmål, nynorsk, Danish, Swedish or another one.

A linear model over letter sequences within words, in numpy alone. A word's evidence never depends on its neighbours, so
it is computed once and remembered: most words of a comment have been seen before.
"""

from __future__ import annotations

import json
import math
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final
from zlib import crc32

import numpy as np
import numpy.typing as npt

from nlp.errors import BadModel
from nlp.record import Language

LANGUAGES: Final[tuple[Language, ...]] = ("nb", "nn", "da", "sv", "other")
SHIPPED: Final = Path(__file__).parent / "models" / "language"
WEIGHTS, CARD = "weights.npz", "card.json"

MAX_CHARACTERS: Final = 2_000
LONGEST_SEQUENCE: Final = 5
REMEMBERED_WORDS: Final = 32_768
# Below it the best of the four languages is the better guess: they share words with all their neighbours.
SURELY_FOREIGN: Final = 0.5

_ADDRESS = re.compile(r"(?:https?://|www\.)\S+|\S+@\S+\.\w+|\b[\w-]+\.(?:com|no|se|dk|net|org)\b", re.IGNORECASE)
_DRAWN_OUT = re.compile(r"(\w)\1{2,}")
# At most 40 letters: a text without spaces is read in pieces, so that no single "word" costs more than the others.
_WORD = re.compile(r"[^\W\d_]{1,40}")
_LATIN = re.compile(r"[a-zß-öø-ɏḀ-ỿ]+")


@dataclass(frozen=True, slots=True)
class LanguageGuess:
    """The likeliest language; `confidence` is its probability, from 0.0 (nothing to go by) to 1.0."""

    language: Language
    confidence: float


def words_of(text: str) -> list[str]:
    """The words that the model reads: lower case, composed, without digits, addresses and drawn-out letters ("braaa").

    Only the first `MAX_CHARACTERS` characters are read: no language takes longer to show.

    >>> words_of("SÅÅÅÅ bra 10/10!! www.butikken.no")
    ['så', 'bra']
    """
    head = _ADDRESS.sub(" ", unicodedata.normalize("NFC", text[:MAX_CHARACTERS])).lower()
    return _WORD.findall(_DRAWN_OUT.sub(r"\1", head))


def features_of(word: str, n_buckets: int) -> list[int]:
    """The buckets of a word's letter sequences (one to five letters, its edges marked) and of the word as a whole.

    Parameters
    ----------
    word : lower case, not empty
    n_buckets : a power of two; sequences share a bucket when their CRC-32 agrees in its lowest bits

    References
    ----------
    Weinberger et al. (2009), Feature Hashing for Large Scale Multitask Learning, ICML
    """
    edged = f"<{word}>"
    sequences = {
        edged[start : start + length]
        for length in range(1, LONGEST_SEQUENCE + 1)
        for start in range(len(edged) - length + 1)
    }
    sequences -= {"<", ">"}
    sequences.add(f"={word}")
    return [crc32(sequence.encode()) & (n_buckets - 1) for sequence in sequences]


class LanguageIdentifier:
    """Tells bokmål, nynorsk, Danish, Swedish and others apart.

    Parameters
    ----------
    weights : int8 of shape (n_buckets, 5), the evidence of a letter sequence for each of `LANGUAGES`
    scale : what one step of `weights` is worth, in logits
    bias : float32 of shape (5,), in logits
    name, version : of the artefact, as its card states them

    >>> LanguageIdentifier.load().identify("Eg er ikkje nøgd med leveringa").language
    'nn'
    """

    def __init__(
        self, weights: npt.NDArray[np.int8], scale: float, bias: npt.NDArray[np.float32], *, name: str, version: str
    ) -> None:
        self.name, self.version = name, version
        self._weights, self._scale = weights, scale
        self._bias: list[float] = bias.tolist()
        self._evidence = lru_cache(REMEMBERED_WORDS)(self._weigh)

    @classmethod
    def load(cls, path: Path | None = None) -> LanguageIdentifier:
        """Load an artefact folder; the shipped one if none is named.

        Raises
        ------
        BadModel : if the folder lacks a file or its weights do not fit this code
        """
        folder = SHIPPED if path is None else path
        try:
            card: dict[str, Any] = json.loads((folder / CARD).read_text(encoding="utf-8"))
            with np.load(folder / WEIGHTS) as arrays:
                weights, scale, bias = arrays["weights"], float(arrays["scale"]), arrays["bias"]
        except FileNotFoundError as error:
            raise BadModel(f"{folder} lacks {Path(error.filename).name}; it needs {WEIGHTS} and {CARD}.") from error
        except (KeyError, ValueError) as error:
            raise BadModel(f"{folder} cannot be read as a language model: {error}.") from error
        n_buckets = weights.shape[0]
        fits = weights.shape == (n_buckets, len(LANGUAGES)) and n_buckets & (n_buckets - 1) == 0
        if not fits or tuple(card["languages"]) != LANGUAGES:
            raise BadModel(
                f"{folder} has weights of shape {weights.shape} for {', '.join(card['languages'])}; "
                f"needed are (a power of two, {len(LANGUAGES)}) for {', '.join(LANGUAGES)}."
            )
        return cls(weights, scale, bias, name=card["name"], version=card["version"])

    def identify(self, text: str) -> LanguageGuess:
        """The likeliest language of a text; any string will do.

        Texts without a letter are `other` with confidence 0. Where the four languages share every word ("ok", "god
        service"), the answer is a fair guess with a low confidence. `other` needs a probability of at least a half, and
        is given to texts most of whose letters are not Latin.
        """
        words = words_of(text)
        latin = [word for word in words if word.isascii() or _LATIN.fullmatch(word)]
        if len(latin) < len(words):
            n_letters, n_latin = sum(map(len, words)), sum(map(len, latin))
            if 2 * n_latin < n_letters:
                return LanguageGuess("other", 1 - n_latin / n_letters)
        if not latin:
            return LanguageGuess("other", 0.0)
        probabilities = self._probabilities(latin)
        best = max(range(len(LANGUAGES)), key=probabilities.__getitem__)
        if LANGUAGES[best] == "other" and probabilities[best] < SURELY_FOREIGN:
            best = max(range(len(LANGUAGES) - 1), key=probabilities.__getitem__)
        return LanguageGuess(LANGUAGES[best], probabilities[best])

    def identify_many(self, texts: Iterable[str]) -> list[LanguageGuess]:
        """One guess a text, in order."""
        return [self.identify(text) for text in texts]

    def _probabilities(self, words: list[str]) -> list[float]:
        # Plain floats: for five numbers a call of numpy costs more than the sum.
        *sums, n_features = map(sum, zip(*map(self._evidence, words), strict=True))
        logits = [total / math.sqrt(n_features) + bias for total, bias in zip(sums, self._bias, strict=True)]
        highest = max(logits)
        odds = [math.exp(logit - highest) for logit in logits]
        total_odds = sum(odds)
        return [value / total_odds for value in odds]

    def _weigh(self, word: str) -> tuple[float, ...]:
        buckets = features_of(word, len(self._weights))
        evidence = self._weights[buckets].sum(axis=0, dtype=np.float64) * self._scale
        return (*evidence.tolist(), float(len(buckets)))
