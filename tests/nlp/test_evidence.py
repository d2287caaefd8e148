import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from nlp.evidence import Words


def spans_of(text, weighed):
    """Spans of `text` when the tokens named in `weighed` weigh what it says."""
    offsets = [(text.index(token), text.index(token) + len(token)) for token in weighed]
    spans = Words(text, np.array(offsets, dtype=np.int32)).evidence(np.array(list(weighed.values()), dtype=np.float32))
    return [text[span.start : span.end] for span in spans]


def test_pieces_of_a_word_weigh_together():
    assert spans_of("alltid kundeservice", {"kunde": 0.3, "service": 0.3, "alltid": 0.1}) == ["kundeservice"]


def test_a_token_across_words_is_shared_out_evenly():
    assert spans_of("en to fem seks", {"en to": 0.25, "fem": 0.04, "seks": 0.5}) == ["seks"]


def test_one_comment_is_weighed_for_several_tags():
    words = Words("dyrt men bra", np.array([(0, 4), (5, 8), (9, 12)], dtype=np.int32))
    dear, good = (words.evidence(np.array(weights, dtype=np.float32)) for weights in ((0.9, 0, 0.1), (0.1, 0, 0.9)))
    assert [(span.start, span.end) for span in (*dear, *good)] == [(0, 4), (9, 12)]


def test_a_light_word_between_two_heavy_ones_is_taken_along():
    assert spans_of("ho var svært lite hyggeleg", {"svært": 0.5, "hyggeleg": 0.5}) == ["svært lite hyggeleg"]


def test_a_phrase_does_not_cross_the_end_of_a_sentence():
    assert spans_of("Så dyrt. Dårlig service", {"dyrt": 0.5, "Dårlig": 0.5}) == ["dyrt", "Dårlig"]


def test_at_most_three_spans_and_the_heaviest_of_them():
    text = "en a b c to d e f tre g h i fire"
    assert spans_of(text, {"en": 0.2, "to": 0.3, "tre": 0.25, "fire": 0.25}) == ["to", "tre", "fire"]


def test_a_mark_never_wins_over_a_word():
    assert spans_of("dårlig !", {"!": 0.9, "dårlig": 0.1}) == ["dårlig"]


def test_emoji_alone_are_evidence():
    assert spans_of("😡", {"😡": 1.0}) == ["😡"]


def test_weights_on_special_tokens_fall_back_to_a_word():
    spans = Words("... Bra", np.array([(0, 0)], dtype=np.int32)).evidence(np.array([1.0], dtype=np.float32))
    assert [(span.start, span.end) for span in spans] == [(4, 7)]


def test_white_space_has_no_evidence():
    assert Words(" \n", np.zeros((1, 2), dtype=np.int32)).evidence(np.ones(1, dtype=np.float32)) == ()


@given(st.text(min_size=1, max_size=60), st.data())
def test_spans_lie_in_the_text_in_order_and_are_not_empty(text, data):
    place = st.integers(0, len(text))
    tokens = data.draw(st.lists(st.tuples(place, place).map(sorted), max_size=8))
    weights = data.draw(st.lists(st.floats(0, 1, width=32), min_size=len(tokens), max_size=len(tokens)))
    offsets = np.array(tokens, dtype=np.int32).reshape(-1, 2)
    spans = Words(text, offsets).evidence(np.array(weights, dtype=np.float32))
    assert bool(spans) == bool(text.strip())
    last = 0
    for span in spans:
        assert last <= span.start < span.end <= len(text)
        assert text[span.start : span.end].strip()
        last = span.end
