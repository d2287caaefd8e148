"""A readable name for a topic: a short clause that customers wrote, central and made of the topic's own words."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

from nlp.clustering.words import Lemmatizer, set_of, stop_words, words_in
from nlp.record import Language

# Whose words a reader is shown, in this order: what is written in the own language, then in the nearest.
READERS: Final[Mapping[str, tuple[Language, ...]]] = {
    "nb": ("nb", "nn", "da", "sv"),
    "nn": ("nn", "nb", "da", "sv"),
    "da": ("da", "nb", "nn", "sv"),
    "sv": ("sv", "nb", "da", "nn"),
}
WORDS_IN_NAME: Final = 3
"""Of a name that is made of a topic's words."""
FEWEST_WORDS, MOST_WORDS = 2, 8
BEST_LENGTH = 4
MOST_CANDIDATES = 30
WRITTEN_BY_SEVERAL = 3
SAID_AGAIN = 2
_OPENERS: Final = set_of("og men eller så for at som samt også också och fast utan mens medan dog dessutom dessuten")
_UNFIT = re.compile(r"[@\d]|https?:|www\.")
_PAIRS: Final = ('""', "«»", "()", "[]")
_EDGES = " \t\n.,!?;:…–—-\"'«»”’*()[]"


@dataclass(frozen=True, slots=True)
class Terms:
    """Lemmas and pairs of lemmas of a topic in one language: how often they occur, and their c-TF-IDF."""

    counts: Mapping[str, int]
    weights: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A clause that may name a topic.

    Attributes
    ----------
    row : its position among the segments
    marginal : whether most of the topic is nearer to its centre, or no word of it is said again in the topic
    """

    row: int
    text: str
    score: float
    marginal: bool


def candidates(
    segments: Iterable[tuple[int, str, float]],
    terms: Terms,
    language: Language,
    *,
    middling: float,
    lemmatize: Lemmatizer,
    names: Collection[str],
) -> list[Candidate]:
    """Clauses that could name the topic, the best first, a few dozen at most.

    A good name is near the topic's centre, is made of the words that set the topic apart, and is short. Clauses with
    figures, addresses, names or words that no dictionary knows and hardly anybody else writes are passed over, and so
    are those that say nothing beyond small words. Words that occur once tell nothing of the topic, however rare they
    are elsewhere. Marginal clauses come last.

    Parameters
    ----------
    segments : the topic's clauses in this language: row, text, cosine to the centre
    terms : of the topic in this language
    middling : the cosine to the centre that half of the topic's clauses have, in all languages
    """
    heaviest = max(terms.weights.values(), default=1.0) or 1.0
    small = stop_words()
    found: list[Candidate] = []
    for row, text, near in segments:
        phrase = trimmed(text)
        words = words_in(phrase)
        if not FEWEST_WORDS <= len(words) <= MOST_WORDS or _UNFIT.search(phrase) or _holds_name(phrase, words, names):
            continue
        lemmas = [lemmatize(word, language) for word in words if word not in small]
        once = not any(terms.counts.get(lemma, 0) >= SAID_AGAIN for lemma in lemmas)
        telling = [
            terms.weights.get(lemma, 0.0) / heaviest
            for lemma in lemmas
            if once or terms.counts.get(lemma, 0) >= SAID_AGAIN
        ]
        if not any(telling):
            continue
        long_by = abs(len(words) - BEST_LENGTH) / MOST_WORDS
        score = near + 0.5 * max(telling) + 0.5 * sum(telling) / len(lemmas) - 0.3 * long_by
        found.append(Candidate(row, phrase, score, once or near < middling))
    found.sort(key=lambda candidate: (candidate.marginal, -candidate.score, candidate.text))
    return list(islice((one for one in found if _is_wellformed(one.text, terms, language, lemmatize)), MOST_CANDIDATES))


def nearest_reader(reader: str, others: Collection[str], language: Mapping[str, str]) -> str | None:
    """The one of other readers whose name is written in the language nearest to this reader's; None if there is none.

    Parameters
    ----------
    language : in which each one's name is written
    """
    order = READERS.get(reader, ())
    rank: dict[str, int] = {each: place for place, each in enumerate(order)}
    return min(others, key=lambda other: (rank.get(language[other], len(order)), other), default=None)


def heaviest_words(reader: str, words: Mapping[Any, Sequence[str]]) -> tuple[str, list[str]]:
    """The language nearest to the reader's in which there are words, and the heaviest of them for a name."""
    for language in [*READERS.get(reader, ()), *sorted(words)]:
        if words.get(language):
            return str(language), list(words[language][:WORDS_IN_NAME])
    return reader, []


def _holds_name(phrase: str, words: Sequence[str], names: Collection[str]) -> bool:
    """Whether a name that was recognised is in it, or a capital stands within it."""
    return any(word in names for word in words) or any(word[:1].isupper() for word in phrase.split()[1:])


def _is_wellformed(phrase: str, terms: Terms, language: Language, lemmatize: Lemmatizer) -> bool:
    """Whether each word is in a dictionary or is written by several people: run-together and misspelt words are not."""
    small = stop_words()
    return all(
        word in small
        or terms.counts.get(lemmatize(word, language), 0) >= WRITTEN_BY_SEVERAL
        or lemmatize.is_in_dictionary(word)
        for word in words_in(phrase)
    )


def trimmed(text: str) -> str:
    """A clause without the small word that ties it to the one before, and without marks at its edges; capital first.

    Quotation marks and brackets are left only in pairs.

    >>> trimmed("men leveringen var elendig!!")
    'Leveringen var elendig'
    >>> trimmed('der sto det "solgt ut".')
    'Der sto det "solgt ut"'
    >>> trimmed('"støvet rosa" ble mer grå')
    '"Støvet rosa" ble mer grå'
    >>> trimmed('saken er "under')
    'Saken er under'
    """
    whole = " ".join(text.split())
    text = whole.strip(_EDGES)
    while (first := text.partition(" "))[2] and first[0].lower().strip(_EDGES) in _OPENERS:
        text = first[2].strip(_EDGES)
    text = _paired(text, whole)
    if text.isupper():
        text = text.lower()
    return _capital_first(text)


def _paired(text: str, whole: str) -> str:
    """A part of a clause with marks that open and close in pairs: one that lost its mate gets it back, or goes too."""
    begin = whole.find(text)
    before, after = whole[:begin], whole[begin + len(text) :]
    for opens, closes in _PAIRS:
        lonely = text.count(opens) % 2 if opens == closes else text.count(opens) - text.count(closes)
        if lonely > 0 and closes in after:
            text += closes
        elif lonely and opens in before:
            text = opens + text
        elif lonely:
            text = text.replace(opens, "").replace(closes, "")
    return text


def _capital_first(text: str) -> str:
    first = next((place for place, letter in enumerate(text) if letter.isalnum()), 0)
    return text[:first] + text[first : first + 1].upper() + text[first + 1 :]
