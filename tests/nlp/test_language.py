from __future__ import annotations

import json
import subprocess
import sys
from zlib import crc32

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlp.errors import BadModel
from nlp.language import (
    CARD,
    LANGUAGES,
    MAX_CHARACTERS,
    SHIPPED,
    WEIGHTS,
    LanguageGuess,
    LanguageIdentifier,
    features_of,
    words_of,
)


@pytest.fixture(scope="module")
def identifier():
    return LanguageIdentifier.load()


COMMENTS = [
    ("nb", "Jeg har ventet i tre uker på pakken og ingen svarer når jeg ringer"),
    ("nb", "veldig fornøyd med hjelpen jeg fikk i butikken"),
    ("nb", "dårlig nettside vanskelig å finne frem og ikke mulig å bytte"),
    ("nb", "Hva skjer med refusjonen min? Dere lovet den skulle komme forrige uke"),
    ("nn", "Eg har venta i tre veker på pakka og ingen svarar når eg ringjer"),
    ("nn", "veldig nøgd med hjelpa eg fekk i butikken"),
    ("nn", "dårleg nettside vanskeleg å finna fram og ikkje mogleg å byta"),
    ("nn", "Kva skjer med pengane mine? De lova at dei skulle koma førre veke"),
    ("da", "Jeg har ventet i tre uger på pakken og ingen svarer når jeg ringer op"),
    ("da", "meget tilfreds med den hjælp jeg fik i butikken"),
    ("da", "dårlig hjemmeside svært at finde rundt og ikke muligt at bytte"),
    ("da", "Hvad sker der med mine penge? I lovede at de ville komme i sidste uge"),
    ("sv", "Jag har väntat i tre veckor på paketet och ingen svarar när jag ringer"),
    ("sv", "mycket nöjd med hjälpen jag fick i butiken"),
    ("sv", "dålig hemsida svårt att hitta och inte möjligt att byta"),
    ("sv", "Vad händer med min återbetalning? Ni lovade att den skulle komma förra veckan"),
    ("other", "Still waiting for my parcel and nobody picks up the phone"),
    ("other", "Die Mitarbeiter waren freundlich aber das Paket kam zu spät"),
    ("other", "Odotin pakettia kolme viikkoa eikä kukaan vastaa puhelimeen"),
    ("other", "De medewerkers waren vriendelijk maar het pakket kwam te laat"),
    ("other", "Czekam na paczkę od trzech tygodni i nikt nie odbiera telefonu"),
    ("other", "J'attends mon colis depuis trois semaines"),
    ("other", "Ég hef beðið í þrjár vikur eftir pakkanum og enginn svarar"),
    ("other", "Жду посылку уже три недели"),
    ("other", "服务态度很好，但是太贵了"),
    ("other", "انتظرت ثلاثة أسابيع"),
]


@pytest.mark.parametrize(("language", "text"), COMMENTS)
def test_ordinary_comments_are_recognised(identifier, language, text):
    guess = identifier.identify(text)
    assert guess.language == language
    assert guess.confidence > 0.7


@pytest.mark.parametrize(("language", "text"), COMMENTS)
def test_capitals_decomposed_letters_and_drawn_out_letters_change_nothing(identifier, language, text):
    assert identifier.identify(text.upper().replace("İ", "I")).language == language
    assert identifier.identify(text.replace("å", "a\u030a").replace("ö", "o\u0308")) == identifier.identify(text)
    assert identifier.identify(text.replace("å", "ååååå")) == identifier.identify(text)


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("nb", "jeghar ventet itre uker påpakken og ingensvarer"),
        ("nn", "eghar venta itre veker påpakka og ingensvarar ikkjeein gong"),
        ("da", "jeghar ventet itre uger påpakken og ingensvarer mig"),
        ("sv", "jagharväntatitreveckorpåpaketetochingensvarar"),
    ],
)
def test_missing_spaces_are_survived(identifier, language, text):
    assert identifier.identify(text).language == language


@pytest.mark.parametrize(
    "text", ["", " \n", "10/10", "😡😡", "!!!", "\x00", "\ud800", "12.50", "https://butikken.no/retur"]
)
def test_texts_without_words_are_other_with_no_confidence(identifier, text):
    assert identifier.identify(text) == LanguageGuess("other", 0.0)


@pytest.mark.parametrize(
    "text",
    [
        "bra",
        "fint",
        "god service",
        "super",
        "ok",
        "takk",
        "tak",
        "tack",
        "service",
        "god mat",
        "greit",
        "dyrt",
        "fin butik",
        "perfekt",
    ],
)
def test_ordinary_short_answers_are_never_other(identifier, text):
    assert identifier.identify(text).language != "other"


@pytest.mark.parametrize("text", ["fint", "ok", "god mat", "perfekt"])
def test_words_that_the_languages_share_get_a_low_confidence(identifier, text):
    assert identifier.identify(text).confidence < 0.7


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("ikkje", "nn"),
        ("och jag", "sv"),
        ("meget hurtig", "da"),
        ("mycket bra", "sv"),
        ("takk for hjelpen", "nb"),
        ("tusen takk for god hjelp", "nb"),
        ("tak for hjælpen", "da"),
    ],
)
def test_short_answers_with_a_telling_word(identifier, text, language):
    assert identifier.identify(text).language == language


def test_a_long_text_is_read_up_to_a_limit(identifier):
    swedish = "jag är mycket nöjd med leveransen " * 100
    danish = "jeg er meget tilfreds med leveringen " * 1_000
    assert identifier.identify(swedish + danish) == identifier.identify(swedish)
    endless = "æøåabcxyzq" * 2_000
    assert sum(map(len, words_of(endless))) == MAX_CHARACTERS
    assert identifier.identify(endless) == identifier.identify(endless[:MAX_CHARACTERS])


def test_many_texts_come_back_in_order(identifier):
    texts = [text for _, text in COMMENTS]
    assert identifier.identify_many(texts) == [identifier.identify(text) for text in texts]


SHARED = LanguageIdentifier.load()


@given(st.text(st.characters(exclude_categories=[]), max_size=100))
def test_any_string_gets_an_answer(text):
    guess = SHARED.identify(text)
    assert guess.language in LANGUAGES
    assert 0 <= guess.confidence <= 1


def test_words_are_lower_case_letters_in_pieces_of_forty():
    assert words_of("Hei! Se www.butikken.no, 3 STK å a@b.se ååå") == ["hei", "se", "stk", "å", "å"]
    assert words_of("ab" * 30) == ["ab" * 20, "ab" * 10]


def test_features_are_the_sequences_of_a_word_and_the_word():
    # "<å>" gives å, <å, å>, <å> and the whole word
    assert len(features_of("å", 2**20)) == 5
    assert max(features_of("leveringen", 16)) < 16


def test_evidence_is_summed_by_hand(tmp_path):
    weights = np.zeros((2**12, len(LANGUAGES)), dtype=np.int8)
    whole = crc32("=å".encode()) % 2**12
    weights[whole, LANGUAGES.index("sv")] = 10
    save(tmp_path, weights)
    guess = LanguageIdentifier.load(tmp_path).identify("å")
    odds = np.exp(10 * 0.5 / np.sqrt(5))
    assert guess == LanguageGuess("sv", pytest.approx(odds / (odds + 4)))


def save(folder, weights, languages=LANGUAGES):
    np.savez(folder / WEIGHTS, weights=weights, scale=np.float32(0.5), bias=np.zeros(len(LANGUAGES), dtype=np.float32))
    (folder / CARD).write_text(json.dumps({"name": "made-up", "version": "0.1", "languages": languages}))


def test_foreign_needs_half_of_the_probability(tmp_path):
    weights = np.zeros((2**12, len(LANGUAGES)), dtype=np.int8)
    save(tmp_path, weights)
    with np.load(tmp_path / WEIGHTS) as arrays:
        kept = dict(arrays)
    for bias, language in ((1.0, "nb"), (2.0, "other")):
        kept["bias"] = np.array([0.1, 0, 0, 0, bias], dtype=np.float32)
        np.savez(tmp_path / WEIGHTS, **kept)
        assert LanguageIdentifier.load(tmp_path).identify("ord").language == language


def test_an_artefact_that_does_not_fit_is_refused(tmp_path):
    with pytest.raises(BadModel, match=CARD):
        LanguageIdentifier.load(tmp_path)
    save(tmp_path, np.zeros((100, 5), dtype=np.int8))
    with pytest.raises(BadModel, match=r"\(100, 5\).*power of two"):
        LanguageIdentifier.load(tmp_path)
    save(tmp_path, np.zeros((128, 5), dtype=np.int8), languages=["nb", "da"])
    with pytest.raises(BadModel, match="nb, da"):
        LanguageIdentifier.load(tmp_path)
    (tmp_path / CARD).write_text("{")
    with pytest.raises(BadModel, match="cannot be read"):
        LanguageIdentifier.load(tmp_path)


def test_the_shipped_artefact_is_small(identifier):
    assert sum(file.stat().st_size for file in SHIPPED.iterdir()) <= 1_500_000
    loaded = LanguageIdentifier.load()
    card = json.loads((SHIPPED / CARD).read_text(encoding="utf-8"))
    assert (loaded.name, loaded.version) == (card["name"], card["version"])


def test_it_runs_without_the_training_libraries():
    code = (
        "import sys, nlp.language; nlp.language.LanguageIdentifier.load(); "
        "assert not {'sklearn', 'scipy', 'spacy', 'torch'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
