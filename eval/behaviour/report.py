"""Show how a model behaves: as tables on a terminal and as JSON."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

from rich.console import Group
from rich.table import Table
from rich.text import Text

from eval.behaviour.form import KINDS, Kind, Written
from eval.behaviour.gate import Fall
from eval.behaviour.run import Behaviour, Outcome, Rate

DECIMALS: Final = 4
GOOD, FAIR = 0.9, 0.7


def rate_table(behaviour: Behaviour) -> Table:
    """Share of cases that passed: a row per capability and kind, a column per language."""
    table = Table(title="Share of cases that passed", title_justify="left", title_style="bold")
    table.add_column("capability")
    for head in (*behaviour.languages, "all", "cases"):
        table.add_column(head, justify="right")
    for kind in behaviour.kinds:
        for capability in behaviour.capabilities:
            if capability.kind == kind:
                table.add_row(_named(capability.name), *_cells(behaviour, capability=capability.name))
        table.add_section()
        table.add_row(f"{kind}, {KINDS[kind]}", *_cells(behaviour, kind=kind), style="bold", end_section=True)
    table.add_row("all", *_cells(behaviour), style="bold")
    return table


def fall_table(falls: Sequence[Fall]) -> Table:
    """Each rate under the gate beside the rate that was due."""
    table = Table(title="Under the gate", title_justify="left", title_style="bold red")
    for head, justify in (("capability", "left"), ("language", "left"), ("gate", "right"), ("ours", "right")):
        table.add_column(head, justify=justify)  # type: ignore[arg-type]
    for fall in falls:
        table.add_row(_named(fall.capability), fall.language, f"{fall.least:.2f}", f"{fall.rate.share:.2f}")
    return table


def failure_list(outcomes: Sequence[Outcome]) -> Group:
    """Each case that failed: its id, its versions and what was wrong."""
    lines = []
    for outcome in outcomes:
        case = outcome.case
        lines.append(Text(case.id, style="bold"))
        if case.question:
            lines.append(Text(f"  {case.question}", style="italic"))
        lines += [Text(f"  {text}") for text in case.versions]
        lines += [Text(f"    {complaint}", style="red") for complaint in outcome.complaints]
    return Group(*lines)


def to_dict(behaviour: Behaviour, *, falls: Sequence[Fall] = (), texts: bool) -> dict[str, Any]:
    """Plain JSON types. The failing cases are named by their ids; `texts` says whether their words stand there too."""
    return {
        "model": behaviour.model,
        "totals": {"all": _rates(behaviour), **{kind: _rates(behaviour, kind=kind) for kind in behaviour.kinds}},
        "capabilities": [
            {
                "name": capability.name,
                "kind": capability.kind,
                "description": capability.description,
                "rates": _rates(behaviour, capability=capability.name),
            }
            for capability in behaviour.capabilities
        ],
        "failures": [_failure(outcome, texts=texts) for outcome in behaviour.failures],
        "under_gate": [
            {"language": fall.language, "capability": fall.capability, "gate": fall.least, **_plain(fall.rate)}
            for fall in falls
        ],
    }


def _failure(outcome: Outcome, *, texts: bool) -> dict[str, Any]:
    case = outcome.case
    words = {"question": case.question, "versions": list(case.versions)} if texts else {}
    return {"case": case.id, "complaints": list(outcome.complaints), **words}


def _columns(behaviour: Behaviour, capability: str | None, kind: Kind | None) -> list[tuple[str, Rate]]:
    columns: list[Written | None] = [*behaviour.languages, None]
    return [
        (language or "all", behaviour.rate(capability=capability, kind=kind, language=language)) for language in columns
    ]


def _rates(behaviour: Behaviour, *, capability: str | None = None, kind: Kind | None = None) -> dict[str, Any]:
    return {language: _plain(rate) for language, rate in _columns(behaviour, capability, kind)}


def _plain(rate: Rate) -> dict[str, Any]:
    share = None if math.isnan(rate.share) else round(rate.share, DECIMALS)
    return {"passed": rate.passed, "cases": rate.cases, "rate": share}


def _cells(behaviour: Behaviour, *, capability: str | None = None, kind: Kind | None = None) -> list[str]:
    rates = [rate for _, rate in _columns(behaviour, capability, kind)]
    return [*(_cell(rate) for rate in rates), f"{rates[-1].cases:,}"]


def _cell(rate: Rate) -> str:
    if not rate.cases:
        return "–"
    colour = "green" if rate.share >= GOOD else "yellow" if rate.share >= FAIR else "red"
    return f"[{colour}]{rate.share:.2f}[/]"


def _named(name: str) -> str:
    return name.replace("_", " ")
