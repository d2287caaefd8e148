import json

import pytest

from eval.card import END, START, WrongScores, rewritten, write_card
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
            "calibration": {"themes": None},
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
    assert "| calibration error, themes | 0.031 | – |" in card
    assert "| reviews, positive or negative | 0.960 (0.950–0.970) | – |" in card


def test_a_second_time_changes_nothing():
    once = rewritten(f"x\n{START}{END}y", MEASURED)
    assert rewritten(once, MEASURED) == once


def test_scores_of_another_model_are_refused(folder):
    (folder / "scores.json").write_text(json.dumps(MEASURED | {"model": "other@1"}), encoding="utf-8")
    with pytest.raises(WrongScores, match=r"measured other@1, but .* holds tiny@1"):
        write_card(folder / "scores.json", folder)
