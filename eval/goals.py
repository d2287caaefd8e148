"""What a model is meant to reach, and whether it does: every goal in one list."""

from __future__ import annotations

import math
import tomllib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Literal, get_args

from rich.table import Table

from eval.behaviour.gate import TOTAL, Gate
from eval.floors import DECIMALS
from eval.report import Against, Evaluation

TITLES: Final = {
    "comments": "",
    "reviews": "rated texts, ",
    "calibration": "calibration error, ",
    "behaviour": "behavioural suite, ",
    "int8": "int8 less full precision, ",
}
GOALS: Final = Path(__file__).with_name("goals.toml")

Side = Literal["least", "most"]
SIDES: Final[tuple[Side, ...]] = get_args(Side)
Outcome = Literal["reached", "not reached", "not measured"]
COLOURS: Final[Mapping[Outcome, str]] = {"reached": "green", "not reached": "bold red", "not measured": "dim"}
Values = Mapping[str, Mapping[str, Mapping[str, float]]]
"""By kind (`comments`, `calibration`, `reviews`, `behaviour`, `int8`), group of languages and name."""


@dataclass(frozen=True, slots=True)
class Goal:
    """A value beside its goal; `side` says whether the goal is the least or the most that it may be.

    Both have as many decimals as the goals are stated in at most; `value` is NaN where it was not measured.
    """

    kind: str
    group: str
    score: str
    side: Side
    goal: float
    value: float

    @property
    def title(self) -> str:
        """For people."""
        name = self.score.replace("_", " ").replace(" f1", " F1")
        return f"{TITLES[self.kind]}{name}" if self.score != TOTAL else TITLES[self.kind].removesuffix(", ")

    @property
    def outcome(self) -> Outcome:
        if math.isnan(self.value):
            return "not measured"
        reached = self.value >= self.goal if self.side == "least" else self.value <= self.goal
        return "reached" if reached else "not reached"


def beside_goals(values: Values, path: Path = GOALS) -> list[Goal]:
    """Put every goal beside its value; one that `values` lacks is not measured.

    Parameters
    ----------
    path : a TOML file with the tables `least` and `most`, each with the three levels of `values`
    """
    written: dict[str, Values] = tomllib.loads(path.read_text(encoding="utf-8"))
    return [
        Goal(kind, group, name, side, goal, round(values.get(kind, {}).get(group, {}).get(name, math.nan), DECIMALS))
        for side in SIDES
        for kind, groups in written.get(side, {}).items()
        for group, names in groups.items()
        for name, goal in names.items()
    ]


def values_of(evaluation: Evaluation, against: Against | None, rates: Gate) -> Values:
    """All that a goal can be set for.

    Parameters
    ----------
    against : counts if it is the model's own network before it was made int8
    rates : of the behavioural suite; count if they are of the evaluated model
    """
    values = {
        kind: {group: {name: score.value for name, score in scores.items()} for group, scores in groups.items()}
        for kind, groups in evaluation.headlines().items()
    }
    values["calibration"] = {
        group: {head: error.value for head, error in scores.calibration.items()}
        for group, scores in evaluation.comments.items()
    }
    if rates.model == evaluation.model:
        values["behaviour"] = {language: {TOTAL: of[TOTAL]} for language, of in rates.rates.items() if TOTAL in of}
    if against is not None and against.full_precision:
        values["int8"] = {"all": {"largest_difference": _largest_difference(against)}}
    return values


def goal_table(rows: Sequence[Goal]) -> Table:
    """Each value beside its goal."""
    count = Counter(row.outcome for row in rows)
    said = ", ".join(f"{count[outcome]} {outcome}" for outcome in COLOURS if count[outcome])
    table = Table(title=f"Goals: {said}", title_justify="left", title_style="bold")
    table.add_column()
    for head in ("group", "goal", "ours"):
        table.add_column(head, justify="right")
    table.add_column()
    for row in rows:
        least = "≥" if row.side == "least" else "≤"
        ours = "–" if math.isnan(row.value) else f"{row.value:.{DECIMALS}f}"
        outcome = f"[{COLOURS[row.outcome]}]{row.outcome}[/]"
        table.add_row(row.title, row.group, f"{least} {row.goal:.{DECIMALS}f}", ours, outcome)
    return table


def goals_to_dict(rows: Sequence[Goal]) -> dict[str, Any]:
    """Under `goals`, in plain JSON types; nothing where there are none."""
    plain = [
        asdict(row) | {"value": None if math.isnan(row.value) else row.value, "outcome": row.outcome} for row in rows
    ]
    return {"goals": plain} if plain else {}


def _largest_difference(against: Against) -> float:
    """Over all languages, of every score but the calibration errors."""
    sizes = [
        abs(row.difference)
        for kind, groups in against.differences.items()
        if kind != "calibration"
        for row in groups["all"].values()
        if not math.isnan(row.difference)
    ]
    return max(sizes, default=math.nan)
