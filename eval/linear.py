"""A linear model over words and letters, and how far its answers help a network's.

What counting words reaches is the least that a network has to beat; where the mean of the two is better than the
network, the network misses what stands in the words. Needs scikit-learn (`stemme[topics]`) and scipy.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from scipy.special import log_softmax
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import FeatureUnion

from eval.counting import EXTRA, HIT, MISSED, Counts
from eval.mistakes import Booleans, Floats, due_tags
from nlp.labelled import LabelledComment
from nlp.models.labels import LabelSpace
from training.calibrate import MORE_LIKELY_THAN_NOT, best_f1
from training.holdout import hold_out

INVERSE_REGULARIZATION: Final = 10.0
NEVER: Final = -10.0  # log-odds of a label that no train comment has
PENALTY: Final = 1e-3  # on squared weights, so that they stay finite where a few comments can be told apart wholly
WORD: Final = r"\w+|[^\w\s]"


@dataclass(frozen=True, slots=True)
class LogOdds:
    """What a model says of comments, one row each: of every tag, and of every overall sentiment.

    Parameters
    ----------
    tags : float64 of shape (n_comments, n_tags)
    sentiment : float64 of shape (n_comments, n_sentiments); the highest is the likeliest
    """

    tags: Floats
    sentiment: Floats


class LinearModel:
    """One logistic regression a label over TF-IDF of words, pairs of words, and 3 to 5 letters within a word.

    References
    ----------
    Wang & Manning (2012), Baselines and Bigrams, ACL; Joachims (1998), Text Categorization with Support Vector
    Machines, ECML
    """

    def __init__(self, features: FeatureUnion, tags: Sequence[Any], sentiments: Sequence[Any]) -> None:
        self._features, self._tags, self._sentiments = features, tags, sentiments

    @classmethod
    def fit(cls, comments: Sequence[LabelledComment], labels: LabelSpace) -> LinearModel:
        """Learn from labelled comments; a run of words or letters counts that stands in two of them."""
        common = {"min_df": 2, "sublinear_tf": True, "dtype": np.float32}
        features = FeatureUnion(
            [
                ("words", TfidfVectorizer(ngram_range=(1, 2), token_pattern=WORD, **common)),
                ("letters", TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 5), **common)),
            ]
        )
        table = features.fit_transform([comment.text for comment in comments])
        tags = due_tags(comments, labels)
        sentiments = np.array([[comment.sentiment == one for one in labels.sentiments] for comment in comments])
        return cls(features, [_regression(table, due) for due in tags.T], [_regression(table, d) for d in sentiments.T])

    def log_odds(self, comments: Sequence[LabelledComment]) -> LogOdds:
        """Of each comment, in order."""
        table = self._features.transform([comment.text for comment in comments])
        return LogOdds(
            *(np.stack([_said(one, table) for one in kind], axis=1) for kind in (self._tags, self._sentiments))
        )


def _regression(table: Any, due: Booleans) -> Any:
    """None where nothing can be told apart."""
    if due.all() or not due.any():
        return None
    return LogisticRegression(C=INVERSE_REGULARIZATION, solver="liblinear", tol=0.01).fit(table, due)


def _said(regression: Any, table: Any) -> Floats:
    said: Floats = np.full(table.shape[0], NEVER) if regression is None else regression.decision_function(table)
    return said


@dataclass(frozen=True, slots=True)
class Crossed:
    """What answers come to when all that turns them into tags is fitted on other comments.

    Parameters
    ----------
    counts : by kind of tag, and of the overall sentiment; a mean over the ways in which the comments were cut in two
    weights : by kind, of each of the answers that were added up, likewise a mean
    """

    counts: Mapping[str, Counts]
    weights: Mapping[str, Sequence[float]]


def crossed(
    comments: Sequence[LabelledComment],
    said: Sequence[LogOdds],
    labels: LabelSpace,
    columns: Mapping[str, Sequence[int]],
    *,
    cuts: int,
    seed: int = 0,
) -> Crossed:
    """Add up what models say, with weights, an offset and a threshold for each kind of tag, and count the tags.

    The comments are cut in two by id and text, `cuts` times. What is fitted on one half is counted on the other, and
    the other way round. Weights and offset minimise the log loss; the threshold is half of the best F1 that can be
    reached (Lipton, Elkan & Narayanaswamy 2014, Optimal Thresholding of Classifiers to Maximize F1 Measure).

    Parameters
    ----------
    said : of one model or several; of one it is calibrated anew only
    columns : the tags of each kind
    """
    gold = due_tags(comments, labels)
    feelings = np.array([labels.sentiments.index(comment.sentiment) for comment in comments])
    tags, sentiments = np.stack([one.tags for one in said]), np.stack([one.sentiment for one in said])
    tables = {kind: np.zeros((len(comments), 3, len(places))) for kind, places in columns.items()}
    right = np.zeros(len(comments))
    weights: dict[str, list[Floats]] = {kind: [] for kind in (*columns, "sentiment")}
    for fitted, counted in _halves(comments, cuts=cuts, seed=seed):
        for kind, places in columns.items():
            there = tags[:, :, places]
            weighed, threshold = _fit_tags(there[:, fitted], gold[fitted][:, places])
            given = _probability(there[:, counted], weighed) >= threshold
            due = gold[counted][:, places]
            tables[kind][counted, HIT] += given & due
            tables[kind][counted, EXTRA] += given & ~due
            tables[kind][counted, MISSED] += ~given & due
            weights[kind].append(weighed[:-1])
        weighed = _fit_sentiment(sentiments[:, fitted], feelings[fitted])
        right[counted] += np.tensordot(weighed, sentiments[:, counted], 1).argmax(axis=1) == feelings[counted]
        weights["sentiment"].append(weighed)
    names = {kind: tuple(labels.tags[place] for place in places) for kind, places in columns.items()}
    shares = np.stack([right / cuts, np.zeros(len(right)), 1 - right / cuts], axis=1)[:, :, np.newaxis]
    return Crossed(
        counts={"sentiment": Counts(("right",), shares)}
        | {kind: Counts(names[kind], table / cuts) for kind, table in tables.items()},
        weights={kind: np.mean(found, axis=0).round(3).tolist() for kind, found in weights.items()},
    )


def _halves(comments: Sequence[LabelledComment], *, cuts: int, seed: int) -> list[tuple[Booleans, Booleans]]:
    """Masks to fit on and to count on; both halves of a cut are counted on once."""
    pairs = []
    for cut in range(cuts):
        drawn = {comment.id for comment in hold_out(comments, 0.5, seed=seed + cut)[1]}
        mask = np.array([comment.id in drawn for comment in comments])
        pairs += [(mask, ~mask), (~mask, mask)]
    return pairs


def _fit_tags(said: Floats, gold: Booleans) -> tuple[Floats, float]:
    """Weights with the offset as the last, and the threshold, from log-odds of shape (n_models, n_comments, n_tags)."""

    def loss(parameters: Floats) -> float:
        scaled = np.tensordot(parameters[:-1], said, 1) + parameters[-1]
        return float(np.logaddexp(0, np.where(gold, -scaled, scaled)).mean() + PENALTY * np.square(parameters).sum())

    start = np.array([*np.full(len(said), 1 / len(said)), 0.0])
    weights: Floats = minimize(loss, start, method="L-BFGS-B").x
    threshold = best_f1(_probability(said, weights).ravel(), gold.ravel()) / 2
    return weights, threshold if gold.any() else MORE_LIKELY_THAN_NOT


def _probability(said: Floats, weights: Floats) -> Floats:
    probability: Floats = 1 / (1 + np.exp(-np.tensordot(weights[:-1], said, 1) - weights[-1]))
    return probability


def _fit_sentiment(said: Floats, feelings: npt.NDArray[np.int64]) -> Floats:
    """A weight for each model, from shape (n_models, n_comments, n_sentiments)."""

    def loss(weights: Floats) -> float:
        known = log_softmax(np.tensordot(weights, said, 1), axis=1)[np.arange(len(feelings)), feelings]
        return float(PENALTY * np.square(weights).sum() - known.mean())

    weights: Floats = minimize(loss, np.full(len(said), 1 / len(said)), method="L-BFGS-B").x
    return weights
