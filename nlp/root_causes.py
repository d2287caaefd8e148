"""From tagged comments to root causes: topics are found, and for each it is told what it costs, since when and where.

>>> causes = find_root_causes(feedback, Tagger.load(), seed=7)                       # doctest: +SKIP
>>> [(cause.cause, cause.size) for cause in causes.report.causes[:2]]                # doctest: +SKIP
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

from nlp.causes.describe import CONTROLS, CauseReport, describe_causes
from nlp.causes.nps_cost import REPLICATES
from nlp.causes.observations import Factor, Observations
from nlp.errors import StemmeError
from nlp.record import Comment, TaggedComment
from nlp.topic_segments import Reader
from nlp.topics import (
    Circumstances,
    Reason,
    Segment,
    SegmentBatch,
    TopicModel,
    TopicSettings,
    comments_without_topic,
    find_topics,
    joined,
    segments_of,
)

Progress = Callable[[str, float], None]


class NoTopics(StemmeError):
    code, title = "no_topics", "No causes were found"


@dataclass(frozen=True, slots=True)
class Feedback:
    """A tagged comment and what is known of where it comes from.

    Parameters
    ----------
    day : on which it was given
    nps : 0 to 10
    respondent : whose it is
    dimensions : source, department, touchpoint and further metadata by name; what is not there is not known
    """

    comment: Comment
    record: TaggedComment
    day: date | None = None
    nps: float | None = None
    respondent: str | None = None
    dimensions: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RootCauses:
    """What was found.

    Attributes
    ----------
    model : the topics, to be saved, and to give new comments theirs
    report : the causes with their figures, ranked; a cause's id is its topic's
    members : for each topic's id the ids of its comments, in the order in which they came
    without : ids of the comments that have neither topic nor theme, and why
    """

    model: TopicModel
    report: CauseReport
    members: Mapping[str, Sequence[str]]
    without: Mapping[str, Reason]


def find_root_causes(
    feedback: Sequence[Feedback],
    reader: Reader,
    *,
    settings: TopicSettings | None = None,
    former: TopicModel | None = None,
    encoder: str = "",
    controls: Sequence[str] = CONTROLS,
    replicates: int = REPLICATES,
    seed: int = 0,
    progress: Progress | None = None,
) -> RootCauses:
    """Find the causes that the comments speak of and describe each; the same comments and seed give the same causes.

    Parameters
    ----------
    feedback : each id once
    reader : embeds the comments' clauses
    former : topics of the last run, which keep their ids and what analysts did to them
    encoder : name of the model that `reader` runs, as `name@version`
    controls : dimensions that the regression of NPS holds alike
    replicates : bootstrap samples of the NPS cost
    progress : called with what is being done and the share of it that is done

    Raises
    ------
    NoTopics : if nothing is said often enough to be a topic
    MissingExtra : if what clustering needs is not installed
    """
    report = progress or (lambda _step, _share: None)
    batch = joined(_counted(segments_of(((each.comment, each.record) for each in feedback), reader), feedback, report))
    model = find_topics(
        batch.segments,
        batch.embeddings,
        settings=settings,
        seed=seed,
        former=former,
        encoder=encoder,
        circumstances=circumstances_of(feedback),
        progress=report,
    )
    if not model.topics:
        raise NoTopics(
            f"No topic was found in {len(feedback):,} comments: nothing is said by enough of them. "
            "Give more comments, or let topics be smaller."
        )
    report("describing causes", 0.0)
    observations = observations_of(feedback, batch.segments, model)
    found = describe_causes(observations, controls=controls, replicates=replicates, seed=seed)
    report("describing causes", 1.0)
    members = {
        topic: [observations.ids[row] for row in observations.cause(column)]
        for column, topic in enumerate(observations.causes)
    }
    spoken = comments_without_topic(batch.segments, model.assignment)
    return RootCauses(model, found, members, _with_silent(spoken, feedback, batch.segments))


def circumstances_of(feedback: Sequence[Feedback]) -> Circumstances:
    """When and where the comments were given, for the search for incidents."""
    places: dict[str, dict[str, str]] = {}
    for each in feedback:
        for name, value in each.dimensions.items():
            places.setdefault(name, {})[each.comment.id] = value
    return Circumstances({each.comment.id: each.day for each in feedback if each.day is not None}, places)


def observations_of(feedback: Sequence[Feedback], segments: Sequence[Segment], model: TopicModel) -> Observations:
    """The comments as columns, and which topics each of them speaks of.

    Parameters
    ----------
    segments : those that the model's topics were found in
    """
    rows = {each.comment.id: row for row, each in enumerate(feedback)}
    topics = model.assignment.topics
    pairs = {
        (rows[segment.comment_id], int(topic)) for segment, topic in zip(segments, topics, strict=True) if topic >= 0
    }
    where = np.array(sorted(pairs), dtype=np.int64).reshape(-1, 2)
    membership = csr_array(
        (np.ones(len(where), dtype=np.int64), (where[:, 0], where[:, 1])), shape=(len(feedback), len(model.topics))
    )
    names = sorted({name for each in feedback for name in each.dimensions})
    factors, evidence = _experienced(feedback)
    known_respondents = any(each.respondent is not None for each in feedback)
    return Observations(
        ids=[each.comment.id for each in feedback],
        causes=[topic.id for topic in model.topics],
        membership=membership,
        days=np.array([np.datetime64(each.day, "D") if each.day else np.datetime64("NaT") for each in feedback]).astype(
            "datetime64[D]"
        ),
        nps=np.array([np.nan if each.nps is None else each.nps for each in feedback], dtype=np.float64),
        sentiment=np.array([each.record.sentiment.score for each in feedback], dtype=np.float64),
        words=np.array([len(each.comment.text.split()) for each in feedback], dtype=np.int64),
        dimensions={name: [each.dimensions.get(name) for each in feedback] for name in names},
        respondents=[each.respondent for each in feedback] if known_respondents else None,
        factors=factors,
        factor_evidence=evidence,
        stages=_stages(feedback),
    )


def _experienced(
    feedback: Sequence[Feedback],
) -> tuple[Mapping[Factor, npt.NDArray[np.bool_]], Mapping[Factor, Sequence[Sequence[str]]]]:
    """Which comments show which factor, and in which words."""
    shown: dict[Factor, npt.NDArray[np.bool_]] = {}
    words: dict[Factor, list[list[str]]] = {}
    for row, each in enumerate(feedback):
        for tag in each.record.factors:
            factor: Factor = (tag.factor, tag.polarity)
            if factor not in shown:
                shown[factor] = np.zeros(len(feedback), dtype=bool)
                words[factor] = [[] for _ in feedback]
            shown[factor][row] = True
            words[factor][row] = [each.comment.text[span.start : span.end] for span in tag.spans]
    return shown, words


def _stages(feedback: Sequence[Feedback]) -> dict[str, npt.NDArray[np.bool_]]:
    stages: dict[str, npt.NDArray[np.bool_]] = {}
    for row, each in enumerate(feedback):
        for tag in each.record.themes:
            stages.setdefault(tag.stage, np.zeros(len(feedback), dtype=bool))[row] = True
    return stages


def _counted(batches: Iterable[SegmentBatch], feedback: Sequence[Feedback], report: Progress) -> Iterable[SegmentBatch]:
    """The batches, with word of how many comments they have come through."""
    rows = {each.comment.id: row for row, each in enumerate(feedback)}
    for batch in batches:
        if batch.segments:
            report("embedding", (rows[batch.segments[-1].comment_id] + 1) / len(feedback))
        yield batch


def _with_silent(
    spoken: Mapping[str, Reason], feedback: Sequence[Feedback], segments: Sequence[Segment]
) -> dict[str, Reason]:
    """The comments without a topic, and those that have no clause at all, such as a row of dots."""
    heard = {segment.comment_id for segment in segments}
    themed = {each.comment.id for each in feedback if each.record.themes}
    silent: dict[str, Reason] = {
        each.comment.id: "too_short" for each in feedback if each.comment.id not in heard | themed
    }
    return {**{id_: reason for id_, reason in spoken.items() if id_ not in themed}, **silent}
