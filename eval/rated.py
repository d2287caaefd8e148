"""Scores of texts that have a sentiment only, from stars or by hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from eval.counting import Counted, Counts, macro_f1, recall
from nlp.labelled import RatedComment
from nlp.record import FailedComment, Record

BY_HAND: Final = "norec_sentence"
"""The source whose sentiment people gave to the text itself; stars have no clear middle."""


def count_rated(rated: Sequence[RatedComment], predicted: Sequence[Record]) -> dict[str, Counted]:
    """Every score that these texts allow, by name; none of no texts."""
    if not rated:
        return {}
    rows = [row for row in zip(rated, predicted, strict=True) if row[0].source == BY_HAND]
    counted = {"positive_or_negative": signs(rated, predicted)}
    if rows:
        counted["three_way_macro_f1"] = three_ways([text for text, _ in rows], [record for _, record in rows])
    return counted


def signs(rated: Sequence[RatedComment], predicted: Sequence[Record]) -> Counted:
    """Positive against negative: the accuracy of the sign of `sentiment.score` on texts rated one or the other.

    A score of 0 has neither sign and is wrong.
    """
    rows = zip(rated, predicted, strict=True)
    outcomes = ((text.sentiment, _sign(record)) for text, record in rows)
    return Counted(Counts.of_outcomes(due == given for due, given in outcomes if due != "neutral"), recall)


def three_ways(rated: Sequence[RatedComment], predicted: Sequence[Record]) -> Counted:
    """Negative, neutral or positive: the macro-F1 of the label, with `mixed` read as `neutral`."""
    return Counted(
        Counts.of_tags([{text.sentiment} for text in rated], [_three_way(record) for record in predicted]), macro_f1
    )


def _sign(record: Record) -> str | None:
    if isinstance(record, FailedComment) or record.sentiment.score == 0:
        return None
    return "positive" if record.sentiment.score > 0 else "negative"


def _three_way(record: Record) -> set[str]:
    if isinstance(record, FailedComment):
        return set()
    return {"neutral" if record.sentiment.label == "mixed" else record.sentiment.label}
