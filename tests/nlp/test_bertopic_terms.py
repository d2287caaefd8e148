"""The words of our topics inside BERTopic; and what is said where BERTopic is not installed."""

from __future__ import annotations

import re
import sys

import pytest

pytest.importorskip("sklearn", reason="needs the extra 'topics'")
pytest.importorskip("simplemma", reason="needs the extra 'topics'")

from nlp.clustering.bertopic_terms import TopicTerms, terms_in
from nlp.errors import MissingExtra
from nlp.topic_segments import Segment
from nlp.topics import BadTopics
from tests.nlp.planted import planted


def segment(number, text, language="nb"):
    return Segment(f"C{number}", 0, len(text), text, language)


def test_terms_are_lemmas_in_the_language_in_which_a_word_is_written_most():
    texts = [(f"knust pakke {tail}", "nb") for tail in ("i dag", "da den kom", "og våt", "hos oss", "igjen")]
    texts += [("krossade paket", "sv")] * 4 + [("knust pakke", "sv")]
    terms = terms_in([segment(number, *text) for number, text in enumerate(texts)])
    assert terms("Knust pakke! Krossade paket") == ["knuse", "pakke", "knuse pakke", "krossa", "paket", "krossa paket"]


def test_what_fewer_than_four_comments_hold_is_no_term():
    common = [segment(number, "pakken knust") for number in range(4)]
    of_three = [segment(number, "tante Gerdas vaffeljern") for number in range(10, 13)]
    of_one = [Segment("C20", 50 * place, 50 * place + 9, "hunden bjeffet", "nb") for place in range(9)]
    terms = terms_in([*common, *of_three, *of_one])
    assert set(terms.lemmas) == {"pakken", "knust"}
    assert terms.pairs == {"pakke knuse"}


def test_names_are_no_terms():
    segments = [segment(number, "hos Møbelhuset var pakken knust") for number in range(6)]
    segments += [segment(number, "og ekspeditøren Gunnbjørg var blid") for number in range(10, 16)]
    terms = terms_in(segments, names=["Møbelhuset"])
    assert "pakken" in terms.lemmas
    assert not {"møbelhuset", "gunnbjørg"} & set(terms.lemmas)


def test_terms_that_were_saved_are_read_again(tmp_path):
    terms = TopicTerms({"våt": "våt", "pakka": "pakke"}, frozenset({"våt pakke"}))
    terms.save(tmp_path / "terms.json")
    assert TopicTerms.load(tmp_path / "terms.json") == terms
    (tmp_path / "terms.json").write_text("{}")
    with pytest.raises(BadTopics, match=r"terms\.json"):
        TopicTerms.load(tmp_path / "terms.json")


def test_without_bertopic_it_is_said_what_to_install(monkeypatch):
    pytest.importorskip("scipy", reason="needs the extra 'topics'")
    from nlp.bertopic_frame import frame_of

    monkeypatch.setitem(sys.modules, "bertopic", None)
    with pytest.raises(MissingExtra, match=re.escape("pip install 'stemme[bertopic]'")):
        frame_of(planted()[0])
