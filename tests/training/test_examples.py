import random

from tests.training import small_corpora
from training.data import Corpora, FactorLabel
from training.examples import OPEN_QUESTIONS, Example, asked, gather, noisy


def gathered(tmp_path, left_out=frozenset()):
    corpora = Corpora.open(small_corpora.make(tmp_path), own_labels=None)
    return gather(
        corpora.labelled(),
        corpora.rated(),
        corpora.translated(),
        left_out=frozenset(left_out),
        translated_weight=0.5,
        rated_weight=0.25,
    )


def test_comments_kept_for_calibration_are_left_out_in_every_version(tmp_path):
    examples = gathered(tmp_path, left_out={"own-8"})
    texts = [example.text for kind in (examples.labelled, examples.translated, examples.rated) for example in kind]
    assert len(examples.labelled) == len(examples.translated) == 65
    assert not any(text.endswith(" 8") and "igjen" not in text for text in texts)


def test_a_labelled_comment_is_not_learned_a_second_time_from_its_stars(tmp_path):
    assert [example.text for example in gathered(tmp_path).rated] == [row["text"] for row in small_corpora.STARS_ONLY]


def test_a_translation_keeps_labels_and_loses_offsets(tmp_path):
    (example,) = [example for example in gathered(tmp_path).translated if example.text.endswith(" 6")]
    assert example.weight == 0.5
    assert dict(example.themes) == {"delivery_time": "positive"}
    assert example.factors == (FactorLabel("sympathetic", "positive", None, None),)


def test_noise_moves_the_offsets_with_the_words():
    text = "Ja, jo, altså, en riktig, hyggelig og flink kar som hjalp meg med alt jeg lurte på, takk på forhånd"
    words = "flink kar"
    start = text.index(words)
    example = Example(
        text=text,
        sentiments=("positive",),
        weight=1.0,
        themes={},
        factors=(FactorLabel("professional", "positive", start, start + len(words)),),
    )
    seen = set()
    for seed in range(60):
        noised = noisy(example, random.Random(seed))
        (factor,) = noised.factors
        inside = noised.text[factor.start : factor.end]
        assert len(set(inside) - set(words)) <= 1  # a letter of the next word may have changed places
        assert len(inside) >= len(words) - 3
        seen.add(noised.text)
    assert len(seen) > 20
    assert text.replace("å", "a") in seen
    assert text.replace("å", "aa") in seen
    assert text.replace(",", "") in seen


def test_the_shortest_comment_is_mistyped_too():
    example = Example(text="Dyrt", sentiments=("negative",), weight=1.0)
    seen = {noisy(example, random.Random(seed)).text for seed in range(80)}
    assert {"yrt", "Drt", "Dyyrt", "Dryt"} <= seen


def test_an_open_question_is_asked_only_where_there_is_none():
    bare = Example(text="prisene", sentiments=("negative",), weight=1.0)
    under_its_own = Example(text="prisene", sentiments=("negative",), weight=1.0, question="Hva kan bli bedre?")
    assert asked(bare, random.Random(0)).question in OPEN_QUESTIONS
    assert asked(under_its_own, random.Random(0)) == under_its_own
