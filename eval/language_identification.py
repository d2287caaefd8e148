"""Compare language identifiers on dev data: `python -m eval.language_identification --data DIR`.

Ours against lingua, restricted to the four written languages and their neighbours: recall by language and macro-F1 on
whole and short texts, then what each costs to load and to run.
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final

import psutil

from nlp.language import LANGUAGES, SHIPPED, LanguageIdentifier
from nlp.record import Language
from training.data import Corpora, labelled_comments, rated_texts
from training.language_identification import is_held_out

Identify = Callable[[Sequence[str]], list[Language]]

NEIGHBOURS: Final = (
    "ENGLISH",
    "GERMAN",
    "DUTCH",
    "FINNISH",
    "ICELANDIC",
    "ESTONIAN",
    "LATVIAN",
    "LITHUANIAN",
    "POLISH",
    "FRENCH",
    "SPANISH",
    "ITALIAN",
    "PORTUGUESE",
)
SPACY_EXAMPLES: Final = (
    "ca",
    "cs",
    "de",
    "en",
    "es",
    "et",
    "eu",
    "fi",
    "fr",
    "hr",
    "hu",
    "id",
    "is",
    "it",
    "lb",
    "lt",
    "lv",
    "nl",
    "pl",
    "pt",
    "ro",
    "sk",
    "sl",
    "sq",
    "tr",
    "vi",
    "ar",
    "bg",
    "el",
    "fa",
    "he",
    "hi",
    "ja",
    "ko",
    "ru",
    "th",
    "uk",
    "zh",
)
FOREIGN_COMMENTS: Final = (
    "Great service but the parcel arrived two days late",
    "I am still waiting for my refund and nobody answers the phone",
    "the staff were friendly",
    "way too expensive for what you get",
    "Sehr freundliche Bedienung, gerne wieder",
    "Die Lieferung kam leider viel zu spät",
    "alles bestens",
    "Ich warte seit drei Wochen auf meine Rückerstattung",
    "Toimitus oli nopea ja asiakaspalvelu ystävällistä",
    "tuote oli rikki",
    "En saanut vastausta moneen viikkoon",
    "De levering was snel maar de doos was beschadigd",
    "prima geholpen door de klantenservice",
    "Þjónustan var mjög góð en pakkinn kom of seint",
    "ég er enn að bíða eftir svari",
    "Paczka przyszła uszkodzona i nikt nie odpowiada",
    "bardzo miła obsługa",
    "Livraison rapide mais emballage abîmé",
    "je n'ai jamais reçu ma commande",
    "El pedido llegó tarde y el producto estaba roto",
    "muy buena atención",
    "Ottimo servizio, consegna puntuale",
    "Prekė atvyko laiku, aptarnavimas puikus",
    "Ļoti laba apkalpošana",
    "Kaup saabus õigel ajal",
    "O atendimento foi péssimo",
    "Очень долго ждал доставку",
    "خدمة ممتازة",
    "服务很好，但是太贵了",
)
N_PARALLEL: Final = 1_500
FEWEST_WORDS: Final = 8
TYPICAL_WORDS: Final = 40


@dataclass(frozen=True, slots=True)
class Labelled:
    text: str
    language: Language


@dataclass(frozen=True, slots=True)
class Cost:
    """What an identifier costs: to load, in memory that it adds, in comments of 40 words a second, all in CPU time."""

    load_seconds: float
    memory_mib: float
    texts_per_second: float


def eval_sets(data: Path, *, limit: int | None = None, seed: int = 1) -> dict[str, list[Labelled]]:
    """The labelled texts by set; `limit` caps each set, after shuffling.

    The short sets hold the whole short texts, and the first 3 to 7 words of the longer ones.
    """
    rng = random.Random(seed)
    opinions = [Labelled(row.text, _known(row.language)) for row in labelled_comments(data / "opinions/dev.jsonl")]
    reviews = [
        Labelled(row.text, _known(row.language))
        for row in rated_texts(data / "sentiment/dev.jsonl.xz")
        if row.language in ("da", "sv")
    ]
    lines = [line for line in Corpora.open(data).parallel() if is_held_out(line)]
    lines = rng.sample(lines, min(N_PARALLEL, len(lines)))
    software = [Labelled(text, _known(language)) for line in lines for language, text in line.items()]
    foreign = [Labelled(text, "other") for text in (*FOREIGN_COMMENTS, *_spacy_examples())]
    sets = {"opinions": opinions, "reviews": reviews, "software": software, "foreign": foreign}
    if limit is not None:
        sets = {name: rng.sample(rows, min(limit, len(rows))) for name, rows in sets.items()}
    short = {
        f"{name}, under {FEWEST_WORDS} words": [_shortened(row, rng) for row in rows if row.text.split()]
        for name, rows in sets.items()
    }
    return sets | short


def recalls(rows: Sequence[Labelled], guesses: Sequence[Language]) -> dict[Language, float]:
    """The share of each language's texts that were recognised, for the languages that occur."""
    found = {}
    for language in LANGUAGES:
        hits = [guess == language for row, guess in zip(rows, guesses, strict=True) if row.language == language]
        if hits:
            found[language] = sum(hits) / len(hits)
    return found


def macro_f1(rows: Sequence[Labelled], guesses: Sequence[Language]) -> float:
    """The mean F1 over the languages that occur among the rows."""
    scores = []
    for language in {row.language for row in rows}:
        both = sum(row.language == guess == language for row, guess in zip(rows, guesses, strict=True))
        either = sum(row.language == language for row in rows) + sum(guess == language for guess in guesses)
        scores.append(2 * both / either)
    return sum(scores) / len(scores)


def ours(path: Path = SHIPPED) -> Identify:
    """Our identifier, from an artefact folder."""
    identifier = LanguageIdentifier.load(path)
    return lambda texts: [guess.language for guess in identifier.identify_many(texts)]


def lingua(_: Path = SHIPPED) -> Identify:
    """lingua for the four languages and 13 neighbours, its models loaded; what is not one of the four is `other`."""
    package: Any = import_module("lingua")
    four: dict[Any, Language] = {
        package.Language.BOKMAL: "nb",
        package.Language.NYNORSK: "nn",
        package.Language.DANISH: "da",
        package.Language.SWEDISH: "sv",
    }
    languages = [*four, *(getattr(package.Language, name) for name in NEIGHBOURS)]
    detector = package.LanguageDetectorBuilder.from_languages(*languages).with_preloaded_language_models().build()
    return lambda texts: [four.get(detector.detect_language_of(text), "other") for text in texts]


IDENTIFIERS: Final[Mapping[str, Callable[[Path], Identify]]] = {"ours": ours, "lingua": lingua}


def cost(name: str, path: Path, texts: Sequence[str]) -> Cost:
    """Load and run an identifier in a fresh process."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
        return process.submit(_measure, name, path, texts).result()


def _measure(name: str, path: Path, texts: Sequence[str]) -> Cost:
    # What is resident now, not its highest mark: what imports needed for a moment would hide what loading adds.
    process = psutil.Process()
    before = process.memory_info().rss
    started = time.process_time()
    identify = IDENTIFIERS[name](path)
    loaded = time.process_time()
    identify(texts)
    ended = time.process_time()
    added = process.memory_info().rss - before
    return Cost(loaded - started, added / 2**20, len(texts) / (ended - loaded))


def report(
    sets: Mapping[str, Sequence[Labelled]], identifiers: Mapping[str, Identify], costs: Mapping[str, Cost]
) -> str:
    """Two tables in Markdown: how well, and at what cost."""
    lines = ["| set | texts | by | " + " | ".join(LANGUAGES) + " | macro-F1 |", "| --- " * (4 + len(LANGUAGES)) + "|"]
    for title, rows in sets.items():
        for name, identify in identifiers.items():
            guesses = identify([row.text for row in rows])
            found = recalls(rows, guesses)
            cells = [f"{found[language]:.3f}" if language in found else "" for language in LANGUAGES]
            score = f"{macro_f1(rows, guesses):.3f}" if len(found) > 1 else ""
            lines.append(f"| {title} | {len(rows):,} | {name} | {' | '.join(cells)} | {score} |")
    lines += ["", "| by | load, CPU s | memory, MiB | comments of 40 words a CPU second |", "| --- | --- | --- | --- |"]
    for name, it in costs.items():
        lines.append(f"| {name} | {it.load_seconds:.2f} | {it.memory_mib:.0f} | {it.texts_per_second:,.0f} |")
    return "\n".join(lines)


def comments_of_40_words(rows: Sequence[Labelled]) -> list[str]:
    """The first 40 words of each text that has as many: different comments, none read twice."""
    return [
        " ".join(words[:TYPICAL_WORDS]) for words in (row.text.split() for row in rows) if len(words) >= TYPICAL_WORDS
    ]


def _shortened(row: Labelled, rng: random.Random) -> Labelled:
    words = row.text.split()
    return row if len(words) < FEWEST_WORDS else Labelled(" ".join(words[: rng.randint(3, 7)]), row.language)


def _spacy_examples() -> Iterator[str]:
    for language in SPACY_EXAMPLES:
        if find_spec(f"spacy.lang.{language}.examples"):
            yield from import_module(f"spacy.lang.{language}.examples").sentences


def _known(language: str) -> Language:
    return LANGUAGES[LANGUAGES.index(language)]


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m eval.language_identification", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="Folder of the corpora.")
    parser.add_argument("--model", type=Path, default=SHIPPED, help="Artefact folder; the shipped one by default.")
    parser.add_argument("--limit", type=int, help="Texts of each set at most, for a quick look.")
    options = parser.parse_args(arguments)
    names = [name for name in IDENTIFIERS if name == "ours" or find_spec(name)]
    sets = eval_sets(options.data, limit=options.limit)
    texts = comments_of_40_words([*sets["opinions"], *sets["reviews"]])
    costs = {name: cost(name, options.model, texts) for name in names}
    print(report(sets, {name: IDENTIFIERS[name](options.model) for name in names}, costs))
    if "lingua" not in names:
        print("\nlingua is not installed. To compare with it: pip install lingua-language-detector")


if __name__ == "__main__":
    main()
