"""What is scored: pure functions over what a comment's tags should be and what a tagger gave it.

A comment that could not be tagged has no tag at all: its sentiment and language count as wrong, its themes, factors and
flags as missed. A score is NaN where there is nothing to measure it on. docs/evaluation.md says what each one means.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

import numpy as np

from eval.calibration import FLAGS, Bin, count_calibration, reliability, score_calibration
from eval.counting import Counted, Counts, LabelScore, Score, Statistic, by_label, macro_f1, micro_f1, recall, score
from nlp.labelled import LabelledComment
from nlp.record import FailedComment, Flag, Record, Span

Tagged = LabelledComment | Record
Tags = frozenset[str]

GROUPS: Final[Mapping[str, tuple[str, ...]]] = {
    "da": ("da",),
    "sv": ("sv",),
    "no": ("nb", "nn", "no"),
    "nb": ("nb",),
    "nn": ("nn",),
    "all": ("da", "sv", "nb", "nn", "no", "other"),
}
FORMS: Final = ("nb", "nn")
"""Groups that are a part of `no`."""
LABELS: Final[Mapping[str, tuple[str, ...]]] = {
    "sentiment": ("sentiment_accuracy",),
    "themes": ("themes_f1",),
    "themes_with_sentiment": ("themes_with_sentiment_f1",),
    "factors": ("factors_f1",),
    "factors_with_polarity": ("factors_with_polarity_f1",),
    "flags": tuple(f"{flag}_f1" for flag in FLAGS),
    "evidence": ("evidence_f1",),
}
"""Each table by label, and the scores from whose counts it is made."""

_WORD: Final = re.compile(r"\S+")


@dataclass(frozen=True, slots=True)
class GroupScores:
    """Everything measured on one group of languages.

    Parameters
    ----------
    comments, failed : how many there are, and how many of them could not be tagged
    headline : the scores by name, each with its interval
    labels : a table per kind of tag, one row per label, and one of the words that show a factor
    calibration : the expected calibration error of each head, with its interval; 0 is perfect
    reliability : the bins that it was made from
    """

    comments: int
    failed: int
    headline: Mapping[str, Score]
    labels: Mapping[str, Sequence[LabelScore]]
    calibration: Mapping[str, Score]
    reliability: Mapping[str, Sequence[Bin]]


@dataclass(frozen=True, slots=True)
class Pair:
    """A comment and its localisation, as tagged."""

    original: Record
    localised: Record


def shown(comments: Mapping[str, int]) -> list[str]:
    """The groups that a table has a column for: a written form of Norwegian only beside other Norwegian.

    Parameters
    ----------
    comments : how many there are in each group

    >>> shown({"no": 5, "nb": 3, "nn": 2, "all": 5}), shown({"no": 5, "nb": 5, "nn": 0, "all": 5})
    (['no', 'nb', 'nn', 'all'], ['no', 'all'])
    """
    return [group for group, count in comments.items() if group not in FORMS or 0 < count < comments["no"]]


def sentiment_tag(comment: Tagged) -> Tags:
    """The overall sentiment, none where tagging failed."""
    if isinstance(comment, FailedComment):
        return frozenset()
    return frozenset([comment.sentiment if isinstance(comment, LabelledComment) else comment.sentiment.label])


def theme_tags(comment: Tagged) -> Tags:
    """The themes."""
    return frozenset() if isinstance(comment, FailedComment) else frozenset(tag.theme for tag in comment.themes)


def theme_sentiment_tags(comment: Tagged) -> Tags:
    """The themes, each with the sentiment about it."""
    if isinstance(comment, FailedComment):
        return frozenset()
    return frozenset(f"{tag.theme}:{tag.sentiment}" for tag in comment.themes)


def factor_tags(comment: Tagged) -> Tags:
    """The emotional factors, however they are experienced."""
    return frozenset() if isinstance(comment, FailedComment) else frozenset(tag.factor for tag in comment.factors)


def factor_polarity_tags(comment: Tagged) -> Tags:
    """The emotional factors, each with its polarity."""
    if isinstance(comment, FailedComment):
        return frozenset()
    return frozenset(f"{tag.factor}:{tag.polarity}" for tag in comment.factors)


def flag_tag(comment: Tagged, flag: str) -> Tags:
    """The flag if it is raised."""
    if isinstance(comment, FailedComment):
        return frozenset()
    value: bool | Flag = getattr(comment, flag)
    raised = value.flag if isinstance(value, Flag) else value
    return frozenset([flag]) if raised else frozenset()


def count(tags: Callable[[Tagged], Tags], gold: Sequence[LabelledComment], predicted: Sequence[Record]) -> Counts:
    """One kind of tag, compared."""
    return Counts.of_tags([tags(comment) for comment in gold], [tags(record) for record in predicted])


def words_of(text: str, spans: Sequence[Span]) -> set[int]:
    """Where the words start that overlap a span; a word is what stands between white space.

    >>> sorted(words_of("De var hjelpsomme!", [Span(4, 6), Span(7, 17)]))
    [3, 7]
    """
    return {
        word.start()
        for word in _WORD.finditer(text)
        if any(span.start < word.end() and word.start() < span.end for span in spans)
    }


def count_evidence(gold: Sequence[LabelledComment], predicted: Sequence[Record]) -> Counts:
    """The words that show a factor, counted by whether they are marked.

    Over the factors (comment, factor, polarity) that have marked words in the gold and that the tagger gave too:
    whether it gave a factor at all is the business of the factors' own F1. Words are those of `words_of`; all words
    of a factor's spans count together.

    References
    ----------
    DeYoung et al. (2020), ERASER: A Benchmark to Evaluate Rationalized NLP Models, ACL, section 4.1 (token F1); here
    over all words of all factors (micro)
    """
    table = np.zeros((len(gold), 3, 1))
    for row, (comment, record) in enumerate(zip(gold, predicted, strict=True)):
        for right, given in _evidence(comment, record):
            table[row, :, 0] += len(right & given), len(given - right), len(right - given)
    return Counts(("word",), table)


def _evidence(comment: LabelledComment, record: Record) -> Iterator[tuple[set[int], set[int]]]:
    """The marked words and the given ones of each factor that has both."""
    marked: dict[str, list[Span]] = {}
    for factor in comment.factors:
        if factor.start is not None and factor.end is not None:
            marked.setdefault(factor.tag, []).append(Span(factor.start, factor.end))
    if isinstance(record, FailedComment):
        return
    given: dict[str, list[Span]] = {}
    for tag in record.factors:
        given.setdefault(f"{tag.factor}:{tag.polarity}", []).extend(tag.spans)
    for name in marked.keys() & given.keys():
        yield words_of(comment.text, marked[name]), words_of(comment.text, given[name])


def language_is_right(gold: str, record: Record) -> bool:
    """Whether the language was recognised; for gold `no`, either written form will do."""
    if isinstance(record, FailedComment):
        return False
    return record.language in (GROUPS["no"] if gold == "no" else (gold,))


def count_agreement(pairs: Sequence[Pair], *tags: Callable[[Tagged], Tags]) -> Counts:
    """How far a localised comment gets the tags of its original, whatever these are.

    The F1 of these counts is the same from either side: twice the shared tags over all tags of both (Dice 1945,
    Measures of the Amount of Ecologic Association Between Species, Ecology 26).
    """

    def named(record: Record) -> Tags:
        return frozenset(f"{kind.__name__}={tag}" for kind in tags for tag in kind(record))

    return Counts.of_tags([named(pair.original) for pair in pairs], [named(pair.localised) for pair in pairs])


def count_comments(
    gold: Sequence[LabelledComment], predicted: Sequence[Record], pairs: Sequence[Pair | None] = ()
) -> dict[str, Counted]:
    """The counts of every score of a group of comments, by name; the parameters are those of `score_comments`.

    A row of counts is of one stem: a comment and what was localised from it are no two independent observations, so
    resampling draws them together (Davison & Hinkley 1997, Bootstrap Methods and their Application, section 3.8).
    """
    stems = [comment.stem for comment in gold]
    known = [(comment.stem, pair) for comment, pair in zip(gold, pairs, strict=bool(pairs)) if pair is not None]

    def counted(counts: Counts, statistic: Statistic) -> Counted:
        return Counted(counts.joined(stems), statistic)

    def agreement(*tags: Callable[[Tagged], Tags]) -> Counted:
        counts = count_agreement([pair for _, pair in known], *tags)
        return Counted(counts.joined([stem for stem, _ in known]), micro_f1)

    sentiment = count(sentiment_tag, gold, predicted)
    themes = count(theme_tags, gold, predicted)
    theme_sentiments = count(theme_sentiment_tags, gold, predicted)
    factors = count(factor_tags, gold, predicted)
    factor_polarities = count(factor_polarity_tags, gold, predicted)
    language = Counts.of_outcomes(
        language_is_right(comment.lang, record) for comment, record in zip(gold, predicted, strict=True)
    )
    return {
        "sentiment_accuracy": counted(sentiment, recall),
        "sentiment_macro_f1": counted(sentiment, macro_f1),
        "themes_f1": counted(themes, micro_f1),
        "themes_macro_f1": counted(themes, macro_f1),
        "themes_with_sentiment_f1": counted(theme_sentiments, micro_f1),
        "themes_with_sentiment_macro_f1": counted(theme_sentiments, macro_f1),
        "factors_f1": counted(factors, micro_f1),
        "factors_macro_f1": counted(factors, macro_f1),
        "factors_with_polarity_f1": counted(factor_polarities, micro_f1),
        "factors_with_polarity_macro_f1": counted(factor_polarities, macro_f1),
        **{f"{flag}_f1": counted(count(partial(flag_tag, flag=flag), gold, predicted), micro_f1) for flag in FLAGS},
        "evidence_f1": counted(count_evidence(gold, predicted), micro_f1),
        "localisation_f1": agreement(theme_sentiment_tags, factor_polarity_tags),
        "localisation_themes_f1": agreement(theme_tags),
        "localisation_factors_f1": agreement(factor_polarity_tags),
        "localisation_sentiment": agreement(sentiment_tag),
        "language_accuracy": counted(language, recall),
    }


def score_comments(
    gold: Sequence[LabelledComment],
    predicted: Sequence[Record],
    pairs: Sequence[Pair | None] = (),
    theme_sentiments: Sequence[Mapping[str, float]] = (),
    *,
    seed: int = 0,
) -> GroupScores:
    """Every score of a group of comments.

    Parameters
    ----------
    gold, predicted : one record a comment, in order
    pairs : localised comments of the group with their originals; None for what has no original
    theme_sentiments : see `count_calibration`
    seed : of the bootstrap
    """
    counted = count_comments(gold, predicted, pairs)
    stems = [comment.stem for comment in gold]
    calibration = {
        head: counts.joined(stems) for head, counts in count_calibration(gold, predicted, theme_sentiments).items()
    }
    return GroupScores(
        comments=len(gold),
        failed=sum(isinstance(record, FailedComment) for record in predicted),
        headline={name: score(counts, seed=seed) for name, counts in counted.items()},
        labels={
            kind: [row for name in names for row in by_label(counted[name].counts)] for kind, names in LABELS.items()
        },
        calibration={head: score_calibration(counts, seed=seed) for head, counts in calibration.items()},
        reliability={head: reliability(counts) for head, counts in calibration.items()},
    )
