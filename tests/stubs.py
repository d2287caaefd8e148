"""A tagger whose answers one can work out from the words: no weights, no luck."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Literal, Self

from nlp.errors import EmptyText, InvalidUnicode, NulCharacter, TextTooLong, UntaggableText
from nlp.record import (
    Comment,
    FactorTag,
    FailedComment,
    Flag,
    Problem,
    Record,
    Sentiment,
    SentimentLabel,
    Span,
    TaggedComment,
    ThemeTag,
)

# The whole of the stub's knowledge: a word, the theme and its stage, the sentiment about it.
THEMES: dict[str, tuple[str, str, Literal["negative", "positive"]]] = {
    "sein": ("delivery_time", "delivery", "negative"),
    "rask": ("delivery_time", "delivery", "positive"),
    "dyrt": ("price_value", "evaluation", "negative"),
    "hyggelig": ("staff_service", "support", "positive"),
}
# What `prisene` means depends on what was asked: a word of the question, the sentiment about the prices.
PRICES: dict[str, Literal["negative", "positive"]] = {"bra": "positive", "bedre": "negative"}
LONGEST = 20_000


class StubTagger:
    """Knows the words of `THEMES`, and `prisene` under a question with a word of `PRICES`.

    `hyggelig` is also sympathetic, `bytter` a churn risk, `ring meg` a call for help. Sentiment counts the words: more
    negative ones, more positive ones, as many of both (mixed), or none (neutral). A comment with `!` is tagged with
    confidence 0.9, any other with 0.7.
    """

    name = "stub@1.0.0"
    taxonomy_id = "journey@1.0.0"

    @classmethod
    def load(cls, model: Path | None = None) -> Self:
        return cls()

    def tag(self, comments: Iterable[Comment], *, batch_size: int = 64) -> Iterator[Record]:
        rest = iter(comments)
        while batch := list(islice(rest, batch_size)):
            yield from map(self.tag_one, batch)

    def tag_one(self, comment: Comment) -> Record:
        try:
            _check(comment.text)
        except UntaggableText as error:
            return FailedComment(comment.id, Problem(error.code, str(error)))
        return self._tagged(comment)

    def _tagged(self, comment: Comment) -> TaggedComment:
        text = comment.text
        confidence = 0.9 if "!" in text else 0.7
        themes = tuple(
            ThemeTag(theme, stage, sentiment, confidence, (_span(text, word),))
            for word, (theme, stage, sentiment) in THEMES.items()
            if word in text
        )
        if "prisene" in text and comment.question is not None:
            span = _span(text, "prisene")
            themes += tuple(
                ThemeTag("price_value", "evaluation", sentiment, confidence, (span,))
                for word, sentiment in PRICES.items()
                if word in comment.question
            )
        factors = (FactorTag("sympathetic", "positive", confidence, (_span(text, "hyggelig"),)),)
        return TaggedComment(
            id=comment.id,
            language="nb",
            sentiment=_sentiment([theme.sentiment for theme in themes]),
            themes=themes,
            factors=factors if "hyggelig" in text else (),
            churn_risk=_flag(text, "bytter", confidence),
            follow_up=_flag(text, "ring meg", confidence),
            model=self.name,
            taxonomy=self.taxonomy_id,
        )


def _sentiment(about: list[str]) -> Sentiment:
    negative, positive = about.count("negative"), about.count("positive")
    label: SentimentLabel = "neutral"
    if about:
        label = "mixed" if negative == positive else "negative" if negative > positive else "positive"
    probabilities: dict[SentimentLabel, float] = {"negative": 0.0, "neutral": 0.0, "mixed": 0.0, "positive": 0.0}
    score = {"negative": -1.0, "positive": 1.0}.get(label, 0.0)
    return Sentiment(label, score, {**probabilities, label: 1.0})


def _flag(text: str, word: str, confidence: float) -> Flag:
    raised = word in text
    return Flag(raised, confidence if raised else 0.1, (_span(text, word),) if raised else ())


def _span(text: str, word: str) -> Span:
    """Where a word stands; only used of words that do."""
    start = text.find(word)
    return Span(start, start + len(word))


def _check(text: str) -> None:
    if not text.strip():
        raise EmptyText
    if len(text) > LONGEST:
        raise TextTooLong(len(text), LONGEST)
    for position, letter in enumerate(text):
        if letter == "\0":
            raise NulCharacter(position)
        if "\ud800" <= letter <= "\udfff":
            raise InvalidUnicode(position, ord(letter))
