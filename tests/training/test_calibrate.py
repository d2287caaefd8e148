import numpy as np

from tests.nlp.by_hand import LABELS, EncoderByHand, token_scores
from training.calibrate import calibrate, gold_tags
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
    assert calibration.thresholds == dict.fromkeys(LABELS.tags, 0.5), "given where it is more likely than not"
    assert calibration.sentiment_temperature > 2  # always "negative", right half the time
