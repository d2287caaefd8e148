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

import numpy as np
import numpy.typing as npt

from nlp.models.encoder import Encoder
from training.calibrate import calibrate, gold_tags
from training.data import LabelledComment, TranslatedText
from training.examples import Example, Examples, of_comment, of_translation

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Teacher:
    """A network with what makes its probabilities come true; `temperatures` and `offsets` of shape (n_tags,)."""

    encoder: Encoder
    temperatures: Floats
    offsets: Floats

    @classmethod
    def of(cls, encoder: Encoder, calibration: Sequence[LabelledComment]) -> Teacher:
        """Fit them on comments that the network has not learned from."""
        fitted, tags = calibrate(encoder, calibration), encoder.labels.tags
        return cls(
            encoder,
            np.array([fitted.tag_temperatures[tag] for tag in tags]),
            np.array([fitted.tag_offsets[tag] for tag in tags]),
        )

    def probabilities(self, texts: Sequence[str], questions: Sequence[str | None]) -> Floats:
        """Of every tag: shape (n_texts, n_tags)."""
        outputs = self.encoder.run(texts, questions)
        logits = np.stack([output.tags for output in outputs]).astype(np.float64)
        probabilities: Floats = 1 / (1 + np.exp(-logits / self.temperatures - self.offsets))
        return probabilities


def softened(
    teachers: Sequence[Teacher],
    comments: Sequence[LabelledComment],
    label_share: float,
    translated: Sequence[TranslatedText] = (),
) -> Mapping[str, tuple[float, ...]]:
    """By comment id, the mean of its labels (`label_share`) and of what the teachers say (the rest).

    Of a comment with translations the teachers read the comment and one of these; both count the same.
    """
    labels = gold_tags(teachers[0].encoder.labels, comments).astype(np.float64)
    other = _one_each(translated)
    both = [comment for comment in comments if comment.id in other]
    texts = [comment.text for comment in comments] + [other[comment.id] for comment in both]
    questions = [comment.question for comment in comments] + [comment.question for comment in both]
    said = np.mean([teacher.probabilities(texts, questions) for teacher in teachers], axis=0)
    taught = said[: len(comments)].copy()
    of_both = np.array([comment.id in other for comment in comments], dtype=bool)
    taught[of_both] = (taught[of_both] + said[len(comments) :]) / 2
    mixed = label_share * labels + (1 - label_share) * taught
    return {comment.id: tuple(row.round(4).tolist()) for comment, row in zip(comments, mixed, strict=True)}


def _one_each(translated: Sequence[TranslatedText]) -> Mapping[str, str]:
    """One translation for each comment that has any, by the comment's id; the same at every call."""
    versions: dict[str, list[str]] = defaultdict(list)
    for row in translated:
        versions[row.id].append(row.text)
    return {id_: random.Random(id_).choice(texts) for id_, texts in versions.items()}


def distilled_examples(
    comments: Sequence[LabelledComment],
    translated: Sequence[TranslatedText],
    probabilities: Mapping[str, tuple[float, ...]],
    *,
    translated_weight: float,
) -> Examples:
    """The comments and their translations with softened tags; the sentiment and the words that show a tag stay."""
    by_id = {comment.id: comment for comment in comments}

    def soft(example: Example, id_: str) -> Example:
        return replace(example, tag_probabilities=probabilities[id_])

    return Examples(
        labelled=[soft(of_comment(comment), comment.id) for comment in comments],
        translated=[
            soft(of_translation(by_id[row.id], row, translated_weight), row.id) for row in translated if row.id in by_id
        ],
        rated=[],
    )
