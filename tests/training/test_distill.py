import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the extra 'train'")

from tests.nlp.by_hand import LABELS, EncoderByHand, token_scores
from training.data import LabelledComment, TranslatedText
from training.distill import Teacher, distilled_examples, softened

COLUMN = LABELS.column["price_value"]


def comment(id_, text, *, dear):
    themes = {"price_value": "negative"} if dear else {}
    return LabelledComment(id_, "nb", text, "negative", themes, (), False, False, "authored")


def teacher(logit, temperature=1.0, offset=0.0):
    """Says of "dyrt" that it is about the price, as surely as `logit` says; of all else that it is not."""
    encoder = EncoderByHand({"dyrt": token_scores("dyrt", {"dyrt": {"price_value": logit}})})
    return Teacher(encoder, np.full(len(LABELS.tags), temperature), np.full(len(LABELS.tags), offset))


def test_a_label_is_softened_by_what_the_teachers_say_on_average():
    missed = comment("1", "dyrt", dear=False)
    # 0.88 and 0.5 by the teachers, 0 by the label
    mixed = softened([teacher(6.0, temperature=2.0, offset=-1.0), teacher(0.0)], [missed], label_share=0.4)
    assert mixed["1"].tags[COLUMN] == pytest.approx(0.6 * (0.8808 + 0.5) / 2, abs=1e-3)


def test_the_overall_sentiment_is_softened_too():
    (one,) = softened([teacher(0.0)], [comment("1", "dyrt", dear=False)], label_share=0.5).values()
    said = teacher(0.0).probabilities(["dyrt"], [None]).sentiment[0]
    label = [float(name == "negative") for name in LABELS.sentiments]
    assert one.sentiment == pytest.approx(0.5 * np.array(label) + 0.5 * said, abs=1e-3)
    assert sum(one.sentiment) == pytest.approx(1.0, abs=1e-3)


def test_a_translation_learns_what_its_original_learns():
    one = comment("1", "dyrt", dear=True)
    examples = distilled_examples(
        [one],
        [TranslatedText("1", "sv", "dyrt också"), TranslatedText("2", "sv", "okänd")],
        softened([teacher(2.0)], [one], label_share=0.5),
        translated_weight=0.3,
    )
    (original,), (translation,) = examples.labelled, examples.translated
    assert original.tag_probabilities == translation.tag_probabilities
    assert original.sentiment_probabilities == translation.sentiment_probabilities is not None
    assert original.tag_probabilities[COLUMN] == pytest.approx(0.5 + 0.5 * 0.8808, abs=1e-3)
    assert (translation.text, translation.weight) == ("dyrt också", 0.3)


def test_what_is_said_of_a_translation_counts_as_much_as_what_is_said_of_the_comment():
    comments = [comment("1", "dyrt", dear=False), comment("2", "dyrt", dear=False)]
    mixed = softened([teacher(2.0)], comments, 0.0, [TranslatedText("1", "sv", "något annat")])
    alone = 0.8808
    unsaid = teacher(2.0).probabilities(["något annat"], [None]).tags[0, COLUMN]
    assert unsaid < 0.5
    assert mixed["1"].tags[COLUMN] == pytest.approx((alone + unsaid) / 2, abs=1e-3)
    assert mixed["2"].tags[COLUMN] == pytest.approx(alone, abs=1e-3)
