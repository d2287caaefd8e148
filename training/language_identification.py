"""Train the language identifier: `python -m training.language_identification --data DIR --out DIR`.

Four written languages come from the corpora, nynorsk also from apertium, and every other language from the word
frequencies of the package `wordfreq`. Each sample is a crop of 1 to 15 words or a whole text, with words run together
and letters without their rings and strokes, as customers write.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import accumulate
from pathlib import Path
from typing import Final
from zlib import crc32

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from scipy.sparse import csr_matrix, diags
from scipy.special import log_softmax
from wordfreq import get_frequency_dict

from nlp.language import CARD, LANGUAGES, WEIGHTS, LanguageIdentifier, features_of, words_of
from nlp.record import Language
from training.data import Corpora, labelled_comments
from training.translate import translate

NAME: Final = "stemme-language"
VERSION: Final = "1.0.0"

Translator = Callable[[Sequence[str], str], list[str]]

# How many samples of a source are drawn, in units of `N_PER_SHARE`: comments first, then general text for the words
# that they lack. Machine translation is rough, and leaves words of its original standing, so it counts little.
SHARES: Final[Mapping[tuple[Language, str], int]] = {
    ("nb", "comments"): 20,
    ("nb", "reviews"): 30,
    ("nb", "software"): 15,
    ("nb", "translated"): 15,
    ("nb", "words"): 4,
    ("nn", "comments"): 20,
    ("nn", "reviews"): 25,
    ("nn", "translated"): 25,
    ("da", "comments"): 50,
    ("da", "software"): 20,
    ("da", "words"): 4,
    ("sv", "comments"): 50,
    ("sv", "software"): 20,
    ("sv", "words"): 4,
    ("other", "words"): 50,
}
N_PER_SHARE: Final = 1_000
N_TRANSLATED: Final = 5_000

# English first: it is what Scandinavian customers write if not their own language.
FOREIGN: Final[Mapping[str, int]] = {
    "en": 12, "de": 5, "fi": 5, "nl": 3, "is": 3, "pl": 3, "fr": 3, "es": 3, "it": 2, "pt": 2, "lt": 2, "lv": 2,
    "ro": 1, "hu": 1, "cs": 1, "sk": 1, "sl": 1, "sh": 1, "tr": 1, "id": 1, "fil": 1, "ca": 1, "vi": 1,
}  # fmt: skip

HELD_OUT_SHARE: Final = 20
NYNORSK: Final = frozenset(
    ["ikkje", "eg", "ein", "eit", "frå", "meir", "berre", "mykje", "kva", "dei", "vere", "noko", "nokre"]
)
BOKMAL: Final = frozenset(["ikke", "jeg", "en", "et", "fra", "mer", "bare", "mye", "hva", "de", "være", "noe", "noen"])
# Shares of the samples, but for the lost space: that is a share of the spaces in texts whose words run together.
CROPPED, RUN_TOGETHER, SPACE_LOST, WITHOUT_MARKS = 0.75, 0.25, 0.1, 0.03
FEWEST_WORDS: Final = 3
# "the" stands in Swedish word lists, from quotes, and is yet no Swedish word.
FAR_MORE_FREQUENT: Final = 30
PLAIN_LETTERS: Final = (
    str.maketrans({"æ": "ae", "ø": "oe", "å": "aa", "ä": "ae", "ö": "oe"}),
    str.maketrans({"æ": "a", "ø": "o", "å": "a", "ä": "a", "ö": "o"}),
)


def is_held_out(line: Mapping[str, str]) -> bool:
    """Whether a parallel line is kept for measuring: one in 20, told by its Danish text, so that no list is needed."""
    return crc32(line["da"].lower().encode()) % HELD_OUT_SHARE == 0


def norwegian_form(document: str) -> Language | None:
    """Bokmål or nynorsk, by the small words that only one of them has; None for quotes of one in the other."""
    words = re.findall(r"\w+", document.lower())
    n_nynorsk = sum(word in NYNORSK for word in words)
    n_bokmal = sum(word in BOKMAL for word in words)
    if n_nynorsk > max(4, 3 * n_bokmal):
        return "nn"
    return "nb" if n_bokmal > max(4, 20 * n_nynorsk) else None


def as_customers_write(text: str, rng: random.Random) -> str:
    """A crop of 1 to 15 words, rather few, or every fourth time the whole; some lack spaces or Scandinavian letters.

    Case, commas and digits need no noise: the identifier does not read them.
    """
    words = text.lower().split()
    if rng.random() < CROPPED:
        length = min(rng.randint(1, 15), rng.randint(1, 15))
        first = rng.randrange(max(1, len(words) - length + 1))
        words = words[first : first + length]
    if rng.random() < RUN_TOGETHER:
        words = [word + ("" if rng.random() < SPACE_LOST else " ") for word in words]
        cropped = "".join(words)
    else:
        cropped = " ".join(words)
    return cropped.translate(rng.choice(PLAIN_LETTERS)) if rng.random() < WITHOUT_MARKS else cropped


def gather(
    corpora: Corpora, translator: Translator | None, rng: random.Random
) -> dict[tuple[Language, str], list[str]]:
    """The train texts by language and source, less all that stands in a dev file or among the held-out lines.

    Parameters
    ----------
    translator : from texts and apertium's mode to texts; None leaves translated nynorsk out
    """
    stems = {id_.partition(":")[0] for id_ in corpora.held_out_ids}
    squeezed = {"".join(text.split()) for text in corpora.held_out_texts}
    texts: dict[tuple[Language, str], list[str]] = {key: [] for key in SHARES if key[1] != "words"}

    for comment in corpora.labelled():
        if comment.stem not in stems:
            texts[_checked(comment.language), "comments"].append(comment.text)
    for rated in corpora.rated():
        if rated.language in ("da", "sv"):
            texts[_checked(rated.language), "comments"].append(rated.text)
    texts["nb", "translated"] = [row.text for row in corpora.translated() if row.language == "nb"]

    for document in corpora.professional_reviews():
        form = norwegian_form(document)
        if form is not None:
            sentences = (line for line in document.split("\n") if len(line.split()) >= FEWEST_WORDS)
            # Dev sentences were cut from these reviews, with spaces around their punctuation.
            texts[form, "reviews"] += [line for line in sentences if "".join(line.lower().split()) not in squeezed]

    lines = list(corpora.parallel())
    held_out = {text.lower() for line in lines if is_held_out(line) for text in line.values()}
    for line in lines:
        if not any(text.lower() in held_out for text in line.values()):
            for language, text in line.items():
                texts[_checked(language), "software"].append(text)

    if translator is None:
        del texts["nn", "translated"]
    else:
        bokmal = []
        for source in ("comments", "reviews", "software"):
            chosen = rng.sample(texts["nb", source], min(N_TRANSLATED, len(texts["nb", source])))
            # Without a full stop apertium takes the next line for a part of this one, and moves words across.
            bokmal += [f"{text} ." for text in chosen]
        half = len(bokmal) // 2
        rng.shuffle(bokmal)
        # Two norms of nynorsk: infinitives in -a (å sova) and in -e (å sove).
        texts["nn", "translated"] = translator(bokmal[:half], "nob-nno") + translator(bokmal[half:], "nob-nno_e")
    return texts


def word_texts(language: Language, n_texts: int, rng: random.Random) -> list[str]:
    """Words of one of our languages, drawn by their frequency: 1 or 2 a text.

    They keep ordinary words from being taken for foreign ones. English words in the lists, and nynorsk ones in
    bokmål's, are left out.
    """
    english = _frequencies("en")
    words, reach = _drawing(
        {
            word: share
            for word, share in _frequencies(language).items()
            if share * FAR_MORE_FREQUENT >= english.get(word, 0) and (word not in NYNORSK or word in BOKMAL)
        }
    )
    return [" ".join(rng.choices(words, cum_weights=reach, k=rng.randint(1, 2))) for _ in range(n_texts)]


def foreign_texts(n_texts: int, rng: random.Random) -> list[str]:
    """Words of other languages in Latin script, drawn by their frequency: 1 to 15 a text.

    A word that one of our languages has too, and not far less often, is no evidence; a text of one or two such words is
    left out.
    """
    ours = [_frequencies(language) for language in ("nb", "da", "sv")]
    texts = []
    for language, weight in FOREIGN.items():
        frequencies = _frequencies(language)
        words, reach = _drawing(frequencies)
        for _ in range(round(n_texts * weight / sum(FOREIGN.values()))):
            drawn = rng.choices(words, cum_weights=reach, k=rng.randint(1, 15))
            shared = all(
                any(own.get(word, 0) * FAR_MORE_FREQUENT >= frequencies[word] for own in ours) for word in drawn
            )
            if not (shared and len(drawn) < FEWEST_WORDS):
                texts.append(" ".join(drawn))
    return texts


def _frequencies(language: str) -> dict[str, float]:
    """The frequent words of letters only, each with its share of running text."""
    found = get_frequency_dict(language, wordlist="small")
    return {word: share for word, share in found.items() if word.isalpha()}


def _drawing(frequencies: Mapping[str, float]) -> tuple[list[str], list[float]]:
    """The words, and their frequencies summed up to each: what `random.choices` draws from fastest."""
    return list(frequencies), list(accumulate(frequencies.values()))


@dataclass(frozen=True, slots=True)
class Sample:
    text: str
    language: Language


def draw(texts: Mapping[tuple[Language, str], Sequence[str]], n_per_share: int, rng: random.Random) -> Iterator[Sample]:
    """Draw from every source by its share, texts with equal chance."""
    for (language, source), share in SHARES.items():
        n_samples = share * n_per_share
        if language == "other":
            for text in foreign_texts(n_samples, rng):
                yield Sample(text, language)
        elif source == "words":
            for text in word_texts(language, n_samples, rng):
                yield Sample(text, language)
        elif texts.get((language, source)):
            for text in rng.choices(texts[language, source], k=n_samples):
                yield Sample(as_customers_write(text, rng), language)


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the identifier sees of some texts, in two factors whose product would be many times larger.

    Attributes
    ----------
    words : float32 of shape (n_texts, n_words), counts over the square root of the text's number of features
    buckets : float32 of shape (n_words, n_buckets), counts
    """

    words: csr_matrix
    buckets: csr_matrix


def evidence_of(texts: Iterable[str], n_buckets: int) -> Evidence:
    """Count the words of each text and the features of each word."""
    vocabulary: dict[str, int] = {}
    indices: list[int] = []
    ends = [0]
    for text in texts:
        indices += [vocabulary.setdefault(word, len(vocabulary)) for word in words_of(text)]
        ends.append(len(indices))
    counts = csr_matrix(
        (np.ones(len(indices), dtype=np.float32), np.array(indices, dtype=np.int32), np.array(ends)),
        shape=(len(ends) - 1, len(vocabulary)),
    )
    rows = [features_of(word, n_buckets) for word in vocabulary]
    n_features = np.array([len(row) for row in rows], dtype=np.float32)
    flat = np.fromiter((bucket for row in rows for bucket in row), dtype=np.int32, count=int(n_features.sum()))
    buckets = csr_matrix(
        (np.ones(len(flat), dtype=np.float32), flat, np.cumsum([0, *map(len, rows)])), shape=(len(rows), n_buckets)
    )
    per_text = 1 / np.sqrt(np.maximum(counts @ n_features, 1))
    return Evidence((diags(per_text.astype(np.float32)) @ counts).tocsr(), buckets)


def fit(
    evidence: Evidence, labels: npt.NDArray[np.intp], *, strength: float, n_iterations: int
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Multinomial logistic regression with an L2 penalty, by L-BFGS.

    scikit-learn's would need the product of the two factors, which takes ten times the memory and the time. Stopping
    early costs: short texts are told apart by rare sequences, whose weights grow last.

    Parameters
    ----------
    labels : of shape (n_texts,), positions in `LANGUAGES`
    strength : how much a sample counts against the penalty, scikit-learn's C

    Returns
    -------
    Weights of shape (n_buckets, 5) and bias of shape (5,)
    """
    words, buckets = evidence.words, evidence.buckets
    words_of_buckets, texts_of_words = buckets.T.tocsr(), words.T.tocsr()
    n_texts, n_buckets, n_languages = len(labels), buckets.shape[1], len(LANGUAGES)
    truth = np.eye(n_languages, dtype=np.float32)[labels]

    def loss_and_gradient(parameters: npt.NDArray[np.float64]) -> tuple[float, npt.NDArray[np.float64]]:
        table = parameters.reshape(n_buckets + 1, n_languages)
        weights, bias = table[:-1], table[-1]
        logits = words @ (buckets @ weights.astype(np.float32)) + bias
        log_probabilities = log_softmax(logits, axis=1)
        errors = np.exp(log_probabilities) - truth
        gradient = np.empty_like(table)
        gradient[:-1] = words_of_buckets @ (texts_of_words @ errors.astype(np.float32)) + weights / strength
        gradient[-1] = errors.sum(axis=0)
        loss = -log_probabilities[np.arange(n_texts), labels].sum() + (weights**2).sum() / (2 * strength)
        return float(loss) / n_texts, gradient.ravel() / n_texts

    start = np.zeros((n_buckets + 1) * n_languages)
    found = minimize(loss_and_gradient, start, jac=True, method="L-BFGS-B", options={"maxiter": n_iterations})
    table = found.x.reshape(n_buckets + 1, n_languages)
    return table[:-1], table[-1]


def quantize(weights: npt.NDArray[np.float64]) -> tuple[npt.NDArray[np.int8], float]:
    """Weights in 255 steps, and what a step is worth; centred, for only differences between languages count."""
    centred = weights - weights.mean(axis=1, keepdims=True)
    scale = float(np.quantile(np.abs(centred).max(axis=1), 0.9999)) / 127
    return np.clip(np.rint(centred / scale), -127, 127).astype(np.int8), scale


def _checked(language: str) -> Language:
    for known in LANGUAGES:
        if language == known:
            return known
    raise ValueError(f"The corpora name the language {language!r}; known are {', '.join(LANGUAGES)}.")


def data_hash(samples: Iterable[Sample]) -> str:
    """SHA-256 over every sample and its language, in order, as 64 hexadecimal digits."""
    digest = hashlib.sha256()
    for sample in samples:
        digest.update(f"{sample.language}\t{sample.text}\n".encode())
    return digest.hexdigest()


def dev_scores(identifier: LanguageIdentifier, path: Path) -> dict[str, dict[str, float]]:
    """Recall by language on labelled comments: on the whole texts, and on their first five words."""
    rows = labelled_comments(path)
    scores: dict[str, dict[str, float]] = {}
    for title, n_words in (("whole", None), ("first five words", 5)):
        guesses = identifier.identify_many(" ".join(row.text.split()[:n_words]) for row in rows)
        hits: dict[str, list[bool]] = {}
        for row, guess in zip(rows, guesses, strict=True):
            hits.setdefault(row.language, []).append(row.language == guess.language)
        scores[title] = {language: round(sum(found) / len(found), 3) for language, found in sorted(hits.items())}
    return scores


def train(
    data: Path,
    out: Path,
    *,
    translator: Translator | None = translate,
    limit: int | None = None,
    n_buckets: int = 2**17,
    strength: float = 10.0,
    n_iterations: int = 300,
    seed: int = 1,
) -> LanguageIdentifier:
    """Train on a folder of corpora and write the artefact, weights and card, into a folder.

    Parameters
    ----------
    translator : see `gather`
    limit : about how many samples to draw; None for the full 350,000
    n_buckets : a power of two; the weights take five bytes each, before they are compressed
    """
    rng = random.Random(seed)
    texts = gather(Corpora.open(data, own_labels=None), translator, rng)
    per_share = N_PER_SHARE if limit is None else max(1, round(limit / sum(SHARES.values())))
    samples = list(draw(texts, per_share, rng))
    labels = np.array([LANGUAGES.index(sample.language) for sample in samples])
    evidence = evidence_of((sample.text for sample in samples), n_buckets)
    fitted, bias = fit(evidence, labels, strength=strength, n_iterations=n_iterations)
    weights, scale = quantize(fitted)
    identifier = LanguageIdentifier(weights, scale, bias.astype(np.float32), name=NAME, version=VERSION)
    card = {
        "name": NAME,
        "version": VERSION,
        "languages": LANGUAGES,
        "trained": date.today().isoformat(),
        "seed": seed,
        "n_samples": len(samples),
        "n_buckets": n_buckets,
        "strength": strength,
        "n_iterations": n_iterations,
        "data_sha256": data_hash(samples),
        "recall_on_dev_opinions": dev_scores(identifier, data / "opinions/dev.jsonl"),
    }
    out.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(out / WEIGHTS, weights=weights, scale=np.float32(scale), bias=bias.astype(np.float32))
    (out / CARD).write_text(json.dumps(card, indent=2) + "\n", encoding="utf-8")
    return identifier


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m training.language_identification", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="Folder of the corpora.")
    parser.add_argument("--out", type=Path, required=True, help="Folder to write the artefact into.")
    parser.add_argument("--limit", type=int, help="About how many samples to draw, for a smoke run of seconds.")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--without-translation",
        action="store_true",
        help="Leave out the nynorsk that apertium makes of bokmål (Debian: apertium, apertium-nno-nob).",
    )
    options = parser.parse_args(arguments)
    translator = None if options.without_translation else translate
    train(options.data, options.out, translator=translator, limit=options.limit, seed=options.seed)
    print((options.out / CARD).read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
