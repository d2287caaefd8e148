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


def evidence_spans(text: str, offsets: npt.NDArray[np.int32], weights: npt.NDArray[np.float32]) -> tuple[Span, ...]:
    """The words of `text` that weigh most.

    Parameters
    ----------
    offsets : shape (n_tokens, 2), code points of `text` where each token begins and ends; empty ones are passed over
    weights : shape (n_tokens,), at least 0

    Returns
    -------
    At least one and at most three spans, in the order of the text, none empty, none across the end of a sentence;
    none at all only if the text is empty or white space.
    """
    words = [match.span() for match in WORD.finditer(text)]
    if not words:
        return ()
    word_weights = _per_word(words, offsets, weights)
    is_word = np.array([text[start].isalnum() for start, _ in words])
    ranked = np.where(is_word, word_weights, 0.0) if (is_word & (word_weights > 0)).any() else word_weights
    kept = np.flatnonzero(ranked >= max(NEAR_HEAVIEST * float(ranked.max()), 1e-12))
    if not len(kept):
        kept = np.array([int(is_word.argmax())])
    phrases: list[list[int]] = []
    for word in kept.tolist():
        if phrases and word - phrases[-1][-1] <= LONGEST_GAP + 1 and _same_sentence(text, words, phrases[-1][-1], word):
            phrases[-1].append(word)
        else:
            phrases.append([word])
    heaviest = sorted(phrases, key=lambda phrase: -sum(float(ranked[word]) for word in phrase))[:MOST_SPANS]
    return tuple(Span(words[phrase[0]][0], words[phrase[-1]][1]) for phrase in sorted(heaviest))


def _per_word(
    words: list[tuple[int, int]], offsets: npt.NDArray[np.int32], weights: npt.NDArray[np.float32]
) -> npt.NDArray[np.float64]:
    totals = np.zeros(len(words))
    starts = np.array([start for start, _ in words])
    ends = np.array([end for _, end in words])
    for (start, end), weight in zip(offsets.tolist(), weights.tolist(), strict=True):
        if start >= end:
            continue
        first, last = int(np.searchsorted(ends, start, side="right")), int(np.searchsorted(starts, end, side="left"))
        if last > first:
            totals[first:last] += weight / (last - first)
    return totals


def _same_sentence(text: str, words: list[tuple[int, int]], before: int, after: int) -> bool:
    return SENTENCE_END.search(text, words[before][1], words[after][0]) is None
