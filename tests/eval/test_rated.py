from __future__ import annotations

import pytest

from eval.counting import score
from eval.rated import count_rated, signs, three_ways
from nlp.labelled import RatedComment
from tests.eval.by_hand import failed, tagged


def rated(sentiment: str, source: str = "") -> RatedComment:
    return RatedComment(id="R1", lang="da", text="Fin butik", sentiment=sentiment, source=source)


def test_signs_leave_neutral_texts_out_and_count_a_score_of_zero_as_wrong():
    texts = [rated("positive"), rated("negative"), rated("neutral"), rated("negative"), rated("negative")]
    predicted = [
        tagged(sentiment="positive"),
        tagged(sentiment="mixed"),  # its score is above 0
        tagged(sentiment="negative"),
        tagged(sentiment="neutral"),  # its score is 0
        tagged(sentiment="negative"),
    ]
    result = score(signs(texts, predicted))
    assert (result.value, result.support) == (0.5, 4)
    assert signs(texts, [failed()] * 5).value == 0


def test_three_ways_read_mixed_as_neutral():
    texts = [rated("neutral"), rated("positive"), rated("negative"), rated("negative")]
    predicted = [tagged(sentiment="mixed"), tagged(sentiment="positive"), tagged(sentiment="neutral"), failed()]
    # neutral: 1 hit, 1 extra -> 2/3; positive 1; negative 0.
    assert three_ways(texts, predicted).value == pytest.approx(5 / 9)


def test_three_ways_are_of_the_texts_that_people_labelled():
    texts = [rated("positive", "norec_sentence"), rated("negative", "butik")]
    counted = count_rated(texts, [tagged(sentiment="positive"), tagged(sentiment="positive")])
    assert {name: each.value for name, each in counted.items()} == {
        "positive_or_negative": 0.5,
        "three_way_macro_f1": 1.0,
    }
    assert list(count_rated(texts[1:], [tagged()])) == ["positive_or_negative"]
    assert count_rated([], []) == {}
