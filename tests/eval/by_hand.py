"""Comments and records made by hand, so that a test's numbers can be worked out on paper."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from nlp.labelled import LabelledComment, LabelledFactor, LabelledTheme
from nlp.record import (
    Comment,
    FactorTag,
    FailedComment,
    Flag,
    Problem,
    Record,
    Sentiment,
    Span,
    TaggedComment,
    ThemeTag,
)

LABELS = ("negative", "neutral", "mixed", "positive")
SCORES = {"negative": -0.8, "neutral": 0.0, "mixed": 0.1, "positive": 0.8}


def labelled(id_: str = "A1", text: str = "Rask levering", **labels: Any) -> LabelledComment:
    """`themes` and `factors` as in "delivery_time:positive"; a factor may be (tag, start, end)."""
    themes = [tag.split(":") for tag in labels.pop("themes", ())]
    factors = [(tag, None, None) if isinstance(tag, str) else tag for tag in labels.pop("factors", ())]
    return LabelledComment(
        id=id_,
        text=text,
        themes=tuple(LabelledTheme(theme=theme, sentiment=sentiment) for theme, sentiment in themes),
        factors=tuple(
            LabelledFactor(factor=tag.split(":")[0], polarity=tag.split(":")[1], start=start, end=end)
            for tag, start, end in factors
        ),
        **({"lang": "nb", "sentiment": "positive", "churn_risk": False, "follow_up": False} | labels),
    )


def tagged(
    id_: str = "A1",
    *,
    language: str = "nb",
    sentiment: str = "positive",
    themes: Iterable[str] = (),
    factors: Iterable[str | tuple[str, int, int]] = (),
    churn_risk: float = 0.0,
    follow_up: float = 0.0,
    probability: float = 1.0,
) -> TaggedComment:
    """`probability` is that of `sentiment`; a flag is given as its confidence and raised from 0.5."""
    rest = (1 - probability) / 3
    return TaggedComment(
        id=id_,
        language=language,
        sentiment=Sentiment(
            sentiment, SCORES[sentiment], {label: probability if label == sentiment else rest for label in LABELS}
        ),
        themes=tuple(ThemeTag(tag.split(":")[0], "use", tag.split(":")[1], 0.9, ()) for tag in themes),
        factors=tuple(_factor(tag) for tag in factors),
        churn_risk=Flag(churn_risk >= 0.5, churn_risk, ()),
        follow_up=Flag(follow_up >= 0.5, follow_up, ()),
        model="stub@1",
        taxonomy="journey@1.0.0",
    )


def failed(id_: str = "A1") -> FailedComment:
    return FailedComment(id_, Problem("empty_text", "The text is empty."))


def _factor(tag: str | tuple[str, int, int]) -> FactorTag:
    name, spans = (tag, ()) if isinstance(tag, str) else (tag[0], (Span(tag[1], tag[2]),))
    factor, polarity = name.split(":")
    return FactorTag(factor, polarity, 0.9, spans)


class StubTagger:
    """Gives each text the record that the test wrote down for it; notes what it was asked."""

    name = "stub@1"

    def __init__(self, answers: Mapping[str, Record]) -> None:
        self.answers = answers
        self.asked: list[str] = []
        self.questions: dict[str, str | None] = {}

    def tag(self, comments: Iterable[Comment], *, batch_size: int = 64) -> Iterator[Record]:
        for comment in comments:
            self.asked.append(comment.id)
            self.questions[comment.id] = comment.question
            yield self.answers[comment.id]
