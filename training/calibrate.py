"""Temperatures, fitted on labelled train comments that fine-tuning has not seen; never on dev."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize_scalar

from nlp.calibration import softmax
from nlp.models.encoder import Encoder
from nlp.models.labels import THEME_SENTIMENTS, LabelSpace
from nlp.models.manifest import Calibration
from training.data import LabelledComment

Floats = npt.NDArray[np.float64]
ENOUGH = 25  # positives of a kind of tag below which its temperature would be chance
# A tag is given where it is more likely than not. Thresholds of their own for labels were no better on comments that
# they were not chosen on: docs/model.md has the comparison.
THRESHOLD = 0.5


def calibrate(encoder: Encoder, comments: Sequence[LabelledComment]) -> Calibration:
    """Fit a temperature per head; every tag's threshold is `THRESHOLD`.

    Temperatures minimise the log loss (Guo et al. 2017, section 4.2). A kind of tag (themes, factors, flags) has one.
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
    for kind in (labels.themes, labels.factors, labels.flags):
        places = [labels.column[label] for label in kind]
        temperature = _binary_temperature(tags[:, places], gold[:, places])
        for label in kind:
            temperatures[label] = temperature
    return Calibration(
        sentiment_temperature=_temperature(sentiment, gold_sentiment),
        theme_sentiment_temperature=_temperature(theme_sentiment[rows, columns], feelings),
        tag_temperatures=temperatures,
        thresholds=dict.fromkeys(labels.tags, THRESHOLD),
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
    return round(float(minimize_scalar(loss, bounds=(0.3, 5.0), method="bounded").x), 3)
