"""The words that set a topic apart: c-TF-IDF over lemmas and pairs of lemmas, each language for itself."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from math import log
from typing import Final

from nlp.errors import require
from nlp.record import Language

_WORD = re.compile(r"[^\W\d_]+(?:[-'’][^\W\d_]+)*")
_MID_SENTENCE = re.compile(r"(?<=[\w,] )[^\W\d_]+(?:[-'’][^\W\d_]+)*")
# A term that fewer people write says little of a topic.
OFTEN: Final = 4
FEWEST_TERMS: Final = 3
# A term is listed with a topic only if it weighs at least this much of what it weighs where it weighs most.
NEARLY: Final = 0.6
_LEMMATISED: Final = ("nb", "nn", "da", "sv")
# A name goes with all of at least so many themes: so often per theme that this can be seen, and diverging so little.
FEWEST_THEMES: Final = 6
OCCURRENCES_PER_THEME: Final = 2
EVEN_SPREAD: Final = 0.35  # nats


def set_of(words: str) -> frozenset[str]:
    """Words between spaces."""
    return frozenset(words.split())


# spaCy's lists are made of news: these words in them are what customers complain of.
_CONTENT: Final = set_of(
    "tid tiden tida tider sent seint sein sen lang langt lange lenge længe länge lengre beste best bäst "
    "bäste bedre bedst god gode godt bra fin fina fint stor stort store stora små liten mindre dyr dag "
    "dage dager dagar dagarna år sted stedet plats saken sak saka kampen grunn hjelp hjälp hjelpe lett "
    "lätt enkelt enkelte ny nye nytt nya nödvändigt nödvändig kort viktig viktigt viktiga dålig dåligt "
    "sämre sämst rakt vanlig vanligt prosent mål lav fram nettopp aldrig aldri gång gånger gange ganger"
)
# Small words of nynorsk and of speech that the lists lack.
_MORE: Final = set_of(
    "eg ikkje ein ei eit me dei dykk deira kva korleis kvifor nokon noko nokre vere vore vart vert blei "
    "frå òg au berre sjølv etter då no sidan mykje meir veldig väldigt meget svært utrolig så også bare "
    "helt ganske litt lite lidt lit jo nok vel da altså liksom typ dom asså hej hei takk tak tack mvh "
    "kanskje måske kanske bli blive blir være vara var ha have har få får må måste kan kunne vil ville "
    "skal ska skulle gjøre gjere gøre göra gjort kommer kom komme gå går si sier sagt tok ta tar gi giver "
    "fikk fekk fick andre annen anden annan ting man én nr kr stk ikke inte ej hos ved når synes syns "
    "tycker synest via samt både enten eller mye mer mere mest"
)


@lru_cache(maxsize=1)
def stop_words() -> frozenset[str]:
    """Small words of the four written languages together: customers mix them."""
    # Imported when first used: it takes longer than loading the tagger may.
    from spacy.lang.da.stop_words import STOP_WORDS as DANISH  # noqa: PLC0415
    from spacy.lang.nb.stop_words import STOP_WORDS as BOKMAAL  # noqa: PLC0415
    from spacy.lang.sv.stop_words import STOP_WORDS as SWEDISH  # noqa: PLC0415

    return frozenset((BOKMAAL | DANISH | SWEDISH | _MORE) - _CONTENT)


def words_in(text: str) -> list[str]:
    """Words in lower case, without numbers and marks.

    >>> words_in("Pakka kom 3 veker for seint!")
    ['pakka', 'kom', 'veker', 'for', 'seint']
    """
    return [*each_word(text)]


def each_word(text: str) -> Iterator[str]:
    """The same, one after another, for those who may need only the first few."""
    return (found.group() for found in _WORD.finditer(text.lower()))


class Lemmatizer:
    """Words to their dictionary forms; each word of a language is looked up once."""

    def __init__(self) -> None:
        self._known: dict[tuple[Language, str], str] = {}
        self._simplemma = require("simplemma", extra="topics")

    def __call__(self, word: str, language: Language) -> str:
        """The lemma; the word itself where the language is none of the four."""
        if language not in _LEMMATISED:
            return word
        if (language, word) not in self._known:
            self._known[language, word] = self._simplemma.lemmatize(word, lang=language).lower()
        return self._known[language, word]

    def is_in_dictionary(self, word: str) -> bool:
        """Whether any of the four languages knows the word; names are known to none."""
        return any(self._simplemma.is_known(word, lang=language) for language in _LEMMATISED)


def terms_of(text: str, language: Language, lemmatize: Lemmatizer, passed_over: Collection[str]) -> list[str]:
    """Lemmas and pairs of neighbouring lemmas; a small word or a name between two words parts them.

    Parameters
    ----------
    passed_over : words in lower case that are no terms: names of the company
    """
    small = stop_words()
    terms: list[str] = []
    before: str | None = None
    for word in words_in(text):
        if word in small or word in passed_over or len(word) == 1:
            before = None
            continue
        lemma = lemmatize(word, language)
        terms.append(lemma)
        if before is not None and before != lemma:
            terms.append(f"{before} {lemma}")
        before = lemma
    return terms


def names_in(texts: Iterable[tuple[str, str | None]], lemmatize: Lemmatizer, *, least: int = 8) -> frozenset[str]:
    """Names of companies and people, in lower case: they say who, not why.

    A word is taken for a name if no dictionary knows it and it mostly has a capital within sentences, or, where
    everything is in lower case, if it goes with every theme alike: what a customer complains of goes with few.

    Parameters
    ----------
    texts : each with its theme
    least : times that a word must occur
    """
    seen: Counter[str] = Counter()
    capitals: Counter[str] = Counter()
    inside: Counter[str] = Counter()
    by_theme: defaultdict[str, Counter[str]] = defaultdict(Counter)
    of_themes: Counter[str] = Counter()
    for text, theme in texts:
        words = words_in(text)
        seen.update(words)
        of_themes[theme or ""] += 1
        for word in set(words):
            by_theme[word][theme or ""] += 1
        for word in _MID_SENTENCE.findall(text):
            inside[word.lower()] += 1
            capitals[word.lower()] += word[0].isupper()
    return frozenset(
        word
        for word, count in seen.items()
        if count >= least
        and len(word) > 1
        and (
            (inside[word] >= least // 2 and capitals[word] > inside[word] / 2)
            or _is_everywhere(by_theme[word], of_themes)
        )
        and not lemmatize.is_in_dictionary(word)
    )


def _is_everywhere(with_word: Mapping[str, int], all_texts: Mapping[str, int]) -> bool:
    """Whether a word goes with the themes about as they come: its shares diverge little from theirs."""
    n_word, n_all = sum(with_word.values()), sum(all_texts.values())
    if len(all_texts) < FEWEST_THEMES or n_word < OCCURRENCES_PER_THEME * len(all_texts):
        return False
    divergence = sum(
        count / n_word * log(count / n_word / (all_texts[theme] / n_all)) for theme, count in with_word.items()
    )
    return divergence < EVEN_SPREAD


def class_tf_idf(counts: Sequence[Mapping[str, int]]) -> list[dict[str, float]]:
    """How much each term sets its class apart from the others, a dictionary a class.

    Parameters
    ----------
    counts : terms of each class with how often they occur

    References
    ----------
    Grootendorst (2022), BERTopic: Neural topic modeling with a class-based TF-IDF procedure, arXiv:2203.05794

    >>> weights = class_tf_idf([{"pakke": 2, "sur": 2}, {"pakke": 2}])[0]
    >>> weights["sur"] > weights["pakke"]
    True
    """
    overall: Counter[str] = Counter()
    for of_class in counts:
        overall.update(of_class)
    mean = overall.total() / max(len(counts), 1)
    return [
        {term: count / total * log(1 + mean / overall[term]) for term, count in of_class.items()}
        for of_class in counts
        for total in [max(sum(of_class.values()), 1)]
    ]


def distinctive_terms(weights: Sequence[Mapping[str, float]]) -> list[dict[str, float]]:
    """Of each class the terms that weigh nearly as much in it as in the class where they weigh most.

    >>> distinctive_terms([{"levering": 0.4, "sein": 0.3}, {"levering": 0.1, "knust": 0.3}])
    [{'levering': 0.4, 'sein': 0.3}, {'knust': 0.3}]
    """
    most: dict[str, float] = {}
    for of_class in weights:
        for term, weight in of_class.items():
            most[term] = max(weight, most.get(term, 0.0))
    return [
        {term: weight for term, weight in of_class.items() if weight >= NEARLY * most[term]} for of_class in weights
    ]


def top_terms(weights: Mapping[str, float], counts: Mapping[str, int], n_terms: int) -> list[str]:
    """The heaviest terms of those that occur often; a pair that ranks before its words stands for them.

    Where fewer than `FEWEST_TERMS` occur so often, terms that occur twice, and then once, fill up to that number.
    """
    ranked = sorted(weights, key=lambda term: (-weights[term], term))
    chosen: list[str] = []
    taken: set[str] = set()
    for least, enough in ((OFTEN, n_terms), (2, min(FEWEST_TERMS, n_terms)), (1, min(FEWEST_TERMS, n_terms))):
        for term in ranked:
            if len(chosen) >= enough:
                break
            words = set(term.split())
            if counts[term] >= least and not words & taken:
                chosen.append(term)
                taken |= words
    return chosen
