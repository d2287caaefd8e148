"""The accuracy card: how often each tag is right, and what the reported shares are once that is reckoned with."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

from pydantic import BaseModel, Field

from api.accuracy import statistics
from api.accuracy.design import Design
from api.accuracy.errors import BadAnswers, TooFewAnswers
from api.accuracy.labels import every_label
from api.accuracy.sheet import Answer, Answers
from api.accuracy.statistics import Cell, Estimate
from nlp.taxonomy import Taxonomy

FEWEST_CHECKED: Final = 30
"""Comments that have to be checked, of all or of a language, before any figure is given."""
FEWEST_OF_RATE: Final = 10
"""Checked comments that an error rate has to rest on: for precision those with the label by the model, and so on."""
METHOD: Final = (
    "Stratified difference estimator, post-stratified by the model's label (stratified prediction-powered inference), "
    "with 95 % intervals of Fay & Feuer (1997) in their beta form, put together by MOVER (Zou & Donner 2008)."
)


class Figure(BaseModel):
    """A share or rate with its 95 % interval, from 0 to 1."""

    value: float = Field(description="The estimate.")
    low: float = Field(description="The lower end of its 95 % interval.")
    high: float = Field(description="The upper end.")

    @classmethod
    def of(cls, estimate: Estimate | None) -> Figure | None:
        if estimate is None:
            return None
        value, low, high = (
            round(min(1.0, max(0.0, each)), 4) for each in (estimate.value, estimate.low, estimate.high)
        )
        return cls(value=value, low=low, high=high)


class LabelAccuracy(BaseModel):
    """How right one label is. A figure that rests on too few checked comments is null."""

    label: str = Field(description="Such as `theme:delivery_time`, `theme:delivery_time:negative`, `flag:churn_risk`.")
    language: str | None = Field(description="The language of the comments, as it is shown; null for all.")
    checked: int = Field(description="Comments that people have checked for it.")
    checked_given: int = Field(description="Of these, how many the label is shown of.")
    checked_true: int = Field(description="Of these, how many truly have it.")
    reported: float = Field(
        description="The share of all comments that it is shown of, with what people have corrected: what reports show."
    )
    corrected: Figure | None = Field(description="The share of all comments that truly has it.")
    precision: Figure | None = Field(description="Of the comments that it is shown of, how many truly have it.")
    recall: Figure | None = Field(description="Of the comments that truly have it, of how many it is shown.")
    false_positive_rate: Figure | None = Field(description="Of those that lack it, of how many it is shown.")
    false_negative_rate: Figure | None = Field(description="Of those that have it, of how many it is not shown.")


class SentimentAccuracy(BaseModel):
    """In how many comments the sentiment on the whole is right."""

    language: str | None = Field(description="The language; null for all.")
    checked: int = Field(description="Comments that people have checked.")
    right: Figure | None = Field(description="The share of all comments whose sentiment is right.")


class AccuracyCard(BaseModel):
    """What an audit has found. It holds counts and rates, no comment."""

    audit: str = Field(description="The audit's name, drawn by chance.")
    drawn_at: datetime = Field(description="When the sample was drawn; the card is about the tags of that moment.")
    read_at: datetime = Field(description="When the answers were read.")
    models: list[str] = Field(description="The models that had given the tags.")
    taxonomy: str = Field(description="The taxonomy.")
    seed: int = Field(description="Of the drawing.")
    shown: bool = Field(
        description="Whether people saw the model's tags: they then agree with it more than they would."
    )
    comments: int = Field(description="Tagged comments that the sample stands for.")
    drawn: int = Field(description="Comments of the sample.")
    checked: int = Field(description="Of these, checked by people.")
    method: str = Field(description="How shares and intervals are reckoned.")
    sentiment: list[SentimentAccuracy] = Field(description="All languages first, then each.")
    labels: list[LabelAccuracy] = Field(description="Every label that the model or people gave, likewise.")


def make_card(design: Design, answers: Answers, *, taxonomy: Taxonomy, moment: datetime) -> AccuracyCard:
    """Reckon the card out of a design and what people said.

    Raises
    ------
    TooFewAnswers : if fewer than `FEWEST_CHECKED` comments have been checked
    BadAnswers : if a row is not of this sample
    """
    strange = [answer.row for answer in answers.answers if not 1 <= answer.row <= len(design.sample)]
    if strange:
        raise BadAnswers("The sheet", [f"row {row} is not of a sample of {len(design.sample)}" for row in strange])
    if len(answers.answers) < FEWEST_CHECKED:
        raise TooFewAnswers(len(answers.answers), FEWEST_CHECKED, len(design.sample))
    known = sorted({each.language for each in design.strata if each.language is not None})
    domains = [_Domain(design, answers.answers, language) for language in (None, *known)]
    labels = _seen_labels(design, answers.answers, taxonomy)
    return AccuracyCard(
        audit=design.audit,
        drawn_at=design.drawn_at,
        read_at=moment,
        models=design.models,
        taxonomy=design.taxonomy,
        seed=design.seed,
        shown=design.shown,
        comments=design.comments,
        drawn=len(design.sample),
        checked=len(answers.answers),
        method=METHOD,
        sentiment=[domain.sentiment() for domain in domains],
        labels=[domain.label(label) for domain in domains for label in labels],
    )


def _seen_labels(design: Design, answers: Iterable[Answer], taxonomy: Taxonomy) -> list[str]:
    given = {label for stratum in design.strata for label in stratum.with_label}
    said = {label for answer in answers for label in answer.labels}
    known = every_label(taxonomy)
    return [*(label for label in known if label in given | said), *sorted((given | said) - set(known))]


class _Domain:
    """The strata of one language, or all of them, with what people said of the comments drawn from them."""

    def __init__(self, design: Design, answers: Sequence[Answer], language: str | None) -> None:
        self._language = language
        self._strata = {
            number: stratum
            for number, stratum in enumerate(design.strata)
            if language is None or stratum.language == language
        }
        drawn = [(design.sample[answer.row - 1], answer) for answer in answers]
        self._checked = [(one, answer) for one, answer in drawn if one.stratum in self._strata]
        self._size = sum(stratum.size for stratum in self._strata.values())

    def label(self, label: str) -> LabelAccuracy:
        asked: Counter[tuple[int, bool]] = Counter()
        wrong: Counter[tuple[int, bool]] = Counter()
        for one, answer in self._checked:
            theme = label.rpartition(":")[0]
            if theme.startswith("theme:") and theme.removeprefix("theme:") in answer.open_themes:
                continue  # people did not say with which sentiment
            cell = one.stratum, label in one.labels
            asked[cell] += 1
            wrong[cell] += cell[1] != (label in answer.labels)
        given: list[Cell] = []
        others: list[Cell] = []
        for number, stratum in self._strata.items():
            labelled = stratum.with_label.get(label, 0)
            for side, size, has in ((given, labelled, True), (others, stratum.size - labelled, False)):
                if size:
                    side.append(Cell(size, asked[number, has], wrong[number, has]))
        return self._accuracy(label, given, others)

    def sentiment(self) -> SentimentAccuracy:
        cells = []
        for number, stratum in self._strata.items():
            for label, size in stratum.with_label.items():
                if label.startswith("sentiment:"):
                    rows = [answer for one, answer in self._checked if one.stratum == number and label in one.labels]
                    cells.append(Cell(size, len(rows), sum(label not in answer.labels for answer in rows)))
        enough = len(self._checked) >= FEWEST_CHECKED
        right = Figure.of(statistics.share_right(cells)) if enough else None
        return SentimentAccuracy(language=self._language, checked=len(self._checked), right=right)

    def _accuracy(self, label: str, given: list[Cell], others: list[Cell]) -> LabelAccuracy:
        positive, alarms = sum(cell.asked for cell in given), sum(cell.errors for cell in given)
        negative, misses = sum(cell.asked for cell in others), sum(cell.errors for cell in others)
        true, lacking = positive - alarms + misses, negative - misses + alarms
        enough = positive + negative >= FEWEST_CHECKED
        recall = statistics.recall(given, others) if enough and true >= FEWEST_OF_RATE else None
        alarm_rate = statistics.false_positive_rate(given, others) if enough and lacking >= FEWEST_OF_RATE else None
        precision = statistics.share_right(given) if enough and positive >= FEWEST_OF_RATE else None
        return LabelAccuracy(
            label=label,
            language=self._language,
            checked=positive + negative,
            checked_given=positive,
            checked_true=true,
            reported=round(sum(cell.size for cell in given) / self._size, 4),
            corrected=Figure.of(statistics.share_with_label(given, others)) if enough else None,
            precision=Figure.of(precision),
            recall=Figure.of(recall),
            false_positive_rate=Figure.of(alarm_rate),
            false_negative_rate=Figure.of(None if recall is None else 1.0 - recall),
        )
