"""The shipped model against the linear model's floors, on the dev comments, where these are at hand."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from eval.command import load_tagger, measure
from eval.floors import compare
from eval.labels import labelled_comments

DATA = Path(os.environ.get("STEMME_DATA") or Path(__file__).parents[3] / "shared" / "data")
DEV = DATA / "opinions" / "dev.jsonl"


@pytest.mark.skipif(not DEV.exists(), reason="needs opinions/dev.jsonl in $STEMME_DATA or in ../shared/data")
def test_the_shipped_model_is_above_the_linear_model_everywhere():
    evaluation = measure(load_tagger(None), labelled_comments(DEV))
    rows = compare(evaluation.headlines())
    assert len(rows) == 25
    assert [f"{row.group} {row.score}: {row.value} <= {row.floor}" for row in rows if row.verdict != "above"] == []
    assert evaluation.comments["all"].failed == 0
