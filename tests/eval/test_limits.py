"""The command from a labelled file to tables, with the shipped model; and the page that the tables go into."""

from __future__ import annotations

import json

import pytest

pytest.importorskip("sklearn")
pytest.importorskip("scipy")

from eval.limits import NothingToScore, limits
from eval.marked_page import NoMarks, write_between_marks
from tests.eval.by_hand import labelled

START, END = "<!-- python -m eval.limits -->\n", "<!-- end of eval.limits -->\n"
LATE = ("Pakka kom for sent", "Varorna kom för sent", "Pakken kom for sent", "Varene kom for seint")
KIND = ("Hyggelig betjening", "Väldigt trevlig personal", "Meget venlig betjening", "Hyggelege folk")
LANGUAGES = ("nb", "sv", "da", "nn")


@pytest.fixture
def files(tmp_path):
    """Scored and train comments, and an empty page."""
    comments = [
        labelled(f"{kind}-{lang}-{ending}", f"{text} {ending}", lang=lang, sentiment=feeling, themes=[theme])
        for kind, texts, feeling, theme in (
            ("late", LATE, "negative", "delivery_time:negative"),
            ("kind", KIND, "positive", "staff_service:positive"),
        )
        for lang, text in zip(LANGUAGES, texts, strict=True)
        for ending in ("igjen", "i går", "denne gang", "her")
    ]
    scored, train, page = tmp_path / "scored.jsonl", tmp_path / "train.jsonl", tmp_path / "page.md"
    scored.write_text("\n".join(comment.model_dump_json() for comment in comments[::2]), encoding="utf-8")
    train.write_text("\n".join(comment.model_dump_json() for comment in comments), encoding="utf-8")
    page.write_text(f"Before\n{START}stale\n{END}After\n", encoding="utf-8")
    return scored, train, page


@pytest.mark.slow
def test_the_command_counts_mistakes_and_sets_a_linear_model_beside(files, tmp_path):
    scored, train, page = files
    limits(scored, train=[train], cuts=2, output=tmp_path / "out.json", page=page)
    found = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))
    assert found["comments"] == 16
    assert {row["group"]: row["comments"] for row in found["groups"]["language"]} == dict.fromkeys(LANGUAGES, 4)
    due = {row["label"]: (row["support"], row["due"]) for row in found["labels"]["themes"] if row["due"]}
    assert due == {"delivery_time": (8, 8), "staff_service": (8, 8)}
    assert found["beside"]["train"] == 16  # those that are scored are left out
    assert found["beside"]["scores"]["linear"]["all"]["sentiment"]["value"] == 1.0
    assert found["beside"]["scores"]["linear"]["all"]["churn_risk"]["value"] is None  # never due and never given
    assert set(found["beside"]["gain"]) == {"da", "sv", "no", "nb", "nn", "all"}
    written = page.read_text(encoding="utf-8")
    assert written.startswith(f"Before\n{START}stemme-small@")
    assert written.endswith(f"{END}After\n")
    assert "| language: nn | 4 |" in written
    assert "stale" not in written


def test_without_train_comments_there_is_no_linear_model(files, tmp_path):
    limits(files[0], output=tmp_path / "out.json")
    found = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))
    assert (found["beside"], found["support"]) == (None, {})


def test_either_a_file_or_the_corpora_are_named(files):
    for named in ({}, {"labels": files[0], "corpora": files[0].parent}):
        with pytest.raises(NothingToScore, match="Name either a labelled file or, with --corpora"):
            limits(**{"labels": None, **named})


def test_comments_without_a_word_cannot_be_scored(tmp_path):
    (tmp_path / "empty.jsonl").write_text(labelled(text="  ").model_dump_json(), encoding="utf-8")
    with pytest.raises(NothingToScore, match="no comment with a word"):
        limits(tmp_path / "empty.jsonl")


def test_a_page_without_both_marks_is_refused_and_stays(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(f"Before\n{START}stale\n", encoding="utf-8")
    with pytest.raises(NoMarks, match=r"page\.md needs the lines"):
        write_between_marks(page, "eval.limits", "new\n")
    assert page.read_text(encoding="utf-8") == f"Before\n{START}stale\n"
