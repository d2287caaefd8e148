from __future__ import annotations

import json
import lzma
import random

import pytest

from nlp.language import CARD, LanguageIdentifier
from training.data import Corpora
from training.language_identification import (
    PLAIN_LETTERS,
    as_customers_write,
    foreign_texts,
    gather,
    is_held_out,
    norwegian_form,
    train,
    word_texts,
)

TEXTS = {
    "nb": ["Jeg fikk ikke svar på hva som skjedde med pakken", "veldig hyggelig betjening og rask levering hjem"],
    "nn": ["Eg fekk ikkje svar på kva som hende med pakka", "veldig hyggeleg betening og rask levering heim"],
    "da": ["Jeg fik ikke svar på hvad der skete med pakken", "meget venlig betjening og hurtig levering hjem"],
    "sv": ["Jag fick inte svar på vad som hände med paketet", "mycket trevligt bemötande och snabb leverans hem"],
}
DEV = {"nb": "Jeg fikk ikke måle pakken med noe", "sv": "Jag fick inte mäta paketet med något"}
SOFTWARE = {"da": "Vælg en faktura nr. {}", "sv": "Välj en faktura nr. {}", "nb": "Velg en faktura nr. {}"}


@pytest.fixture
def data(tmp_path):
    """A folder of corpora in small: each dev text stands in the train files too, where it must not be read."""
    folder = tmp_path / "data"
    opinions = [
        comment(f"{language}-{n}", language, text) for language in TEXTS for n, text in enumerate(TEXTS[language])
    ]
    dev = [comment(f"{language}-dev", language, text) for language, text in DEV.items()]
    localised = comment("sv-dev:nn", "nn", "Eg fekk ikkje måla pakka med noko")
    write(folder / "opinions/train.jsonl", [*opinions, localised, dev[0]])
    write(folder / "opinions/dev.jsonl", dev)
    rated = [{**row, "source": "made-up"} for row in (*opinions, *dev)]
    write(folder / "sentiment/train.jsonl.xz", rated)
    write(folder / "sentiment/dev.jsonl.xz", rated[-2:])
    write(
        folder / "text/machine_translated.jsonl.xz",
        [{"id": row["id"], "from_lang": "da", "lang": "nb", "text": f"oversatt {row['text']}"} for row in rated],
    )
    write(
        folder / "text/parallel.jsonl.xz",
        [{language: text.format(n) for language, text in SOFTWARE.items()} for n in range(100)],
    )
    with lzma.open(folder / "text/norec.txt.xz", "wt", encoding="utf-8") as out:
        out.write(" ␤ ".join([TEXTS["nb"][0]] * 5) + f" ␤ {DEV['nb']} \n" + " ␤ ".join([TEXTS["nn"][0]] * 5) + "\n")
    return folder


def comment(id_, language, text):
    return {"id": id_, "lang": language, "text": text, "sentiment": "neutral", "themes": [], "factors": [],
            "churn_risk": False, "follow_up": False}  # fmt: skip


def write(path, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    if path.suffix == ".xz":
        path.write_bytes(lzma.compress(lines.encode()))
    else:
        path.write_text(lines, encoding="utf-8")


def translated(texts, mode):
    return [f"{mode} {text}" for text in texts]


def test_a_tiny_model_is_trained_written_and_loaded(data, tmp_path):
    train(data, tmp_path / "model", translator=translated, limit=1_500, n_buckets=2**12)
    identifier = LanguageIdentifier.load(tmp_path / "model")
    for language, (text, _) in TEXTS.items():
        assert identifier.identify(text).language == language
    assert identifier.identify("the parcel was late and nobody would answer the phone for weeks").language == "other"
    card = json.loads((tmp_path / "model" / CARD).read_text(encoding="utf-8"))
    assert 1_000 < card["n_samples"] < 2_000
    assert len(card["data_sha256"]) == 64
    assert card["recall_on_dev_opinions"]["whole"]["sv"] == 1.0


@pytest.mark.slow
def test_the_same_seed_gives_the_same_artefact(data, tmp_path):
    hashes = []
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        train(data, tmp_path / name, translator=None, limit=400, n_buckets=2**8, seed=seed)
        card = json.loads((tmp_path / name / CARD).read_text(encoding="utf-8"))
        hashes.append(card["data_sha256"])
    assert hashes[0] == hashes[1] != hashes[2]


def test_nothing_of_a_dev_file_is_trained_on(data):
    # The comments written for training use such words too.
    texts = gather(Corpora.open(data, own_labels=None), translated, random.Random(1))
    everything = [text for source in texts.values() for text in source]
    assert len(everything) > 100
    assert not [text for text in everything if {"måle", "måla", "mäta"} & set(text.split())]
    assert {"Jeg fikk ikke svar på hva som skjedde med pakken"} == set(texts["nb", "reviews"])


@pytest.mark.slow
def test_held_out_lines_are_not_trained_on(data):
    texts = gather(Corpora.open(data), None, random.Random(1))
    held_out = [n for n in range(100) if is_held_out({"da": SOFTWARE["da"].format(n)})]
    assert 1 <= len(held_out) <= 15
    kept = [n for n in range(100) if n not in held_out]
    assert texts["sv", "software"] == [SOFTWARE["sv"].format(n) for n in kept]
    assert texts["nb", "software"] == [SOFTWARE["nb"].format(n) for n in kept]


def test_bokmal_is_translated_in_both_norms_each_with_a_full_stop(data):
    texts = gather(Corpora.open(data), translated, random.Random(1))
    assert {text.split()[0] for text in texts["nn", "translated"]} == {"nob-nno", "nob-nno_e"}
    assert all(text.endswith(" .") for text in texts["nn", "translated"])


def test_norwegian_form_goes_by_the_small_words():
    assert norwegian_form(TEXTS["nb"][0] + " jeg ikke hva en") == "nb"
    assert norwegian_form(TEXTS["nn"][0] + " eg ikkje kva ein") == "nn"
    assert norwegian_form("jeg ikke hva " * 3 + "eg ikkje kva " * 2) is None


def test_crops_are_words_of_the_text_or_run_together():
    rng = random.Random(1)
    text = " ".join(f"{letter}ø" for letter in "abcdefghijklmnopqrstuvxyz")
    crops = [as_customers_write(text, rng) for _ in range(500)]
    plain = {text.translate(letters).replace(" ", "") for letters in PLAIN_LETTERS} | {text.replace(" ", "")}
    assert all(any(crop.replace(" ", "") in whole for whole in plain) for crop in crops)
    lengths = [len(crop.split()) for crop in crops]
    assert min(lengths) == 1
    assert max(lengths) == 25
    assert sum(length <= 15 for length in lengths) > 300


def test_short_foreign_texts_hold_a_word_that_is_not_ours():
    texts = foreign_texts(500, random.Random(1))
    assert len(texts) > 300
    assert not {"for", "i", "en", "service"} & set(texts)
    words = set(word_texts("sv", 300, random.Random(1)))
    assert {"och", "att"} & set(" ".join(words).split())
    assert "the" not in " ".join(words).split()
