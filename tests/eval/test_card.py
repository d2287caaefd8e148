import json

import pytest

from eval.behaviour.gate import Gate
from eval.behaviour.suite import load_suite
from eval.card import (
    END,
    MOST_FAILING,
    START,
    WrongScores,
    behaviour_block,
    full_precision_block,
    rewritten,
    score_table,
    write_card,
)
from nlp.models.labels import LabelSpace
from nlp.models.manifest import Calibration, Manifest
from nlp.taxonomy import Taxonomy


def score(value, low=None, high=None):
    return {"value": value, "low": low, "high": high}


MEASURED = {
    "model": "tiny@1",
    "comments": {
        "da": {
            "comments": 1200,
            "calibration": {"themes": 0.0312},
            "headline": {"themes_f1": score(0.75, 0.7, 0.8), "localisation_f1": score(None)},
        },
        "all": {
            "comments": 1500,
            "calibration": {"themes": score(0.0123, 0.01, 0.0345)},
            "headline": {"themes_f1": score(0.7, 0.65, 0.75), "localisation_f1": score(0.5, 0, 1)},
        },
    },
    "reviews": {"da": {"positive_or_negative": score(0.96, 0.95, 0.97)}},
}


@pytest.fixture
def folder(tmp_path):
    labels = LabelSpace.of(Taxonomy.load())
    calibration = Calibration(tag_temperatures={}, thresholds={})
    Manifest(name="tiny", version="1", labels=labels, max_tokens=16, calibration=calibration).save(tmp_path)
    (tmp_path / "README.md").write_text(f"# tiny\n\n{START}old\n{END}\nafter\n", encoding="utf-8")
    (tmp_path / "scores.json").write_text(json.dumps(MEASURED), encoding="utf-8")
    return tmp_path


def test_the_manifest_gets_what_could_be_measured(folder):
    write_card(folder / "scores.json", folder)
    assert Manifest.load(folder).scores == {
        "da.themes_f1": 0.75,
        "all.themes_f1": 0.7,
        "all.localisation_f1": 0.5,
        "da.reviews.positive_or_negative": 0.96,
    }


def test_the_card_keeps_its_text_and_gets_the_table(folder):
    write_card(folder / "scores.json", folder)
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert card.startswith("# tiny\n")
    assert card.endswith("after\n")
    assert "old" not in card
    assert "| comments | 1,200 | 1,500 |" in card
    assert "| themes f1 | 0.750 (0.700–0.800) | 0.700 (0.650–0.750) |" in card
    assert "| localisation f1 | – | 0.500 (0.000–1.000) |" in card
    assert "| calibration error, themes | 0.031 | 0.012 (0.010–0.035) |" in card
    assert "| reviews, positive or negative | 0.960 (0.950–0.970) | – |" in card


def test_a_second_time_changes_nothing():
    once = rewritten(f"x\n{START}{END}y", MEASURED)
    assert rewritten(once, MEASURED) == once


def test_scores_of_another_model_are_refused(folder):
    (folder / "scores.json").write_text(json.dumps(MEASURED | {"model": "other@1"}), encoding="utf-8")
    with pytest.raises(WrongScores, match=r"measured other@1, but .* holds tiny@1"):
        write_card(folder / "scores.json", folder)


def difference(this, other, low, high):
    return {"this": this, "other": other, "difference": round(this - other, 4), "low": low, "high": high}


AGAINST = {
    "folder": "full-precision",
    "full_precision": True,
    "differences": {
        "comments": {
            "da": {"themes_f1": difference(0.1, 0.9, -0.9, -0.7)},
            "all": {
                "themes_f1": difference(0.79, 0.789, -0.002, 0.004),
                "follow_up_f1": difference(0.70, 0.715, -0.03, -0.005),
                "evidence_f1": {"this": None, "other": None, "difference": None, "low": None, "high": None},
            },
        },
        "calibration": {"all": {"themes": difference(0.02, 0.0203, -0.002, 0.001)}},
        "reviews": {"all": {"positive_or_negative": difference(0.92, 0.92, 0.0, 0.0)}},
    },
}


def test_the_card_says_what_int8_changes(folder):
    (folder / "scores.json").write_text(json.dumps(MEASURED | {"against": AGAINST}), encoding="utf-8")
    write_card(folder / "scores.json", folder)
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert "The interval leaves 0 out for follow up f1.\n" in card
    assert "| themes f1 | 0.790 | 0.789 | +0.001 (-0.002 to +0.004) |" in card
    assert "| calibration error, themes | 0.020 | 0.020 | +0.000 (-0.002 to +0.001) |" in card
    assert "| reviews, positive or negative | 0.920 | 0.920 | +0.000 (+0.000 to +0.000) |" in card
    assert "0.900" not in card  # Danish alone
    assert card.index(START) < card.index("What int8 changes") < card.index(END)


@pytest.mark.parametrize("measured", [MEASURED, MEASURED | {"against": AGAINST | {"full_precision": False}}])
def test_another_second_model_is_not_taken_for_full_precision(measured):
    assert full_precision_block(measured) == ""


def test_bokmaal_and_nynorsk_have_columns_where_both_occur():
    one = {"comments": 30, "calibration": {}, "headline": {"themes_f1": score(0.7, 0.6, 0.8)}}
    comments = {"no": one | {"comments": 50}, "nb": one, "nn": one | {"comments": 20}, "all": one | {"comments": 50}}
    table = score_table(MEASURED | {"comments": comments, "reviews": {}})
    assert table.startswith("| | no | nb | nn | all |\n")
    assert "| comments | 50 | 30 | 20 | 50 |" in table
    only_nb = comments | {"nb": one | {"comments": 50}, "nn": one | {"comments": 0}}
    assert score_table(MEASURED | {"comments": only_nb, "reviews": {}}).startswith("| | no | all |\n")


def a_gate(model, suite, *, low):
    """Every capability passes 0.9 of its cases but one."""
    rates = {"all": 0.8, "MFT": 0.7, "INV": 0.9, "DIR": 0.95}
    rates |= {capability.name: 0.25 if capability.name == low else 0.9 for capability in suite}
    return Gate(model=model, rates=dict.fromkeys(("nb", "nn", "da", "sv"), rates))


def test_the_card_has_the_rates_of_the_suite_and_its_worst_capabilities(folder):
    suite = load_suite()
    a_gate("tiny@1", suite, low="negated_factor").save(folder / "gate.toml")
    write_card(folder / "scores.json", folder, folder / "gate.toml")
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert "| all | 0.80 | 0.80 | 0.80 | 0.80 |" in card
    assert "| invariance | 0.90 | 0.90 | 0.90 | 0.90 |" in card
    worst = card.partition("It fails most often at:")[2].splitlines()
    assert worst[4] == "| `negated_factor` | A negated factor turns over. | 0.25 | 0.25 | 0.25 | 0.25 |"
    assert sum(line.startswith("| `") for line in worst) == MOST_FAILING


def test_rates_of_another_model_do_not_come_onto_the_card(folder, capsys):
    a_gate("tiny@0", load_suite(), low="irony").save(folder / "gate.toml")
    write_card(folder / "scores.json", folder, folder / "gate.toml")
    assert "by capability" not in (folder / "README.md").read_text(encoding="utf-8")
    assert "holds the rates of tiny@0, not of tiny@1" in capsys.readouterr().err


def test_a_gate_of_two_languages_has_two_columns():
    suite = load_suite(capabilities=["irony"])
    gate = Gate(model="tiny@1", rates={"nb": {"all": 0.5, "irony": 0.5}, "sv": {"all": 0.75}})
    block = behaviour_block(gate, suite)
    assert "| | nb | sv |\n| --- | ---: | ---: |\n| all | 0.50 | 0.75 |\n\n" in block
    assert "takes back is criticism. | 0.50 | – |\n" in block


def test_the_amounts_of_data_come_from_the_manifest(folder):
    amounts = {"labelled comments, da": 12345, "machine translations": 7}
    Manifest.load(folder).model_copy(update={"learned_from": amounts}).save(folder)
    write_card(folder / "scores.json", folder)
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert "| labelled comments, da | 12,345 |\n| machine translations | 7 |\n" in card
    assert Manifest.load(folder).learned_from == amounts


def test_a_folder_without_a_card_gets_one(folder):
    (folder / "README.md").unlink()
    write_card(folder / "scores.json", folder)
    assert (folder / "README.md").read_text(encoding="utf-8").startswith(f"# tiny 1\n\n{START}| | da | all |\n")
