"""Measure whether planted incidents are found, dated and placed: `python -m eval.planted_causes --comments 10000`.

With the membership that was planted, or with it blurred as clustering would, the statistics are measured alone; with
`--clustered` the whole: tags, clauses, topics, statistics.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path
from time import perf_counter
from typing import Annotated, Final

import numpy as np
import typer
from rich.console import Console
from rich.table import Table
from scipy.sparse import csr_array

from eval.planted import Archive, Incident, plant
from eval.program import run_program
from nlp.causes.describe import CauseReport, CauseStatistics, describe_causes
from nlp.record import Comment, TaggedComment
from nlp.tagger import Tagger

TOP: Final = 10
PURE: Final = 0.5
"""Of a found cause's comments, how many must be of the incident for the cause to be it."""
COVERED: Final = 0.3
"""Of an incident's comments, how many the cause must hold."""
NEAR_DAYS: Final = 3
WIDE: Final = 120


@dataclass(frozen=True, slots=True)
class Finding:
    """What became of one planted incident.

    Parameters
    ----------
    rank, rank_rising : of the cause that is it, among all and among those that rise; None where no cause is it
    first_after : days from the planted day to the first comment of the incident, before which nobody can know of it
    precision, recall : of the cause's comments against the incident's
    days_off : of the onset from the planted day, above 0 if late; None if no rise was found
    covered : whether the planted day lies between the earliest and the latest day given
    department, touchpoint : whether they are what the cause concentrates in most, of their dimension
    """

    incident: str
    share: float
    comments: int
    first_after: int
    rank: int | None
    rank_rising: int | None
    precision: float
    recall: float
    days_off: int | None
    covered: bool
    department: bool
    touchpoint: bool


@dataclass(frozen=True, slots=True)
class Outcome:
    """All incidents of some archives.

    Parameters
    ----------
    false_rises : causes without an incident that are said to rise, and `steady` how many such there were. Others' share
        truly falls where an incident takes a part of the comments, so that falls are not counted
    seconds : of the statistics, of one archive
    """

    findings: tuple[Finding, ...]
    false_rises: int
    steady: int
    seconds: float

    def found(self) -> float:
        return _share([f.rank is not None and f.rank <= TOP for f in self.findings])

    def found_rising(self) -> float:
        return _share([f.rank_rising is not None and f.rank_rising <= TOP for f in self.findings])

    def dated(self) -> float:
        return _share([f.days_off is not None and abs(f.days_off) <= NEAR_DAYS for f in self.findings])

    def spoken_of(self) -> float:
        """How many anybody speaks of by the last day that counts as dated: more cannot be, but by luck."""
        return _share([f.first_after <= NEAR_DAYS for f in self.findings])

    def covered(self) -> float:
        return _share([f.covered for f in self.findings])

    def placed(self) -> tuple[float, float]:
        return _share([f.department for f in self.findings]), _share([f.touchpoint for f in self.findings])


def measure(archives: Sequence[Archive], memberships: Sequence[tuple[csr_array, Sequence[str]]]) -> Outcome:
    """Describe the causes of each archive and compare with what was planted."""
    findings: list[Finding] = []
    false_rises = steady = 0
    started = perf_counter()
    for archive, (membership, causes) in zip(archives, memberships, strict=True):
        observations = archive.observations(membership, causes)
        report = describe_causes(observations, replicates=200)
        members = {cause.cause: set(observations.cause(causes.index(cause.cause)).tolist()) for cause in report.causes}
        of_incident = {
            incident.id: {row for row, comment in enumerate(archive.comments) if comment.incident == incident.id}
            for incident in archive.incidents
        }
        for incident in archive.incidents:
            planted = of_incident[incident.id]
            first = min(archive.comments[row].day for row in planted)
            findings.append(_finding(incident, planted, (first - incident.since).days, report, members))
        everyday = [c for c in report.causes if _mostly(members[c.cause], set().union(*of_incident.values())) < 0.1]  # noqa: PLR2004
        steady += len(everyday)
        false_rises += sum(cause.rank_rising is not None for cause in everyday)
    return Outcome(tuple(findings), false_rises, steady, (perf_counter() - started) / max(len(archives), 1))


def blurred(membership: csr_array, *, missed: float, stray: float, seed: int) -> csr_array:
    """A membership as a clustering would find it: a part of each cause missed, and comments of no concern added.

    Parameters
    ----------
    missed : of each cause's comments
    stray : as a share of each cause's comments, drawn from all
    """
    rng = np.random.default_rng(seed)
    rows, columns = membership.nonzero()
    kept = rng.random(len(rows)) >= missed
    strays = np.repeat(columns, rng.poisson(stray, len(columns)))
    rows = np.concatenate([rows[kept], rng.integers(membership.shape[0], size=len(strays))])
    cells = np.unique(np.column_stack([rows, np.concatenate([columns[kept], strays])]), axis=0)
    return csr_array((np.ones(len(cells), dtype=np.int64), (cells[:, 0], cells[:, 1])), shape=membership.shape)


def _finding(
    incident: Incident, planted: set[int], first_after: int, report: CauseReport, members: dict[str, set[int]]
) -> Finding:
    def agreement(cause: CauseStatistics) -> float:
        found = members[cause.cause]
        return 2 * len(found & planted) / max(len(found) + len(planted), 1)

    candidates = [
        cause
        for cause in report.causes
        if _mostly(members[cause.cause], planted) >= PURE and _mostly(planted, members[cause.cause]) >= COVERED
    ]
    if not candidates:
        return Finding(
            incident=incident.id,
            share=incident.share,
            comments=len(planted),
            first_after=first_after,
            rank=None,
            rank_rising=None,
            precision=0.0,
            recall=0.0,
            days_off=None,
            covered=False,
            department=False,
            touchpoint=False,
        )
    best = max(candidates, key=agreement)
    onset = best.trend.onset
    return Finding(
        incident=incident.id,
        share=incident.share,
        comments=len(planted),
        first_after=first_after,
        rank=best.rank,
        rank_rising=best.rank_rising,
        precision=_mostly(members[best.cause], planted),
        recall=_mostly(planted, members[best.cause]),
        days_off=None if onset is None else (onset.day - incident.since).days,
        covered=onset is not None and onset.earliest <= incident.since <= onset.latest,
        department=_strongest(best, "department") == incident.department,
        touchpoint=_strongest(best, "touchpoint") == incident.touchpoint,
    )


def _strongest(cause: CauseStatistics, dimension: str) -> str | None:
    alone = [place.where[dimension] for place in cause.concentrations if set(place.where) == {dimension}]
    return alone[0] if alone else None


def _mostly(part: set[int], whole: set[int]) -> float:
    return len(part & whole) / len(part) if part else 0.0


def _share(values: Sequence[bool]) -> float:
    return float(np.mean(values)) if values else float("nan")


def clustered(archive: Archive, *, seed: int) -> tuple[csr_array, Sequence[str]]:
    """The causes that clustering finds: a comment names a topic if one of its clauses has it."""
    topics = import_module("nlp.topics")
    tagger = Tagger.load()
    comments = [Comment(comment.id, comment.text) for comment in archive.comments]
    tagged = (
        (comment, record)
        for comment, record in zip(comments, tagger.tag(comments), strict=True)
        if isinstance(record, TaggedComment)
    )
    batch = topics.joined(topics.segments_of(tagged, tagger))
    model = topics.find_topics(batch.segments, batch.embeddings, seed=seed, circumstances=archive.circumstances())
    row = {comment.id: number for number, comment in enumerate(archive.comments)}
    rows = np.array([row[segment.comment_id] for segment in batch.segments], dtype=np.int64)
    columns = np.asarray(model.assignment.topics, dtype=np.int64)
    cells = np.unique(np.column_stack([rows, columns])[columns >= 0], axis=0)
    membership = csr_array(
        (np.ones(len(cells), dtype=np.int64), (cells[:, 0], cells[:, 1])), shape=(len(comments), len(model.topics))
    )
    return membership, [topic.id for topic in model.topics]


def show(outcome: Outcome, console: Console) -> None:
    """Print every incident, and the shares."""
    columns = ("incident", "share", "comments", "rank", "rising", "precision", "recall", "days off")
    table = Table(*columns, "department", "touchpoint")
    for f in sorted(outcome.findings, key=lambda f: f.share):
        table.add_row(
            f.incident,
            f"{100 * f.share:.1f} %",
            str(f.comments),
            str(f.rank or "not found"),
            str(f.rank_rising or "-"),
            f"{f.precision:.2f}",
            f"{f.recall:.2f}",
            "none" if f.days_off is None else f"{f.days_off:+}",
            "found" if f.department else "-",
            "found" if f.touchpoint else "-",
        )
    console.print(table)
    department, touchpoint = outcome.placed()
    off = [abs(f.days_off) for f in outcome.findings if f.days_off is not None]
    console.print(f"in the top {TOP} of all: {outcome.found():.3f} of {len(outcome.findings)}")
    console.print(f"in the top {TOP} of those that rise: {outcome.found_rising():.3f}")
    median = f"median error {np.median(off):.0f}" if off else "none dated"
    console.print(f"dated within {NEAR_DAYS} days: {outcome.dated():.3f}, {median}")
    console.print(f"spoken of by anybody within {NEAR_DAYS} days: {outcome.spoken_of():.3f}")
    console.print(f"planted day inside the given interval: {outcome.covered():.3f}")
    console.print(f"department found: {department:.3f}, touchpoint found: {touchpoint:.3f}")
    console.print(f"said to rise without an incident: {outcome.false_rises} of {outcome.steady}")
    console.print(f"statistics of one archive: {outcome.seconds:.1f} s")


def planted_causes(
    *,
    comments: Annotated[int, typer.Option(min=200, help="Comments of a year, in each archive.")] = 10_000,
    incidents: Annotated[int, typer.Option(min=1, max=12, help="Planted in each archive.")] = 6,
    archives: Annotated[int, typer.Option(min=1, help="How many archives, each with another seed.")] = 4,
    missed: Annotated[float, typer.Option(min=0, max=1, help="Share of each cause's comments to take away.")] = 0.0,
    stray: Annotated[float, typer.Option(min=0, help="Comments of no concern to add, as a share of them.")] = 0.0,
    with_clustering: Annotated[bool, typer.Option("--clustered", help="Find the causes by clustering.")] = False,
    seed: Annotated[int, typer.Option(help="Of the first archive.")] = 0,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write the findings here, as JSON.")] = None,
) -> None:
    """Plant incidents in comments and say how many are found, how well they are dated and placed."""
    planted = [plant(comments, n_incidents=incidents, seed=seed + number) for number in range(archives)]
    if with_clustering:
        memberships = [clustered(archive, seed=seed) for archive in planted]
    else:
        memberships = [
            (blurred(archive.membership(), missed=missed, stray=stray, seed=seed), archive.causes)
            for archive in planted
        ]
    outcome = measure(planted, memberships)
    show(outcome, Console(width=WIDE))
    if output:
        output.write_text(json.dumps(asdict(outcome), indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    run_program(planted_causes)
