"""Write the rates of the shipped gate into docs/behaviour.md: `python -m eval.behaviour.page`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from eval.behaviour.form import KINDS, WRITTEN
from eval.behaviour.gate import SHIPPED, TOTAL, Gate
from eval.behaviour.suite import Capability, load_suite

PAGE: Final = Path(__file__).parents[2] / "docs" / "behaviour.md"
START: Final = "<!-- python -m eval.behaviour.page -->\n"
END: Final = "<!-- end -->\n"


def rewritten(page: str, gate: Gate, suite: Sequence[Capability]) -> str:
    """The page with the table between its two marks made anew."""
    before, _, rest = page.partition(START)
    _, _, after = rest.partition(END)
    return f"{before}{START}{rate_tables(gate, suite)}{END}{after}"


def rate_tables(gate: Gate, suite: Sequence[Capability]) -> str:
    """In Markdown: the totals, then each capability with what it asks for."""
    counts = {
        kind: Counter(case.language for capability in suite if capability.kind == kind for case in capability.cases)
        for kind in KINDS
    }
    lines = [f"{gate.model}:", "", "| | cases | " + " | ".join(WRITTEN) + " |", "| --- |" + " ---: |" * 5]
    lines += [
        _row(f"{kind}, {title}", f"{counts[kind].total():,}", *_rates(gate, kind)) for kind, title in KINDS.items()
    ]
    lines.append(_row("all", f"{sum(count.total() for count in counts.values()):,}", *_rates(gate, TOTAL)))
    lines += ["", "| capability | kind | what it asks for | " + " | ".join(WRITTEN) + " |"]
    lines.append("| --- | --- | --- |" + " ---: |" * 4)
    lines += [
        _row(f"`{capability.name}`", capability.kind, capability.description, *_rates(gate, capability.name))
        for kind in KINDS
        for capability in suite
        if capability.kind == kind
    ]
    return "\n".join(lines) + "\n"


def _rates(gate: Gate, name: str) -> list[str]:
    return [f"{gate.rates[language][name]:.2f}" for language in WRITTEN]


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    PAGE.write_text(rewritten(PAGE.read_text(encoding="utf-8"), Gate.load(SHIPPED), load_suite()), encoding="utf-8")
