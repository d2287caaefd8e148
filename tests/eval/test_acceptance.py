"""The shipped model against the linear model's floors, on the dev comments, where these are at hand."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from eval.command import measure
from eval.floors import compare
from eval.tagging import load_tagger
from nlp.labelled import labelled_comments

DATA = Path(os.environ.get("STEMME_DATA") or Path(__file__).parents[3] / "shared" / "data")
DEV = DATA / "opinions" / "dev.jsonl"


# Where the shipped model stands below the linear model today (docs/model.md). 0.5.0 took Danish and all off it.
KNOWN_BELOW = {("follow_up_f1", "sv")}


@pytest.mark.skipif(not DEV.exists(), reason="needs opinions/dev.jsonl in $STEMME_DATA or in ../shared/data")
def test_the_shipped_model_is_below_the_linear_model_only_where_it_is_known_to_be():
    evaluation = measure(load_tagger(None), labelled_comments(DEV))
    rows = compare(evaluation.headlines())
    assert len(rows) == 25
    low = {(row.score, row.group) for row in rows if row.verdict not in ("above", "at")}
    assert low - KNOWN_BELOW == set()
    assert evaluation.comments["all"].failed == 0
