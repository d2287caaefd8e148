"""Topics: the causes that customers speak of, found in the clauses of their comments.

>>> batch = joined(segments_of(comments_with_records, Tagger.load()))               # doctest: +SKIP
>>> model = find_topics(batch.segments, batch.embeddings, seed=7)                   # doctest: +SKIP
>>> model.topics[0].label["nn"]                                                     # doctest: +SKIP
'Pakka kom for seint'
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from nlp.clustering.describe import Reading, describe
from nlp.clustering.draft import draft, n_topics_of
from nlp.clustering.drift import Drift, Tally, drift_between, tally_of
from nlp.clustering.edits import (
    BadTopicEdit,
    Edited,
    merged,
    part_of,
    parted,
    parted_alone,
    put_back,
    renamed,
    unnamed,
)
from nlp.clustering.focus import told_by_parts
from nlp.clustering.identity import Carried, Former, carry
from nlp.clustering.incidents import Circumstances, Search, with_incidents
from nlp.clustering.memory import remembered
from nlp.clustering.model import (
    REASONS,
    Assignment,
    Centres,
    Quote,
    Reason,
    Topic,
    UnknownTopic,
    WrongEmbeddings,
    check,
    nearest_centres,
)
from nlp.clustering.partition import Grain, Labels
from nlp.clustering.saving import BadTopics, read_archive, read_folder, write_archive, write_folder
from nlp.models.encoder import Floats
from nlp.topic_segments import Segment, SegmentBatch, joined, segments_of

__all__ = [
    "REASONS",
    "Assignment",
    "BadTopicEdit",
    "BadTopics",
    "Circumstances",
    "Drift",
    "Quote",
    "Reason",
    "Segment",
    "SegmentBatch",
    "Tally",
    "Topic",
    "TopicChanges",
    "TopicModel",
    "TopicSettings",
    "UnknownTopic",
    "WrongEmbeddings",
    "comments_without_topic",
    "find_topics",
    "joined",
    "segments_of",
    "tally_of",
]

Progress = Callable[[str, float], None]
SMALLEST: Final = 5


@dataclass(frozen=True, slots=True)
class TopicSettings:
    """How topics are found.

    Attributes
    ----------
    min_topic_size : segments of the smallest topic; None grows with the square root of their number (6 at 1,000, 200
        at 1,000,000)
    join_below, alike_below, parent_below : cosine distances of centres below which two groups of one theme are one
        topic, two topics under different themes are one cause, a topic is a special case of a larger one
    sample_size, most_small_groups : of k-means within one theme and sentiment
    incident_shuffles, incident_false_share : how many searches of shuffled comments tell what chance gives, none if no
        incidents are to be looked for; and of those that are found, the share that chance may have given
    n_words, n_quotes : of each topic
    names : of the company and its brands, which say who and not why; others are recognised
    """

    min_topic_size: int | None = None
    join_below: float = 0.7
    alike_below: float = 0.2
    parent_below: float = 0.9
    sample_size: int = 20_000
    most_small_groups: int = 200
    incident_shuffles: int = 9
    incident_false_share: float = 0.5
    n_words: int = 10
    n_quotes: int = 5
    names: Collection[str] = ()

    def smallest(self, n_segments: int) -> int:
        """The least size of a topic among so many segments."""
        return max(SMALLEST, round(n_segments**0.5 / 5)) if self.min_topic_size is None else self.min_topic_size

    def grain(self, n_segments: int) -> Grain:
        """How fine topics are among so many segments."""
        return Grain(self.smallest(n_segments), self.join_below, self.sample_size, self.most_small_groups)

    def search(self) -> Search:
        """How incidents are looked for."""
        return Search(self.incident_shuffles, self.incident_false_share)

    def reading(self) -> Reading:
        """How topics are described."""
        return Reading(self.n_words, self.n_quotes, self.names, self.parent_below)


@dataclass(frozen=True, slots=True)
class TopicChanges:
    """Ids of the topics that a run kept, found anew, and no longer found."""

    kept: Sequence[str]
    new: Sequence[str]
    faded: Sequence[str]


@dataclass(frozen=True, slots=True)
class TopicModel:
    """Topics and what is needed to give new comments theirs; NumPy is enough to use one.

    Attributes
    ----------
    topics : the largest first when they were found
    assignment : of the segments that they were found in
    centres : what `assign` compares with
    pinned : ids of topics that analysts merged or split: the next run leaves them as they are
    changes : against the run before; all topics are new where there was none
    settings, seed : with which they were found
    encoder : name of the model that made the embeddings, as `name@version`; others do not fit
    """

    topics: Sequence[Topic]
    assignment: Assignment = field(repr=False)
    centres: Centres = field(repr=False)
    pinned: frozenset[str]
    changes: TopicChanges
    settings: TopicSettings
    seed: int
    encoder: str

    def topic(self, id_: str) -> Topic:
        """The topic with this id.

        Raises
        ------
        UnknownTopic : if there is none
        """
        return self.topics[self._place(id_)]

    def assign(self, segments: Sequence[Segment], embeddings: Floats) -> tuple[Assignment, Drift]:
        """Topics of new segments, and how far these segments are from those that the topics were found in.

        Parameters
        ----------
        embeddings : float32 of shape (n_segments, width), by the same encoder

        Raises
        ------
        WrongEmbeddings : if there is not one row a segment, or not of this width
        """
        assignment = nearest_centres(segments, embeddings, self.centres)
        return assignment, self.drift(tally_of(assignment, len(self.topics)))

    def drift(self, now: Tally) -> Drift:
        """How far segments that were assigned since are from those that the topics were found in.

        Parameters
        ----------
        now : of as many topics as the model has, in its order
        """
        return drift_between(now, tally_of(self.assignment, len(self.topics)))

    def rename(self, id_: str, label: Mapping[str, str]) -> TopicModel:
        """The model with a topic's name given by an analyst, for some readers or for all; later runs keep it."""
        place = self._place(id_)
        topics = list(self.topics)
        topics[place] = renamed(topics[place], label)
        return replace(self, topics=topics)

    def unname(self, id_: str, readers: Collection[str]) -> TopicModel:
        """The model without the name that an analyst gave a topic, for some readers; the next run names it anew."""
        place = self._place(id_)
        topics = list(self.topics)
        topics[place] = unnamed(topics[place], readers)
        return replace(self, topics=topics)

    def told_by(
        self,
        parts: Mapping[str, Labels],
        segments: Sequence[Segment],
        embeddings: Floats,
        *,
        former: TopicModel | None = None,
    ) -> TopicModel:
        """The model with some topics named after a part of what is said of them, and quoted from it first.

        Parameters
        ----------
        parts : by a topic's id some rows of its segments, such as those from since it began to be said more
        segments, embeddings : those that the topics were found in
        former : the model of the last run; names that people know from it stay if they were said in the part

        Raises
        ------
        UnknownTopic : if a part is of none of the topics
        """
        self._check_same(segments)
        rows = {self._place(id_): part for id_, part in parts.items() if len(part)}
        if not rows:
            return self
        topics = told_by_parts(
            self.topics,
            segments,
            embeddings,
            self.assignment,
            mean=self.centres.mean,
            parts=rows,
            how=self.settings.reading(),
            known={topic.id: topic for topic in former.topics} if former else {},
        )
        return replace(self, topics=topics)

    def merge(self, kept: str, absorbed: Sequence[str]) -> TopicModel:
        """The model in which one topic has taken in others; later runs keep it so."""
        edited = merged(self._edited(), [self._place(id_) for id_ in (kept, *absorbed)])
        return self._with(edited, (self.pinned - set(absorbed)) | {kept})

    def split(
        self, id_: str, segments: Sequence[Segment], embeddings: Floats, *, parts: Sequence[Sequence[Quote]]
    ) -> TopicModel:
        """The model in which a topic is parted; later runs keep it so.

        Parameters
        ----------
        segments, embeddings : those that the topics were found in
        parts : for each part some of the topic's segments, by where they stand; the others go to the nearest part. The
            part with most segments keeps the id.
        """
        self._check_same(segments)
        edited, new = parted(
            self._edited(), self._place(id_), segments, embeddings, parts=parts, how=self.settings.reading()
        )
        return self._with(edited, self.pinned | {id_, *new})

    def split_alone(
        self,
        id_: str,
        segments: Sequence[Segment],
        embeddings: Floats,
        *,
        rows: Sequence[int | None],
        parts: Sequence[Sequence[Quote]],
    ) -> tuple[TopicModel, Sequence[str]]:
        """As `split`, from the topic's own segments alone, however many others there are; they stay where they are.

        Parameters
        ----------
        segments, embeddings : all of the topic, whether it was found in them or they were assigned since
        rows : of each its row in `assignment`; None of those that were assigned since
        parts : as of `split`

        Returns
        -------
        the model, and of each segment the id of its topic
        """
        edited = parted_alone(
            self._edited(),
            self._place(id_),
            segments,
            embeddings,
            rows=rows,
            parts=parts,
            how=self.settings.reading(),
        )
        return self._with(edited.edited, self.pinned | {id_, *edited.new}), edited.topic_of

    def part(self, ids: Sequence[str]) -> TopicModel:
        """Some topics with what is needed to put them back after an edit: see `put_back`."""
        part = part_of(self._edited(), [self._place(id_) for id_ in ids])
        return replace(self._with(part, self.pinned.intersection(ids)), changes=TopicChanges((), (), ()))

    def put_back(
        self, before: TopicModel, *, instead_of: Collection[str], parents: Mapping[str, str | None]
    ) -> TopicModel:
        """The model in which an edit is undone; what has been done to other topics since stays.

        Parameters
        ----------
        before : the topics that were edited, as they were: of `part`
        instead_of : the ids of those that the edit has left
        parents : by topic the parent that it had before, of others that the edit gave another

        Raises
        ------
        BadTopicEdit : if the two do not have the same segments
        """
        restored = put_back(self._edited(), before._edited(), instead_of=instead_of, parents=parents)
        return self._with(restored, (self.pinned - set(instead_of)) | before.pinned)

    def save(self, folder: Path) -> None:
        """Write the model as `topics.json` and `topics.npz` into a folder, which is made."""
        write_folder(folder, self.topics, self.centres, self.assignment, self._rest())

    @classmethod
    def load(cls, folder: Path) -> TopicModel:
        """Read a model that was saved.

        Raises
        ------
        BadTopics : if the folder lacks a file or a file cannot be read
        """
        return cls._of(*read_folder(folder))

    def to_bytes(self) -> bytes:
        """The files that `save` writes as one archive, for a place that is no folder, such as a database."""
        return write_archive(self.topics, self.centres, self.assignment, self._rest())

    @classmethod
    def from_bytes(cls, archive: bytes) -> TopicModel:
        """Read a model that `to_bytes` gave.

        Raises
        ------
        BadTopics : if it cannot be read
        """
        return cls._of(*read_archive(archive))

    def _rest(self) -> dict[str, Any]:
        return {
            "pinned": sorted(self.pinned),
            "changes": asdict(self.changes),
            "settings": {**asdict(self.settings), "names": sorted(self.settings.names)},
            "seed": self.seed,
            "encoder": self.encoder,
        }

    @classmethod
    def _of(
        cls, topics: Sequence[Topic], centres: Centres, assignment: Assignment, rest: Mapping[str, Any]
    ) -> TopicModel:
        return cls(
            topics=topics,
            assignment=assignment,
            centres=centres,
            pinned=frozenset(rest["pinned"]),
            changes=TopicChanges(**rest["changes"]),
            settings=TopicSettings(**{**rest["settings"], "names": tuple(rest["settings"]["names"])}),
            seed=rest["seed"],
            encoder=rest["encoder"],
        )

    def _edited(self) -> Edited:
        return Edited(self.topics, self.centres, self.assignment)

    def _with(self, edited: Edited, pinned: frozenset[str]) -> TopicModel:
        return replace(self, topics=edited.topics, centres=edited.centres, assignment=edited.assignment, pinned=pinned)

    def _check_same(self, segments: Sequence[Segment]) -> None:
        if len(segments) != len(self.assignment.topics):
            raise WrongEmbeddings(
                f"The topics were found in {len(self.assignment.topics)} segments, not in {len(segments)}. "
                "Give the segments of that run."
            )

    def _place(self, id_: str) -> int:
        for place, topic in enumerate(self.topics):
            if topic.id == id_:
                return place
        raise UnknownTopic(id_, [topic.id for topic in self.topics])


def find_topics(
    segments: Sequence[Segment],
    embeddings: Floats,
    *,
    settings: TopicSettings | None = None,
    seed: int = 0,
    former: TopicModel | None = None,
    encoder: str = "",
    circumstances: Circumstances | None = None,
    progress: Progress | None = None,
) -> TopicModel:
    """Find topics; the same segments and the same seed give the same topics, words, names and quotes.

    Parameters
    ----------
    segments : clauses with their tags
    embeddings : float32 of shape (n_segments, width), unit vectors; may be a memory map
    settings : defaults if None
    former : the model of the last run, whose topics keep their ids, names of analysts, merges and splits
    encoder : name of the model that made the embeddings, `name@version`
    circumstances : when and where the comments were given; with them, incidents become topics of their own
    progress : called with what is being done and the share of it that is done, from 0.0 to 1.0

    Raises
    ------
    WrongEmbeddings : if there is not one row a segment, or if `former` was found with another encoder
    MissingExtra : if what clustering needs is not installed
    """
    settings = settings or TopicSettings()
    report = progress or (lambda _step, _share: None)
    check(segments, embeddings, width=None if former is None else len(former.centres.mean))
    if former is not None and former.encoder != encoder:
        raise WrongEmbeddings(
            f"The former topics were found with the encoder {former.encoder!r}, the embeddings are of {encoder!r}. "
            "Find topics anew, without the former ones."
        )
    min_size = settings.smallest(len(segments))
    found = draft(
        segments,
        embeddings,
        settings.grain(len(segments)),
        alike=settings.alike_below,
        seed=seed,
        progress=lambda share: report("clustering", share),
    )
    if circumstances is not None:
        report("incidents", 0.0)
        found = with_incidents(
            found,
            segments,
            embeddings,
            circumstances,
            settings.grain(len(segments)),
            how=settings.search(),
            seed=seed,
        )
        report("incidents", 1.0)
    carried = Carried(found, [""] * n_topics_of(found))
    if former is not None:
        report("identity", 0.0)
        carried = carry(
            Former(former.centres, [topic.id for topic in former.topics], former.pinned),
            found,
            segments,
            embeddings,
            min_size=min_size,
        )
    carried = carried.by_size()
    report("describing", 0.0)
    topics = describe(
        segments,
        embeddings,
        carried.draft,
        carried.ids,
        how=settings.reading(),
        retired=[topic.id for topic in former.topics] if former else (),
    )
    if former is not None:
        known = {topic.id: topic for topic in former.topics}
        topics = remembered(topics, known, segments, carried.draft.assignment.topics)
    report("describing", 1.0)
    ids, before = {topic.id for topic in topics}, {topic.id for topic in former.topics} if former else set()
    changes = TopicChanges(kept=sorted(ids & before), new=sorted(ids - before), faded=sorted(before - ids))
    pinned = former.pinned if former else frozenset()
    return TopicModel(topics, carried.draft.assignment, carried.draft.centres, pinned, changes, settings, seed, encoder)


def comments_without_topic(segments: Sequence[Segment], assignment: Assignment) -> dict[str, Reason]:
    """Comments that have neither a topic nor a theme, and why.

    The reason is that of the segment that says most: something new before no opinion before too short.
    """
    codes: dict[str, int] = {}
    covered: set[str] = set()
    for segment, topic, code in zip(segments, assignment.topics.tolist(), assignment.reasons.tolist(), strict=True):
        if topic >= 0 or segment.theme is not None:
            covered.add(segment.comment_id)
        codes[segment.comment_id] = max(codes.get(segment.comment_id, 0), code)
    return {id_: REASONS[code - 1] for id_, code in codes.items() if id_ not in covered}
