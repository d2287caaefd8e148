from __future__ import annotations

import math
import tomllib

import pytest

from eval.counting import Score
from eval.floors import FLOORS, compare
from eval.scores import GROUPS, score_comments


def scored(value: float) -> dict[str, dict[str, dict[str, Score]]]:
    return {"comments": {"da": {"themes_f1": Score(value, 0, 1, 9)}}}


@pytest.mark.parametrize(
    ("value", "verdict"),
    [(0.7374, "at"), (0.7366, "at"), (0.7376, "above"), (0.7364, "below"), (math.nan, "not measured")],
)
def test_scores_are_compared_with_the_decimals_of_the_floors(tmp_path, value, verdict):
    path = tmp_path / "floors.toml"
    path.write_text("[comments.da]\nthemes_f1 = 0.737\n[comments.sv]\nthemes_f1 = 0.9\n[reviews.da]\nother = 0.9\n")
    (row,) = compare(scored(value), path)
    assert (row.kind, row.group, row.score, row.floor, row.verdict) == ("comments", "da", "themes_f1", 0.737, verdict)


def test_every_shipped_floor_names_a_score_that_is_measured():
    floors = tomllib.loads(FLOORS.read_text(encoding="utf-8"))
    headline = score_comments([], []).headline
    for group, scores in floors["comments"].items():
        assert group in GROUPS
        assert scores.keys() <= headline.keys()
    assert {name for scores in floors["reviews"].values() for name in scores} == {
        "positive_or_negative",
        "three_way_macro_f1",
    }
    assert len(compare({"comments": dict.fromkeys(GROUPS, headline)})) == 6 * 4 + 1
