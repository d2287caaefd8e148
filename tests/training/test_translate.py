"""Nynorsk by apertium: what is made of a stand-in's answers, and of the program's own where it is installed."""

import shutil

import pytest

from tests.training import small_corpora
from training.data import Corpora
from training.translate import TranslationFailed, nynorsk_versions, translate


@pytest.fixture
def program(tmp_path, monkeypatch):
    """Puts a shell script in apertium's place."""
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")

    def write(script):
        path = tmp_path / "bin/apertium"
        path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
        path.chmod(0o755)

    return write


def test_each_text_comes_back_on_its_own_line(program):
    program('sed "s/^/$4: /"')
    assert translate(["Snabbt\nsvar", "", "Bra 😀"], "swe-nno") == [
        "swe-nno: Snabbt svar",
        "swe-nno: ",
        "swe-nno: Bra 😀",
    ]


def test_danish_and_swedish_texts_of_train_are_translated_each_in_its_mode(program, tmp_path):
    program('sed "s/^/$4: /"')
    corpora = Corpora.open(small_corpora.make(tmp_path / "data"), own_labels=None)
    rows = {row.id: row for row in nynorsk_versions(corpora)}
    assert rows["own-6"].text == "dan-nno: Hurtig levering og en venlig chauffør 6"
    assert rows["own-9"].text == "swe-nno: Snabbt svar, billigt och bra 9"
    assert {row.language for row in rows.values()} == {"nn"}
    # Norwegian ones stay out, and so do the dev comments 0 to 5.
    assert not {"own-10", "own-11", "own-0"} & set(rows)


def test_a_missing_program_is_named_with_its_packages(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(TranslationFailed, match=r"not installed. Run: apt-get install apertium apertium-dan-nor"):
        translate(["Bra"], "swe-nno")


def test_a_failing_program_is_quoted(program):
    program("echo 'Error: Mode swe-nno does not exist' >&2; exit 1")
    with pytest.raises(TranslationFailed, match="apertium swe-nno ended with 1: Error: Mode swe-nno does not exist"):
        translate(["Bra"], "swe-nno")


def test_another_number_of_lines_is_refused(program):
    program("head -n 1")
    with pytest.raises(TranslationFailed, match="apertium swe-nno gave 1 lines for 2"):
        translate(["Bra", "Dyrt"], "swe-nno")


@pytest.mark.skipif(shutil.which("apertium") is None, reason="apertium is Debian's, and not everywhere")
def test_apertium_writes_nynorsk():
    assert translate(["Jag vet inte varför de inte svarar"], "swe-nno")[0].startswith("Eg veit ikkje")
