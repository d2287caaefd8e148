import numpy as np

from tests.nlp.by_hand import LABELS, EncoderByHand, token_scores
from training.calibrate import best_f1, calibrate, gold_tags
from training.data import FactorLabel, LabelledComment


def comment(number, *, dear):
    themes = {"price_value": "negative"} if dear else {"staff_service": "positive"}
    factors = () if dear else (FactorLabel("sympathetic", "positive", None, None),)
    sentiment = "negative" if dear else "positive"
    return LabelledComment(str(number), "nb", f"tekst {number}", sentiment, themes, factors, dear, False, "authored")


def test_gold_tags_are_in_the_labels_order():
    gold = gold_tags(LABELS, [comment(0, dear=True), comment(1, dear=False)])
    assert [LABELS.tags[place] for place in np.flatnonzero(gold[0])] == ["price_value", "churn_risk"]
    assert [LABELS.tags[place] for place in np.flatnonzero(gold[1])] == ["staff_service", "sympathetic:positive"]


def test_an_overconfident_head_gets_a_temperature_above_one():
    comments = [comment(number, dear=number % 2 == 0) for number in range(60)]
    outputs = {}
    for number, one in enumerate(comments):
        wrong = number % 10 in {0, 1}  # right eight times of ten, and very sure each time
        says_dear = ("price_value" in one.themes) != wrong
        outputs[one.text] = token_scores(one.text, {"tekst": {"price_value": 9.0 if says_dear else -9.0}})
    calibration = calibrate(EncoderByHand(outputs), comments)
    assert calibration.tag_temperatures["price_value"] > 1.5
    assert calibration.sentiment_temperature > 2  # always "negative", right half the time


def test_tags_that_are_given_too_readily_get_an_offset_and_the_threshold_that_is_best_for_f1():
    comments = [comment(number, dear=number % 4 == 0) for number in range(120)]
    # Says so of every other comment, right half the time and sure of it; of the rest it says rightly that it is not so.
    logits = {one.text: {"price_value": 2.0 if number % 2 == 0 else -9.0} for number, one in enumerate(comments)}
    outputs = {text: token_scores(text, {"tekst": {**said, "staff_service": -9.0}}) for text, said in logits.items()}
    calibration = calibrate(EncoderByHand(outputs), comments)
    assert calibration.tag_offsets["price_value"] < -0.5
    assert calibration.tag_offsets["price_value"] == calibration.tag_offsets["delivery_time"], "one for a kind of tag"
    assert 0.1 < calibration.thresholds["price_value"] < 0.5


def test_too_few_comments_with_a_kind_of_tag_fit_no_offset():
    comments = [comment(number, dear=number % 2 == 0) for number in range(40)]
    outputs = {one.text: token_scores(one.text, {"tekst": {"price_value": 1.0}}) for one in comments}
    calibration = calibrate(EncoderByHand(outputs), comments)
    assert (calibration.tag_offsets["churn_risk"], calibration.thresholds["churn_risk"]) == (0.0, 0.5)


def test_equally_probable_comments_are_given_all_or_none():
    assert best_f1(np.full(4, 0.5), np.array([True, False, False, False])) == 0.4
