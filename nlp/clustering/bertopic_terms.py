"""The words of topics inside BERTopic: our lemmas, stop words and pairs as the analyser of its vectorizer."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from nlp.clustering.saving import BadTopics
from nlp.clustering.words import OFTEN, Lemmatizer, names_in, stop_words, words_in
from nlp.record import Language
from nlp.topic_segments import Segment

# So many segments tell which terms there are; a term that four of their comments do not hold is heavy in no topic.
READ_FOR_TERMS: Final = 50_000


@dataclass(frozen=True, slots=True)
class TopicTerms:
    """Turns a text into terms, as an analyser of scikit-learn's vectorizers does; it holds no rare word.

    BERTopic hands it all clauses of a topic in one string, in whatever languages, so a word has one lemma: that of the
    language in which these comments write it most.

    Attributes
    ----------
    lemmas : of each word that is a term
    pairs : of neighbouring lemmas that are terms too

    >>> terms = TopicTerms({"pakka": "pakke", "pakken": "pakke", "knust": "knuse"}, frozenset({"pakke knuse"}))
    >>> terms("Pakken knust, og pakka"), terms("knust pakke")
    (['pakke', 'knuse', 'pakke knuse', 'pakke'], ['knuse'])
    """

    lemmas: Mapping[str, str]
    pairs: frozenset[str]

    def __call__(self, text: str) -> list[str]:
        """The terms in a text, in its order; a word that is none parts its neighbours."""
        return [term for term in _lemmas_and_pairs(text, self.lemmas) if " " not in term or term in self.pairs]

    def save(self, file: Path) -> None:
        """Write them as JSON."""
        plain = {"lemmas": dict(sorted(self.lemmas.items())), "pairs": sorted(self.pairs)}
        file.write_text(json.dumps(plain, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, file: Path) -> TopicTerms:
        """Read what `save` wrote.

        Raises
        ------
        BadTopics : if it cannot be read
        """
        try:
            plain = json.loads(file.read_text(encoding="utf-8"))
            return cls(dict(plain["lemmas"]), frozenset(plain["pairs"]))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise BadTopics(f"{file} cannot be read: {type(error).__name__}. Find topics anew.") from error


def terms_in(segments: Sequence[Segment], names: Collection[str] = ()) -> TopicTerms:
    """The terms that at least four comments hold, without names of companies and people.

    Parameters
    ----------
    names : of the company and its brands; others are recognised
    """
    lemmatize = Lemmatizer()
    read = segments[:: max(1, len(segments) // READ_FOR_TERMS)]
    found = names_in(((segment.text, segment.theme) for segment in read), lemmatize, least=OFTEN)
    passed_over = stop_words() | found | {word for name in names for word in words_in(name)}
    written: defaultdict[str, Counter[Language]] = defaultdict(Counter)
    for segment in read:
        for word in words_in(segment.text):
            if len(word) > 1 and word not in passed_over:
                written[word][segment.language] += 1
    lemmas = {word: lemmatize(word, max(sorted(counts), key=counts.__getitem__)) for word, counts in written.items()}
    comments: defaultdict[str, set[str]] = defaultdict(set)
    for segment in read:
        for term in _lemmas_and_pairs(segment.text, lemmas):
            comments[term].add(segment.comment_id)
    often = {term for term, ids in comments.items() if len(ids) >= OFTEN}
    return TopicTerms(
        {word: lemma for word, lemma in lemmas.items() if lemma in often},
        frozenset(term for term in often if " " in term),
    )


def _lemmas_and_pairs(text: str, lemmas: Mapping[str, str]) -> Iterator[str]:
    before: str | None = None
    for word in words_in(text):
        lemma = lemmas.get(word)
        if lemma is not None:
            yield lemma
            if before is not None and before != lemma:
                yield f"{before} {lemma}"
        before = lemma
