"""What a run says once comments are gone: no word of theirs stands in its report or its topics.

Figures stay: they are counts and name nobody, as those of `removals` do.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

from api.cause_runs.report import Cause, Report
from nlp.clustering.describe import made_name, name_of_theme
from nlp.clustering.labels import heaviest_words, nearest_reader
from nlp.topics import Quote, Topic, TopicModel


def without_versions(report: Report, gone: Collection[int]) -> Report:
    """The report without what comes from these versions.

    A quote from one of them goes; so does a word that no other version is known to say. A name that was taken from one,
    or made of a word that goes, gives way to the name that readers of another language have, else to one that is made
    of the words that are left.
    """
    return {**report, "causes": [_without(cause, gone) for cause in report["causes"]]}


def with_causes(model: TopicModel, report: Report) -> TopicModel:
    """The topics with the names, words and quotes that the report has, where it has less."""
    causes = {cause["topic"]: cause for cause in report["causes"]}
    return replace(
        model,
        topics=[_as_told(topic, causes[topic.id]) if topic.id in causes else topic for topic in model.topics],
    )


def _without(cause: Cause, gone: Collection[int]) -> Cause:
    sources = cause["sources"]
    left = {
        word: standing
        for word, versions in sources["words"].items()
        if (standing := [version for version in versions if version not in gone])
    }
    words = {language: [word for word in words if word in left] for language, words in cause["words"].items()}
    kept = {**cause, "words": words}
    kept["quotes"] = [quote for quote in cause["quotes"] if quote["version"] not in gone]
    kept["factors"] = [
        {**factor, "words": [word for word in factor["words"] if word in left]} for factor in cause["factors"]
    ]
    kept["sources"] = {**sources, "words": left}
    return _renamed(kept, [reader for reader in cause["label"] if _is_gone(sources, reader, left, gone)])


def _is_gone(sources: Mapping[str, Any], reader: str, left: Collection[str], gone: Collection[int]) -> bool:
    source = sources["labels"][reader]
    if source is not None:
        return source["version"] in gone
    return not set(sources["made_of"].get(reader, ())) <= set(left)


def _renamed(cause: Cause, readers: Collection[str]) -> Cause:
    """The cause with other names for these readers."""
    label, language = dict(cause["label"]), dict(cause["label_language"])
    labels, made_of = dict(cause["sources"]["labels"]), dict(cause["sources"]["made_of"])
    standing = [reader for reader in label if reader not in readers]
    for reader in readers:
        made_of.pop(reader, None)
        near = nearest_reader(reader, standing, language)
        if near is not None:
            label[reader], language[reader], labels[reader] = label[near], cause["label_language"][near], labels[near]
            if near in made_of:
                made_of[reader] = made_of[near]
            continue
        written, words = heaviest_words(reader, cause["words"])
        label[reader] = made_name(name_of_theme(cause["theme"], reader), words)
        language[reader], labels[reader], made_of[reader] = written, None, words
    return {
        **cause,
        "label": label,
        "label_language": language,
        "sources": {**cause["sources"], "labels": labels, "made_of": made_of},
    }


def _as_told(topic: Topic, cause: Cause) -> Topic:
    return replace(
        topic,
        label=dict(cause["label"]),
        label_language=dict(cause["label_language"]),
        label_source={
            reader: _quote(source) for reader, source in cause["sources"]["labels"].items() if source is not None
        },
        words={language: tuple(words) for language, words in cause["words"].items()},
        quotes=tuple(_quote(quote) for quote in cause["quotes"]),
    )


def _quote(place: Mapping[str, int]) -> Quote:
    return Quote(str(place["version"]), place["start"], place["end"])
