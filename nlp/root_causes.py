"""From tagged comments to root causes: topics are found, and for each it is told what it costs, since when and where.

>>> causes = find_root_causes(feedback, Tagger.load(), seed=7)                       # doctest: +SKIP
>>> [(cause.cause, cause.size) for cause in causes.report.causes[:2]]                # doctest: +SKIP
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence, Sized
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Final, TypeVar, cast

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

from nlp.causes.describe import CONTROLS, CauseReport, CauseStatistics, describe_causes
from nlp.causes.nps_cost import REPLICATES
from nlp.causes.observations import Factor, Observations
from nlp.clustering.partition import Labels
from nlp.errors import StemmeError
from nlp.models.encoder import Floats
from nlp.record import Comment, Span, TaggedComment
from nlp.topic_segments import Reader, spooled
from nlp.topics import (
    Assignment,
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

FEWEST_TOLD: Final = 5
"""Segments of a part of a cause after which it is named."""
Progress = Callable[[str, float], None]
Value = TypeVar("Value", str, date)


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
class Causes:
    """What is told of causes.

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


@dataclass(frozen=True, slots=True)
class RootCauses(Causes):
    """What was found, and what it was found in.

    Attributes
    ----------
    segments : the clauses that the topics were found in, row for row with `model.assignment`
    observations : the comments as columns, which the report was computed from
    embeddings : float32 of shape (n_segments, width); None where nothing was embedded
    """

    segments: Sequence[Segment] = field(repr=False)
    observations: Observations = field(repr=False)
    embeddings: Floats | None = field(default=None, repr=False)


def find_root_causes(
    feedback: Iterable[Feedback],
    reader: Reader,
    *,
    settings: TopicSettings | None = None,
    former: TopicModel | None = None,
    encoder: str = "",
    controls: Sequence[str] = CONTROLS,
    replicates: int = REPLICATES,
    seed: int = 0,
    expected: int | None = None,
    spool: bool = False,
    progress: Progress | None = None,
) -> RootCauses:
    """Find the causes that the comments speak of and describe each; the same comments and seed give the same causes.

    Parameters
    ----------
    feedback : each id once; of each only its clauses and what is counted are kept, so it may be a stream
    reader : embeds the comments' clauses
    former : topics of the last run, which keep their ids and what analysts did to them
    encoder : name of the model that `reader` runs, as `name@version`
    controls : dimensions that the regression of NPS holds alike
    replicates : bootstrap samples of the NPS cost
    expected : how many comments a stream will have, for the progress
    spool : whether embeddings lie in a temporary file and not in memory; they take 1 KB a clause
    progress : called with what is being done and the share of it that is done

    Raises
    ------
    NoTopics : if nothing is said often enough to be a topic
    MissingExtra : if what clustering needs is not installed
    """
    report = progress or (lambda _step, _share: None)
    total = len(feedback) if isinstance(feedback, Sized) else expected
    columns = _Columns()
    batches = _counted(segments_of(columns.passing(feedback), reader), columns, total, report)
    batch = spooled(batches) if spool else joined(batches)
    model = find_topics(
        batch.segments,
        batch.embeddings,
        settings=settings,
        seed=seed,
        former=former,
        encoder=encoder,
        circumstances=columns.circumstances(),
        progress=report,
    )
    if not model.topics:
        raise NoTopics(
            f"No topic was found in {len(columns):,} comments: nothing is said by enough of them. "
            "Give more comments, or let topics be smaller."
        )
    report("describing causes", 0.0)
    observations = columns.observations(batch.segments, model)
    found = describe_causes(observations, controls=controls, replicates=replicates, seed=seed)
    model = model.told_by(
        _since_their_rise(found, observations, batch.segments, model), batch.segments, batch.embeddings, former=former
    )
    report("describing causes", 1.0)
    spoken = comments_without_topic(batch.segments, model.assignment)
    without = _with_silent(spoken, columns.ids, columns.themed, batch.segments)
    return RootCauses(model, found, _members(observations), without, batch.segments, observations, batch.embeddings)


def _since_their_rise(
    report: CauseReport, observations: Observations, segments: Sequence[Segment], model: TopicModel
) -> dict[str, Labels]:
    """Of each cause that has risen the segments from since then, of the place where it is named most.

    Of all places where that leaves too few; a cause of which too few were said since is left out.
    """
    rising = {cause.cause: cause for cause in report.causes if cause.trend.lasting_rise is not None}
    if not rising:
        return {}
    row_of = {id_: row for row, id_ in enumerate(observations.ids)}
    comments = np.array([row_of[segment.comment_id] for segment in segments], dtype=np.int64)
    parts: dict[str, Labels] = {}
    for place, topic in enumerate(model.topics):
        if topic.id in rising:
            rows = np.flatnonzero(model.assignment.topics == place)
            told = (rows[said[comments[rows]]] for said in _when_and_where(rising[topic.id], observations))
            part = next((part for part in told if len(part) >= FEWEST_TOLD), None)
            if part is not None:
                parts[topic.id] = part
    return parts


def _when_and_where(cause: CauseStatistics, seen: Observations) -> Iterator[npt.NDArray[np.bool_]]:
    """The comments since a cause rose, first those from where it is named most, then all."""
    rise = cause.trend.lasting_rise
    assert rise is not None
    since = seen.days >= np.datetime64(rise.day, "D")
    where = cause.concentrations[0].where if cause.concentrations else {}
    there = [np.array([each == value for each in seen.dimensions[name]]) for name, value in where.items()]
    yield np.logical_and.reduce([since, *there])
    yield since


def described_again(
    feedback: Iterable[Feedback],
    places: Mapping[str, Sequence[tuple[Span, str]]],
    model: TopicModel,
    *,
    seed: int = 0,
) -> RootCauses:
    """The causes with figures of their own after topics were merged or split; nothing is embedded or looked for anew.

    Parameters
    ----------
    feedback : the comments that the topics were found in
    places : of each comment's id, where it speaks of which topic's id
    model : its topics stay as they are; the assignment of what comes back is that of the places
    """
    columns = _Columns()
    place_of = {topic.id: place for place, topic in enumerate(model.topics)}
    segments: list[Segment] = []
    topics: list[int] = []
    for comment, record in columns.passing(feedback):
        for span, topic in places.get(comment.id, ()):
            text = comment.text[span.start : span.end]
            segments.append(Segment(comment.id, span.start, span.end, text, record.language))
            topics.append(place_of[topic])
    of_segments = Assignment(
        np.array(topics, dtype=np.intp),
        np.zeros(len(topics), dtype=np.int8),
        np.full(len(topics), np.nan, dtype=np.float32),
        np.full(len(topics), -1, dtype=np.intp),
    )
    as_placed = replace(model, assignment=of_segments)
    observations = columns.observations(segments, as_placed)
    found = describe_causes(observations, seed=seed)
    return RootCauses(as_placed, found, _members(observations), {}, segments, observations)


def _members(observations: Observations) -> dict[str, list[str]]:
    return {
        topic: [observations.ids[row] for row in observations.cause(column)]
        for column, topic in enumerate(observations.causes)
    }


class _Columns:
    """What is counted of comments, as they pass: a few numbers each, and words where they show a factor."""

    def __init__(self) -> None:
        self.ids: list[str] = []
        self._days: list[date | None] = []
        self._nps, self._sentiment, self._words = array("d"), array("d"), array("q")
        self._respondents: list[str | None] = []
        self._dimensions: dict[str, list[str | None]] = {}
        self._evidence: dict[Factor, dict[int, list[str]]] = {}
        self._stages: dict[str, array[int]] = {}
        self._themed: set[int] = set()
        self._known: dict[str | date, str | date] = {}

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def themed(self) -> set[str]:
        """Ids of the comments that have a theme."""
        return {self.ids[row] for row in self._themed}

    def circumstances(self) -> Circumstances:
        """When and where the comments were given, for the search for incidents."""
        places = {
            name: {id_: value for id_, value in zip(self.ids, column, strict=True) if value is not None}
            for name, column in self._dimensions.items()
        }
        days = {id_: day for id_, day in zip(self.ids, self._days, strict=True) if day is not None}
        return Circumstances(days, places)

    def passing(self, feedback: Iterable[Feedback]) -> Iterator[tuple[Comment, TaggedComment]]:
        """Each comment with its record, once it has been counted."""
        for each in feedback:
            self._add(each)
            yield each.comment, each.record

    def observations(self, segments: Sequence[Segment], model: TopicModel) -> Observations:
        """The comments as columns, and which topics each of them speaks of.

        Parameters
        ----------
        segments : those that the model's topics were found in
        """
        rows = {id_: row for row, id_ in enumerate(self.ids)}
        n_comments, topics = len(self.ids), model.assignment.topics
        pairs = {
            (rows[segment.comment_id], int(topic))
            for segment, topic in zip(segments, topics, strict=True)
            if topic >= 0
        }
        where = np.array(sorted(pairs), dtype=np.int64).reshape(-1, 2)
        membership = csr_array(
            (np.ones(len(where), dtype=np.int64), (where[:, 0], where[:, 1])), shape=(n_comments, len(model.topics))
        )
        nowhere: Sequence[str] = ()
        return Observations(
            ids=self.ids,
            causes=[topic.id for topic in model.topics],
            membership=membership,
            days=np.array([np.datetime64(day, "D") if day else np.datetime64("NaT") for day in self._days]).astype(
                "datetime64[D]"
            ),
            nps=np.array(self._nps, dtype=np.float64),
            sentiment=np.array(self._sentiment, dtype=np.float64),
            words=np.array(self._words, dtype=np.int64),
            dimensions=dict(sorted(self._dimensions.items())),
            respondents=self._respondents if any(each is not None for each in self._respondents) else None,
            factors={factor: _at(rows_of, n_comments) for factor, rows_of in self._evidence.items()},
            factor_evidence={
                factor: [words.get(row, nowhere) for row in range(n_comments)]
                for factor, words in self._evidence.items()
            },
            stages={stage: _at(rows_of, n_comments) for stage, rows_of in self._stages.items()},
        )

    def _add(self, each: Feedback) -> None:
        row, record = len(self.ids), each.record
        self.ids.append(each.comment.id)
        self._days.append(None if each.day is None else self._same(each.day))
        self._nps.append(np.nan if each.nps is None else each.nps)
        self._sentiment.append(record.sentiment.score)
        self._words.append(len(each.comment.text.split()))
        self._respondents.append(None if each.respondent is None else self._same(each.respondent))
        for name in each.dimensions.keys() - self._dimensions.keys():
            self._dimensions[name] = [None] * row
        for name, column in self._dimensions.items():
            value = each.dimensions.get(name)
            column.append(None if value is None else self._same(value))
        for tag in record.factors:
            words = [each.comment.text[span.start : span.end] for span in tag.spans]
            self._evidence.setdefault((tag.factor, tag.polarity), {})[row] = words
        for stage in {tag.stage for tag in record.themes}:
            self._stages.setdefault(stage, array("q")).append(row)
        if record.themes:
            self._themed.add(row)

    def _same(self, value: Value) -> Value:
        """The value as it is kept: once, however many comments have it."""
        return cast("Value", self._known.setdefault(value, value))


def _at(rows: Iterable[int], n_comments: int) -> npt.NDArray[np.bool_]:
    """True at these rows."""
    column = np.zeros(n_comments, dtype=bool)
    column[np.fromiter(rows, dtype=np.int64)] = True
    return column


def _counted(
    batches: Iterable[SegmentBatch], columns: _Columns, total: int | None, report: Progress
) -> Iterator[SegmentBatch]:
    """The batches, with word of how many comments they have come through."""
    for batch in batches:
        if total:
            report("embedding", min(len(columns) / total, 1.0))
        yield batch


def _with_silent(
    spoken: Mapping[str, Reason], ids: Iterable[str], themed: Collection[str], segments: Sequence[Segment]
) -> dict[str, Reason]:
    """The comments without a topic, and those that have no clause at all, such as a row of dots."""
    heard = {segment.comment_id for segment in segments}
    silent: dict[str, Reason] = {id_: "too_short" for id_ in ids if id_ not in heard and id_ not in themed}
    return {**{id_: reason for id_, reason in spoken.items() if id_ not in themed}, **silent}
