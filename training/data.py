"""Readers of the training corpora, and the one rule about them: nothing of a dev file is ever trained on.

The dev comments stand a second time, with stars, among the rated reviews, and a third time in their machine
translations; every reader here leaves those copies out, by id and by text.
"""

from __future__ import annotations

import json
import lzma
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, TypeVar

OWN_LABELS = Path(__file__).with_name("labels")
AUTHORED, ANNOTATIONS = "authored.jsonl", "annotations.jsonl"
ANNOTATED = "annotated"  # the origin of rated reviews that were labelled afterwards
PLACEHOLDER = re.compile(r"!INCLUDE ?\[[^\]]*\]|\]\([^)]*\)|[*`\[\]]+")


@dataclass(frozen=True, slots=True)
class FactorLabel:
    """A labelled factor; `start` and `end` are code points, None where the label was carried over without them."""

    factor: str
    polarity: str
    start: int | None
    end: int | None


@dataclass(frozen=True, slots=True)
class LabelledComment:
    """A comment with every tag of the taxonomy; `themes` maps a theme to the sentiment about it."""

    id: str
    language: str
    text: str
    sentiment: str
    themes: dict[str, str]
    factors: tuple[FactorLabel, ...]
    churn_risk: bool
    follow_up: bool
    origin: str
    question: str | None = None

    @property
    def stem(self) -> str:
        """The id of the comment that this one was localised from, or its own."""
        return self.id.partition(":")[0]


@dataclass(frozen=True, slots=True)
class RatedText:
    """A text with a three-way label only: from stars (reviews) or by hand (sentences of professional reviews)."""

    id: str
    language: str
    text: str
    source: str
    sentiment: str


@dataclass(frozen=True, slots=True)
class TranslatedText:
    """A review in another language, by rule-based machine translation; `id` is that of the review."""

    id: str
    language: str
    text: str


def labelled_comments(path: Path) -> list[LabelledComment]:
    """Read comments with full tags, one JSON object a line."""
    return [_labelled(row) for row in _json_lines(path)]


def _labelled(row: Mapping[str, Any]) -> LabelledComment:
    return LabelledComment(
        id=row["id"],
        language=row["lang"],
        text=row["text"],
        sentiment=row["sentiment"],
        themes={theme["theme"]: theme["sentiment"] for theme in row["themes"]},
        factors=tuple(
            FactorLabel(factor["factor"], factor["polarity"], factor.get("start"), factor.get("end"))
            for factor in row["factors"]
        ),
        churn_risk=row["churn_risk"],
        follow_up=row["follow_up"],
        origin=row.get("origin", ""),
        question=row.get("question") or None,
    )


def rated_texts(path: Path) -> list[RatedText]:
    """Read texts with a three-way sentiment, one JSON object a line."""
    return [
        RatedText(row["id"], row["lang"], row["text"], row["source"], row["sentiment"]) for row in _json_lines(path)
    ]


Row = TypeVar("Row", LabelledComment, RatedText, TranslatedText)


@dataclass(frozen=True, slots=True)
class Corpora:
    """The folder of corpora, as its README describes it, less everything that stands in a dev file.

    `own_labels` is the folder with the project's own labels beside them: `authored.jsonl` holds comments that were
    written for training, `annotations.jsonl` tags of rated reviews by their ids.
    """

    folder: Path
    held_out_ids: frozenset[str]
    held_out_texts: frozenset[str]
    own_labels: Path | None = OWN_LABELS

    @classmethod
    def open(cls, folder: Path, *, own_labels: Path | None = OWN_LABELS) -> Corpora:
        """Look into a folder of corpora.

        Parameters
        ----------
        own_labels : folder of further labels, None to do without them

        Raises
        ------
        FileNotFoundError : if a dev file is missing, without which nothing can be kept apart from it
        """
        ids: set[str] = set()
        texts: set[str] = set()
        for name in ("opinions/dev.jsonl", "sentiment/dev.jsonl.xz"):
            for row in _json_lines(folder / name):
                ids.add(row["id"])
                texts.add(_key(row["text"]))
        return cls(folder, frozenset(ids), frozenset(texts), own_labels)

    def files(self) -> dict[str, Path]:
        """Every file that is read, by the name that its user knows it by."""
        names = (
            "opinions/train.jsonl",
            "opinions/dev.jsonl",
            "sentiment/train.jsonl.xz",
            "sentiment/dev.jsonl.xz",
            "text/machine_translated.jsonl.xz",
            "text/parallel.jsonl.xz",
            "text/norec.txt.xz",
            "text/other.txt.xz",
        )
        own = [] if self.own_labels is None else [self.own_labels / name for name in (AUTHORED, ANNOTATIONS)]
        return {name: self.folder / name for name in names} | {f"labels/{path.name}": path for path in own}

    def labelled(self) -> list[LabelledComment]:
        """Comments with full tags; those of the corpora first, then the project's own."""
        comments = self.corpus_labels()
        if self.own_labels is not None:
            comments += self._kept(labelled_comments(self.own_labels / AUTHORED))
            comments += self._annotated(self.own_labels / ANNOTATIONS, {comment.id for comment in comments})
        return comments

    def corpus_labels(self) -> list[LabelledComment]:
        """The comments that came with full tags."""
        return self._kept(labelled_comments(self.folder / "opinions/train.jsonl"))

    def _annotated(self, path: Path, labelled: set[str]) -> list[LabelledComment]:
        """Rated reviews with the tags that stand in `path`; the texts stay in the corpora."""
        rated = {text.id: text for text in self.rated()}
        return [
            _labelled({**row, "lang": rated[row["id"]].language, "text": rated[row["id"]].text, "origin": ANNOTATED})
            for row in _json_lines(path)
            if row["id"] in rated and row["id"] not in labelled
        ]

    def rated(self) -> list[RatedText]:
        return self._kept(rated_texts(self.folder / "sentiment/train.jsonl.xz"))

    def translated(self) -> list[TranslatedText]:
        rows = _json_lines(self.folder / "text/machine_translated.jsonl.xz")
        return self._kept([TranslatedText(row["id"], row["lang"], row["text"]) for row in rows])

    def parallel(self) -> Iterator[dict[str, str]]:
        """The same line in `da`, `sv` and `nb`, less the placeholders and marks of its documentation format."""
        for row in _json_lines(self.folder / "text/parallel.jsonl.xz"):
            yield {language: " ".join(PLACEHOLDER.sub(" ", text).split()) for language, text in row.items()}

    def professional_reviews(self) -> Iterator[str]:
        with _open(self.folder / "text/norec.txt.xz") as lines:
            for line in lines:
                yield line.strip().replace(" ␤ ", "\n")

    def news_and_subtitles(self) -> Iterator[str]:
        with _open(self.folder / "text/other.txt.xz") as lines:
            for line in lines:
                yield line.strip()

    def _kept(self, rows: Iterable[Row]) -> list[Row]:
        return [row for row in rows if row.id not in self.held_out_ids and _key(row.text) not in self.held_out_texts]


def _key(text: str) -> str:
    return " ".join(text.lower().split())


def _json_lines(path: Path) -> Iterator[dict[str, Any]]:
    with _open(path) as lines:
        for line in lines:
            yield json.loads(line)


def _open(path: Path) -> IO[str]:
    return lzma.open(path, "rt", encoding="utf-8") if path.suffix == ".xz" else path.open(encoding="utf-8")
