import sys

import pytest

from nlp.errors import MissingExtra, require


def test_a_missing_module_names_its_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "nonesuch", None)
    with pytest.raises(MissingExtra, match=r"nonesuch is not installed\. Run: pip install 'stemme\[train\]'"):
        require("nonesuch", extra="train")


def test_a_broken_module_shows_what_is_really_missing(tmp_path, monkeypatch):
    (tmp_path / "broken_part.py").write_text("import a_module_that_is_not_there\n", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="a_module_that_is_not_there"):
        require("broken_part", extra="train")


def test_an_installed_module_comes_back():
    assert require("json", extra="train").loads("[1]") == [1]
