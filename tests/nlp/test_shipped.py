from pathlib import Path

import pytest

from nlp import Comment, Tagger
from nlp.errors import BadModel
from nlp.models.shipped import HERE, SHIPPED, model_folder, shipped_names


def test_a_shipped_model_is_found_by_its_name():
    assert shipped_names() == ["stemme-large", "stemme-small"]
    assert model_folder("stemme-small") == SHIPPED
    assert model_folder(Path("stemme-large")) == HERE / "stemme-large"


def test_a_folder_of_that_name_that_is_there_is_meant_itself(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "stemme-large").mkdir()
    assert model_folder("stemme-large") == Path("stemme-large")
    assert model_folder("language") == Path("language")  # lies beside the models and is none


@pytest.mark.parametrize("name", shipped_names())
def test_every_shipped_model_tags(name):
    tagger = Tagger.load(name)
    (record,) = tagger.tag([Comment("1", "Pakken kom aldri frem, og ingen tar telefonen.")])
    assert tagger.name.startswith(f"{name}@")
    assert record.sentiment.label == "negative"
    assert "reachability" in {theme.theme for theme in record.themes}
    assert sum(file.stat().st_size for file in (HERE / name).glob("*.onnx")) < 40e6


def test_an_unknown_name_is_refused():
    with pytest.raises(BadModel, match="stemme-huge is not a model folder"):
        Tagger.load("stemme-huge")
