from __future__ import annotations

import math
import tomllib

import pytest
from rich.console import Console

from eval.against import Difference
from eval.behaviour.gate import SHIPPED, Gate
from eval.calibration import HEADS
from eval.command import scored
from eval.goals import GOALS, Goal, beside_goals, goal_table, goals_to_dict, values_of
from eval.report import Against
from eval.scores import GROUPS, score_comments
from eval.tagging import tag_all
from tests.eval.by_hand import StubTagger, labelled, tagged

WRITTEN_GOALS = """
[least.comments.all]
sentiment_accuracy = 0.94
follow_up_f1 = 0.5
[most.calibration.all]
sentiment = 0.03
[least.behaviour.nn]
all = 0.9
[most.int8.all]
largest_difference = 0.003
"""
RATES = Gate(model="stub@1", rates={"nn": {"all": 0.9}})


def goal(side: str, value: float) -> Goal:
    return Goal("comments", "all", "themes_f1", side, 0.88, value)


@pytest.mark.parametrize(
    ("side", "value", "outcome"),
    [
        ("least", 0.88, "reached"),
        ("least", 0.879, "not reached"),
        ("most", 0.88, "reached"),
        ("most", 0.881, "not reached"),
        ("least", math.nan, "not measured"),
        ("most", math.nan, "not measured"),
    ],
)
def test_a_goal_is_the_least_or_the_most_that_a_value_may_be(side, value, outcome):
    assert goal(side, value).outcome == outcome


@pytest.fixture
def evaluation():
    gold = [labelled("A"), labelled("B", sentiment="negative")]
    answers = {"A": tagged("A", probability=0.96), "B": tagged("B", sentiment="negative", probability=0.96)}
    return scored(tag_all(StubTagger(answers), gold))


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "goals.toml"
    path.write_text(WRITTEN_GOALS, encoding="utf-8")
    return path


def against(evaluation, *, full_precision: bool) -> Against:
    rows = {"themes_f1": Difference(0.7, 0.704, -0.004, -0.01, 0.0), "evidence_f1": Difference(*[math.nan] * 5)}
    calibration = {"themes": Difference(0.3, 0.1, 0.2, 0.1, 0.3)}
    differences = {"comments": {"all": rows}, "calibration": {"all": calibration}}
    return Against("other", evaluation, differences, full_precision=full_precision)


def test_every_goal_stands_beside_what_was_measured(evaluation, path):
    rows = beside_goals(values_of(evaluation, against(evaluation, full_precision=True), RATES), path)
    assert {(row.kind, row.score): (row.value, row.outcome) for row in rows if row.kind != "comments"} == {
        ("calibration", "sentiment"): (0.04, "not reached"),
        ("behaviour", "all"): (0.9, "reached"),
        ("int8", "largest_difference"): (0.004, "not reached"),
    }
    assert [row.outcome for row in rows if row.kind == "comments"] == ["reached", "not measured"]


def test_another_models_rates_and_another_second_model_are_no_measurement(evaluation, path):
    rates = RATES.model_copy(update={"model": "stub@0"})
    rows = beside_goals(values_of(evaluation, against(evaluation, full_precision=False), rates), path)
    assert {row.kind: row.outcome for row in rows if row.kind in ("behaviour", "int8")} == {
        "behaviour": "not measured",
        "int8": "not measured",
    }


def test_goals_are_shown_and_written(evaluation, path):
    rows = beside_goals(values_of(evaluation, None, RATES), path)
    console = Console(width=120)
    with console.capture() as capture:
        console.print(goal_table(rows))
    shown = capture.get()
    assert "Goals: 2 reached, 1 not reached, 2 not measured" in shown
    (line,) = [line for line in shown.splitlines() if "calibration error, sentiment" in line]
    assert "≤ 0.030" in line
    assert "0.040" in line
    assert "not reached" in line
    plain = goals_to_dict(rows)["goals"]
    assert plain[1] == {
        "kind": "comments", "group": "all", "score": "follow_up_f1", "side": "least", "goal": 0.5, "value": None,
        "outcome": "not measured",
    }  # fmt: skip
    assert goals_to_dict([]) == {}


def test_every_shipped_goal_names_what_is_measured():
    sides = tomllib.loads(GOALS.read_text(encoding="utf-8"))
    assert sides.keys() == {"least", "most"}
    known = {
        "comments": set(score_comments([], []).headline),
        "calibration": set(HEADS),
        "reviews": {"positive_or_negative", "three_way_macro_f1"},
        "behaviour": {"all"},
        "int8": {"largest_difference"},
    }
    groups = {kind: set(GROUPS) for kind in known} | {"behaviour": set(Gate.load(SHIPPED).rates)}
    for kinds in sides.values():
        for kind, of_group in kinds.items():
            assert of_group.keys() <= groups[kind]
            for names in of_group.values():
                assert names.keys() <= known[kind]
