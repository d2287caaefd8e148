import pytest

from nlp.errors import BadTaxonomy, UnknownLabel
from nlp.taxonomy import SHIPPED, Taxonomy


@pytest.fixture
def shipped():
    return SHIPPED.read_text(encoding="utf-8")


def edited(tmp_path, text):
    path = tmp_path / "taxonomy.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_shipped_taxonomy():
    taxonomy = Taxonomy.load()
    assert len(taxonomy.themes) == 18
    assert [factor.id for factor in taxonomy.factors] == ["professional", "sympathetic", "trustworthy"]
    assert taxonomy.theme("delivery_time").stage == "delivery"
    assert taxonomy.theme("staff_service").names.sv == "Bemötande och service"
    assert taxonomy.id == "journey@1.0.0"


def test_an_unknown_theme_names_the_nearest():
    with pytest.raises(UnknownLabel, match="Did you mean 'delivery_time'"):
        Taxonomy.load().theme("delivry_time")


def test_a_theme_twice(tmp_path, shipped):
    path = edited(tmp_path, shipped.replace('id = "price_value"', 'id = "website_app"'))
    with pytest.raises(BadTaxonomy, match=r"themes has the same id twice: website_app"):
        Taxonomy.load(path)


def test_a_stage_that_is_not_there(tmp_path, shipped):
    path = edited(tmp_path, shipped.replace('stage = "visit"', 'stage = "visits"'))
    with pytest.raises(BadTaxonomy, match=r"'premises_atmosphere' has stage 'visits'; known: awareness"):
        Taxonomy.load(path)


def test_a_missing_name_is_placed(tmp_path, shipped):
    path = edited(tmp_path, shipped.replace('nn = "Tinging", ', ""))
    with pytest.raises(BadTaxonomy, match=r"themes\.4\.names\.nn: Field required"):
        Taxonomy.load(path)


@pytest.mark.parametrize("content", ["name = ", ""])
def test_a_broken_file(tmp_path, content):
    with pytest.raises(BadTaxonomy, match=r"taxonomy\.toml"):
        Taxonomy.load(edited(tmp_path, content))


def test_a_missing_file(tmp_path):
    with pytest.raises(BadTaxonomy, match="cannot be read"):
        Taxonomy.load(tmp_path / "none.toml")
