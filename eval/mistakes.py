"""Where a model's mistakes lie: by label, by kind of comment, and how near to the line.

Pure functions over what a comment's tags should be, what a tagger gave it and how probable it thought each tag.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from eval.counting import Score, micro_f1, score
from eval.scores import (
    Tagged,
    count_comments,
    factor_polarity_tags,
    flag_tag,
    sentiment_tag,
    theme_sentiment_tags,
    theme_tags,
)
from nlp.labelled import LabelledComment
from nlp.models.labels import LabelSpace
from nlp.record import Record

Floats = npt.NDArray[np.float64]
Booleans = npt.NDArray[np.bool_]
Groups = Mapping[str, Booleans]

SHOWN: Final = (
    "sentiment_accuracy",
    "themes_f1",
    "themes_with_sentiment_f1",
    "factors_with_polarity_f1",
    "churn_risk_f1",
    "follow_up_f1",
)
LENGTHS: Final[Mapping[str, tuple[int, float]]] = {
    "up to 5 words": (0, 5),
    "6 to 15": (6, 15),
    "16 to 40": (16, 40),
    "41 to 80": (41, 80),
    "more than 80": (81, np.inf),
}
SUPPORTS: Final[Mapping[str, tuple[int, float]]] = {
    "fewer than 100": (0, 99),
    "100 to 499": (100, 499),
    "500 to 1,999": (500, 1_999),
    "2,000 or more": (2_000, np.inf),
}
NEAR: Final = 0.1  # of probability: so far from the line a tag is neither sure nor surely not
FAR: Final = 0.3


@dataclass(frozen=True, slots=True)
class LabelMistakes:
    """One label's row: in how many comments it was due, and what became of it.

    `otherwise` were given with another sentiment or polarity; of what was due the rest is `missed`. `extra` were given
    where the label is not due in any form. `support` is the number of train comments that have the label.
    """

    label: str
    support: int
    due: int
    right: int
    otherwise: int
    missed: int
    extra: int


@dataclass(frozen=True, slots=True)
class Nearness:
    """How far from its line the model's probability lay where a tag was wrong.

    Parameters
    ----------
    kind : of tag
    wrong : decisions, extra and missed
    near, far : of these, at most `NEAR` from the line, and more than `FAR`
    comments : in which some tag of the kind was wrong
    worst_near : of these, the ones whose worst mistake lay near
    """

    kind: str
    wrong: int
    near: int
    far: int
    comments: int
    worst_near: int


@dataclass(frozen=True, slots=True)
class GroupMistakes:
    """The scores of a kind of comment, in the order of `SHOWN`."""

    group: str
    comments: int
    scores: Mapping[str, Score]


def label_mistakes(
    gold: Sequence[LabelledComment], predicted: Sequence[Record], train: Sequence[LabelledComment] = ()
) -> dict[str, list[LabelMistakes]]:
    """Every label of the sentiment, the themes, the factors and the flags, by kind; the most frequent first."""
    kinds: dict[str, Callable[[Tagged], frozenset[str]]] = {
        "sentiment": sentiment_tag,
        "themes": theme_sentiment_tags,
        "factors": factor_polarity_tags,
        "flags": _flags,
    }
    return {kind: _by_label(tags, gold, predicted, train) for kind, tags in kinds.items()}


def _flags(comment: Tagged) -> frozenset[str]:
    return flag_tag(comment, "churn_risk") | flag_tag(comment, "follow_up")


def _by_label(
    tags: Callable[[Tagged], frozenset[str]],
    gold: Sequence[LabelledComment],
    predicted: Sequence[Record],
    train: Sequence[LabelledComment],
) -> list[LabelMistakes]:
    support = Counter(name for comment in train for name in {_name(tag) for tag in tags(comment)})
    counts: dict[str, Counter[str]] = {}
    for comment, record in zip(gold, predicted, strict=True):
        due, given = _values(tags(comment)), _values(tags(record))
        for name in due.keys() | given.keys():
            row = counts.setdefault(name, Counter())
            row["due"] += name in due
            row[_outcome(due.get(name), given.get(name))] += 1
    rows = [
        LabelMistakes(name, support[name], row["due"], row["right"], row["otherwise"], row["missed"], row["extra"])
        for name, row in counts.items()
    ]
    return sorted(rows, key=lambda row: (-row.due, row.label))


def _name(tag: str) -> str:
    return tag.partition(":")[0]


def _values(tags: frozenset[str]) -> dict[str, frozenset[str]]:
    """`{"price_value": {"negative"}}`; a factor may be there with both polarities."""
    return {name: frozenset(tag.partition(":")[2] for tag in tags if _name(tag) == name) for name in map(_name, tags)}


def _outcome(due: frozenset[str] | None, given: frozenset[str] | None) -> str:
    if due is None:
        return "extra"
    if given is None:
        return "missed"
    return "right" if due == given else "otherwise"


def group_mistakes(
    gold: Sequence[LabelledComment], predicted: Sequence[Record], groups: Groups, *, seed: int = 0
) -> list[GroupMistakes]:
    """The scores of each group that has a comment; `groups` are masks of shape (n_comments,)."""
    rows = []
    for group, mask in groups.items():
        places = np.flatnonzero(mask).tolist()
        if places:
            counted = count_comments([gold[place] for place in places], [predicted[place] for place in places])
            scores = {name: score(counted[name], seed=seed) for name in SHOWN}
            rows.append(GroupMistakes(group, len(places), scores))
    return rows


def groupings(comments: Sequence[LabelledComment]) -> dict[str, dict[str, Booleans]]:
    """Masks of shape (n_comments,) by language, length, number of themes due, and where the comments come from."""
    words = np.array([len(comment.text.split()) for comment in comments])
    themes = np.array([len(comment.themes) for comment in comments])
    return {
        "language": _equal([comment.lang for comment in comments]),
        "length": {name: (low <= words) & (words <= high) for name, (low, high) in LENGTHS.items()},
        "themes due": {
            "none": themes == 0,
            "1": themes == 1,
            "2": themes == 2,  # noqa: PLR2004
            "3 or more": themes > 2,  # noqa: PLR2004
        },
        "origin": _equal([comment.origin or "not told" for comment in comments]),
    }


def _equal(values: Sequence[str]) -> dict[str, Booleans]:
    return {name: np.array([value == name for value in values]) for name, _ in Counter(values).most_common()}


def by_support(rows: Sequence[LabelMistakes]) -> dict[str, tuple[int, int, float]]:
    """For labels that are so frequent in training: how many they are, how often they are due, and their F1 together.

    What is given with another sentiment counts as given: it is the business of the sentiment.
    """
    found = {}
    for name, (low, high) in SUPPORTS.items():
        of_class = [row for row in rows if low <= row.support <= high]
        hits = sum(row.right + row.otherwise for row in of_class)
        totals = np.array([[hits], [sum(row.extra for row in of_class)], [sum(row.missed for row in of_class)]])
        if of_class:
            found[name] = (len(of_class), sum(row.due for row in of_class), float(micro_f1(totals.astype(np.float64))))
    return found


def nearness(
    gold: Booleans, probabilities: Floats, thresholds: Floats, kinds: Mapping[str, Sequence[int]]
) -> list[Nearness]:
    """How far from the line wrong tags lay.

    Parameters
    ----------
    gold, probabilities : of shape (n_comments, n_tags)
    thresholds : of shape (n_tags,), the probability from which a tag is given
    kinds : the columns of each kind of tag
    """
    return [
        _nearness(kind, gold[:, columns], probabilities[:, columns], thresholds[list(columns)])
        for kind, columns in kinds.items()
    ]


def _nearness(kind: str, gold: Booleans, probabilities: Floats, thresholds: Floats) -> Nearness:
    wrong = (probabilities >= thresholds) != gold
    distance = np.where(wrong, np.abs(probabilities - thresholds), 0.0)
    worst, any_wrong = distance.max(axis=1), wrong.any(axis=1)
    return Nearness(
        kind=kind,
        wrong=int(wrong.sum()),
        near=int((wrong & (distance <= NEAR)).sum()),
        far=int((wrong & (distance > FAR)).sum()),
        comments=int(any_wrong.sum()),
        worst_near=int((any_wrong & (worst <= NEAR)).sum()),
    )


def due_tags(comments: Sequence[LabelledComment], labels: LabelSpace) -> Booleans:
    """Which tags each comment should get: bool of shape (n_comments, n_tags)."""
    due = np.zeros((len(comments), len(labels.tags)), dtype=bool)
    for row, comment in enumerate(comments):
        tags = theme_tags(comment) | factor_polarity_tags(comment) | _flags(comment)
        due[row, [labels.column[tag] for tag in tags]] = True
    return due


def columns_of(labels: LabelSpace) -> dict[str, list[int]]:
    """The columns of each kind of tag that is scored apart: the themes, the factors, and each flag."""
    kinds = {"themes": labels.themes, "factors": labels.factors, **{flag: (flag,) for flag in labels.flags}}
    return {kind: [labels.column[tag] for tag in tags] for kind, tags in kinds.items()}
