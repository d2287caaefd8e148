"""The one record: what a tagged comment is, under the same names in files, over REST and in the store."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Annotated, Any, Literal

from pydantic import Field

Language = Literal["nb", "nn", "da", "sv", "other"]
SentimentLabel = Literal["negative", "neutral", "mixed", "positive"]
ThemeSentiment = Literal["negative", "neutral", "positive"]
FactorName = Literal["professional", "sympathetic", "trustworthy"]
Polarity = Literal["positive", "negative"]
# The bounds are not checked when a record is made; they stand in the published schema.
Share = Annotated[float, Field(ge=0, le=1)]


@dataclass(frozen=True, slots=True)
class Span:
    """Words of a comment: Unicode code points `start` (included) to `end` (excluded) of the text as it came."""

    start: Annotated[int, Field(ge=0)]
    end: Annotated[int, Field(ge=1)]


@dataclass(frozen=True, slots=True)
class Sentiment:
    """What the comment feels on the whole; `score` runs from -1.0 (negative) to 1.0 (positive)."""

    label: SentimentLabel
    score: Annotated[float, Field(ge=-1, le=1)]
    probabilities: Mapping[SentimentLabel, Share]


@dataclass(frozen=True, slots=True)
class ThemeTag:
    """A journey theme that the comment speaks about, with the sentiment about *that* theme and the words for it."""

    theme: str
    stage: str
    sentiment: ThemeSentiment
    confidence: Share
    spans: tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class FactorTag:
    """An emotional factor through which people are experienced, with the words that show it."""

    factor: FactorName
    polarity: Polarity
    confidence: Share
    spans: tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class Flag:
    """A follow-up flag; `spans` are the words that raised it, empty where it is not raised."""

    flag: bool
    confidence: Share
    spans: tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class Comment:
    """One answer to an open question, as it came; `question` is the survey's, where it is known.

    The question is read as context: "prisene" is praise under "Hva var bra?" and criticism under "Hva kan bli bedre?".
    """

    id: str
    text: str
    question: str | None = None


@dataclass(frozen=True, slots=True)
class TaggedComment:
    """Every tag of one comment, and the names of the model and the taxonomy that gave them."""

    id: str
    language: Language
    sentiment: Sentiment
    themes: tuple[ThemeTag, ...]
    factors: tuple[FactorTag, ...]
    churn_risk: Flag
    follow_up: Flag
    model: str
    taxonomy: str

    def to_dict(self) -> dict[str, Any]:
        """The record as plain JSON types, in the order in which it is published."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a comment could not be tagged: a stable code for programs, a sentence for people."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class FailedComment:
    """What stands in a comment's place when it could not be tagged."""

    id: str | None
    error: Problem

    def to_dict(self) -> dict[str, Any]:
        """The record as plain JSON types."""
        return asdict(self)


Record = TaggedComment | FailedComment
