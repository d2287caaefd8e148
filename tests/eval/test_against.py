from __future__ import annotations

import math

import numpy as np
import pytest

from eval.against import differences, paired
from eval.counting import Counted, Counts, recall
from eval.tagging import tag_all
from nlp.labelled import RatedComment
from tests.eval.by_hand import StubTagger, labelled, tagged


def outcomes(*right: bool) -> Counted:
    return Counted(Counts.of_outcomes(right), recall)


def test_a_difference_is_this_less_the_other():
    row = paired(outcomes(True, True, True, False), outcomes(True, False, False, False))
    assert (row.this, row.other, row.difference) == (0.75, 0.25, 0.5)
    assert row.low <= 0.5 <= row.high


def test_two_models_that_err_on_the_same_comments_differ_by_nothing_for_sure():
    right = [True] * 60 + [False] * 40
    row = paired(outcomes(*right), outcomes(*right))
    assert (row.difference, row.low, row.high) == (0, 0, 0)


def test_the_interval_is_that_of_the_pairs_and_not_of_two_samples():
    # 3 of 200 comments are right with one model only: the difference of a resample has a standard error of
    # sqrt(0.015 * (1 - 0.015) / 200) = 0.0086. Two samples drawn apart would have five times that.
    other = [True] * 117 + [False] * 83
    row = paired(outcomes(*[True] * 120, *[False] * 80), outcomes(*other))
    assert row.difference == pytest.approx(0.015)
    assert (row.low, row.high) == (pytest.approx(0.0), pytest.approx(0.015 + 1.96 * 0.0086, abs=0.004))


def test_samples_of_different_size_are_no_pairs():
    with pytest.raises(ValueError, match="2 comments cannot be paired with 1"):
        paired(outcomes(True, False), outcomes(True))


def test_what_neither_model_can_be_scored_on_has_no_difference():
    nothing = Counted(Counts(("right",), np.zeros((3, 3, 1))), recall)
    row = paired(nothing, nothing)
    assert all(math.isnan(value) for value in (row.this, row.other, row.difference, row.low, row.high))


GOLD = [
    labelled("A", lang="da", sentiment="negative", themes=["price_value:negative"], factors=["sympathetic:positive"]),
    labelled("A:nb", lang="nb", sentiment="positive", follow_up=True),
]
RATED = [RatedComment(id="R", lang="no", text="Grei nok", source="norec_sentence", sentiment="positive")]
THIS = {
    "A": tagged("A", sentiment="negative", themes=["price_value:negative"], language="da"),
    "A:nb": tagged("A:nb", sentiment="positive", follow_up=0.9),
    "R": tagged("R", sentiment="positive"),
}
OTHER = THIS | {"A": tagged("A", sentiment="mixed", language="da"), "R": tagged("R", sentiment="negative")}


def test_every_kind_of_score_is_compared_in_every_group():
    found = differences(tag_all(StubTagger(THIS), GOLD, rated=RATED), tag_all(StubTagger(OTHER), GOLD, rated=RATED))
    assert {kind: list(groups) for kind, groups in found.items()} == {
        "comments": ["da", "sv", "no", "nb", "nn", "all"],
        "calibration": ["da", "sv", "no", "nb", "nn", "all"],
        "reviews": ["no", "all"],
    }
    of = {group: rows["sentiment_accuracy"].difference for group, rows in found["comments"].items()}
    assert (of["da"], of["no"], of["all"]) == (1.0, 0.0, 0.5)
    assert math.isnan(of["sv"])
    assert found["comments"]["da"]["themes_f1"].difference == 1
    assert found["comments"]["no"]["localisation_sentiment"].difference == 0
    assert found["calibration"]["da"]["sentiment"].difference == -1  # sure of a wrong label, and sure of the right one
    assert found["calibration"]["no"]["follow_up"].this == pytest.approx(0.1)
    assert found["reviews"]["all"]["positive_or_negative"].difference == 1
    assert found["reviews"]["no"]["three_way_macro_f1"].this == 1


def test_a_model_differs_from_itself_in_nothing():
    once, again = (tag_all(StubTagger(THIS), GOLD, rated=RATED) for _ in range(2))
    rows = [row for groups in differences(once, again).values() for names in groups.values() for row in names.values()]
    assert {row.difference for row in rows if not math.isnan(row.difference)} == {0.0}
