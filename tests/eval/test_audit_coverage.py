"""A small version of the measurement in docs/audit.md: the intervals hold the truth about as often as they say."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from eval import audit_coverage
from eval.audit_coverage import audit_coverage as measure_all
from eval.audit_coverage import measure


@pytest.mark.parametrize("model", ["good", "uneven"])
def test_the_intervals_of_corrected_shares_hold(model: str) -> None:
    rows = measure(model, comments=4_000, sample_size=200, samples=100, seed=3)
    assert len(rows) == 8
    for row in rows:
        assert row.covered >= 0.9  # 100 samples: below it by chance once in fifty if the level is 95 %
        assert abs(row.error) < (0.01 if row.language == "*" else 0.04)
    frequent = next(row for row in rows if row.label == "frequent" and row.language == "*")
    assert 0.02 < frequent.half_width < 0.09
    if model == "uneven":
        assert not frequent.naive
        assert abs(frequent.reported - frequent.truth) > 0.05


def test_an_interval_that_is_too_narrow_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.accuracy.statistics.LOW", 0.3)
    monkeypatch.setattr("api.accuracy.statistics.HIGH", 0.7)
    rows = measure("uneven", comments=4_000, sample_size=200, samples=50, seed=3)
    assert min(row.covered for row in rows) < 0.8


def test_it_prints_and_writes_its_figures(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_coverage, "MODELS", {"good": audit_coverage.MODELS["good"]})
    measure_all(comments=1_000, samples=2, sample_size=[100], output=tmp_path / "out.json")
    assert "| good | very rare | sv | 100 |" in capsys.readouterr().out
    assert len(json.loads((tmp_path / "out.json").read_text())) == 8
