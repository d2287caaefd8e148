"""Distillation: the network learns once more, from labels softened by what teachers say of the same comments.

A label says yes or no; a teacher says how near the comment lies to the line (Hinton et al. 2015, Distilling the
Knowledge in a Neural Network). Teachers are the fine-tuned network itself (Furlanello et al. 2018, Born-Again Neural
Networks, ICML) and the network that training started from, where it had heads.

A teacher knows its own training comments by heart. So it is asked about their translations too, and what is learned is
the mean: what it says of a comment in any language, which the comment and its translations all learn, so that the
written languages agree.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from nlp.calibration import softmax
from nlp.models.encoder import Encoder
from training.calibrate import calibrate, gold_tags
from training.data import LabelledComment, TranslatedText
from training.examples import Example, Examples, of_comment, of_translation

Floats = npt.NDArray[np.float64]


class Said(NamedTuple):
    """What is said of texts: probabilities of every tag, (n_texts, n_tags), and sentiment, (n_texts, n_sentiments)."""

    tags: Floats
    sentiment: Floats


@dataclass(frozen=True)
class Teacher:
    """A network with what makes its probabilities come true; `temperatures` and `offsets` of shape (n_tags,)."""

    encoder: Encoder
    temperatures: Floats
    offsets: Floats
    sentiment_temperature: float = 1.0

    @classmethod
    def of(cls, encoder: Encoder, calibration: Sequence[LabelledComment]) -> Teacher:
        """Fit them on comments that the network has not learned from."""
        fitted, tags = calibrate(encoder, calibration), encoder.labels.tags
        return cls(
            encoder,
            np.array([fitted.tag_temperatures[tag] for tag in tags]),
            np.array([fitted.tag_offsets[tag] for tag in tags]),
            fitted.sentiment_temperature,
        )

    def probabilities(self, texts: Sequence[str], questions: Sequence[str | None]) -> Said:
        outputs = self.encoder.run(texts, questions)
        logits = np.stack([output.tags for output in outputs]).astype(np.float64)
        sentiment = np.stack([output.sentiment for output in outputs])
        return Said(
            1 / (1 + np.exp(-logits / self.temperatures - self.offsets)),
            softmax(sentiment, self.sentiment_temperature).astype(np.float64),
        )


class Softened(NamedTuple):
    """What a comment's labels and its teachers say together: a probability a tag, and one a sentiment."""

    tags: tuple[float, ...]
    sentiment: tuple[float, ...]


def softened(
    teachers: Sequence[Teacher],
    comments: Sequence[LabelledComment],
    label_share: float,
    translated: Sequence[TranslatedText] = (),
) -> Mapping[str, Softened]:
    """By comment id, the mean of its labels (`label_share`) and of what the teachers say (the rest).

    Of a comment with translations the teachers read the comment and one of these; both count the same.
    """
    labels = teachers[0].encoder.labels
    other = _one_each(translated)
    both = [comment for comment in comments if comment.id in other]
    texts = [comment.text for comment in comments] + [other[comment.id] for comment in both]
    questions = [comment.question for comment in comments] + [comment.question for comment in both]
    said = [teacher.probabilities(texts, questions) for teacher in teachers]
    of_both = np.array([comment.id in other for comment in comments], dtype=bool)

    def mixed(label: npt.NDArray[np.bool_], taught: Sequence[Floats]) -> list[tuple[float, ...]]:
        mean = np.mean(taught, axis=0)
        own = mean[: len(comments)].copy()
        own[of_both] = (own[of_both] + mean[len(comments) :]) / 2
        return [tuple(row) for row in (label_share * label + (1 - label_share) * own).round(4).tolist()]

    sentiments = np.array([[comment.sentiment == name for name in labels.sentiments] for comment in comments])
    tags = mixed(gold_tags(labels, comments), [one.tags for one in said])
    sentiment = mixed(sentiments, [one.sentiment for one in said])
    return {comment.id: Softened(*one) for comment, *one in zip(comments, tags, sentiment, strict=True)}


def _one_each(translated: Sequence[TranslatedText]) -> Mapping[str, str]:
    """One translation for each comment that has any, by the comment's id; the same at every call."""
    versions: dict[str, list[str]] = defaultdict(list)
    for row in translated:
        versions[row.id].append(row.text)
    return {id_: random.Random(id_).choice(texts) for id_, texts in versions.items()}


def distilled_examples(
    comments: Sequence[LabelledComment],
    translated: Sequence[TranslatedText],
    taught: Mapping[str, Softened],
    *,
    translated_weight: float,
) -> Examples:
    """The comments and their translations with softened labels; sentiments of themes and words that show a tag stay."""
    by_id = {comment.id: comment for comment in comments}

    def soft(example: Example, id_: str) -> Example:
        return replace(example, tag_probabilities=taught[id_].tags, sentiment_probabilities=taught[id_].sentiment)

    return Examples(
        labelled=[soft(of_comment(comment), comment.id) for comment in comments],
        translated=[
            soft(of_translation(by_id[row.id], row, translated_weight), row.id) for row in translated if row.id in by_id
        ],
        rated=[],
    )
