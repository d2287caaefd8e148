"""Whether confidences come true as often as they say: the calibration of every head.

A record has no confidence for the sentiment about a theme; the tagger says it beside the record.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

import numpy as np

from eval.counting import Counted, Counts, Floats, Score, ratio, score
from nlp.labelled import LabelledComment
from nlp.record import Record, TaggedComment

FLAGS: Final = ("churn_risk", "follow_up")
N_BINS: Final = 10
SAYS, COMES_TRUE, COUNT = range(3)

Foretold = Sequence[tuple[float, bool]]
"""Confidences, each with whether it came true."""


@dataclass(frozen=True, slots=True)
class Bin:
    """Confidences of like size: what they say on average, how often that came true, and how many there are."""

    says: float
    comes_true: float
    count: int


def binned(foretold: Sequence[Foretold], *, n_bins: int = N_BINS) -> Counts:
    """Confidences in bins of equal width; bin i holds those above i / n_bins and up to (i + 1) / n_bins.

    Parameters
    ----------
    foretold : by comment; a comment may have several or none
    n_bins : bins between 0 and 1

    Returns
    -------
    a table of shape (n_comments, 3, n_bins); the middle axis is the sum of confidences, how many came true, and how
    many there are
    """
    table = np.zeros((len(foretold), 3, n_bins))
    for row, confidences in enumerate(foretold):
        for says, true in confidences:
            place = min(max(int(np.ceil(says * n_bins)) - 1, 0), n_bins - 1)
            table[row, :, place] += says, true, 1
    return Counts(tuple(f"up to {(place + 1) / n_bins:g}" for place in range(n_bins)), table)


def expected_calibration_error(totals: Floats) -> Floats:
    """How far confidences lie from how often they come true, on average.

    Parameters
    ----------
    totals : float64 of shape (..., 3, n_bins), summed over comments; see `binned`

    Returns
    -------
    float64 of shape (...), 0 (each bin comes true as often as it says) to 1; NaN where there is no confidence

    References
    ----------
    Guo et al. (2017), On Calibration of Modern Neural Networks, ICML, equations 2, 3 and 5

    >>> float(expected_calibration_error(binned([[(0.75, True)], [(0.75, True), (0.75, True), (0.75, False)]]).totals))
    0.0
    """
    gaps = np.abs(totals[..., COMES_TRUE, :] - totals[..., SAYS, :])
    return ratio(gaps.sum(axis=-1), totals[..., COUNT, :].sum(axis=-1))


def score_calibration(counts: Counts, *, seed: int = 0) -> Score:
    """The expected calibration error with its interval; the support is the number of confidences.

    A resample adds chance of its own to that of the sample, and chance only ever adds to this error: the interval lies
    somewhat too high.
    """
    measured = score(Counted(counts, expected_calibration_error), seed=seed)
    return replace(measured, support=int(counts.totals[COUNT].sum()))


def reliability(counts: Counts) -> list[Bin]:
    """The bins that hold a confidence, in rising order."""
    return [
        Bin(says=says / count, comes_true=true / count, count=int(count))
        for says, true, count in counts.totals.T.tolist()
        if count
    ]


@dataclass(frozen=True, slots=True)
class Answer:
    """A comment's labels and its record; `sure` is how sure the tagger is of the sentiment about each theme it gave."""

    due: LabelledComment
    record: TaggedComment
    sure: Mapping[str, float]


def count_calibration(
    gold: Sequence[LabelledComment], predicted: Sequence[Record], theme_sentiments: Sequence[Mapping[str, float]] = ()
) -> dict[str, Counts]:
    """Every head's confidences in bins; a comment that could not be tagged has none.

    Parameters
    ----------
    theme_sentiments : for each comment the confidence of the sentiment about each theme, empty where that is not known
    """
    sure = theme_sentiments or [{} for _ in gold]
    rows = [
        Answer(comment, record, by_theme) if isinstance(record, TaggedComment) else None
        for comment, record, by_theme in zip(gold, predicted, sure, strict=True)
    ]
    return {
        head: binned([() if answer is None else foretold(answer) for answer in rows])
        for head, foretold in HEADS.items()
    }


def _sentiment(answer: Answer) -> Foretold:
    """The probability of the label that was given."""
    given = answer.record.sentiment
    return [(given.probabilities[given.label], given.label == answer.due.sentiment)]


def _themes(answer: Answer) -> Foretold:
    """The confidence of each theme that was given: that the comment speaks about it, whatever the sentiment."""
    due = {tag.theme for tag in answer.due.themes}
    return [(tag.confidence, tag.theme in due) for tag in answer.record.themes]


def _theme_sentiment(answer: Answer) -> Foretold:
    """The probability of the sentiment about each theme that was given and that the comment speaks about."""
    due = {tag.theme: tag.sentiment for tag in answer.due.themes}
    return [
        (answer.sure[tag.theme], tag.sentiment == due[tag.theme])
        for tag in answer.record.themes
        if tag.theme in due and tag.theme in answer.sure
    ]


def _factors(answer: Answer) -> Foretold:
    """The confidence of each factor that was given, with its polarity."""
    due = {tag.tag for tag in answer.due.factors}
    return [(tag.confidence, f"{tag.factor}:{tag.polarity}" in due) for tag in answer.record.factors]


def _flag(answer: Answer, *, flag: str) -> Foretold:
    """The probability that the flag is due, whether it is raised or not."""
    return [(getattr(answer.record, flag).confidence, getattr(answer.due, flag))]


HEADS: Final[Mapping[str, Callable[[Answer], Foretold]]] = {
    "sentiment": _sentiment,
    "themes": _themes,
    "theme_sentiment": _theme_sentiment,
    "factors": _factors,
    **{flag: partial(_flag, flag=flag) for flag in FLAGS},
}
