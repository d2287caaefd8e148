"""Comments with planted incidents: what happened, since when and where is known, so that finding it can be measured.

Incidents are worded by hand in four written languages (eval/planted.toml), several ways each, and stand among small
talk, other complaints and the comments of the shipped sample. The comments are composed: they show whether what was
planted is found, not how real customers write.
"""

from __future__ import annotations

import csv
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np
from scipy.sparse import csr_array

from nlp.causes.observations import Observations
from nlp.clustering.incidents import Circumstances

WORDINGS: Final = Path(__file__).with_name("planted.toml")
SAMPLE: Final = Path(__file__).parents[1] / "api" / "sample" / "comments.csv"
LANGUAGES: Final = ("nb", "nn", "da", "sv")
OF_LANGUAGES: Final = (0.4, 0.1, 0.25, 0.25)
DIMENSIONS: Final = ("source", "department", "touchpoint")
FIRST: Final = date(2025, 11, 3)
DAYS: Final = 365
SMALLEST_SHARE, LARGEST_SHARE = 0.005, 0.03
AT_ITS_PLACE: Final = 0.85
"""Of an incident's comments, how many come from its department; of its touchpoint as many. The others come from any."""
ANSWERED: Final = 0.75
_OF_SAMPLE, _AND_A_COMPLAINT, _SMALL_TALK, _CARELESS = 0.2, 0.3, 0.5, 0.2
_WEEKEND: Final = 0.35
"""Comments of a Saturday or Sunday, against a weekday."""


@dataclass(frozen=True, slots=True)
class Incident:
    """What was planted; `share` of all comments tell of it."""

    id: str
    since: date
    share: float
    department: str
    touchpoint: str
    stage: str


@dataclass(frozen=True, slots=True)
class PlantedComment:
    """A comment, and what it was composed of: an incident or none, and everyday complaints and praise.

    `language` is None of a comment that was taken from the sample as it is.
    """

    id: str
    text: str
    language: str | None
    day: date
    source: str
    department: str
    touchpoint: str
    nps: int | None
    respondent: str
    incident: str | None
    everyday: tuple[str, ...]


@dataclass(frozen=True)
class Archive:
    """Comments in order of time, and the incidents planted in them."""

    comments: Sequence[PlantedComment]
    incidents: Sequence[Incident]

    @cached_property
    def causes(self) -> tuple[str, ...]:
        """Incidents and everyday topics."""
        everyday = sorted({topic for comment in self.comments for topic in comment.everyday})
        return (*(incident.id for incident in self.incidents), *everyday)

    def membership(self) -> csr_array:
        """Which causes each comment was composed of: 0/1 of shape (n_comments, n_causes)."""
        place = {cause: column for column, cause in enumerate(self.causes)}
        cells = [
            (row, place[cause])
            for row, comment in enumerate(self.comments)
            for cause in {*comment.everyday, *([comment.incident] if comment.incident else [])}
        ]
        rows, columns = np.array(cells, dtype=np.int64).reshape(-1, 2).T
        return csr_array((np.ones(len(rows), dtype=np.int64), (rows, columns)), (len(self.comments), len(place)))

    def circumstances(self) -> Circumstances:
        """When and where the comments were given."""
        return Circumstances(
            {comment.id: comment.day for comment in self.comments},
            {name: {comment.id: getattr(comment, name) for comment in self.comments} for name in DIMENSIONS},
        )

    def observations(self, membership: csr_array, causes: Sequence[str]) -> Observations:
        """The comments as columns, with a membership that was planted or found."""
        comments = self.comments
        return Observations(
            ids=[comment.id for comment in comments],
            causes=causes,
            membership=membership,
            days=np.array([comment.day for comment in comments], dtype="datetime64[D]"),
            nps=np.array([np.nan if comment.nps is None else comment.nps for comment in comments]),
            sentiment=np.full(len(comments), np.nan),
            words=np.array([len(comment.text.split()) for comment in comments], dtype=np.int64),
            dimensions={name: [getattr(comment, name) for comment in comments] for name in DIMENSIONS},
            respondents=[comment.respondent for comment in comments],
        )


def plant(n_comments: int, *, n_incidents: int = 6, seed: int = 0) -> Archive:
    """Compose comments and plant incidents in them; the same arguments give the same archive.

    Parameters
    ----------
    n_comments : of a year
    n_incidents : at most as many as were worded; which ones, their shares (0.5 to 3 %) and days go by the seed

    Raises
    ------
    ValueError : if more incidents are asked for than there are
    """
    words = tomllib.loads(WORDINGS.read_text(encoding="utf-8"))
    if n_incidents > len(words["incidents"]):
        raise ValueError(f"{n_incidents} incidents were asked for; {len(words['incidents'])} are worded.")
    rng = np.random.default_rng(seed)
    writer = _Writer(words, rng)
    incidents = _incidents(words["incidents"], n_incidents, rng)
    days = _days(n_comments, rng)
    of_incident = _placed(incidents, days, rng)
    comments = [
        writer.comment(f"P{row:06}", FIRST + timedelta(days=int(day)), incidents[place] if place >= 0 else None)
        for row, (day, place) in enumerate(zip(days, of_incident, strict=True))
    ]
    return Archive(comments, incidents)


def _incidents(kinds: Sequence[Mapping[str, Any]], n: int, rng: np.random.Generator) -> list[Incident]:
    chosen = rng.permutation(len(kinds))[:n]
    shares = rng.permutation(np.geomspace(SMALLEST_SHARE, LARGEST_SHARE, n))
    starts = rng.integers(int(0.25 * DAYS), int(0.85 * DAYS), n)
    return [
        Incident(
            id=kinds[kind]["id"],
            since=FIRST + timedelta(days=int(start)),
            share=float(share),
            **{name: kinds[kind][name] for name in ("department", "touchpoint", "stage")},
        )
        for kind, share, start in zip(chosen, shares, starts, strict=True)
    ]


def _days(n: int, rng: np.random.Generator) -> np.ndarray:
    """Days in order: fewer at weekends, and half as many again at the end of the year as at its beginning."""
    day = np.arange(DAYS)
    weekend = (day + FIRST.weekday()) % 7 >= 5  # noqa: PLR2004 - Saturday
    weight = np.where(weekend, _WEEKEND, 1.0) * (1 + 0.5 * day / DAYS)
    return np.sort(rng.choice(DAYS, size=n, p=weight / weight.sum()))


def _placed(incidents: Sequence[Incident], days: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The incident of each comment, -1 for none: each takes its share of all comments from those since it began."""
    place = np.full(len(days), -1)
    for number, incident in enumerate(incidents):
        free = np.flatnonzero((days >= (incident.since - FIRST).days) & (place < 0))
        wanted = min(len(free), round(incident.share * len(days)))
        place[rng.choice(free, size=wanted, replace=False)] = number
    return place


class _Writer:
    """Composes comments; every choice comes from one generator of random numbers."""

    def __init__(self, words: Mapping[str, Any], rng: np.random.Generator) -> None:
        self.words, self.rng = words, rng
        self.incidents = {kind["id"]: kind for kind in words["incidents"]}
        self.complaints = [topic for topic in words["everyday"] if not topic["praise"]]
        self.praise = [topic for topic in words["everyday"] if topic["praise"]]
        with SAMPLE.open(encoding="utf-8", newline="") as file:
            self.sample = list(csv.DictReader(file))

    def comment(self, id_: str, day: date, incident: Incident | None) -> PlantedComment:
        language = str(self.rng.choice(LANGUAGES, p=OF_LANGUAGES))
        row = self.sample[int(self.rng.integers(len(self.sample)))]
        text = row["text"]
        everyday: tuple[str, ...] = ()
        scores: tuple[int, ...] = (int(row["nps"]),) if row["nps"] else ()
        from_sample = incident is None and self.rng.random() < _OF_SAMPLE
        where = {"department": row["department"], "touchpoint": row["touchpoint"]}
        if incident is not None:
            text, everyday, scores = self._of_incident(incident.id, language)
            where |= {name: getattr(incident, name) for name in where if self.rng.random() < AT_ITS_PLACE}
        elif not from_sample:
            text, everyday, scores = self._everyday(language)
        answered = bool(scores) and self.rng.random() < ANSWERED
        return PlantedComment(
            id=id_,
            text=text,
            language=None if from_sample else language,
            day=day,
            source=row["source"],
            nps=int(self.rng.choice(scores)) if answered else None,
            respondent=f"R-{int(self.rng.integers(10**7))}",
            incident=None if incident is None else incident.id,
            everyday=everyday,
            **where,
        )

    def _of_incident(self, incident: str, language: str) -> tuple[str, tuple[str, ...], tuple[int, ...]]:
        parts = [self._one(self.incidents[incident][language]), self._one(self.words["anger"][language])]
        everyday: tuple[str, ...] = ()
        if self.rng.random() < _AND_A_COMPLAINT:
            topic = self._one(self.complaints)
            parts.insert(int(self.rng.integers(2)), self._one(topic[language]))
            everyday = (topic["id"],)
        return self._text(parts, language), everyday, (0, 0, 1, 1, 2, 2, 3, 4, 5, 6, 7)

    def _everyday(self, language: str) -> tuple[str, tuple[str, ...], tuple[int, ...]]:
        complains = self.rng.random() < 0.4  # noqa: PLR2004
        pool = self.complaints if complains else self.praise
        topics = [pool[i] for i in self.rng.permutation(len(pool))[: int(self.rng.integers(1, 3))]]
        text = self._text([self._one(topic[language]) for topic in topics], language)
        scores = (1, 2, 3, 4, 5, 6, 6, 7, 7, 8, 8, 9) if complains else (7, 8, 8, 9, 9, 9, 10, 10, 10)
        return text, tuple(topic["id"] for topic in topics), scores

    def _text(self, parts: Sequence[str], language: str) -> str:
        parts = [part for part in parts if part]
        if self.rng.random() < _SMALL_TALK:
            parts.insert(int(self.rng.choice([0, len(parts)])), self._one(self.words["smalltalk"][language]))
        sentences = [part if part[-1] in ".!?" else part + "." for part in parts]
        text = " ".join(sentences).format(
            n=int(self.rng.integers(2, 10)),
            sum=int(self.rng.integers(99, 4999)),
            year=int(self.rng.integers(1998, 2025)),
            place=self._one(self.words["places"][language]),
        )
        return text.lower().rstrip(".") if self.rng.random() < _CARELESS else text

    def _one(self, choices: Sequence[Any]) -> Any:
        return choices[int(self.rng.integers(len(choices)))]
