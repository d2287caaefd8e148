import pytest

from nlp.emotion import FactorDecoder
from nlp.evidence import Words
from nlp.flags import FlagDecoder
from nlp.sentiment import SentimentDecoder
from nlp.themes import ThemeDecoder
from tests.nlp.by_hand import token_scores


def words(text, spans):
    return [text[span.start : span.end] for span in spans]


def test_theme_span_after_an_emoji():
    text = "😡 Pakka kom tre veker for seint"
    output = token_scores(text, {"tre veker for seint": {"delivery_time": 3.0}})
    (tag,) = ThemeDecoder(thresholds={"delivery_time": 0.5}).decode(Words(text, output.offsets), output)
    assert (tag.theme, tag.stage) == ("delivery_time", "delivery")
    assert words(text, tag.spans) == ["tre veker for seint"]


def test_a_theme_below_its_threshold_is_not_given():
    text = "Dyrt, men raskt levert"
    output = token_scores(text, {"Dyrt": {"price_value": 0.0}, "raskt levert": {"delivery_time": 0.0}})
    tags = ThemeDecoder(thresholds={"price_value": 0.51, "delivery_time": 0.5}).decode(
        Words(text, output.offsets), output
    )
    assert [tag.theme for tag in tags] == ["delivery_time"]


def test_a_theme_without_a_threshold_is_never_given():
    text = "Dyrt"
    output = token_scores(text, {"Dyrt": {"price_value": 9.0}})
    assert ThemeDecoder(thresholds={}).decode(Words(text, output.offsets), output) == ()


def test_a_temperature_above_one_lowers_confidence():
    text = "Dyrt"
    output = token_scores(text, {"Dyrt": {"price_value": 2.0}})
    (sure,) = ThemeDecoder(thresholds={"price_value": 0.5}).decode(Words(text, output.offsets), output)
    (unsure,) = ThemeDecoder(thresholds={"price_value": 0.5}, temperatures={"price_value": 2.0}).decode(
        Words(text, output.offsets), output
    )
    assert sure.confidence == pytest.approx(0.8808, abs=1e-4)
    assert unsure.confidence == pytest.approx(0.7311, abs=1e-4)


def test_each_theme_has_its_own_sentiment():
    text = "Fin vare men dårlig levering"
    output = token_scores(
        text,
        {"Fin vare": {"product_quality": 2.0}, "dårlig levering": {"delivery_time": 2.0}},
        theme_sentiment={"product_quality": "positive", "delivery_time": "negative"},
    )
    tags = ThemeDecoder(thresholds={"product_quality": 0.5, "delivery_time": 0.5}).decode(
        Words(text, output.offsets), output
    )
    assert {tag.theme: tag.sentiment for tag in tags} == {"product_quality": "positive", "delivery_time": "negative"}


def test_a_factor_has_polarity_and_words():
    text = "Hon var otrevlig men kunnig"
    output = token_scores(text, {"otrevlig": {"sympathetic:negative": 2.0}, "kunnig": {"professional:positive": 2.0}})
    tags = FactorDecoder({"sympathetic:negative": 0.5, "professional:positive": 0.5}).decode(
        Words(text, output.offsets), output
    )
    assert [(tag.factor, tag.polarity, words(text, tag.spans)) for tag in tags] == [
        ("professional", "positive", ["kunnig"]),
        ("sympathetic", "negative", ["otrevlig"]),
    ]


def test_a_raised_flag_shows_its_words():
    text = "Jeg har skiftet til en anden bank"
    output = token_scores(text, {"skiftet til en anden": {"churn_risk": 2.0}})
    flag = FlagDecoder({"churn_risk": 0.5}).decode("churn_risk", Words(text, output.offsets), output)
    assert flag.flag
    assert words(text, flag.spans) == ["skiftet til en anden"]


def test_a_flag_that_is_not_raised_shows_no_words():
    output = token_scores("Alt vel", {})
    flag = FlagDecoder({"churn_risk": 0.5}).decode("churn_risk", Words("Alt vel", output.offsets), output)
    assert not flag.flag
    assert flag.confidence < 0.01
    assert flag.spans == ()


def test_sentiment_score_is_positive_less_negative():
    sentiment = SentimentDecoder().decode(token_scores("Bra", {}, sentiment="positive"))
    assert sentiment.label == "positive"
    assert sum(sentiment.probabilities.values()) == pytest.approx(1, abs=1e-3)
    gap = sentiment.probabilities["positive"] - sentiment.probabilities["negative"]
    assert sentiment.score == pytest.approx(gap, abs=1e-4)
    assert sentiment.score > 0.8
