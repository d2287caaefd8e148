"""Decisions of people about single labels, and how they are laid over what a model said. Pure: no store, no HTTP."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple, cast, get_args

from api.corrections.models import DecisionKind
from nlp.record import (
    FactorTag,
    Flag,
    Polarity,
    Sentiment,
    SentimentLabel,
    Span,
    TaggedComment,
    ThemeTag,
)
from nlp.taxonomy import Taxonomy

FLAGS: Final = ("churn_risk", "follow_up")
POLARITIES: Final[tuple[Polarity, ...]] = get_args(Polarity)
SENTIMENTS: Final[tuple[SentimentLabel, ...]] = get_args(SentimentLabel)
CERTAIN: Final = 1.0
"""The confidence of a tag that a person has decided; that of a flag that is not raised is 0, as of a model."""
SCORES: Final[Mapping[str, float]] = {"negative": -1.0, "positive": 1.0}
"""`score` of a sentiment that a person has decided: P(positive) - P(negative), as of a model; 0 of the others."""


class Key(NamedTuple):
    """Which label a decision is about; `label` is empty for sentiment and language, `polarity` for all but factors.

    >>> str(Key(DecisionKind.FACTOR, "sympathetic", "positive"))
    'factor:sympathetic:positive'
    """

    kind: DecisionKind
    label: str = ""
    polarity: str = ""

    def __str__(self) -> str:
        return ":".join(part for part in self if part)


SENTIMENT: Final = Key(DecisionKind.SENTIMENT)
LANGUAGE: Final = Key(DecisionKind.LANGUAGE)


@dataclass(frozen=True, slots=True)
class Decision:
    """What a person, or a model, says about one label.

    Parameters
    ----------
    present : whether the comment has it; true of sentiment and language
    value : the overall sentiment, the language, or the sentiment about a theme that is there; else None
    stage : of a theme that is there; else None
    spans : the words that show it, in code points of the text
    """

    key: Key
    present: bool = True
    value: str | None = None
    stage: str | None = None
    spans: tuple[Span, ...] = ()

    @property
    def answer(self) -> tuple[bool, str | None]:
        """What is said, without the words that show it."""
        return self.present, self.value


Decisions = Mapping[Key, Decision]


def decisions_in(record: TaggedComment, taxonomy: Taxonomy) -> dict[Key, Decision]:
    """What a record says about every label of the taxonomy: those that it does not name are not there."""
    return {key: Decision(key, present=False) for key in keys_of(taxonomy)} | {each.key: each for each in said(record)}


def keys_of(taxonomy: Taxonomy) -> list[Key]:
    """Every label that there is to decide about."""
    return [
        SENTIMENT,
        LANGUAGE,
        *(Key(DecisionKind.THEME, theme.id) for theme in taxonomy.themes),
        *(Key(DecisionKind.FACTOR, factor.id, polarity) for factor in taxonomy.factors for polarity in POLARITIES),
        *(Key(DecisionKind.FLAG, flag.id) for flag in taxonomy.flags),
    ]


def said(record: TaggedComment) -> Iterator[Decision]:
    """What a record says by naming it."""
    yield Decision(SENTIMENT, value=record.sentiment.label)
    yield Decision(LANGUAGE, value=record.language)
    for theme in record.themes:
        key = Key(DecisionKind.THEME, theme.theme)
        yield Decision(key, value=theme.sentiment, stage=theme.stage, spans=theme.spans)
    for factor in record.factors:
        yield Decision(Key(DecisionKind.FACTOR, factor.factor, factor.polarity), spans=factor.spans)
    for name in FLAGS:
        flag: Flag = getattr(record, name)
        yield Decision(Key(DecisionKind.FLAG, name), present=flag.flag, spans=flag.spans)


def overlay(record: TaggedComment, decisions: Decisions) -> TaggedComment:
    """The record with people's decisions in place of what the model said about the same labels.

    What they have decided is certain. Tags stand where the model's stood; those that the model did not give come
    after them, in the order of the decisions.
    """
    return replace(
        record,
        language=cast("Any", decisions[LANGUAGE].value) if LANGUAGE in decisions else record.language,
        sentiment=_sentiment(decisions[SENTIMENT]) if SENTIMENT in decisions else record.sentiment,
        themes=_themes(record.themes, decisions),
        factors=_factors(record.factors, decisions),
        churn_risk=_flag(record.churn_risk, decisions.get(Key(DecisionKind.FLAG, "churn_risk"))),
        follow_up=_flag(record.follow_up, decisions.get(Key(DecisionKind.FLAG, "follow_up"))),
    )


def from_decisions(decisions: Decisions, *, id_: str, model: str, taxonomy: str) -> TaggedComment | None:
    """The record of a comment that a run could not tag; None unless sentiment, language and both flags are decided."""
    flags = [Key(DecisionKind.FLAG, name) for name in FLAGS]
    if any(key not in decisions for key in (SENTIMENT, LANGUAGE, *flags)):
        return None
    unraised = Flag(flag=False, confidence=0.0, spans=())
    nothing = TaggedComment(
        id=id_,
        language="other",
        sentiment=_sentiment(decisions[SENTIMENT]),
        themes=(),
        factors=(),
        churn_risk=unraised,
        follow_up=unraised,
        model=model,
        taxonomy=taxonomy,
    )
    return overlay(nothing, decisions)


def _sentiment(decision: Decision) -> Sentiment:
    label = cast("SentimentLabel", decision.value)
    probabilities = {each: float(each == label) for each in SENTIMENTS}
    return Sentiment(label=label, score=SCORES.get(label, 0.0), probabilities=probabilities)


def _themes(themes: Iterable[ThemeTag], decisions: Decisions) -> tuple[ThemeTag, ...]:
    tags = {Key(DecisionKind.THEME, theme.theme): theme for theme in themes}
    for key, decision in _about(DecisionKind.THEME, decisions):
        if decision.present:
            value, stage = cast("Any", decision.value), decision.stage or ""
            tags[key] = ThemeTag(key.label, stage, value, CERTAIN, decision.spans)
        else:
            tags.pop(key, None)
    return tuple(tags.values())


def _factors(factors: Iterable[FactorTag], decisions: Decisions) -> tuple[FactorTag, ...]:
    tags = {Key(DecisionKind.FACTOR, factor.factor, factor.polarity): factor for factor in factors}
    for key, decision in _about(DecisionKind.FACTOR, decisions):
        if decision.present:
            tags[key] = FactorTag(cast("Any", key.label), cast("Polarity", key.polarity), CERTAIN, decision.spans)
        else:
            tags.pop(key, None)
    return tuple(tags.values())


def _flag(flag: Flag, decision: Decision | None) -> Flag:
    return flag if decision is None else Flag(decision.present, CERTAIN * decision.present, decision.spans)


def _about(kind: DecisionKind, decisions: Decisions) -> list[tuple[Key, Decision]]:
    return [(key, decision) for key, decision in decisions.items() if key.kind == kind]
