"""Making the report of a run from what was found; needs the extra `topics`."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import Any

import numpy as np

from api.cause_runs.report import (
    SOURCES_OF_WORD,
    Cause,
    Report,
    described,
    note_word,
    note_words,
    sources_of,
    words_to_source,
)
from api.causes.as_json import cause_rows, estimate
from nlp.causes.factors import words_of_evidence
from nlp.causes.rank import Development, Developments
from nlp.root_causes import RootCauses
from nlp.topics import Topic


def make_report(
    found: RootCauses, *, read_up_to: int, since: Developments | None = None, former: Report | None = None
) -> Report:
    """The report of a run whose comments are called by the ids of their versions.

    Parameters
    ----------
    read_up_to : the newest version that was looked at
    since : against the former run; None if there was none
    former : the report of the run whose topics were `former`; a topic that is kept though nothing is in it any more, as
        an analyst made it, has its words from there
    """
    head = found.report
    said = _said(found)
    before = {} if former is None else {cause["topic"]: cause["sources"]["words"] for cause in former["causes"]}
    causes = []
    for row, statistics in zip(cause_rows(found, language="en"), head.causes, strict=True):
        topic = found.model.topic(row["topic"])
        words = {**before.get(topic.id, {}), **said[topic.id]}
        for place, told in zip(row["concentration"], statistics.concentrations, strict=True):
            place["where"] = dict(told.where)
        causes.append(_cause(row, topic, words, since))
    days = found.observations.days
    known = days[~np.isnat(days)]
    return {
        "comments": head.comments,
        "dated": head.dated,
        "answers": head.answers,
        "nps": head.nps if head.answers else None,
        "days": [str(known.min()), str(known.max())] if len(known) else None,
        "read_up_to": read_up_to,
        "without": dict(sorted(Counter(found.without.values()).items())),
        "gone": [] if since is None else list(since.gone),
        "causes": causes,
    }


def _cause(row: Cause, topic: Topic, said: Mapping[str, list[int]], since: Developments | None) -> Cause:
    del row["comments"], row["actions"]  # members are kept in rows of their own, actions for all runs together
    return {
        **row,
        **described(topic),
        "since": None if since is None else _since(since.causes[topic.id]),
        "sources": sources_of(topic, said),
    }


def _since(development: Development) -> dict[str, Any]:
    return {
        "what": str(development.since),
        "former": development.former,
        "overlap": development.overlap,
        "ratio": estimate(development.ratio),
    }


def _said(found: RootCauses) -> dict[str, dict[str, list[int]]]:
    """For each topic and each word that is told of it, the newest versions that say it."""
    names = {word.lower() for name in found.model.settings.names for word in name.split()}
    rows_of: defaultdict[int, list[int]] = defaultdict(list)
    for row in range(len(found.segments) - 1, -1, -1):
        rows_of[int(found.model.assignment.topics[row])].append(row)
    seen = found.observations
    columns = {topic: column for column, topic in enumerate(seen.causes)}
    statistics = {cause.cause: cause for cause in found.report.causes}
    result = {}
    for place_, topic in enumerate(found.model.topics):
        said: defaultdict[str, list[int]] = defaultdict(list)
        note_words(said, words_to_source(topic), (found.segments[row] for row in rows_of[place_]), names)
        rows = seen.cause(columns[topic.id])[::-1].tolist()
        for factor in statistics[topic.id].factors:
            evidence = seen.factor_evidence.get((factor.factor, factor.polarity), ())
            wanted = {word for word in factor.words if len(said.get(word, ())) < SOURCES_OF_WORD}
            for row in rows:
                note_word(said, wanted, words_of_evidence(evidence[row]), seen.ids[row])
        result[topic.id] = dict(said)
    return result
