"""Measure what masking finds, and what it takes for personal data and is not: `python -m eval.personal_data`.

The comments are generated (eval/personal_data_cases.py): they show which spellings and look-alikes are handled, not how
often these occur among customers.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.table import Table

from api.personal_data import MaskedText, mask
from eval.personal_data_cases import LANGUAGES, Case, negatives, positives
from eval.program import run_program

Z: Final = 1.959964
WIDE: Final = 140
"""Characters a line where the output is no terminal."""


@dataclass(frozen=True, slots=True)
class Share:
    """`count` of `total`, with its 95 % interval."""

    count: int
    total: int
    low: float
    high: float

    @classmethod
    def of(cls, count: int, total: int) -> Share:
        return cls(count, total, *wilson(count, total))

    @property
    def value(self) -> float:
        return self.count / self.total if self.total else math.nan


@dataclass(frozen=True, slots=True)
class Measured:
    """One kind in one language.

    Parameters
    ----------
    kind, language : of the comments
    found : comments whose value was masked to its last character; of a look-alike: in which anything was masked
    right_kind : of those found, how many under the name of their kind; 0 for look-alikes
    beyond : comments in which something besides the value was masked
    """

    kind: str
    language: str
    found: Share
    right_kind: int = 0
    beyond: int = 0


@dataclass(frozen=True, slots=True)
class Report:
    """Recall by kind and false alarms by look-alike, in every language."""

    seed: int
    recall: tuple[Measured, ...]
    false_alarms: tuple[Measured, ...]


def wilson(count: int, total: int) -> tuple[float, float]:
    """The 95 % interval of a share; (0, 1) of nothing.

    References
    ----------
    Wilson (1927), Probable Inference, the Law of Succession, and Statistical Inference, JASA 22, pages 209-212

    >>> tuple(round(bound, 4) for bound in wilson(8, 10))
    (0.4902, 0.9433)
    """
    if not total:
        return 0.0, 1.0
    share = count / total
    spread = 1 + Z**2 / total
    centre = (share + Z**2 / (2 * total)) / spread
    half = Z / spread * math.sqrt(share * (1 - share) / total + Z**2 / (4 * total**2))
    return max(0.0, centre - half), min(1.0, centre + half)


def measure(*, each: int, each_look_alike: int, seed: int) -> Report:
    """Mask generated comments, `each` of a kind in a language, and count."""
    return Report(
        seed,
        recall=_by_kind(positives(each=each, seed=seed)),
        false_alarms=_by_kind(negatives(each=each_look_alike, seed=seed)),
    )


def _by_kind(cases: Iterable[Case]) -> tuple[Measured, ...]:
    total: Counter[tuple[str, str]] = Counter()
    found, right, beyond = total.copy(), total.copy(), total.copy()
    for case in cases:
        key = (case.kind, case.language)
        masked = mask(case.text, language=case.language)
        total[key] += 1
        found[key] += _is_found(case, masked)
        right[key] += case.value is not None and {str(finding.kind) for finding in masked.findings} == {case.kind}
        beyond[key] += _goes_beyond(case, masked)
    return tuple(
        Measured(kind, language, Share.of(found[key], total[key]), right[key], beyond[key])
        for key in total
        for kind, language in (key,)
    )


def _is_found(case: Case, masked: MaskedText) -> bool:
    if case.value is None:
        return bool(masked.findings)
    spans = [masked.to_original(finding.span) for finding in masked.findings]
    return any(span.start <= case.value.start and case.value.end <= span.end for span in spans)


def _goes_beyond(case: Case, masked: MaskedText) -> bool:
    if case.value is None:
        return False
    spans = [masked.to_original(finding.span) for finding in masked.findings]
    return any(span.start < case.value.start or case.value.end < span.end for span in spans)


def tables(report: Report) -> list[Table]:
    """For a terminal: a row a kind, a column a language."""
    return [
        _table("Recall: masked to the last character, %", report.recall),
        _table("False alarms: comments in which anything was masked, %", report.false_alarms),
    ]


def _table(title: str, rows: Iterable[Measured]) -> Table:
    rows = list(rows)
    table = Table("kind", *LANGUAGES, "all", title=title)
    for kind in dict.fromkeys(row.kind for row in rows):
        of_kind = {row.language: row.found for row in rows if row.kind == kind}
        table.add_row(kind, *(_cell(of_kind[language]) for language in LANGUAGES), _cell(_sum(of_kind.values())))
    of_language = (_sum(row.found for row in rows if row.language == language) for language in LANGUAGES)
    table.add_row("all", *map(_cell, of_language), _cell(_sum(row.found for row in rows)))
    return table


def _sum(shares: Iterable[Share]) -> Share:
    shares = list(shares)
    return Share.of(sum(share.count for share in shares), sum(share.total for share in shares))


def _cell(share: Share) -> str:
    return f"{100 * share.value:.1f} ({100 * share.low:.1f}-{100 * share.high:.1f})"


def personal_data(
    *,
    each: Annotated[int, typer.Option(min=1, help="Comments of each kind in each language.")] = 220,
    each_look_alike: Annotated[int, typer.Option(min=1, help="Comments of each look-alike in each language.")] = 100,
    seed: Annotated[int, typer.Option(help="Another seed gives other comments.")] = 1,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write the counts here, as JSON.")] = None,
) -> None:
    """Measure masking on generated comments: recall by kind, false alarms by look-alike, with Wilson's intervals."""
    report = measure(each=each, each_look_alike=each_look_alike, seed=seed)
    console = Console(width=None if Console().is_terminal else WIDE)
    for table in tables(report):
        console.print(table)
    recall, alarms = _sum(row.found for row in report.recall), _sum(row.found for row in report.false_alarms)
    right = sum(row.right_kind for row in report.recall)
    beyond = sum(row.beyond for row in report.recall)
    console.print(
        f"{recall.total:,} comments with personal data, {alarms.total:,} without; seed {seed}. "
        f"Of {recall.count:,} found, {right:,} under their own kind; in {beyond:,} more than the value was masked.",
        highlight=False,
    )
    if output:
        output.write_text(json.dumps(asdict(report), indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    run_program(personal_data)
