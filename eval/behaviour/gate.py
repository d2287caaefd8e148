"""The regression gate: the pass rates that a model must not fall under."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from eval.behaviour.form import KINDS, Kind, Written
from eval.behaviour.run import Behaviour, Rate
from nlp.errors import StemmeError

SHIPPED: Final = Path(__file__).with_name("gate.toml")
DECIMALS: Final = 3
TOTAL: Final = "all"
HEAD: Final = """\
# The pass rates that the shipped model must not fall under, by language and capability; `all` and the kinds are over
# every case of the language. Written by `stemme behaviour --write-gate`. A capability may lose `slack_cases` cases
# before the gate closes, a total `slack_total` of its rate if that is more: int8 rounds by the processor, and a case
# on the edge then falls to one side or the other.
"""


class BadGate(StemmeError):
    code, title = "bad_gate", "The gate cannot be used"


class Gate(BaseModel):
    """`rates` by language, then by capability or kind, or `all` for the whole of the language."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str
    slack_cases: Annotated[int, Field(ge=0)] = 1
    slack_total: Annotated[float, Field(ge=0, lt=1)] = 0.02
    rates: dict[Written, dict[str, Annotated[float, Field(ge=0, le=1)]]]

    @classmethod
    def load(cls, path: Path) -> Gate:
        """Read a gate.

        Raises
        ------
        BadGate : if the file cannot be read or breaks the form
        """
        try:
            return cls.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            raise BadGate(f"{path.name}: {'.'.join(map(str, first['loc']))}: {first['msg']}.") from None
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise BadGate(f"{path.name} cannot be read: {error}. `--write-gate` makes a new one.") from error

    @classmethod
    def of(cls, behaviour: Behaviour) -> Gate:
        """The gate that this run just passes."""
        rates: dict[Written, dict[str, float]] = {}
        for language in behaviour.languages:
            names = [TOTAL, *behaviour.kinds, *(capability.name for capability in behaviour.capabilities)]
            measured = {name: _rate(behaviour, name, language) for name in names}
            rates[language] = {name: round(rate.share, DECIMALS) for name, rate in measured.items() if rate.cases}
        return cls(model=behaviour.model, rates=rates)

    def save(self, path: Path) -> None:
        """Write it as TOML, one line a rate."""
        lines = [f'model = "{self.model}"', f"slack_cases = {self.slack_cases}", f"slack_total = {self.slack_total}"]
        for language, rates in self.rates.items():
            lines += ["", f"[rates.{language}]", *(f"{name} = {rate:.{DECIMALS}f}" for name, rate in rates.items())]
        path.write_text(HEAD + "\n".join(lines) + "\n", encoding="utf-8")

    def fallen(self, behaviour: Behaviour) -> list[Fall]:
        """Every rate that lies under its gate.

        What the run did not examine is passed over, and so are the totals if it examined a part of the capabilities.
        """
        examined = {capability.name for capability in behaviour.capabilities}
        measured = [
            Fall(language, name, least, _rate(behaviour, name, language))
            for language, rates in self.rates.items()
            for name, least in rates.items()
            if (examined.issuperset(_capabilities(rates)) if _is_total(name) else name in examined)
        ]
        return [row for row in measured if row.rate.cases and self._lies_under(row)]

    def _lies_under(self, row: Fall) -> bool:
        slack = self.slack_cases / row.rate.cases
        if _is_total(row.capability):
            slack = max(slack, self.slack_total)
        return round(row.rate.share, DECIMALS) < round(row.least - slack, DECIMALS)


@dataclass(frozen=True, slots=True)
class Fall:
    """A rate that lies under the gate's; `capability` may be a kind or `all`."""

    language: Written
    capability: str
    least: float
    rate: Rate


def _is_total(name: str) -> bool:
    return name == TOTAL or name in KINDS


def _capabilities(rates: Iterable[str]) -> set[str]:
    return {name for name in rates if not _is_total(name)}


def _rate(behaviour: Behaviour, name: str, language: Written) -> Rate:
    """That of a capability, a kind or the whole."""
    if name == TOTAL:
        return behaviour.rate(language=language)
    kind: Kind | None = next((kind for kind in KINDS if kind == name), None)
    if kind:
        return behaviour.rate(kind=kind, language=language)
    return behaviour.rate(capability=name, language=language)
