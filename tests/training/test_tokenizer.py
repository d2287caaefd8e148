import json

import pytest

pytest.importorskip("torch", reason="needs the extra 'train'")

from training.tokenizer import SPECIAL, train_tokenizer

TEXTS = [f"{word} levering {word}t pakke nr {number}" for number, word in enumerate(["sen", "rask", "fin", "tom"] * 9)]


def test_pieces_of_one_score_stand_in_the_order_of_their_letters():
    tokenizer = train_tokenizer(TEXTS, vocabulary_size=120)
    pieces = json.loads(tokenizer.to_str())["model"]["vocab"]
    assert [piece for piece, _ in pieces[: len(SPECIAL)]] == list(SPECIAL)
    learned = pieces[len(SPECIAL) :]
    assert learned == sorted(learned, key=lambda one: (-one[1], one[0]))
    assert len({score for _, score in learned}) < len(learned)  # or there would be nothing to settle
    assert tokenizer.encode("sen levering").tokens[0] == "[CLS]"
    assert tokenizer.decode(tokenizer.encode("sen levering").ids).replace(" ", "") == "▁sen▁levering".replace(" ", "")
