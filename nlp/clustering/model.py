"""Topics as they are found, kept and used for new comments."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

from nlp.clustering.partition import NONE, Labels, nearest_of
from nlp.clustering.words import each_word, stop_words
from nlp.errors import StemmeError
from nlp.models.encoder import Floats
from nlp.topic_segments import Segment

Reason = Literal["too_short", "no_opinion", "new"]
# The place of a reason is its code in `Assignment.reasons`; 0 stands for a segment that has a topic.
REASONS: Final[tuple[Reason, ...]] = ("too_short", "no_opinion", "new")
FEWEST_TELLING_WORDS: Final = 2
Group = tuple[str | None, str | None]


class UnknownTopic(StemmeError):
    code, title = "unknown_topic", "Unknown topic"

    def __init__(self, id_: str, known: Sequence[str]) -> None:
        near = get_close_matches(id_, known, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else " It may have faded; list the topics of the last run."
        super().__init__(f"There is no topic {id_!r} among {len(known)}.{hint}")


class WrongEmbeddings(StemmeError):
    code, title = "wrong_embeddings", "The embeddings do not fit"


@dataclass(frozen=True, slots=True)
class Quote:
    """Where a customer's words stand: code points `start` to `end` of the comment's text."""

    comment_id: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Topic:
    """One cause.

    Attributes
    ----------
    id : stays the same from run to run
    label : a readable name for readers of `nb`, `nn`, `da`, `sv` and `en`
    label_language : the language in which that name is written, by reader; customers' words are not translated
    label_source : where the words of each reader's name stand; none for a name that an analyst gave or that had to be
        made of words
    words : by language, the lemmas and pairs of lemmas that set it apart, the heaviest first
    theme, sentiment : of most of its segments; no theme for what the taxonomy lacks
    parent : id of the larger topic of the theme that it is a special case of, None if it stands right under the theme
    quotes : typical and unlike each other, the most typical first
    size : segments when it was found
    given_label : what analysts named it, by reader; it stands in `label` too and stays from run to run
    """

    id: str
    label: Mapping[str, str]
    label_language: Mapping[str, str]
    label_source: Mapping[str, Quote]
    words: Mapping[str, Sequence[str]]
    theme: str | None
    sentiment: str | None
    parent: str | None
    quotes: Sequence[Quote]
    size: int
    given_label: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Centres:
    """What decides to which topic a segment goes.

    Attributes
    ----------
    mean : shape (width,), of all embeddings when topics were found
    vectors : unit vectors of shape (n_centres, width), in the space around `mean`
    floors : shape (n_centres,), the least cosine at which a segment of the theme still belongs
    strict_floors : shape (n_centres,), the least for a segment without a theme; higher where the centre has one
    similarity : shape (n_centres,), mean cosine of the segments when topics were found
    topics : shape (n_centres,), the position of each centre's topic; one that was merged has several
    groups : theme and sentiment of the segments that a centre is for
    """

    mean: Floats = field(repr=False)
    vectors: Floats = field(repr=False)
    floors: Floats = field(repr=False)
    strict_floors: Floats = field(repr=False)
    similarity: Floats = field(repr=False)
    topics: Labels = field(repr=False)
    groups: Sequence[Group] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Assignment:
    """Segments and their topics, row for row.

    Attributes
    ----------
    topics : positions in `TopicModel.topics`, -1 where there is none
    reasons : int8, why there is none: 0 where there is one, else 1 + the place in `REASONS`
    similarities : cosine to the nearest centre of the same theme and sentiment, NaN where there is no such centre
    centres : the centre that gave the topic, -1 where there is none
    """

    topics: Labels
    reasons: npt.NDArray[np.int8]
    similarities: Floats
    centres: Labels

    def reason(self, row: int) -> Reason | None:
        """Why a segment has no topic, None if it has one."""
        code = int(self.reasons[row])
        return REASONS[code - 1] if code else None


def group_of(segment: Segment) -> Group:
    """What topics are looked for within: a theme and the sentiment about it."""
    return segment.theme, segment.sentiment


def eligibility(segments: Sequence[Segment]) -> npt.NDArray[np.int8]:
    """Which segments may have a topic: 0 for these, else the code of the reason.

    A theme is enough. Without one a segment must have two words that tell something, and an opinion: what people
    are unhappy about is then a topic that the taxonomy lacks.
    """
    codes = np.zeros(len(segments), dtype=np.int8)
    small = stop_words()
    for row, segment in enumerate(segments):
        if segment.theme is not None:
            continue
        if not _tells_something(segment.text, small):
            codes[row] = 1 + REASONS.index("too_short")
        elif segment.sentiment in (None, "neutral"):
            codes[row] = 1 + REASONS.index("no_opinion")
    return codes


def _tells_something(text: str, small: Collection[str]) -> bool:
    """Whether a text has enough different words that tell something; it is read no further than that."""
    telling: set[str] = set()
    for word in each_word(text):
        if len(word) > 1 and word not in small:
            telling.add(word)
            if len(telling) >= FEWEST_TELLING_WORDS:
                return True
    return False


def rows_by_group(segments: Sequence[Segment], eligible: npt.NDArray[np.bool_]) -> dict[Group, Labels]:
    """The rows of each group that occurs, in a fixed order of the groups."""
    rows: dict[Group, list[int]] = {}
    for row in np.flatnonzero(eligible).tolist():
        rows.setdefault(group_of(segments[row]), []).append(row)
    ordered = sorted(rows, key=lambda group: (group[0] or "", group[1] or ""))
    return {group: np.array(rows[group], dtype=np.intp) for group in ordered}


def nearest_centres(segments: Sequence[Segment], embeddings: Floats, centres: Centres) -> Assignment:
    """Each segment to the nearest centre of its theme and sentiment; one without a theme to the nearest of any theme.

    Raises
    ------
    WrongEmbeddings : if there is not one row a segment, or not of the centres' width
    """
    check(segments, embeddings, width=len(centres.mean))
    codes = eligibility(segments)
    centre_of = np.full(len(segments), NONE, dtype=np.intp)
    similarities = np.full(len(segments), np.nan, dtype=np.float32)
    for group, rows in rows_by_group(segments, codes == 0).items():
        theme, sentiment = group
        of_group = np.array(
            [
                place
                for place, (of_theme, of_sentiment) in enumerate(centres.groups)
                if of_sentiment == sentiment and theme in (None, of_theme)
            ],
            dtype=np.intp,
        )
        if not len(of_group):
            continue
        near, similarities[rows] = nearest_of(embeddings, rows, centres.mean, centres.vectors[of_group])
        found = of_group[near]
        floors = centres.floors if theme is not None else centres.strict_floors
        centre_of[rows] = np.where(similarities[rows] >= floors[found], found, NONE)
    codes[(codes == 0) & (centre_of == NONE)] = 1 + REASONS.index("new")
    topics = np.where(centre_of == NONE, NONE, centres.topics[centre_of] if len(centres.topics) else NONE)
    return Assignment(topics.astype(np.intp), codes, similarities, centre_of)


def check(segments: Sequence[Segment], embeddings: Floats, *, width: int | None = None) -> None:
    """Refuse embeddings that are not one row a segment.

    Raises
    ------
    WrongEmbeddings : it says what was found and what is needed
    """
    wanted = (len(segments), embeddings.shape[1] if width is None and embeddings.ndim == 2 else width)  # noqa: PLR2004
    if embeddings.shape != wanted:
        raise WrongEmbeddings(
            f"The embeddings have the shape {embeddings.shape}; needed are {len(segments)} rows, one a segment"
            + (f", of width {width}, with which the topics were found." if width is not None else ".")
        )
    if not np.isfinite(embeddings).all():
        raise WrongEmbeddings("The embeddings hold values that are not finite. Embed the segments again.")
