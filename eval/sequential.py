"""Measure the test of actions on simulated complaints: `python -m eval.sequential`.

How often it says that complaints fell though they did not, against the rate that it states, looking every day; and how
often and how soon it says so when they did.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Annotated, Final

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from eval.program import run_program
from nlp.causes.actions import DailyCounts, outcome_of
from nlp.causes.sequential import FALSE_ALARM, FEWEST_BEFORE, RateRatioSequence, Verdict, dispersion_of

BEFORE, AFTER, YEAR = 90, 180, 365
COMMENTS_A_DAY: Final = 60
_WEEKDAYS: Final = np.array([1.2, 1.2, 1.2, 1.2, 1.2, 0.6, 0.4])
SWING: Final = 0.3
"""Standard deviation of the weeks' rate around its mean, as a share of it, where weeks swing."""


@dataclass(frozen=True, slots=True)
class Simulated:
    """One situation.

    Parameters
    ----------
    complaints_a_day : before the action, on average
    fall : what the action does, as a share; 0 for none
    fell, rose : how often this was said within the time after, though it may be false
    median_days : until `fell` was said, where it was
    """

    situation: str
    complaints_a_day: float
    fall: float
    fell: float
    rose: float
    median_days: float | None
    runs: int


def simulate(complaints_a_day: float, fall: float, *, situation: str, runs: int, seed: int) -> Simulated:
    """Watch an action every day in many simulated archives of `BEFORE` days before it and `AFTER` days since.

    Parameters
    ----------
    situation : "steady"; "swinging", where every week has a rate of its own; or "after a peak", where nobody acted on
        a day fixed beforehand, but after the two worst weeks of a year
    """
    rng = np.random.default_rng([seed, round(complaints_a_day * 100), round(fall * 100), len(situation)])
    days: list[int] = []
    rose = 0
    for _ in range(runs):
        counts, totals = _archive(complaints_a_day, fall, situation, rng)
        before, since = slice(0, BEFORE), slice(BEFORE, None)
        if counts[before].sum() < FEWEST_BEFORE:
            continue
        dispersion = dispersion_of(counts[before], totals[before])
        test = RateRatioSequence(counts[before].sum() / dispersion, totals[before].sum() / dispersion, FALSE_ALARM)
        count, total = np.cumsum(counts[since]) / dispersion, np.cumsum(totals[since]) / dispersion
        shown = [
            test.evidence(np.zeros(AFTER), count, total, smaller=smaller) >= -np.log(FALSE_ALARM)
            for smaller in (True, False)
        ]
        if shown[0].any():
            days.append(int(np.argmax(shown[0])) + 1)
        rose += bool(shown[1].any())
    return Simulated(
        situation=situation,
        complaints_a_day=complaints_a_day,
        fall=fall,
        fell=len(days) / runs,
        rose=rose / runs,
        median_days=float(np.median(days)) if days else None,
        runs=runs,
    )


def _archive(
    complaints_a_day: float, fall: float, situation: str, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    n_days = BEFORE + AFTER + (365 if situation == "after a peak" else 0)
    volume = COMMENTS_A_DAY * np.resize(_WEEKDAYS, n_days)
    share = np.full(n_days, complaints_a_day / COMMENTS_A_DAY)
    if situation == "swinging":
        shape = 1 / SWING**2
        share = share * np.repeat(rng.gamma(shape, 1 / shape, n_days // 7 + 1), 7)[:n_days]
    totals = rng.poisson(volume)
    counts = rng.binomial(totals, np.minimum(share, 1.0))
    start = 0
    if situation == "after a peak":
        fortnight = np.convolve(counts[: BEFORE + 365], np.ones(14), mode="valid")[BEFORE - 14 :]
        start = int(np.argmax(fortnight))
    counts, totals = counts[start : start + BEFORE + AFTER], totals[start : start + BEFORE + AFTER]
    counts[BEFORE:] = rng.binomial(counts[BEFORE:], 1 - fall)
    return counts, totals


def simulate_found(complaints_a_day: float, *, situation: str, runs: int, seed: int) -> Simulated:
    """Watch actions without effect whose time before is found by `nlp.causes.actions`, in a year of days before.

    Parameters
    ----------
    complaints_a_day : in the last 30 days before the action, on average
    situation : "steady, found" and "swinging, found"; "incident, found": before the last 30 days there were a fifth of
        the complaints; "fading, found": before them there were three times as many
    """
    rng = np.random.default_rng([seed, round(complaints_a_day * 100), len(situation), 1])
    fell = rose = 0
    first, since = date(2025, 1, 1), date(2025, 1, 1) + timedelta(days=YEAR)
    days = []
    for _ in range(runs):
        counts, totals = _year(complaints_a_day, situation, rng)
        effect = outcome_of(DailyCounts(first, counts, totals), since=since).effect
        if effect.verdict is Verdict.NO_BASELINE:
            continue
        lower = [number for number, standing in enumerate(effect.days, start=1) if standing.ratio.high < 1]
        fell += bool(lower)
        days += lower[:1]
        rose += any(standing.ratio.low > 1 for standing in effect.days)
    median = float(np.median(days)) if days else None
    return Simulated(situation, complaints_a_day, 0.0, fell / runs, rose / runs, median, runs)


def _year(complaints_a_day: float, situation: str, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    n_days = YEAR + AFTER
    share = np.full(n_days, complaints_a_day / COMMENTS_A_DAY)
    share[: YEAR - 30] *= {"incident, found": 0.2, "fading, found": 3.0}.get(situation, 1.0)
    if situation.startswith("swinging"):
        shape = 1 / SWING**2
        share = share * np.repeat(rng.gamma(shape, 1 / shape, n_days // 7 + 1), 7)[:n_days]
    totals = rng.poisson(COMMENTS_A_DAY * np.resize(_WEEKDAYS, n_days))
    return rng.binomial(totals, np.minimum(share, 1.0)), totals


def sequential(
    *,
    runs: Annotated[int, typer.Option(min=10, help="Simulated archives of each situation.")] = 400,
    seed: Annotated[int, typer.Option(help="The same seed gives the same figures.")] = 0,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write the figures here, as JSON.")] = None,
) -> None:
    """Say how often and how soon actions with and without effect are told, and how often falsely."""
    situations = [
        *((rate, 0.0, "steady") for rate in (0.3, 1.0, 3.0)),
        *((rate, 0.0, "swinging") for rate in (1.0, 3.0)),
        *((rate, 0.0, "after a peak") for rate in (0.3, 1.0, 3.0)),
        *((rate, fall, "steady") for fall in (0.25, 0.5, 0.8) for rate in (0.3, 1.0, 3.0)),
        *((rate, 0.5, "swinging") for rate in (1.0, 3.0)),
    ]
    found = [simulate(rate, fall, situation=name, runs=runs, seed=seed) for rate, fall, name in situations]
    kinds = ("steady, found", "swinging, found", "incident, found", "fading, found")
    found += [simulate_found(rate, situation=name, runs=runs, seed=seed) for name in kinds for rate in (0.3, 1.0, 3.0)]
    table = Table("situation", "complaints a day", "true fall", "said to fall", "said to rise", "median days")
    for row in found:
        days = "-" if row.median_days is None else f"{row.median_days:.0f}"
        table.add_row(
            row.situation,
            f"{row.complaints_a_day:g}",
            f"{100 * row.fall:.0f} %",
            f"{100 * row.fell:.1f} %",
            f"{100 * row.rose:.1f} %",
            days,
        )
    Console(width=110).print(table)
    if output:
        output.write_text(json.dumps([asdict(row) for row in found], indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    run_program(sequential)
