"""The measurement of masking in a small size, its cases and its arithmetic."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

import eval.personal_data
from api.personal_data import Kind, MaskedText
from eval.personal_data import Share, measure, personal_data, wilson
from eval.personal_data_cases import LANGUAGES, LOOK_ALIKES, Case, negatives, positives
from nlp.record import Span

PAGE = (Path(__file__).parents[2] / "docs" / "personal-data.md").read_text(encoding="utf-8")
BY_DESIGN = {"order_number_without_a_word", "ip_address"}  # nothing tells these from telephone numbers


def test_nearly_all_is_found_and_nearly_nothing_else() -> None:
    report = measure(each=15, each_look_alike=10, seed=4)
    assert {(row.kind, row.language) for row in report.recall} == {(kind, lang) for kind in Kind for lang in LANGUAGES}
    missed = sum(row.found.total - row.found.count for row in report.recall)
    alarms = sum(row.found.count for row in report.false_alarms if row.kind not in BY_DESIGN)
    assert missed <= 4  # of 360
    assert alarms <= 2  # of 480
    assert sum(row.right_kind for row in report.recall) >= 352
    assert sum(row.beyond for row in report.recall) == 0


def unmasked(text: str, *, language: str) -> MaskedText:
    return MaskedText(text)


def test_a_detector_that_finds_nothing_has_no_recall(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(eval.personal_data, "mask", unmasked)
    report = measure(each=2, each_look_alike=1, seed=1)
    assert {row.found.count for row in report.recall} == {0}


def test_half_a_value_is_not_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def half(text: str, *, language: str) -> MaskedText:
        return MaskedText.of(text, [(Span(0, len(text) // 2), Kind.PHONE)])

    monkeypatch.setattr(eval.personal_data, "mask", half)
    monkeypatch.setattr(eval.personal_data, "positives", lambda **_: [Case("98765432", "nb", Kind.PHONE, Span(0, 8))])
    (row,) = measure(each=1, each_look_alike=1, seed=1).recall
    assert (row.found.count, row.right_kind, row.beyond) == (0, 1, 0)


def test_the_same_seed_gives_the_same_comments_and_another_others() -> None:
    assert list(positives(each=3, seed=1)) == list(positives(each=3, seed=1))
    assert list(negatives(each=3, seed=1)) != list(negatives(each=3, seed=2))


def test_a_case_knows_where_its_value_stands() -> None:
    for case in positives(each=10, seed=5):
        assert case.value is not None
        value = case.text[case.value.start : case.value.end]
        assert value == value.strip()
        assert sum(letter.isdigit() for letter in value) >= 8 or case.kind == Kind.EMAIL


def test_wilson_on_the_edges() -> None:
    # Of 10 found 10: 10 / (10 + z²) = 10 / 13.8415
    assert wilson(10, 10) == pytest.approx((0.7225, 1.0), abs=1e-4)
    assert wilson(0, 0) == (0.0, 1.0)
    assert Share.of(5, 10).low == pytest.approx(0.2366, abs=1e-4)


def test_the_counts_go_into_a_file(tmp_path: Path) -> None:
    output = tmp_path / "counts.json"
    arguments = ["--each", "1", "--each-look-alike", "1", "-o", str(output)]
    app = typer.Typer()
    app.command()(personal_data)
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    assert "24 comments with personal data, 56 without; seed 1." in result.output
    written = json.loads(output.read_text(encoding="utf-8"))
    assert [row["found"]["total"] for row in written["recall"]] == [1] * 24


def test_the_page_has_a_row_for_every_kind_and_look_alike() -> None:
    assert [name for name in (*Kind, *LOOK_ALIKES) if f"\n| `{name}` | " not in PAGE] == []
    assert [kind for kind in Kind if kind.placeholder not in PAGE] == []
