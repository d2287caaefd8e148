"""Names, words, quotes and parents of topics: what people read of them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from itertools import count, product
from typing import Final

import numpy as np

from nlp.clustering.draft import Draft, cosines, vectors_of
from nlp.clustering.labels import READERS, Candidate, Terms, candidates
from nlp.clustering.model import Quote, Topic
from nlp.clustering.partition import NONE, Labels, centred, linked
from nlp.clustering.quotes import by_typicality, diverse
from nlp.clustering.words import Lemmatizer, class_tf_idf, distinctive_terms, names_in, terms_of, top_terms
from nlp.models.encoder import Floats
from nlp.record import Language
from nlp.taxonomy import Taxonomy
from nlp.topic_segments import Segment

# Of each topic the most typical segments are read, so that naming costs the same however many there are.
READ_FOR_WORDS: Final = 1_000
READ_FOR_QUOTES: Final = 150
READ_FOR_NAMES: Final = 50_000
FEWEST_IN_LANGUAGE: Final = 3
NEARLY_THE_BEST: Final = 0.65
NO_THEME: Final = {"nb": "Nytt", "nn": "Nytt", "da": "Nyt", "sv": "Nytt", "en": "New"}


@dataclass(frozen=True, slots=True)
class Reading:
    """How topics are described.

    Attributes
    ----------
    n_words, n_quotes : of each topic, words by language
    names : of the company and its brands, in any case; further names are recognised
    parent_below : cosine distance below which a topic is a special case of a larger one of its theme and sentiment
    """

    n_words: int
    n_quotes: int
    names: Collection[str]
    parent_below: float


@dataclass(frozen=True, slots=True)
class TopicWords:
    """Of one topic and language: rows of typical segments, their terms, and the weights of those that set it apart."""

    rows: Labels
    terms: Terms
    distinctive: Mapping[str, float]


def describe(
    segments: Sequence[Segment],
    embeddings: Floats,
    found: Draft,
    ids: Sequence[str],
    *,
    how: Reading,
    retired: Collection[str] = (),
) -> list[Topic]:
    """The topics of a draft, in its order.

    Parameters
    ----------
    ids : of the topics; an empty one is made from what is most typical of the topic
    retired : ids that no new topic may get
    """
    lemmatize = Lemmatizer()
    n_topics = len(ids)
    rows_of = rows_by_topic(found.assignment.topics, n_topics)
    similarities = _typicality(embeddings, found)
    names = names_among(segments, lemmatize, how.names)
    words = words_by_topic(segments, similarities, rows_of, lemmatize, names)
    themes = [_theme_of(segments, rows) for rows in rows_of]
    quotes = [
        quotes_of(segments, embeddings, rows, mean=found.centres.mean, similarities=similarities, n_quotes=how.n_quotes)
        for rows in rows_of
    ]
    made = _ids(ids, segments, similarities, rows_of, retired)
    parents = _parents(found, themes, rows_of, how.parent_below)
    chosen = _names_of_topics(segments, similarities, words, themes, rows_of=rows_of, lemmatize=lemmatize, names=names)
    return [
        Topic(
            id=made[place],
            label={reader: text for reader, (text, _, _) in chosen[place].items()},
            label_language={reader: language for reader, (_, language, _) in chosen[place].items()},
            label_source={reader: source for reader, (_, _, source) in chosen[place].items() if source is not None},
            words={
                language: top_terms(read.distinctive, read.terms.counts, how.n_words)
                for language, read in words[place].items()
            },
            theme=themes[place][0],
            sentiment=themes[place][1],
            parent=None if parents[place] == NONE else made[parents[place]],
            quotes=quotes[place],
            size=len(rows_of[place]),
        )
        for place in range(n_topics)
    ]


def _typicality(embeddings: Floats, found: Draft) -> Floats:
    """How typical each segment is of its topic: its cosine to the centre, of a topic with several to the middle of all.

    Of many small centres each is near to its own few segments, which may be anything but typical of the topic.
    """
    similarities = np.nan_to_num(found.assignment.similarities, nan=-1.0)
    several = np.flatnonzero(np.bincount(found.centres.topics) > 1)
    topics = np.where(np.isin(found.assignment.topics, several), found.assignment.topics, NONE)
    if len(several):
        middle = vectors_of(embeddings, found.centres.mean, topics, int(several.max()) + 1)
        of_middle = cosines(embeddings, found.centres.mean, topics, middle)
        similarities = np.where(topics == NONE, similarities, of_middle)
    return similarities


def rows_by_topic(topics: Labels, n_topics: int) -> list[Labels]:
    order = np.argsort(topics, kind="stable")
    bounds = np.searchsorted(topics[order], np.arange(n_topics + 1))
    return [order[bounds[place] : bounds[place + 1]] for place in range(n_topics)]


def names_among(segments: Sequence[Segment], lemmatize: Lemmatizer, given: Collection[str]) -> frozenset[str]:
    every = max(1, len(segments) // READ_FOR_NAMES)
    found = names_in(((segment.text, segment.theme) for segment in segments[::every]), lemmatize)
    return found | {word for name in given for word in name.lower().split()}


def words_by_topic(
    segments: Sequence[Segment],
    similarities: Floats,
    rows_of: Sequence[Labels],
    lemmatize: Lemmatizer,
    names: Collection[str],
) -> list[dict[Language, TopicWords]]:
    """The terms of each topic by language, weighed against the other topics in that language."""
    read: list[dict[Language, tuple[Labels, Counter[str]]]] = []
    for rows in rows_of:
        typical = rows[by_typicality(similarities[rows], READ_FOR_WORDS)]
        by_language: defaultdict[Language, list[int]] = defaultdict(list)
        for row in typical.tolist():
            by_language[segments[row].language].append(row)
        read.append({})
        for language in sorted(by_language):
            counts: Counter[str] = Counter()
            for row in by_language[language]:
                counts.update(terms_of(segments[row].text, language, lemmatize, names))
            read[-1][language] = np.array(by_language[language], dtype=np.intp), counts
    result: list[dict[Language, TopicWords]] = [{} for _ in rows_of]
    for language in sorted({language for of_topic in read for language in of_topic}):
        places = [place for place, of_topic in enumerate(read) if language in of_topic]
        weights = class_tf_idf([read[place][language][1] for place in places])
        for place, of_topic, distinctive in zip(places, weights, distinctive_terms(weights), strict=True):
            rows, counts = read[place][language]
            result[place][language] = TopicWords(rows, Terms(counts, of_topic), distinctive)
    return result


def _theme_of(segments: Sequence[Segment], rows: Labels) -> tuple[str | None, str | None]:
    """The commonest theme and sentiment, the theme of segments without one only where none has one."""
    if not len(rows):
        return None, None
    counts = Counter((segments[row].theme, segments[row].sentiment) for row in rows.tolist())
    return max(counts, key=lambda group: (group[0] is not None, counts[group], group[0] or "", group[1] or ""))


def quotes_of(
    segments: Sequence[Segment],
    embeddings: Floats,
    rows: Labels,
    *,
    mean: Floats,
    similarities: Floats,
    n_quotes: int,
) -> tuple[Quote, ...]:
    typical = rows[by_typicality(similarities[rows], READ_FOR_QUOTES)]
    if not len(typical):
        return ()
    vectors = centred(np.asarray(embeddings[typical]), mean)
    texts, comment_ids = zip(*((segments[row].text, segments[row].comment_id) for row in typical.tolist()), strict=True)
    chosen = diverse(texts, comment_ids, vectors, similarities[typical], n_quotes=n_quotes)
    return tuple(_quote(segments[int(typical[place])]) for place in chosen)


def _quote(segment: Segment) -> Quote:
    return Quote(segment.comment_id, segment.start, segment.end)


def _ids(
    ids: Sequence[str],
    segments: Sequence[Segment],
    similarities: Floats,
    rows_of: Sequence[Labels],
    retired: Collection[str],
) -> list[str]:
    """Given ids, and new ones from where the most typical segment stands: the same comments give the same ids."""
    taken = {*ids, *retired}
    made: list[str] = []
    for id_, rows in zip(ids, rows_of, strict=True):
        made.append(id_ or _new_id(segments, rows[by_typicality(similarities[rows], 1)].tolist(), taken))
        taken.add(made[-1])
    return made


def _new_id(segments: Sequence[Segment], typical: Sequence[int], taken: Collection[str]) -> str:
    named = [(segments[row].comment_id, segments[row].start, segments[row].theme) for row in typical]
    for number in count():
        id_ = "t-" + blake2b(f"{named}{number}".encode(), digest_size=6).hexdigest()
        if id_ not in taken:
            return id_
    raise AssertionError  # `count` does not end


def _parents(
    found: Draft, themes: Sequence[tuple[str | None, str | None]], rows_of: Sequence[Labels], parent_below: float
) -> list[int]:
    """The position of each topic's parent, -1 where it has none: the largest of the like topics under one theme."""
    parents = [NONE] * len(rows_of)
    if not parents:
        return parents
    centre_of_topic = np.zeros((len(rows_of), found.centres.vectors.shape[1]), dtype=np.float32)
    np.add.at(centre_of_topic, found.centres.topics, found.centres.vectors)
    centre_of_topic /= np.maximum(np.linalg.norm(centre_of_topic, axis=1, keepdims=True), 1e-9)
    by_theme: defaultdict[tuple[str | None, str | None], list[int]] = defaultdict(list)
    for place, theme in enumerate(themes):
        by_theme[theme].append(place)
    for places in by_theme.values():
        families = linked(centre_of_topic[places], parent_below)
        for family in range(int(families.max()) + 1):
            members = [place for place, own in zip(places, families.tolist(), strict=True) if own == family]
            largest = max(members, key=lambda place: (len(rows_of[place]), -place))
            for place in members:
                if place != largest:
                    parents[place] = largest
    return parents


Name = tuple[str, str, Quote | None]


def _names_of_topics(
    segments: Sequence[Segment],
    similarities: Floats,
    words: Sequence[Mapping[Language, TopicWords]],
    themes: Sequence[tuple[str | None, str | None]],
    *,
    rows_of: Sequence[Labels],
    lemmatize: Lemmatizer,
    names: Collection[str],
) -> list[dict[str, Name]]:
    """By reader: a name, the language that it is written in and where the words stand. No two topics share a name."""
    taken: defaultdict[str, set[str]] = defaultdict(set)
    result: list[dict[str, Name]] = [{} for _ in rows_of]
    for place in sorted(range(len(rows_of)), key=lambda place: (-len(rows_of[place]), place)):
        fit = fitting(segments, similarities, words[place], lemmatize=lemmatize, names=names)
        most = by_frequency(words[place])
        for reader in (*READERS, "en"):
            order = languages_for(reader, most)
            name = said_name(segments, words[place], fit, order, taken=taken[reader])
            result[place][reader] = name or _made_name(reader, themes[place][0], words[place], most)
            taken[reader].add(result[place][reader][0].lower())
    return result


def fitting(
    segments: Sequence[Segment],
    similarities: Floats,
    words: Mapping[Language, TopicWords],
    *,
    lemmatize: Lemmatizer,
    names: Collection[str],
) -> dict[Language, list[Candidate]]:
    """By language the clauses that may name a topic, best first.

    What is far below the best one of all languages is marginal too.
    """
    rows = np.concatenate([read.rows for read in words.values()]) if words else np.zeros(0, dtype=np.intp)
    middling = float(np.median(similarities[rows])) if len(rows) else 0.0
    fit = {
        language: candidates(
            ((row, segments[row].text, float(similarities[row])) for row in read.rows.tolist()),
            read.terms,
            language,
            middling=middling,
            lemmatize=lemmatize,
            names=names,
        )
        for language, read in words.items()
    }
    best = max((one.score for found in fit.values() for one in found if not one.marginal), default=0.0)
    return {
        language: [one if one.score >= NEARLY_THE_BEST * best else replace(one, marginal=True) for one in found]
        for language, found in fit.items()
    }


def by_frequency(words: Mapping[Language, TopicWords]) -> list[Language]:
    """The languages of a topic, the one with most segments first."""
    return sorted(words, key=lambda language: (-len(words[language].rows), language))


def languages_for(reader: str, most: Sequence[Language]) -> list[Language]:
    """In which order languages give a reader's name: the near ones first; for readers of English as they come."""
    return [*READERS.get(reader, ()), *most]


def said_name(
    segments: Sequence[Segment],
    words: Mapping[Language, TopicWords],
    fit: Mapping[Language, Sequence[Candidate]],
    order: Sequence[Language],
    *,
    taken: Collection[str],
) -> Name | None:
    """The best clause of the first language in which there are enough, else of the first in which there is one.

    What is typical of the topic in a near language says more to a reader than what is marginal in the own.
    """
    for with_marginal, least in product((False, True), (FEWEST_IN_LANGUAGE, 1)):
        for language in order:
            if language not in words or len(words[language].rows) < least:
                continue
            for candidate in fit[language]:
                if candidate.text.lower() not in taken and (with_marginal or not candidate.marginal):
                    return candidate.text, language, _quote(segments[candidate.row])
    return None


def _made_name(reader: str, theme: str | None, words: Mapping[Language, TopicWords], most: Sequence[Language]) -> Name:
    """A name of the theme and the heaviest words, where nobody said it shortly."""
    first = name_of_theme(theme, reader)
    for language in most:
        terms = top_terms(words[language].terms.weights, words[language].terms.counts, 3)
        if terms:
            return made_name(first, terms), language, None
    return first, reader, None


def name_of_theme(theme: str | None, reader: str) -> str:
    """What a topic is about, for a reader; what the taxonomy lacks is something new."""
    return str(getattr(Taxonomy.load().theme(theme).names, reader)) if theme is not None else NO_THEME[reader]


def made_name(first: str, terms: Sequence[str]) -> str:
    """A name of what a topic is about and of its words.

    >>> made_name("Levering", ["sein", "lager"])
    'Levering: sein, lager'
    """
    return f"{first}: {', '.join(terms)}" if terms else first


def terms_of_made_name(name: str) -> list[str]:
    """The words that a name was made of.

    >>> terms_of_made_name("Levering: sein, lager"), terms_of_made_name("Levering")
    (['sein', 'lager'], [])
    """
    terms = name.partition(": ")[2]
    return terms.split(", ") if terms else []
