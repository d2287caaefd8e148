"""What fine-tuning learns from: labelled comments, their translations, and texts with a three-way label only."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from training.data import FactorLabel, LabelledComment, RatedText, TranslatedText

# What stars or a three-way label allow the four-way label to be. Three stars are mostly mixed comments; a neutral
# sentence of a professional review has no opinion, or both.
ALLOWED = {"negative": ("negative",), "neutral": ("neutral", "mixed"), "positive": ("positive",)}


@dataclass(frozen=True, slots=True)
class Example:
    """A text with what is known of it; `themes` is None where no person has labelled the tags.

    `tag_probabilities` are a teacher's, one per tag in the labels' order, where there are any.
    """

    text: str
    sentiments: tuple[str, ...]
    weight: float
    themes: Mapping[str, str] | None = None
    factors: tuple[FactorLabel, ...] = ()
    flags: tuple[str, ...] = ()
    tag_probabilities: tuple[float, ...] | None = None


def of_comment(comment: LabelledComment, weight: float = 1.0) -> Example:
    flags = [("churn_risk", comment.churn_risk), ("follow_up", comment.follow_up)]
    return Example(
        text=comment.text,
        sentiments=(comment.sentiment,),
        weight=weight,
        themes=comment.themes,
        factors=comment.factors,
        flags=tuple(name for name, raised in flags if raised),
    )


def of_translation(comment: LabelledComment, translation: TranslatedText, weight: float) -> Example:
    """The comment's labels on its translation; the words that show a factor stand elsewhere there, so no offsets."""
    factors = tuple(replace(factor, start=None, end=None) for factor in comment.factors)
    return replace(of_comment(comment, weight), text=translation.text, factors=factors)


def of_rating(text: RatedText, weight: float) -> Example:
    return Example(text=text.text, sentiments=ALLOWED[text.sentiment], weight=weight)


@dataclass(frozen=True)
class Examples:
    """The train examples by kind; an epoch holds every labelled comment and a draw of the others."""

    labelled: Sequence[Example]
    translated: Sequence[Example]
    rated: Sequence[Example]

    def epoch(
        self, draw: random.Random, *, translated_share: float, rated_share: float, noise_share: float
    ) -> list[Example]:
        chosen = [
            *self.labelled,
            *draw.sample(self.translated, int(len(self.translated) * translated_share)),
            *draw.sample(self.rated, int(len(self.rated) * rated_share)),
        ]
        return [noisy(example, draw) if draw.random() < noise_share else example for example in chosen]


def gather(
    labelled: Sequence[LabelledComment],
    rated: Iterable[RatedText],
    translated: Iterable[TranslatedText],
    *,
    left_out: frozenset[str],
    translated_weight: float,
    rated_weight: float,
) -> Examples:
    """Make examples of everything but the comments whose ids or stems are in `left_out`, and their other versions."""
    comments = {comment.id: comment for comment in labelled if comment.stem not in left_out}
    return Examples(
        labelled=[of_comment(comment) for comment in comments.values()],
        translated=[
            of_translation(comments[row.id], row, translated_weight) for row in translated if row.id in comments
        ],
        rated=[of_rating(text, rated_weight) for text in rated if text.id not in comments and text.id not in left_out],
    )


def noisy(example: Example, draw: random.Random) -> Example:
    """The example as a hurried customer types it: commas, spaces or letters lost; offsets follow the text."""
    text = example.text
    kind = draw.choice(("commas", "spaces", "letters"))
    if kind == "commas":
        lost = {place for place, letter in enumerate(text) if letter in ",;"}
    elif kind == "spaces":
        spaces = [place for place, letter in enumerate(text) if letter == " "]
        lost = set(draw.sample(spaces, len(spaces) // 12))
    else:
        letters = [place for place, letter in enumerate(text) if letter.isalpha()]
        lost = set(draw.sample(letters, len(letters) // 40))
    moved = [0]
    for place in range(len(text)):
        moved.append(moved[-1] + (place not in lost))
    factors = tuple(
        factor
        if factor.start is None or factor.end is None
        else replace(factor, start=moved[factor.start], end=moved[factor.end])
        for factor in example.factors
    )
    kept = "".join(letter for place, letter in enumerate(text) if place not in lost)
    return replace(example, text=kept, factors=factors) if kept.strip() else example
