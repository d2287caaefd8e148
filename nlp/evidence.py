"""From token weights to the words that show a tag.

A label's token weights say which tokens its decision was pooled from. People want words: a word weighs what its
tokens weigh together, words that come near the heaviest one are kept, and neighbours are joined to a phrase.
"""

from __future__ import annotations

import re

import numpy as np
import numpy.typing as npt

from nlp.record import Span

# A word with its inner hyphens and apostrophes, or a single mark or emoji; every character but white space is in one.
WORD = re.compile(r"\w+(?:[-'’]\w+)*|[^\w\s]")
SENTENCE_END = re.compile(r"[.!?\n]")
# The best of nine on the calibration split of the train data, by token F1 on annotated spans (docs/model.md).
NEAR_HEAVIEST = 0.3
LONGEST_GAP = 1  # words between two kept ones that are taken along ("svært | lite | hyggelig")
MOST_SPANS = 3


class Words:
    """The words of one comment and the tokens that each is made of, found once and weighed for any number of tags.

    Parameters
    ----------
    offsets : shape (n_tokens, 2), code points of `text` where each token begins and ends; empty ones are passed over

    >>> words = Words("Så dyrt", np.array([(0, 2), (3, 5), (5, 7)], dtype=np.int32))
    >>> words.evidence(np.array([0.1, 0.3, 0.6], dtype=np.float32))
    (Span(start=3, end=7),)
    """

    def __init__(self, text: str, offsets: npt.NDArray[np.int32]) -> None:
        self._text = text
        self._spans = [match.span() for match in WORD.finditer(text)]
        bounds = np.array(self._spans, dtype=np.int64).reshape(-1, 2)
        first = bounds[:, 1].searchsorted(offsets[:, 0], side="right")
        n_words = np.maximum(bounds[:, 0].searchsorted(offsets[:, 1], side="left") - first, 0)
        n_words[offsets[:, 0] >= offsets[:, 1]] = 0
        # One entry per pair of a token and a word that it reaches into, in the order of the tokens.
        self._token = np.arange(len(offsets)).repeat(n_words)
        self._share = n_words[self._token]
        within = np.arange(len(self._token)) - (n_words.cumsum() - n_words)[self._token]
        self._word = first[self._token] + within
        self._is_word = [text[start].isalnum() for start, _ in self._spans]

    def evidence(self, weights: npt.NDArray[np.float32]) -> tuple[Span, ...]:
        """The words that weigh most.

        Parameters
        ----------
        weights : shape (n_tokens,), at least 0

        Returns
        -------
        At least one and at most three spans, in the order of the text, none empty, none across the end of a sentence;
        none at all only if the text is empty or white space.
        """
        if not self._spans:
            return ()
        weights_of_words = self._weighed(weights)
        lettered = [weight if is_word else 0.0 for weight, is_word in zip(weights_of_words, self._is_word, strict=True)]
        ranked = lettered if max(lettered) > 0 else weights_of_words
        least = max(NEAR_HEAVIEST * max(ranked), 1e-12)
        kept = [word for word, weight in enumerate(ranked) if weight >= least]
        phrases = self._joined(kept or [self._is_word.index(max(self._is_word))])
        heaviest = sorted(phrases, key=lambda phrase: -sum(ranked[word] for word in phrase))[:MOST_SPANS]
        return tuple(Span(self._spans[phrase[0]][0], self._spans[phrase[-1]][1]) for phrase in sorted(heaviest))

    def _weighed(self, weights: npt.NDArray[np.float32]) -> list[float]:
        """What each word weighs; a token that reaches into several words is shared out evenly."""
        shares = weights.astype(np.float64)[self._token] / self._share
        weights_of_words: list[float] = np.bincount(self._word, shares, minlength=len(self._spans)).tolist()
        return weights_of_words

    def _joined(self, kept: list[int]) -> list[list[int]]:
        """Words in order, cut into phrases."""
        phrases: list[list[int]] = []
        for word in kept:
            if phrases and self._are_near(phrases[-1][-1], word):
                phrases[-1].append(word)
            else:
                phrases.append([word])
        return phrases

    def _are_near(self, before: int, after: int) -> bool:
        if after - before > LONGEST_GAP + 1:
            return False
        return SENTENCE_END.search(self._text, self._spans[before][1], self._spans[after][0]) is None
