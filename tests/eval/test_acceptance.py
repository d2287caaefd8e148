"""The shipped model against the linear model's floors, on the dev comments, where these are at hand."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from eval.command import measure
from eval.floors import compare
from eval.tagging import load_tagger
from nlp.labelled import labelled_comments
from nlp.models.shipped import shipped_names

pytestmark = pytest.mark.slow

DATA = Path(os.environ.get("STEMME_DATA") or Path(__file__).parents[3] / "shared" / "data")
DEV = DATA / "opinions" / "dev.jsonl"


@pytest.mark.skipif(not DEV.exists(), reason="needs opinions/dev.jsonl in $STEMME_DATA or in ../shared/data")
@pytest.mark.parametrize("name", shipped_names())
def test_a_shipped_model_is_nowhere_below_the_linear_model(name):
    evaluation = measure(load_tagger(Path(name)), labelled_comments(DEV))
    rows = compare(evaluation.headlines())
    assert len(rows) == 25
    assert {(row.score, row.group) for row in rows if row.verdict not in ("above", "at")} == set()
    assert evaluation.comments["all"].failed == 0
