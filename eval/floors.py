"""The least that a model must reach: the scores of a linear model, and how ours compare with them."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from eval.counting import Score

FLOORS: Final = Path(__file__).with_name("floors.toml")
DECIMALS: Final = 3

Scores = Mapping[str, Mapping[str, Score]]
Verdict = Literal["above", "at", "below", "not measured"]


@dataclass(frozen=True, slots=True)
class Comparison:
    """A score beside its floor, both with as many decimals as the floors are stated in."""

    kind: str
    group: str
    score: str
    floor: float
    value: float

    @property
    def verdict(self) -> Verdict:
        if math.isnan(self.value):
            return "not measured"
        if self.value == self.floor:
            return "at"
        return "above" if self.value > self.floor else "below"


def compare(measured: Mapping[str, Scores], path: Path = FLOORS) -> list[Comparison]:
    """Put every floor beside its score.

    Parameters
    ----------
    measured : scores by kind of file (`comments`, `reviews`), group of languages and name; kinds and groups that are
        absent are not compared
    path : a TOML file with the same three levels
    """
    floors: dict[str, dict[str, dict[str, float]]] = tomllib.loads(path.read_text(encoding="utf-8"))
    return [
        Comparison(kind, group, name, floor, round(measured[kind][group][name].value, DECIMALS))
        for kind, groups in floors.items()
        for group, scores in groups.items()
        for name, floor in scores.items()
        if group in measured.get(kind, {})
    ]
