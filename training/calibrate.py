"""Probabilities that come true, and thresholds: fitted on labelled train comments that fine-tuning has not seen.

They are never fitted on dev.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize, minimize_scalar

from nlp.calibration import softmax
from nlp.models.encoder import Encoder
from nlp.models.labels import THEME_SENTIMENTS, LabelSpace
from nlp.models.manifest import Calibration
from training.data import LabelledComment

Floats = npt.NDArray[np.float64]
ENOUGH = 25  # positives of a kind of tag below which its temperature would be chance
TEMPERATURES = (0.3, 5.0)
OFFSETS = (-3.0, 3.0)
MORE_LIKELY_THAN_NOT = 0.5


def calibrate(encoder: Encoder, comments: Sequence[LabelledComment]) -> Calibration:
    """Fit a temperature per head; a kind of tag (themes, factors, flags) has an offset and a threshold too.

    Temperatures minimise the log loss (Guo et al. 2017, section 4.2), together with the offset where there is one
    (Platt 1999): training counts the presence of rare tags more than their absence, so they are given too readily. The
    threshold is the one that is best for F1 where probabilities come true: half of the best F1 that can be reached
    (Lipton, Elkan & Narayanaswamy 2014, Optimal Thresholding of Classifiers to Maximize F1 Measure). A kind that fewer
    than `ENOUGH` comments have keeps an offset of 0 and a threshold of 0.5.
    """
    labels = encoder.labels
    outputs = encoder.run([comment.text for comment in comments], [comment.question for comment in comments])
    sentiment = np.stack([output.sentiment for output in outputs])
    tags = np.stack([output.tags for output in outputs]).astype(np.float64)
    theme_sentiment = np.stack([output.theme_sentiment for output in outputs])
    gold = gold_tags(labels, comments)
    gold_sentiment = np.array([labels.sentiments.index(comment.sentiment) for comment in comments])
    there = [
        (row, labels.column[theme], THEME_SENTIMENTS.index(feeling))
        for row, comment in enumerate(comments)
        for theme, feeling in comment.themes.items()
    ]
    rows, columns, feelings = (np.array(part) for part in zip(*there, strict=True))
    temperatures: dict[str, float] = {}
    offsets: dict[str, float] = {}
    thresholds: dict[str, float] = {}
    for kind in (labels.themes, labels.factors, labels.flags):
        places = [labels.column[label] for label in kind]
        temperature, offset, threshold = _of_kind(tags[:, places].ravel(), gold[:, places].ravel())
        temperatures |= dict.fromkeys(kind, temperature)
        offsets |= dict.fromkeys(kind, offset)
        thresholds |= dict.fromkeys(kind, threshold)
    return Calibration(
        sentiment_temperature=_temperature(sentiment, gold_sentiment),
        theme_sentiment_temperature=_temperature(theme_sentiment[rows, columns], feelings),
        tag_temperatures=temperatures,
        tag_offsets=offsets,
        thresholds=thresholds,
    )


def gold_tags(labels: LabelSpace, comments: Sequence[LabelledComment]) -> npt.NDArray[np.bool_]:
    """Which tags each comment has: bool of shape (n_comments, n_tags)."""
    gold = np.zeros((len(comments), len(labels.tags)), dtype=bool)
    for row, comment in enumerate(comments):
        present = [*comment.themes, *(f"{factor.factor}:{factor.polarity}" for factor in comment.factors)]
        present += [
            name for name, raised in (("churn_risk", comment.churn_risk), ("follow_up", comment.follow_up)) if raised
        ]
        gold[row, [labels.column[tag] for tag in present]] = True
    return gold


def _of_kind(logits: Floats, gold: npt.NDArray[np.bool_]) -> tuple[float, float, float]:
    """Temperature, offset and threshold of a kind of tag, from (n,) logits."""
    if np.count_nonzero(gold) < ENOUGH:
        return _binary_temperature(logits, gold), 0.0, MORE_LIKELY_THAN_NOT

    def loss(parameters: Floats) -> float:
        scaled = logits / parameters[0] + parameters[1]
        return float(np.logaddexp(0, np.where(gold, -scaled, scaled)).mean())

    found = minimize(loss, x0=np.array([1.0, 0.0]), bounds=[TEMPERATURES, OFFSETS], method="L-BFGS-B").x
    temperature, offset = (round(float(value), 3) for value in found)
    probabilities = 1 / (1 + np.exp(-logits / temperature - offset))
    return temperature, offset, round(best_f1(probabilities, gold) / 2, 3)


def best_f1(probabilities: Floats, gold: npt.NDArray[np.bool_]) -> float:
    """The highest F1 that any threshold reaches; both arguments of shape (n,).

    >>> round(best_f1(np.array([0.9, 0.6, 0.4, 0.1]), np.array([True, False, True, False])), 2)
    0.8
    """
    falling = np.argsort(-probabilities, kind="stable")
    true = np.cumsum(gold[falling])
    f1 = 2 * true / (np.arange(1, len(gold) + 1) + np.count_nonzero(gold))
    # A threshold takes all that are equally probable or none.
    last_of_its_value = np.append(np.diff(probabilities[falling]) != 0, True)
    return float(f1[last_of_its_value].max())


def _temperature(logits: npt.NDArray[np.float32], gold: npt.NDArray[np.int64]) -> float:
    def loss(temperature: float) -> float:
        chosen = softmax(logits, temperature)[np.arange(len(gold)), gold]
        return float(-np.log(np.maximum(chosen, 1e-9)).mean())

    return _fitted(loss)


def _binary_temperature(logits: Floats, gold: npt.NDArray[np.bool_]) -> float:
    def loss(temperature: float) -> float:
        scaled = np.where(gold, logits, -logits) / temperature
        return float(np.logaddexp(0, -scaled).mean())

    return _fitted(loss)


def _fitted(loss: object) -> float:
    return round(float(minimize_scalar(loss, bounds=TEMPERATURES, method="bounded").x), 3)
