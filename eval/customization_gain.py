"""What `stemme train` gains with more labels: `python -m eval.customization_gain LABELS`.

The labelled comments are cut in two by id and text. From one half so many are learned as is asked, in an order that
depends on the seed only, so that 100 are among the 500; all of the other half are tagged before and after. Name a file
that the model has not learned from, or `before` is flattered; what is made is measured and thrown away.
"""

from __future__ import annotations

import hashlib
import json
import logging
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Final

import typer
from rich.console import Console
from transformers.utils import logging as transformers_logging

from eval.before_after import Change
from eval.customization import Customization
from eval.limits_page import table, with_interval
from eval.marked_page import write_between_marks
from eval.program import run_program
from nlp.labelled import LabelledComment, labelled_comments
from nlp.models.manifest import Manifest
from nlp.models.shipped import SHIPPED
from training.customize import CustomRecipe, TooFewLabels
from training.holdout import hold_out

MEASURED_SHARE: Final = 0.5
AMOUNTS: Final = (100, 500)
DECIMALS: Final = 4


@dataclass(frozen=True, slots=True)
class Gain:
    """One run of `stemme train`.

    Parameters
    ----------
    labels, measured : comments that were learned from, and that both models tagged
    minutes, processor_minutes : by the clock, on this machine as it was, and of processors, whichever of them
    changes : of all languages
    """

    labels: int
    measured: int
    minutes: float
    processor_minutes: float
    changes: Sequence[Change]


def gains(
    labels: Annotated[Path, typer.Argument(help="Labelled comments that the model has not learned from.")],
    *,
    model: Annotated[Path, typer.Option(help="Model folder to begin with; the shipped model by default.")] = SHIPPED,
    amount: Annotated[list[int] | None, typer.Option(help="Labels to learn from; may be repeated. 100, 500.")] = None,
    seed: Annotated[int, typer.Option(help="Of the halves and of the order of learning.")] = 1,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write every number here, as JSON.")] = None,
    page: Annotated[Path | None, typer.Option(help="Write the table into this page, between its marks.")] = None,
) -> None:
    """Learn from 100 and from 500 labels of one half of a file, and measure on the other half."""
    logging.basicConfig(level=logging.WARNING)
    transformers_logging.disable_progress_bar()
    pool, measured = halves(labelled_comments(labels), seed=seed)
    found = [_gain(pool, measured, most, model=model, seed=seed) for most in sorted(amount or AMOUNTS)]
    shown = to_markdown(found, name=Manifest.load(model).id, seed=seed)
    Console().print(shown, markup=False, highlight=False, soft_wrap=True)
    if output:
        text = json.dumps({"seed": seed, "runs": [to_dict(gain) for gain in found]}, ensure_ascii=False, indent=2)
        output.write_text(text + "\n", encoding="utf-8")
    if page:
        write_between_marks(page, "eval.customization_gain", shown)


def halves(comments: Sequence[LabelledComment], *, seed: int) -> tuple[list[LabelledComment], list[LabelledComment]]:
    """Comments to learn from, in the order in which they are taken, and comments to measure on.

    Localisations and copies of a comment lie on its side.
    """
    pool, measured = hold_out(comments, MEASURED_SHARE, seed=seed)
    return sorted(pool, key=lambda comment: hashlib.sha256(f"{seed}:{comment.id}".encode()).digest()), measured


def _gain(
    pool: Sequence[LabelledComment], measured: Sequence[LabelledComment], most: int, *, model: Path, seed: int
) -> Gain:
    if most > len(pool):
        raise TooFewLabels(
            f"{most:,} comments cannot be learned from: half of the file is measured on, and the other half has "
            f"{len(pool):,}. Name a smaller --amount, or a file with more comments."
        )
    with TemporaryDirectory() as folder:
        learned, held_out = Path(folder) / "learned.jsonl", Path(folder) / "held_out.jsonl"
        _write(learned, pool[:most])
        _write(held_out, measured)
        clock, processor = time.perf_counter(), time.process_time()
        training = Customization.of(
            learned,
            model=model,
            held_out=held_out,
            work=Path(folder) / "work",
            name="measured",
            seed=seed,
            recipe=CustomRecipe(),
        ).run(Path(folder) / "model", console=Console(stderr=True))
        return Gain(
            labels=training.learned,
            measured=len(measured),
            minutes=(time.perf_counter() - clock) / 60,
            processor_minutes=(time.process_time() - processor) / 60,
            changes=[change for change in training.changes if change.group == "all"],
        )


def _write(path: Path, comments: Sequence[LabelledComment]) -> None:
    path.write_text("".join(f"{comment.model_dump_json()}\n" for comment in comments), encoding="utf-8")


def to_markdown(found: Sequence[Gain], *, name: str, seed: int) -> str:
    """A row per score, a column per run: before, and how far after is from it with its 95 % interval."""
    rows = [
        (changes[0].name, f"{changes[0].before:.3f}", *map(with_interval, changes))
        for changes in zip(*(gain.changes for gain in found), strict=True)
    ]
    rows.append(("minutes by the clock", "", *(f"{gain.minutes:.1f}" for gain in found)))
    rows.append(("minutes of a processor", "", *(f"{gain.processor_minutes:.1f}" for gain in found)))
    heads = ("", "before", *(f"with {gain.labels:,} labels" for gain in found))
    on = f"{name} on {found[0].measured:,} comments, seed {seed}"
    lines = [f"{on}: before, and after less before with 95 % intervals.", "", *table(heads, rows)]
    return "\n".join(lines) + "\n"


def to_dict(gain: Gain) -> dict[str, object]:
    """Plain JSON types."""
    changes = [asdict(change) | {"verdict": change.verdict} for change in gain.changes]
    rows = [{key: round(v, DECIMALS) if isinstance(v, float) else v for key, v in row.items()} for row in changes]
    return asdict(gain) | {
        "minutes": round(gain.minutes, 2),
        "processor_minutes": round(gain.processor_minutes, 2),
        "changes": rows,
    }


if __name__ == "__main__":
    run_program(gains)
