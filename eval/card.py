"""Write what was measured into a model folder: `python -m eval.card scores.json FOLDER`.

`scores.json` is what `stemme eval -o` wrote. The manifest gets the scores that a program may ask for; the model card
(README.md) gets, between its two marks, the same with their intervals, what int8 changes where it was measured
(`--against full-precision`), the rates of the behavioural suite and the amounts of data. None is copied by hand.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from eval.behaviour.form import KINDS, WRITTEN, Written
from eval.behaviour.gate import SHIPPED as GATE
from eval.behaviour.gate import TOTAL, Gate
from eval.behaviour.suite import Capability, load_suite
from eval.program import run_program
from eval.scores import shown
from nlp.errors import StemmeError
from nlp.models.manifest import Manifest
from nlp.models.shipped import SHIPPED

CARD: Final = "README.md"
START: Final = "<!-- python -m eval.card -->\n"
END: Final = "<!-- end -->\n"
MOST_FAILING: Final = 12
GIVEN_ONLY: Final = (
    "Calibration errors of themes, their sentiment and factors are of the tags that were given; of those left out they "
    "say nothing."
)


class WrongScores(StemmeError):
    """The scores are of another model than the one whose card they are to stand on."""

    code, title = "wrong_scores", "Scores of another model"


def write_card(
    scores: Annotated[Path, typer.Argument(help="What `stemme eval -o` wrote.")],
    folder: Annotated[Path, typer.Argument(help="Model folder; the shipped one by default.")] = SHIPPED,
    gate: Annotated[
        Path, typer.Option(help="What `stemme behaviour --write-gate` wrote; used if it is of the same model.")
    ] = GATE,
) -> None:
    """Write measured scores into a model's manifest and card."""
    measured = json.loads(scores.read_text(encoding="utf-8"))
    manifest = Manifest.load(folder)
    if measured["model"] != manifest.id:
        raise WrongScores(f"{scores} measured {measured['model']}, but {folder} holds {manifest.id}. Measure it again.")
    rates = Gate.load(gate)
    if rates.model != manifest.id:
        typer.echo(
            f"{gate} holds the rates of {rates.model}, not of {manifest.id}: the card goes without. "
            "Run `stemme behaviour --write-gate`, then this again.",
            err=True,
        )
    manifest.model_copy(update={"scores": headline_scores(measured)}).save(folder)
    card = folder / CARD
    before = card.read_text(encoding="utf-8") if card.exists() else f"# {manifest.name} {manifest.version}\n\n"
    behaviour = behaviour_block(rates, load_suite()) if rates.model == manifest.id else ""
    card.write_text(rewritten(before, measured, behaviour, data_block(manifest)), encoding="utf-8")


def headline_scores(measured: Mapping[str, Any]) -> dict[str, float]:
    """`group.score` to value, for all that could be measured; the scores of rated texts are `group.reviews.score`."""
    return {
        f"{group}.{prefix}{name}": score["value"]
        for prefix, table in _tables(measured)
        for group, scores in table.items()
        for name, score in scores.items()
        if score["value"] is not None
    }


def rewritten(card: str, measured: Mapping[str, Any], *blocks: str) -> str:
    """The card with what stands between its two marks made anew: the scores, what int8 changes, and more blocks."""
    before, _, rest = card.partition(START)
    _, _, after = rest.partition(END)
    found = [score_table(measured), full_precision_block(measured), *blocks]
    return f"{before}{START}{chr(10).join(block for block in found if block)}{END}{after}"


def score_table(measured: Mapping[str, Any]) -> str:
    """In Markdown: every score with its 95 % interval, a column per group of languages."""
    comments = measured["comments"]
    n_comments = {group: scores["comments"] for group, scores in comments.items()}
    groups = [group for group in shown(n_comments) if n_comments[group]] or list(measured["reviews"])
    lines = ["| | " + " | ".join(groups) + " |", "| --- |" + " --- |" * len(groups)]
    if comments:
        lines.append(f"| comments | {' | '.join(f'{n_comments[group]:,}' for group in groups)} |")
    for prefix, table in _tables(measured):
        for name in dict.fromkeys(name for scores in table.values() for name in scores):
            cells = [_cell(table.get(group, {}).get(name)) for group in groups]
            lines.append(f"| {prefix.replace('.', ', ')}{_named(name)} | {' | '.join(cells)} |")
    errors = {group: comments[group]["calibration"] for group in groups if group in comments}
    for head in dict.fromkeys(head for heads in errors.values() for head in heads):
        cells = [_cell(errors[group].get(head)) for group in groups]
        lines.append(f"| calibration error, {_named(head)} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n" + (f"\n{GIVEN_ONLY}\n" if errors else "")


def full_precision_block(measured: Mapping[str, Any]) -> str:
    """In Markdown: every score over all comments in int8 and in full precision; "" where it was not measured."""
    against = measured.get("against")
    if against is None or not against.get("full_precision"):
        return ""
    rows = [
        (f"{_kind(kind)}{_named(name)}", row)
        for kind, groups in against["differences"].items()
        for name, row in groups.get("all", {}).items()
        if row["difference"] is not None
    ]
    clear = [title for title, row in rows if not row["low"] <= 0 <= row["high"]]
    lines = [
        "### What int8 changes",
        "The served weights beside the model's own before they were made int8, on the same texts in all languages; "
        "in brackets the 95 % interval of the difference. "
        + (f"The interval leaves 0 out for {', '.join(clear)}." if clear else "Each interval contains 0."),
        "",
        "| | int8 | full precision | difference |",
        "| --- | --- | --- | --- |",
    ]
    lines += [
        f"| {title} | {row['this']:.3f} | {row['other']:.3f} | "
        f"{_signed(row['difference'])} ({_signed(row['low'])} to {_signed(row['high'])}) |"
        for title, row in rows
    ]
    return "\n".join(lines) + "\n"


def behaviour_block(gate: Gate, suite: Sequence[Capability]) -> str:
    """In Markdown: the totals of the behavioural suite, and the capabilities that fail most often."""
    languages = [language for language in WRITTEN if language in gate.rates]
    totals = [TOTAL, *(kind for kind in KINDS if all(kind in gate.rates[language] for language in languages))]
    titles: dict[str, str] = dict(KINDS.items())
    lines = [
        "### What it can do, by capability",
        "Shares of the behavioural suite's cases that pass (`stemme behaviour`); the cases are hard on purpose.",
        "",
        f"| | {' | '.join(languages)} |",
        "| --- |" + " ---: |" * len(languages),
        *(f"| {titles.get(name, name)} | {_rates(gate, name, languages)} |" for name in totals),
        "",
        "It fails most often at:",
        "",
        f"| capability | what it asks for | {' | '.join(languages)} |",
        "| --- | --- |" + " ---: |" * len(languages),
        *(
            f"| `{capability.name}` | {capability.description} | {_rates(gate, capability.name, languages)} |"
            for capability in _most_failing(gate, suite)
        ),
    ]
    return "\n".join(lines) + "\n"


def data_block(manifest: Manifest) -> str:
    """In Markdown: how much the weights were learned from; "" where the manifest does not say."""
    if not manifest.learned_from:
        return ""
    rows = [f"| {name} | {count:,} |" for name, count in manifest.learned_from.items()]
    return "\n".join(["### Amounts of data", "", "| learned from | texts |", "| --- | ---: |", *rows]) + "\n"


def _most_failing(gate: Gate, suite: Sequence[Capability]) -> list[Capability]:
    """Those with the lowest mean rate over the languages, the lowest first."""
    means = {
        capability.name: sum(rates) / len(rates)
        for capability in suite
        if (rates := [of[capability.name] for of in gate.rates.values() if capability.name in of])
    }
    known = [capability for capability in suite if means.get(capability.name, 1.0) < 1]
    return sorted(known, key=lambda capability: means[capability.name])[:MOST_FAILING]


def _rates(gate: Gate, name: str, languages: Sequence[Written]) -> str:
    rates = [gate.rates[language].get(name) for language in languages]
    return " | ".join("–" if rate is None else f"{rate:.2f}" for rate in rates)


def _tables(measured: Mapping[str, Any]) -> tuple[tuple[str, Mapping[str, Any]], ...]:
    comments = {group: scores["headline"] for group, scores in measured["comments"].items()}
    return ("", comments), ("reviews.", measured["reviews"])


def _kind(kind: str) -> str:
    return {"calibration": "calibration error, ", "reviews": "reviews, "}.get(kind, "")


def _named(name: str) -> str:
    return name.replace("_", " ")


def _signed(value: float) -> str:
    """With three decimals; what rounds to 0 has no minus."""
    return f"{round(value, 3) + 0.0:+.3f}"


def _cell(score: Mapping[str, float | None] | float | None) -> str:
    """A score with its interval, or the number alone."""
    if isinstance(score, float | int):
        return f"{score:.3f}"
    if score is None or score["value"] is None:
        return "–"
    return f"{score['value']:.3f} ({score['low']:.3f}–{score['high']:.3f})"


if __name__ == "__main__":
    run_program(write_card)
