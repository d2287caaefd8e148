"""The pre-training corpus as token streams: flat arrays from which windows are drawn without padding.

Each part of the corpus is one stream, so that the recipe can say how often the domain counts. Pairs of translations
stand in one document (translation language modelling: Lample & Conneau 2019, Cross-lingual Language Model
Pretraining, NeurIPS), so that a masked word can be read off the other language and the languages share one space.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
from tokenizers import Tokenizer

from training.data import Corpora, TranslatedText
from training.tokenizer import CLASSIFY, SEPARATE

LONGEST_DOCUMENT = 4_000
BATCH = 4_096
Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Stream:
    """Documents end to end: `tokens` uint16 of shape (n_tokens,), `starts` int64 of shape (n_documents,)."""

    tokens: np.ndarray
    starts: np.ndarray

    def windows(self, count: int, length: int, generator: np.random.Generator) -> np.ndarray:
        """Draw `count` windows that each begin with a document: int64 of shape (count, length)."""
        usable = self.starts[: np.searchsorted(self.starts, len(self.tokens) - length, side="right")]
        if not len(usable):
            repeats = -(-length // len(self.tokens))
            return np.tile(np.tile(self.tokens, repeats)[:length].astype(np.int64), (count, 1))
        first = generator.choice(usable, size=count)
        return self.tokens[first[:, None] + np.arange(length)].astype(np.int64)

    def pairs(
        self, count: int, separator: int, longest: int, generator: np.random.Generator
    ) -> list[tuple[np.ndarray, np.ndarray]]:
        """Draw `count` documents of two sides: int64 tokens of each side, [CLS] first, at most `longest` of them."""
        drawn = generator.choice(len(self.starts), size=count, replace=count > len(self.starts))
        sides = []
        for place in drawn:
            start = self.starts[place]
            end = self.starts[place + 1] if place + 1 < len(self.starts) else len(self.tokens)
            document = self.tokens[start:end].astype(np.int64)
            middle = int(np.flatnonzero(document == separator)[0])
            second = np.concatenate([document[:1], document[middle + 1 :]])
            sides.append((document[: min(middle + 1, longest)], second[:longest]))
        return sides


def padded_rows(rows: Sequence[np.ndarray], pad_id: int) -> np.ndarray:
    """Rows of unequal length as int64 of shape (n_rows, longest)."""
    out = np.full((len(rows), max(map(len, rows))), pad_id, dtype=np.int64)
    for place, row in enumerate(rows):
        out[place, : len(row)] = row
    return out


def build_streams(
    corpora: Corpora, nynorsk: Sequence[TranslatedText], tokenizer: Tokenizer, *, seed: int
) -> dict[str, Stream]:
    """Tokenize every part of the corpus; the names are those of `PretrainingRecipe.weights`."""
    order = random.Random(seed)
    originals = {text.id: text.text for text in corpora.rated()}
    originals |= {comment.id: comment.text for comment in corpora.labelled()}
    reviews = [[text] for text in originals.values()]
    translated = [
        _shuffled([originals[row.id], row.text], order)
        for row in [*corpora.translated(), *nynorsk]
        if row.id in originals
    ]
    parallel = (_shuffled([text for text in row.values() if text], order)[:2] for row in corpora.parallel())
    parts: dict[str, Iterable[list[str]]] = {
        "reviews": _shuffled(reviews, order),
        "translated": _shuffled(translated, order),
        "parallel": parallel,
        "professional_reviews": ([text] for text in corpora.professional_reviews()),
        "news_and_subtitles": ([text] for text in corpora.news_and_subtitles()),
    }
    return {name: _stream(documents, tokenizer) for name, documents in parts.items()}


def save_streams(streams: dict[str, Stream], path: Path) -> None:
    arrays = {f"{name}.tokens": stream.tokens for name, stream in streams.items()}
    arrays |= {f"{name}.starts": stream.starts for name, stream in streams.items()}
    part = path.with_name("part-" + path.name)
    np.savez(part, **arrays)  # type: ignore[arg-type]
    part.replace(path)


def load_streams(path: Path) -> dict[str, Stream]:
    with np.load(path) as arrays:
        names = sorted({key.rpartition(".")[0] for key in arrays})
        return {name: Stream(arrays[f"{name}.tokens"], arrays[f"{name}.starts"]) for name in names}


def corpus_sample(corpora: Corpora, nynorsk: Sequence[TranslatedText], *, seed: int) -> Iterator[str]:
    """Texts to learn the vocabulary from: all of the domain, and a part of the rest."""
    order = random.Random(seed)
    yield from (comment.text for comment in corpora.labelled())
    yield from (text.text for text in corpora.rated())
    yield from (text.text for text in corpora.translated())
    yield from (text.text for text in nynorsk)
    yield from (text for row in corpora.parallel() if order.random() < 0.15 for text in row.values())
    yield from (text for text in corpora.professional_reviews() if order.random() < 0.10)
    yield from corpora.news_and_subtitles()


def _shuffled(items: list[Item], order: random.Random) -> list[Item]:
    order.shuffle(items)
    return items


def _stream(documents: Iterable[list[str]], tokenizer: Tokenizer) -> Stream:
    """Each document is [CLS] text [SEP], or [CLS] text [SEP] translation [SEP]."""
    classify = np.array([tokenizer.token_to_id(CLASSIFY)], dtype=np.uint16)
    separate = np.array([tokenizer.token_to_id(SEPARATE)], dtype=np.uint16)
    pieces: list[np.ndarray] = []
    starts: list[int] = []
    position = 0
    for batch in _batches(documents):
        flat = [text for document in batch for text in document]
        encoded = iter(tokenizer.encode_batch_fast(flat, add_special_tokens=False))
        for document in batch:
            starts.append(position)
            parts = [classify]
            for _ in document:
                parts += [np.array(next(encoded).ids[:LONGEST_DOCUMENT], dtype=np.uint16), separate]
            pieces += parts
            position += sum(map(len, parts))
    return Stream(np.concatenate(pieces), np.array(starts, dtype=np.int64))


def _batches(documents: Iterable[list[str]]) -> Iterator[list[list[str]]]:
    batch: list[list[str]] = []
    for document in documents:
        batch.append(document)
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch
