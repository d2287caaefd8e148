from __future__ import annotations

import math

import pytest

from eval.counting import micro_f1
from eval.scores import Pair, count_comments, count_evidence, score_comments, words_of
from nlp.record import Span
from tests.eval.by_hand import failed, labelled, tagged

THEMES = ("delivery_time:positive", "staff_service:negative")


def test_themes_count_with_and_without_their_sentiment():
    gold = [labelled(themes=THEMES), labelled(themes=["price_value:negative"])]
    given_tags = [tagged(themes=["delivery_time:positive", "staff_service:positive"]), tagged()]
    headline = score_comments(gold, given_tags).headline
    # Themes: 2 of 3 found, none too many -> 4/5. With sentiment: 1 hit, 1 extra, 2 missed -> 2/5.
    assert headline["themes_f1"].value == pytest.approx(0.8)
    assert headline["themes_with_sentiment_f1"].value == pytest.approx(0.4)
    assert headline["themes_macro_f1"].value == pytest.approx(2 / 3)
    assert headline["themes_f1"].support == 3


def test_factors_count_with_and_without_their_polarity():
    gold = [labelled(factors=["sympathetic:negative", "professional:positive"])]
    headline = score_comments(gold, [tagged(factors=["sympathetic:positive", "professional:positive"])]).headline
    assert headline["factors_f1"].value == 1
    assert headline["factors_with_polarity_f1"].value == 0.5


def test_sentiment_and_flags_of_four_comments():
    gold = [
        labelled(sentiment="positive"),
        labelled(sentiment="negative", churn_risk=True),
        labelled(sentiment="negative", churn_risk=True, follow_up=True),
        labelled(sentiment="mixed"),
    ]
    predicted = [
        tagged(sentiment="positive"),
        tagged(sentiment="negative", churn_risk=0.9),
        tagged(sentiment="mixed", follow_up=0.4),
        tagged(sentiment="mixed", churn_risk=0.7),
    ]
    scores = score_comments(gold, predicted)
    assert scores.headline["sentiment_accuracy"].value == 0.75
    # positive 1, negative 2/3, mixed 2/3; neutral occurs on neither side.
    assert scores.headline["sentiment_macro_f1"].value == pytest.approx(7 / 9)
    assert scores.headline["churn_risk_f1"].value == 0.5
    assert scores.headline["follow_up_f1"].value == 0
    assert scores.labels["evidence"][0].gold == 0
    assert [(row.label, row.gold, row.predicted) for row in scores.labels["flags"]] == [
        ("churn_risk", 2, 2),
        ("follow_up", 1, 0),
    ]


def test_a_comment_that_failed_is_wrong_and_not_left_out():
    gold = [labelled(themes=THEMES, factors=[("sympathetic:positive", 0, 4)], churn_risk=True)] * 2
    right = tagged(themes=THEMES, factors=[("sympathetic:positive", 0, 4)], churn_risk=1.0)
    scores = score_comments(gold, [right, failed()])
    assert (scores.comments, scores.failed) == (2, 1)
    assert scores.headline["sentiment_accuracy"].value == 0.5
    assert scores.headline["language_accuracy"].value == 0.5
    for name in ("themes_f1", "factors_with_polarity_f1", "churn_risk_f1"):
        assert scores.headline[name].value == pytest.approx(2 / 3)


def test_perfect_tags_score_one_in_everything():
    text = "Hyggelig og rask betjening"
    gold = [
        labelled(text=text, themes=THEMES, factors=[("sympathetic:positive", 0, 8)], churn_risk=True, follow_up=True)
    ]
    record = tagged(themes=THEMES, factors=[("sympathetic:positive", 0, 8)], churn_risk=1.0, follow_up=1.0)
    sure = {"delivery_time": 1.0, "staff_service": 1.0}
    scores = score_comments(gold, [record], [Pair(record, record)], [sure])
    assert {name: score.value for name, score in scores.headline.items()} == dict.fromkeys(scores.headline, 1.0)
    unsure = {"themes": pytest.approx(0.1), "factors": pytest.approx(0.1)}  # given with 0.9, and right
    errors = {head: error.value for head, error in scores.calibration.items()}
    assert errors == dict.fromkeys(errors, 0.0) | unsure


def test_no_comments_give_no_scores():
    scores = score_comments([], [])
    assert all(math.isnan(score.value) for score in scores.headline.values())
    assert all(math.isnan(error.value) for error in scores.calibration.values())
    assert (scores.comments, scores.failed) == (0, 0)


def test_a_comment_and_what_was_localised_from_it_are_drawn_together():
    # 60 stems of two comments each, both right or both wrong: as sure as 60 comments, and not as 120.
    gold = [labelled(f"A{place}{form}") for place in range(60) for form in ("", ":nb")]
    predicted = [tagged(sentiment="positive" if place < 96 else "mixed") for place in range(120)]
    paired = score_comments(gold, predicted).headline["sentiment_accuracy"]
    apart = [comment.model_copy(update={"id": f"B{place}"}) for place, comment in enumerate(gold)]
    single = score_comments(apart, predicted).headline["sentiment_accuracy"]
    assert paired.value == single.value == 0.8
    assert (paired.support, single.support) == (120, 120)
    # The standard error of a share of 0.8 is 0.052 with 60 draws and 0.037 with 120.
    assert paired.high - paired.low == pytest.approx(2 * 1.96 * 0.052, rel=0.1)
    assert single.high - single.low == pytest.approx(2 * 1.96 * 0.037, rel=0.1)


def test_pairs_of_one_original_are_drawn_together_too():
    gold = [labelled(f"A{place}:{form}", lang=form) for place in range(40) for form in ("nb", "nn")]
    original = tagged(themes=THEMES)
    pairs = [Pair(original, original if place < 60 else tagged()) for place in range(80)]
    counted = count_comments(gold, [pair.localised for pair in pairs], pairs)
    assert {len(counted[name].counts.table) for name in counted} == {40}
    assert counted["localisation_sentiment"].value == 1
    assert counted["localisation_themes_f1"].value == pytest.approx(2 * 120 / (160 + 120))


def test_a_gold_file_and_records_of_different_length_are_refused():
    with pytest.raises(ValueError, match="zip"):
        score_comments([labelled()], [])


@pytest.mark.parametrize(
    ("gold", "found", "right"), [("nb", "nb", 1), ("nb", "nn", 0), ("no", "nn", 1), ("no", "da", 0)]
)
def test_language_accuracy(gold, found, right):
    assert score_comments([labelled(lang=gold)], [tagged(language=found)]).headline["language_accuracy"].value == right


def test_words_are_counted_that_overlap_a_span_even_by_one_letter():
    text = "😡 Pakka kom  seint!"
    assert words_of(text, [Span(6, 9)]) == {2, 8}
    assert words_of(text, [Span(7, 8)]) == set()
    assert words_of(text, [Span(0, 1), Span(13, 14)]) == {0, 13}
    assert words_of(text, []) == set()


def test_evidence_counts_words_of_factors_that_both_sides_have():
    text = "Alltid hyggelig og hjelpsom betjening"
    gold = [
        labelled(text=text, factors=[("sympathetic:positive", 7, 27)]),  # hyggelig og hjelpsom
        labelled(text=text, factors=[("professional:positive", 0, 6)]),  # not given: no part of it
        labelled(text=text, factors=["sympathetic:positive"]),  # no words marked: no part of it
        labelled(text=text, factors=[("sympathetic:positive", 7, 15)]),
    ]
    predicted = [
        tagged(factors=[("sympathetic:positive", 19, 37)]),  # hjelpsom betjening: 1 hit, 1 extra, 2 missed
        tagged(factors=[("professional:negative", 0, 6)]),
        tagged(factors=[("sympathetic:positive", 0, 6)]),
        tagged(factors=[("sympathetic:positive", 7, 15)]),  # 1 hit
    ]
    counts = count_evidence(gold, predicted)
    assert counts.totals[:, 0].tolist() == [2, 1, 2]
    assert float(micro_f1(counts.totals)) == pytest.approx(4 / 7)
    (row,) = score_comments(gold, predicted).labels["evidence"]
    assert (row.gold, row.predicted, row.recall, row.precision) == (4, 3, 0.5, pytest.approx(2 / 3))


def test_evidence_joins_the_spans_of_one_factor():
    gold = [labelled(text="snill og blid", factors=[("sympathetic:positive", 0, 5), ("sympathetic:positive", 9, 13)])]
    predicted = [tagged(factors=[("sympathetic:positive", 0, 5), ("sympathetic:positive", 9, 13)])]
    assert count_evidence(gold, predicted).totals[:, 0].tolist() == [2, 0, 0]


def test_a_given_factor_without_words_misses_all_of_them():
    gold = [labelled(text="snill og blid", factors=[("sympathetic:positive", 0, 13)])]
    assert count_evidence(gold, [tagged(factors=["sympathetic:positive"])]).totals[:, 0].tolist() == [0, 0, 3]


def test_agreement_of_a_localisation_with_its_original():
    original = tagged(themes=THEMES, factors=["sympathetic:positive"], sentiment="mixed")
    localised = tagged(themes=["delivery_time:positive", "staff_service:neutral"], sentiment="mixed")
    headline = score_comments([labelled()], [localised], [Pair(original, localised)]).headline
    # Original 2 themes and 1 factor, localisation 2 themes; with their sentiments 1 is shared: 2 / (3 + 2).
    assert headline["localisation_f1"].value == pytest.approx(0.4)
    assert headline["localisation_themes_f1"].value == 1
    assert headline["localisation_factors_f1"].value == 0
    assert headline["localisation_sentiment"].value == 1
