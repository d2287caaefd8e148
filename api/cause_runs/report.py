"""The report of a run as it is kept: what `stemme topics` writes of each cause, without a comment's text.

    {"comments": …, "dated": …, "answers": …, "nps": …, "days": [first, last], "read_up_to": …,      the head
     "without": {reason: comments that have neither a cause nor a theme}, "gone": [ids of former causes],
     "causes": [cause, …]}                                                                           by rank

A cause is a row of `api.causes.as_json`, and differs from it in this: `label` has the names of all readers (`en`,
`nb`, `nn`, `da`, `sv`), `label_language` says in which language each is written; `quotes` are places in versions; its
comments stand in `cause_members`; `since` tells what became of it since the former run; `words` are those that set it
apart, by language; `sources` says where customers' words come from, so that they go with their comments:

    {"labels": {reader: a place, null for a name that an analyst gave or that is made of words},
     "made_of": {reader: words that a name is made of}, "words": {word: ids of versions in which it is said}}

Reading and changing reports needs the base installation only; `api.cause_runs.make_report` makes them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final

from nlp.clustering.describe import terms_of_made_name
from nlp.clustering.words import Lemmatizer, terms_of
from nlp.topics import Quote, Segment, Topic

Cause = dict[str, Any]
Report = dict[str, Any]

SOURCES_OF_WORD: Final = 3
"""Versions that are kept for a word, the newest that say it: it goes when the last of them goes."""


def versions_in(report: Report) -> set[int]:
    """The versions whose words or places stand in a report."""
    return {version for cause in report["causes"] for version in _versions_in(cause)}


def retold(cause: Cause, topic: Topic, said: Mapping[str, list[int]]) -> Cause:
    """The cause under the names, the words and the quotes that its topic has now.

    Parameters
    ----------
    said : the versions that say words which the cause did not have
    """
    words = {**cause["sources"]["words"], **said}
    return {**cause, **described(topic), "sources": sources_of(topic, words)}


def not_described(topic: Topic, said: Mapping[str, list[int]]) -> Cause:
    """A cause that analysts have made since the run: its figures come with the next one."""
    return {
        "topic": topic.id,
        **dict.fromkeys(("nps_points_lost", "change", "stage", "mean_sentiment", "nps", "points_lost_now")),
        **dict.fromkeys(("rank_rising", "points_risen", "growth", "since")),
        **{name: [] for name in ("concentration", "factors", "weeks", "earlier_causes")},
        **described(topic),
        "sources": sources_of(topic, said),
    }


def words_to_source(topic: Topic) -> set[str]:
    """The words that are told of a topic, each of which some customer said."""
    words = {word for of_language in topic.words.values() for word in of_language}
    return words.union(*_made_of(topic).values())


def note_words(
    said: dict[str, list[int]], wanted: set[str], segments: Iterable[Segment], passed_over: Collection[str] = ()
) -> None:
    """Note of each wanted word in which versions it is said, the first `SOURCES_OF_WORD` that come.

    Parameters
    ----------
    segments : of the topic, the newest first; they are called by the ids of their versions
    passed_over : the words of the company's name, in lower case
    """
    lemmatize = Lemmatizer()
    for segment in segments:
        if not wanted:
            return
        note_word(
            said, wanted, set(terms_of(segment.text, segment.language, lemmatize, passed_over)), segment.comment_id
        )


def place(quote: Quote) -> dict[str, int]:
    """A place in a version's text, as it is kept."""
    return {"version": int(quote.comment_id), "start": quote.start, "end": quote.end}


def sources_of(topic: Topic, said: Mapping[str, list[int]]) -> dict[str, Any]:
    return {"labels": _labels(topic), "made_of": _made_of(topic), "words": dict(said)}


def described(topic: Topic) -> dict[str, Any]:
    return {
        "label": dict(topic.label),
        "label_language": dict(topic.label_language),
        "words": {str(language): list(words) for language, words in topic.words.items()},
        "theme": topic.theme,
        "sentiment": topic.sentiment,
        "parent": topic.parent,
        "quotes": [place(quote) for quote in topic.quotes],
    }


def _labels(topic: Topic) -> dict[str, dict[str, int] | None]:
    return {
        reader: place(topic.label_source[reader]) if reader in topic.label_source else None for reader in topic.label
    }


def _made_of(topic: Topic) -> dict[str, list[str]]:
    return {
        reader: terms_of_made_name(text)
        for reader, text in topic.label.items()
        if reader not in topic.label_source and reader not in topic.given_label
    }


def _versions_in(cause: Cause) -> Iterable[int]:
    sources = cause["sources"]
    yield from (quote["version"] for quote in cause["quotes"])
    yield from (label["version"] for label in sources["labels"].values() if label is not None)
    for versions in sources["words"].values():
        yield from versions


def note_word(said: dict[str, list[int]], wanted: set[str], words: Collection[str], comment_id: str) -> None:
    """Note a version with the wanted words that it says; a word with enough versions is wanted no more."""
    for word in sorted(wanted.intersection(words)):
        versions = said.setdefault(word, [])
        if int(comment_id) not in versions:
            versions.append(int(comment_id))
        if len(versions) >= SOURCES_OF_WORD:
            wanted.discard(word)
