import math
from datetime import date

import pytest
from rich.console import Console

from eval.before_after import Change, Training, card, change_table, changes, sentence
from eval.tagging import tag_all
from tests.eval.by_hand import StubTagger, labelled, tagged

# Twenty comments in Danish and twenty in Swedish, every one about staff, and negative.
GOLD = [
    labelled(f"{lang}{number}", f"tekst {number}", lang=lang, sentiment="negative", themes=["staff_service:negative"])
    for lang in ("da", "sv")
    for number in range(20)
]
RIGHT = {"sentiment": "negative", "themes": ["staff_service:negative"]}
WRONG = {"sentiment": "positive", "themes": ["price_value:negative"]}


def measured(**answers):
    """What a tagger gives: by language, how many of the twenty are right."""
    return tag_all(
        StubTagger(
            {
                comment.id: tagged(comment.id, **(RIGHT if int(comment.id[2:]) < answers[comment.lang] else WRONG))
                for comment in GOLD
            }
        ),
        GOLD,
    )


def of(found, group, score, kind="comments"):
    (change,) = [one for one in found if (one.group, one.kind, one.score) == (group, kind, score)]
    return change


def test_what_is_clearly_better_and_clearly_worse_is_said():
    found = changes(measured(da=2, sv=20), measured(da=20, sv=10))
    overall = of(found, "all", "sentiment_accuracy")
    assert (overall.before, overall.after, overall.verdict) == (0.55, 0.75, "no clear difference")
    assert of(found, "da", "themes_f1").verdict == "better"
    assert of(found, "sv", "themes_f1").verdict == "worse"
    assert of(found, "sv", "themes_f1").difference == -0.5
    assert of(found, "all", "churn_risk_f1").verdict == "not measured"
    said = sentence(found)
    assert said.startswith("Worse: ")
    assert "themes F1 -0.500 in sv" in said
    assert "Weigh" in said


def test_a_smaller_calibration_error_is_better():
    found = changes(measured(da=4, sv=4), measured(da=20, sv=20))
    assert of(found, "all", "sentiment", "calibration").difference == pytest.approx(-0.8)
    assert of(found, "all", "sentiment", "calibration").verdict == "better"
    assert sentence(found).startswith("Better: sentiment accuracy +0.800")
    assert sentence(found).endswith("Nothing is clearly worse.")


def test_the_same_answers_are_no_difference():
    found = changes(measured(da=10, sv=10), measured(da=10, sv=10))
    assert {change.verdict for change in found} == {"no clear difference", "not measured"}
    assert sentence(found).startswith("No clear difference")


def test_languages_that_do_not_occur_are_left_out():
    found = changes(measured(da=1, sv=1), measured(da=2, sv=2))
    assert list(dict.fromkeys(change.group for change in found)) == ["all", "da", "sv"]


def test_an_interval_that_touches_zero_is_no_clear_difference():
    def change(kind, low, high):
        return Change("all", kind, "sentiment", 0.5, 0.6, 0.1, low, high)

    assert change("comments", 0.0, 0.2).verdict == "no clear difference"
    assert change("comments", 0.01, 0.2).verdict == "better"
    assert change("calibration", 0.01, 0.2).verdict == "worse"
    assert change("comments", math.nan, math.nan).verdict == "not measured"


def test_table_json_and_card_show_the_same_numbers():
    training = Training(
        base="base@1",
        model="ours@2",
        day=date(2026, 11, 27),
        seed=1,
        epochs=4,
        learned=200,
        rehearsed=300,
        calibrated=0,
        held_out=[comment.id for comment in GOLD],
        languages={"da": 120, "sv": 120},
        changes=changes(measured(da=4, sv=4), measured(da=20, sv=20)),
    )
    console = Console(width=140)
    with console.capture() as captured:
        console.print(change_table(training.changes, held_out=40))
    shown = captured.get()
    accuracy = of(training.changes, "all", "sentiment_accuracy")
    assert 0.6 < accuracy.low < 0.8 < accuracy.high < 1.0
    difference = f"+0.800 (+{accuracy.low:.3f} to +{accuracy.high:.3f})"
    assert "Before and after on 40 held-out comments" in shown
    (row,) = [line for line in shown.splitlines() if "sentiment accuracy" in line]
    assert [cell.strip() for cell in row.strip("│").split("│")][1:] == [
        "0.200", "1.000", difference, "better",
    ]  # fmt: skip
    page = card(training)
    assert f"| sentiment accuracy | 0.200 | 1.000 | {difference} | better |" in page
    assert "base@1 on 200 labelled comments (the file's languages: da 120, sv 120)" in page
    assert "kept from base@1" in page
    plain = training.to_dict()
    assert (plain["day"], plain["held_out"][0], plain["languages"]) == ("2026-11-27", "da0", {"da": 120, "sv": 120})
    first = plain["changes"][0]
    assert (first["score"], first["before"], first["after"], first["verdict"]) == (
        "sentiment_accuracy", 0.2, 1.0, "better",
    )  # fmt: skip
    assert [one["low"] for one in plain["changes"] if one["score"] == "churn_risk_f1"] == [None] * 3
    assert training.scores["all.sentiment_accuracy"] == 1.0
    assert "all.sentiment" not in training.scores
