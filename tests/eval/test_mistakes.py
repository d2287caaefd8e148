"""Where mistakes lie, on comments labelled by hand: each number can be counted on paper."""

from __future__ import annotations

import numpy as np

from eval.mistakes import (
    LabelMistakes,
    Nearness,
    by_support,
    columns_of,
    due_tags,
    group_mistakes,
    groupings,
    label_mistakes,
    nearness,
)
from nlp.models.labels import LabelSpace
from tests.eval.by_hand import failed, labelled, tagged

LABELS = LabelSpace(
    sentiments=("negative", "positive"),
    themes=("delivery_time", "price_value"),
    factors=("sympathetic:positive", "sympathetic:negative"),
    flags=("churn_risk", "follow_up"),
)


def test_a_label_is_right_otherwise_missed_or_extra():
    gold = [
        labelled("A1", themes=["delivery_time:negative"]),
        labelled("A2", themes=["delivery_time:negative"]),
        labelled("A3", themes=["delivery_time:positive", "price_value:positive"]),
        labelled("A4"),
    ]
    predicted = [
        tagged("A1", themes=["delivery_time:negative"]),
        tagged("A2", themes=["delivery_time:positive"]),
        failed("A3"),
        tagged("A4", themes=["delivery_time:neutral"]),
    ]
    train = [labelled("T1", themes=["price_value:negative"]), labelled("T2", themes=["price_value:positive"])]
    assert label_mistakes(gold, predicted, train)["themes"] == [
        LabelMistakes("delivery_time", support=0, due=3, right=1, otherwise=1, missed=1, extra=1),
        LabelMistakes("price_value", support=2, due=1, right=0, otherwise=0, missed=1, extra=0),
    ]


def test_a_factor_with_both_polarities_is_right_only_with_both():
    gold = [labelled(factors=["sympathetic:positive", "sympathetic:negative"])]
    one, both = tagged(factors=["sympathetic:positive"]), tagged(factors=[factor.tag for factor in gold[0].factors])
    (half,), (whole,) = (label_mistakes(gold, [record])["factors"] for record in (one, both))
    assert (half.due, half.right, half.otherwise) == (1, 0, 1)
    assert (whole.due, whole.right, whole.otherwise) == (1, 1, 0)


def test_flags_and_the_overall_sentiment_are_counted_by_name():
    gold = [labelled("A1", churn_risk=True, sentiment="mixed"), labelled("A2", follow_up=True)]
    predicted = [tagged("A1", churn_risk=0.9, sentiment="negative"), tagged("A2", churn_risk=0.8)]
    rows = label_mistakes(gold, predicted)
    assert {row.label: (row.right, row.missed, row.extra) for row in rows["flags"]} == {
        "churn_risk": (1, 0, 1),
        "follow_up": (0, 1, 0),
    }
    assert {row.label: (row.right, row.missed, row.extra) for row in rows["sentiment"]} == {
        "mixed": (0, 1, 0),
        "positive": (1, 0, 0),
        "negative": (0, 0, 1),
    }


def test_comments_are_divided_by_language_length_and_themes():
    comments = [
        labelled("A1", "Rask levering"),
        labelled("A2", "ord " * 6, lang="sv", themes=["price_value:positive"]),
        labelled("A3", "ord " * 81, lang="sv", origin="review"),
    ]
    found = {
        title: {name: mask.tolist() for name, mask in masks.items() if mask.any()}
        for title, masks in groupings(comments).items()
    }
    assert found == {
        "language": {"sv": [False, True, True], "nb": [True, False, False]},
        "length": {
            "up to 5 words": [True, False, False],
            "6 to 15": [False, True, False],
            "more than 80": [False, False, True],
        },
        "themes due": {"none": [True, False, True], "1": [False, True, False]},
        "origin": {"not told": [True, True, False], "review": [False, False, True]},
    }


def test_each_length_belongs_to_one_class():
    masks = groupings([labelled(str(words), "ord " * words) for words in range(200)])["length"]
    assert np.sum(list(masks.values()), axis=0).tolist() == [1] * 200


def test_a_group_has_the_scores_of_its_comments_only():
    gold = [labelled("A1", sentiment="positive"), labelled("A2", sentiment="negative")]
    predicted = [tagged("A1", sentiment="positive"), tagged("A2", sentiment="positive")]
    masks = {"first": [True, False], "second": [False, True], "both": [True, True], "none": [False, False]}
    rows = group_mistakes(gold, predicted, {name: np.array(mask) for name, mask in masks.items()})
    assert [(row.group, row.comments, row.scores["sentiment_accuracy"].value) for row in rows] == [
        ("first", 1, 1.0),
        ("second", 1, 0.0),
        ("both", 2, 0.5),
    ]


def test_labels_are_put_together_by_their_support():
    rows = [
        LabelMistakes("rare", support=99, due=2, right=1, otherwise=0, missed=1, extra=1),
        LabelMistakes("other", support=100, due=4, right=2, otherwise=2, missed=0, extra=0),
    ]
    assert by_support(rows) == {"fewer than 100": (1, 2, 0.5), "100 to 499": (1, 4, 1.0)}


def test_a_wrong_tag_is_near_or_far_from_its_line():
    # By row: nothing wrong; one extra just over the line; one missed far under it and one extra near it.
    gold = np.array([[True, False], [False, False], [True, False]])
    probabilities = np.array([[0.9, 0.1], [0.45, 0.1], [0.05, 0.55]])
    assert nearness(gold, probabilities, np.array([0.4, 0.5]), {"themes": [0, 1]}) == [
        Nearness("themes", wrong=3, near=2, far=1, comments=2, worst_near=1)
    ]


def test_due_tags_stand_in_the_columns_of_the_model():
    comment = labelled(themes=["price_value:negative"], factors=["sympathetic:negative"], follow_up=True)
    assert due_tags([comment, labelled()], LABELS).tolist() == [[False, True, False, True, False, True], [False] * 6]
    assert columns_of(LABELS) == {"themes": [0, 1], "factors": [2, 3], "churn_risk": [4], "follow_up": [5]}
