"""Write what `stemme eval -o` measured into a model folder: `python -m eval.card scores.json FOLDER`.

The manifest gets the scores that a program may ask for, the model card (README.md) the same with their intervals,
between its two marks, so that neither is copied by hand.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from eval.program import run_program
from nlp.errors import StemmeError
from nlp.models.encoder import SHIPPED
from nlp.models.manifest import Manifest

CARD: Final = "README.md"
START: Final = "<!-- python -m eval.card -->\n"
END: Final = "<!-- end -->\n"


class WrongScores(StemmeError):
    """The scores are of another model than the one whose card they are to stand on."""

    code, title = "wrong_scores", "Scores of another model"


def write_card(
    scores: Annotated[Path, typer.Argument(help="What `stemme eval -o` wrote.")],
    folder: Annotated[Path, typer.Argument(help="Model folder; the shipped one by default.")] = SHIPPED,
) -> None:
    """Write measured scores into a model's manifest and card."""
    measured = json.loads(scores.read_text(encoding="utf-8"))
    manifest = Manifest.load(folder)
    if measured["model"] != manifest.id:
        raise WrongScores(f"{scores} measured {measured['model']}, but {folder} holds {manifest.id}. Measure it again.")
    manifest.model_copy(update={"scores": headline_scores(measured)}).save(folder)
    card = folder / CARD
    card.write_text(rewritten(card.read_text(encoding="utf-8"), measured), encoding="utf-8")


def headline_scores(measured: Mapping[str, Any]) -> dict[str, float]:
    """`group.score` to value, for all that could be measured; the scores of rated texts are `group.reviews.score`."""
    return {
        f"{group}.{prefix}{name}": score["value"]
        for prefix, table in _tables(measured)
        for group, scores in table.items()
        for name, score in scores.items()
        if score["value"] is not None
    }


def rewritten(card: str, measured: Mapping[str, Any]) -> str:
    """The card with the table between its two marks made anew."""
    before, _, rest = card.partition(START)
    _, _, after = rest.partition(END)
    return f"{before}{START}{score_table(measured)}{END}{after}"


def score_table(measured: Mapping[str, Any]) -> str:
    """In Markdown: every score with its 95 % interval, a column per group of languages."""
    groups = list(measured["comments"])
    lines = ["| | " + " | ".join(groups) + " |", "| --- |" + " --- |" * len(groups)]
    counts = [f"{measured['comments'][group]['comments']:,}" for group in groups]
    lines.append(f"| comments | {' | '.join(counts)} |")
    for prefix, table in _tables(measured):
        for name in dict.fromkeys(name for scores in table.values() for name in scores):
            cells = [_cell(table.get(group, {}).get(name)) for group in groups]
            lines.append(f"| {prefix.replace('.', ', ')}{name.replace('_', ' ')} | {' | '.join(cells)} |")
    errors = {group: measured["comments"][group]["calibration"] for group in groups}
    for head in dict.fromkeys(head for heads in errors.values() for head in heads):
        cells = [_number(errors[group].get(head)) for group in groups]
        lines.append(f"| calibration error, {head.replace('_', ' ')} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _tables(measured: Mapping[str, Any]) -> tuple[tuple[str, Mapping[str, Any]], ...]:
    comments = {group: scores["headline"] for group, scores in measured["comments"].items()}
    return ("", comments), ("reviews.", measured["reviews"])


def _cell(score: Mapping[str, float | None] | None) -> str:
    if score is None or score["value"] is None:
        return "–"
    return f"{score['value']:.3f} ({score['low']:.3f}–{score['high']:.3f})"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


if __name__ == "__main__":
    run_program(write_card)
