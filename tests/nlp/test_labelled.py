from __future__ import annotations

import json
import lzma

import pytest

from nlp.labelled import BadLabels, labelled_comments, rated_comments

ROW = {
    "id": "B2:nn",
    "lang": "nn",
    "text": "Ho var snill, men pakka kom aldri",
    "sentiment": "mixed",
    "themes": [{"theme": "delivery_time", "stage": "delivery", "sentiment": "negative"}],
    "factors": [
        {"factor": "sympathetic", "polarity": "positive", "start": 7, "end": 12},
        {"factor": "trustworthy", "polarity": "negative"},
    ],
    "churn_risk": False,
    "follow_up": True,
    "origin": "authored",
}


def written(path, *rows):
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


def test_a_row_is_read_as_it_stands(tmp_path):
    (comment,) = labelled_comments(written(tmp_path / "labels.jsonl", ROW))
    assert (comment.id, comment.lang, comment.sentiment, comment.origin) == ("B2:nn", "nn", "mixed", "authored")
    assert [(tag.theme, tag.sentiment) for tag in comment.themes] == [("delivery_time", "negative")]
    marked, unmarked = comment.factors
    assert comment.text[marked.start : marked.end] == "snill"
    assert (marked.tag, unmarked.tag) == ("sympathetic:positive", "trustworthy:negative")
    assert (unmarked.start, unmarked.end) == (None, None)
    assert (comment.churn_risk, comment.follow_up, comment.original_id) == (False, True, "B2")


@pytest.mark.parametrize("question", ["Hva var bra?", None])
def test_a_question_is_read_where_there_is_one(tmp_path, question):
    rows = [ROW | {"question": question}, ROW | {"id": "B3"}]
    asked, unasked = labelled_comments(written(tmp_path / "labels.jsonl", *rows))
    assert (asked.question, unasked.question) == (question, None)
    rated = {"id": "R1", "lang": "no", "text": "Prisene", "sentiment": "positive", "question": question}
    (comment,) = rated_comments(written(tmp_path / "rated.jsonl", rated))
    assert comment.question == question


@pytest.mark.parametrize(
    ("id_", "original"), [("B2", None), ("shop:2026:nb", "shop:2026"), ("B2:da", None), (":nb", None)]
)
def test_only_localisations_have_an_original(tmp_path, id_, original):
    (comment,) = labelled_comments(written(tmp_path / "labels.jsonl", ROW | {"id": id_}))
    assert comment.original_id == original


def test_compressed_files_byte_order_marks_and_blank_lines_are_read(tmp_path):
    path = tmp_path / "labels.jsonl.xz"
    path.write_bytes(lzma.compress(("\ufeff" + json.dumps(ROW) + "\r\n\r\n").encode()))
    assert [comment.id for comment in labelled_comments(path)] == ["B2:nn"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"sentiment": "glad"}, "line 2: sentiment: Input should be 'negative', 'neutral', 'mixed' or 'positive'"),
        ({"lang": "fi"}, "line 2: lang: Input should be"),
        ({"themes": [{"theme": "delivery_time", "sentiment": "mixed"}]}, "line 2: themes.0.sentiment: Input should be"),
        ({"factors": [{"factor": "kind", "polarity": "positive"}]}, "line 2: factors.0.factor: Input should be"),
        ({"factors": [ROW["factors"][0] | {"end": None}]}, "line 2: factors.0: .*give both or neither"),
        (
            {"factors": [ROW["factors"][0] | {"end": 7}]},
            r"line 2: factors.0: .*'end' \(7\) must lie after 'start' \(7\)",
        ),
        ({"factors": [ROW["factors"][0] | {"end": 90}]}, "line 2: .*ends at 90, but the text has 33 characters"),
        ({"themes": [{"theme": "delivery_tme", "sentiment": "negative"}]}, "line 2: .*Did you mean 'delivery_time'"),
        ({"question": ["pakka?"]}, "line 2: question: Input should be a valid string"),
        ({"id": "B1"}, "line 2: id 'B1' stands on line 1 too"),
    ],
)
def test_an_error_names_the_line_and_what_is_allowed_but_no_customers_words(tmp_path, change, said):
    path = written(tmp_path / "labels.jsonl", ROW | {"id": "B1"}, ROW | change)
    with pytest.raises(BadLabels, match=said) as caught:
        labelled_comments(path, themes=["delivery_time", "staff_service"])
    assert "pakka" not in str(caught.value)


def test_a_missing_field_and_broken_json_are_named(tmp_path):
    without = {key: value for key, value in ROW.items() if key != "churn_risk"}
    with pytest.raises(BadLabels, match=r"labels\.jsonl, line 1: churn_risk: Field required"):
        labelled_comments(written(tmp_path / "labels.jsonl", without))
    path = tmp_path / "broken.jsonl"
    path.write_text('{"id": "hemmeleg', encoding="utf-8")
    with pytest.raises(BadLabels, match=r"broken\.jsonl, line 1: Invalid JSON") as caught:
        labelled_comments(path)
    assert "hemmeleg" not in str(caught.value)


RECORD = {
    "kunde": 7,
    "id": "T1",
    "text": "Hun var sød og tålmodig",
    "language": "da",
    "sentiment": {"label": "positive", "score": 0.9, "probabilities": {"positive": 0.95}},
    "themes": [{"theme": "staff_service", "stage": "support", "sentiment": "positive", "confidence": 0.9, "spans": []}],
    "factors": [
        {
            "factor": "sympathetic",
            "polarity": "positive",
            "confidence": 0.8,
            "spans": [{"start": 8, "end": 11}, {"start": 15, "end": 23}],
        },
        {"factor": "professional", "polarity": "positive", "confidence": 0.5, "spans": []},
    ],
    "churn_risk": {"flag": False, "confidence": 0.1, "spans": []},
    "follow_up": {"flag": True, "confidence": 0.7, "spans": []},
    "model": "stemme-small@9",
    "taxonomy": "journey@1.0.0",
}


def test_a_record_as_it_is_tagged_is_read_with_all_its_tags(tmp_path):
    (comment,) = labelled_comments(written(tmp_path / "tagged.jsonl", RECORD))
    assert (comment.lang, comment.sentiment, comment.churn_risk, comment.follow_up) == ("da", "positive", False, True)
    assert [(tag.theme, tag.sentiment) for tag in comment.themes] == [("staff_service", "positive")]
    assert [(factor.tag, factor.start, factor.end) for factor in comment.factors] == [
        ("sympathetic:positive", 8, 11),
        ("sympathetic:positive", 15, 23),
        ("professional:positive", None, None),
    ]


def test_a_tag_put_right_by_hand_stands_beside_those_of_the_record(tmp_path):
    (comment,) = labelled_comments(written(tmp_path / "tagged.jsonl", RECORD | {"lang": "nb", "sentiment": "mixed"}))
    assert (comment.lang, comment.sentiment, comment.follow_up) == ("nb", "mixed", True)


def test_what_people_bring_in_another_form_is_refused_with_what_to_do(tmp_path):
    table = tmp_path / "labels.csv"
    table.write_text("id;text\n1;Hemmelig\n", encoding="utf-8")
    no_text = {key: value for key, value in RECORD.items() if key != "text"}
    failed = {"id": "T2", "text": "", "error": {"code": "empty_text", "message": "The text is empty."}}
    rated = {"id": "R1", "lang": "sv", "text": "Hemlig", "source": "butik", "sentiment": "positive"}
    for path, said in [
        (table, r"labels\.csv, line 1: no JSON object\. .* JSON lines"),
        (written(tmp_path / "no_text.jsonl", no_text), "line 1: text: .* keep the column beside it"),
        (written(tmp_path / "failed.jsonl", RECORD, failed), "line 2: .*Label it or leave it out"),
        (written(tmp_path / "rated.jsonl", rated), "line 1: .* `stemme eval --reviews`"),
    ]:
        with pytest.raises(BadLabels, match=said) as caught:
            labelled_comments(path)
        assert "Hem" not in str(caught.value)


@pytest.mark.parametrize(
    ("labels", "stem"),
    [({"id": "B2:nn"}, "B2"), ({"id": "B2"}, "B2"), ({"id": "v7", "version_of": "B2"}, "B2"),
     ({"id": "v8", "version_of": "B2:nb"}, "B2")],
)  # fmt: skip
def test_versions_and_localisations_have_the_stem_of_their_comment(tmp_path, labels, stem):
    (comment,) = labelled_comments(written(tmp_path / "labels.jsonl", ROW | labels))
    assert comment.stem == stem


def test_files_that_cannot_be_read_are_named(tmp_path):
    empty, latin, cut = tmp_path / "empty.jsonl", tmp_path / "latin.jsonl", tmp_path / "cut.jsonl.xz"
    empty.write_text("\n")
    latin.write_bytes('{"id": "Ærø"}'.encode("latin-1"))
    cut.write_bytes(lzma.compress(b"{}" * 1000)[:30])
    for path, said in [
        (tmp_path / "none.jsonl", "none.jsonl cannot be read: No such file"),
        (empty, "empty.jsonl holds no comment"),
        (latin, "latin.jsonl is not UTF-8"),
        (cut, "cut.jsonl.xz cannot be read"),
    ]:
        with pytest.raises(BadLabels, match=said):
            labelled_comments(path)


def test_rated_texts_are_read(tmp_path):
    row = {
        "id": "R1",
        "lang": "no",
        "source": "norec_sentence",
        "text": "Bra film",
        "sentiment": "positive",
        "rating": 5,
    }
    (comment,) = rated_comments(written(tmp_path / "rated.jsonl", row))
    assert (comment.id, comment.lang, comment.source, comment.sentiment) == ("R1", "no", "norec_sentence", "positive")
    with pytest.raises(BadLabels, match="line 1: sentiment"):
        rated_comments(written(tmp_path / "rated.jsonl", row | {"sentiment": "mixed"}))
