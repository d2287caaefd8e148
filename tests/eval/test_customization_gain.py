"""What more labels gain, with a tiny model that can learn one thing."""

from __future__ import annotations

import json
from functools import partial

import pytest

pytest.importorskip("torch", reason="needs the extra 'train'")
pytest.importorskip("onnx", reason="needs the extra 'train'")

import eval.customization
from eval import customization_gain
from eval.customization_gain import gains, halves
from tests.eval.by_hand import labelled
from tests.training.tiny_base import LEARNS_FAST, make_base, quick, sour
from training.customize import TooFewLabels

COMMENTS = [*(sour(number) for number in range(100)), *(quick(number) for number in range(100, 200))]
RECIPE = partial(LEARNS_FAST, least_learned=10)
START, END = "<!-- python -m eval.customization_gain -->\n", "<!-- end of eval.customization_gain -->\n"


@pytest.fixture
def labels(tmp_path):
    path = tmp_path / "labels.jsonl"
    path.write_text("\n".join(comment.model_dump_json() for comment in COMMENTS), encoding="utf-8")
    return path


def test_fewer_labels_are_among_more_and_none_is_measured_on():
    pool, measured = halves(COMMENTS, seed=3)
    assert {comment.id for comment in pool} | {comment.id for comment in measured} == {c.id for c in COMMENTS}
    assert {comment.id for comment in pool}.isdisjoint(comment.id for comment in measured)
    assert 60 < len(pool) < 140
    assert len({comment.lang + comment.sentiment for comment in pool[:20]}) == 2  # not in the order of the file
    assert halves(COMMENTS[::-1], seed=3)[0] == pool
    assert halves(COMMENTS, seed=4)[0] != pool


def test_a_localised_comment_is_not_learned_from_where_its_original_is_measured_on():
    comments = [labelled(f"A{number}{end}", f"tekst {number}{end}") for number in range(50) for end in ("", ":nn")]
    pool, measured = halves(comments, seed=1)
    assert {comment.id.removesuffix(":nn") for comment in pool}.isdisjoint(
        comment.id.removesuffix(":nn") for comment in measured
    )


@pytest.mark.slow
def test_each_amount_is_learned_and_measured(labels, tmp_path, monkeypatch):
    own, page = tmp_path / "own.jsonl", tmp_path / "page.md"
    own.write_text("\n".join(quick(number, "R").model_dump_json() for number in range(300, 340)), encoding="utf-8")
    page.write_text(f"{START}{END}", encoding="utf-8")
    monkeypatch.setattr(eval.customization, "REHEARSAL", own)
    monkeypatch.setattr(customization_gain, "CustomRecipe", RECIPE)
    base = make_base(tmp_path / "base")
    gains(labels, model=base, amount=[60, 20], output=tmp_path / "out.json", page=page)
    runs = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))["runs"]
    assert [run["labels"] for run in runs] == [20, 60]
    assert {run["measured"] for run in runs} == {len(halves(COMMENTS, seed=1)[1])}
    themes = [next(row for row in run["changes"] if row["score"] == "themes_f1") for run in runs]
    assert themes[0]["before"] == themes[1]["before"]
    assert themes[1]["difference"] > 0.5
    assert themes[1]["verdict"] == "better"
    written = page.read_text(encoding="utf-8")
    assert "| themes F1 |" in written
    assert "with 20 labels | with 60 labels |" in written


def test_more_labels_than_there_are_are_refused(labels, tmp_path):
    with pytest.raises(TooFewLabels, match=r"150 comments cannot be learned from: .* Name a smaller --amount"):
        gains(labels, model=tmp_path, amount=[150])
