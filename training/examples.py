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

    `tag_probabilities`, one per tag in the labels' order, stand in for yes and no where a teacher has softened them;
    so do `sentiment_probabilities` for `sentiments`. `question` is the survey's.
    """

    text: str
    sentiments: tuple[str, ...]
    weight: float
    themes: Mapping[str, str] | None = None
    factors: tuple[FactorLabel, ...] = ()
    flags: tuple[str, ...] = ()
    tag_probabilities: tuple[float, ...] | None = None
    sentiment_probabilities: tuple[float, ...] | None = None
    question: str | None = None


def tags_of(example: Example) -> list[str]:
    """The tags that a person gave, each once."""
    factors = {f"{factor.factor}:{factor.polarity}" for factor in example.factors}
    return [*(example.themes or ()), *example.flags, *sorted(factors)]


def of_comment(comment: LabelledComment, weight: float = 1.0) -> Example:
    flags = [("churn_risk", comment.churn_risk), ("follow_up", comment.follow_up)]
    return Example(
        text=comment.text,
        sentiments=(comment.sentiment,),
        weight=weight,
        themes=comment.themes,
        factors=comment.factors,
        flags=tuple(name for name, raised in flags if raised),
        question=comment.question,
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
        self,
        draw: random.Random,
        *,
        translated_share: float,
        rated_share: float,
        noise_share: float,
        question_share: float = 0.0,
    ) -> list[Example]:
        """An epoch's examples, some as hurried customers type them, some under a question that asks for nothing."""
        chosen = [
            *self.labelled,
            *draw.sample(self.translated, int(len(self.translated) * translated_share)),
            *draw.sample(self.rated, int(len(self.rated) * rated_share)),
        ]
        chosen = [asked(example, draw) if draw.random() < question_share else example for example in chosen]
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


# Questions that any answer may stand under, so that a question alone says nothing of the answer.
OPEN_QUESTIONS = (
    "Hva er den viktigste grunnen til at du ga denne karakteren?",
    "Har du noe mer du vil fortelle oss?",
    "Hvordan opplevde du oss?",
    "Utdyp gjerne svaret ditt",
    "Kvifor gav du denne karakteren?",
    "Er det noko anna du vil seie til oss?",
    "Kva er inntrykket ditt av oss?",
    "Hvad er årsagen til din vurdering?",
    "Har du yderligere kommentarer?",
    "Fortæl os om din oplevelse",
    "Hvorfor valgte du netop den score?",
    "Vad är den främsta anledningen till ditt betyg?",
    "Har du några övriga kommentarer?",
    "Berätta om din upplevelse",
    "Varför gav du oss detta betyg?",
)


def asked(example: Example, draw: random.Random) -> Example:
    """The example under an open question, unless it has a question of its own."""
    return example if example.question else replace(example, question=draw.choice(OPEN_QUESTIONS))


LETTERS_A_SLIP = 30
NEIGHBOURS = {"å": "aa", "ä": "ae", "æ": "ae", "ö": "oe", "ø": "oe"}


def noisy(example: Example, draw: random.Random) -> Example:
    """The example as a hurried customer types it; the offsets of its words follow the text.

    Commas, spaces or letters are lost, letters are doubled or change places, or the keyboard has no Nordic letters.
    """
    edits = _edits(example.text, draw)
    moved, kept = [0], []
    for place, letter in enumerate(example.text):
        kept.append(edits.get(place, letter))
        moved.append(moved[-1] + len(kept[-1]))
    factors = tuple(
        factor
        if factor.start is None or factor.end is None
        else replace(factor, start=moved[factor.start], end=moved[factor.end])
        for factor in example.factors
    )
    text = "".join(kept)
    return replace(example, text=text, factors=factors) if text.strip() else example


def _edits(text: str, draw: random.Random) -> dict[int, str]:
    """What stands at which places in place of the letters there."""
    kind = draw.choice(("commas", "spaces", "lost", "doubled", "swaps", "nordic"))
    letters = [place for place, letter in enumerate(text) if letter.isalpha()]
    slips = draw.sample(letters, min(len(letters), max(1, len(letters) // LETTERS_A_SLIP)))
    if kind == "commas":
        return {place: "" for place, letter in enumerate(text) if letter in ",;"}
    if kind == "spaces":
        spaces = [place for place, letter in enumerate(text) if letter == " "]
        return dict.fromkeys(draw.sample(spaces, len(spaces) // 12), "")
    if kind == "lost":
        return dict.fromkeys(slips, "")
    if kind == "doubled":
        return {place: 2 * text[place] for place in slips}
    if kind == "nordic":
        plain = draw.random() < 0.5  # "a" for "å", or "aa"
        return {
            place: NEIGHBOURS[letter][:1] if plain else NEIGHBOURS[letter]
            for place, letter in enumerate(text)
            if letter in NEIGHBOURS
        }
    swapped: dict[int, str] = {}
    for place in slips:
        if place + 1 in letters and place not in swapped and place + 1 not in swapped:
            swapped |= {place: text[place + 1], place + 1: text[place]}
    return swapped
