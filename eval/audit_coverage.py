"""Do the corrected shares' 95 % intervals hold the truth as often as they say? Told from made-up comments.

The truth of every comment is known here, and the model is wrong on purpose: a little, much, otherwise in each language,
or never giving a label at all. Again and again a sample is drawn as `stemme audit draw` draws it, answered with the
truth, and corrected as `stemme audit read` corrects; then the truth is inside the interval or not.

    python -m eval.audit_coverage
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Final

import numpy as np
import typer
from numpy.typing import NDArray

from api.accuracy.card import FEWEST_OF_RATE
from api.accuracy.sampling import Frame, Strata, Stratum, draw, stratify
from api.accuracy.statistics import Cell, Estimate, recall, share_right, share_with_label
from eval.program import run_program

LANGUAGES: Final = {"nb": 0.55, "nn": 0.05, "da": 0.22, "sv": 0.15, "other": 0.03}
PREVALENCE: Final = {"frequent": 0.25, "usual": 0.08, "rare": 0.02, "very rare": 0.005}


@dataclass(frozen=True, slots=True)
class Model:
    """How wrong a model is: the recall of its labels, and false alarms as a multiple of a label's true share.

    Parameters
    ----------
    recall, alarms : by language; `*` is every other
    """

    recall: Mapping[str, float]
    alarms: Mapping[str, float]


MODELS: Final = {
    "good": Model({"*": 0.9}, {"*": 0.1}),
    "poor": Model({"*": 0.5}, {"*": 1.0}),
    "uneven": Model({"nb": 0.95, "*": 0.4}, {"nb": 0.05, "*": 1.5}),
    "silent": Model({"*": 0.0}, {"*": 0.0}),
    "faultless": Model({"*": 1.0}, {"*": 0.0}),
}


@dataclass(frozen=True, slots=True)
class Population:
    """Comments with their true labels and the model's, both of shape (n_comments, n_labels)."""

    languages: NDArray[np.str_]
    true: NDArray[np.bool_]
    given: NDArray[np.bool_]

    @property
    def frame(self) -> Frame:
        names = np.array(list(PREVALENCE))
        return Frame.of(
            (str(language), frozenset(map(str, names[labels])))
            for language, labels in zip(self.languages, self.given, strict=True)
        )


@dataclass(frozen=True, slots=True)
class Coverage:
    """How one label fared over all samples.

    Parameters
    ----------
    truth, reported : true share, and the share that the model gives the label to
    covered : share of the samples in which the 95 % interval held the truth
    error : mean of the corrected share less the truth: near 0
    half_width : mean of half the interval's width
    alone : half the width of Wilson's interval, had so many comments been drawn evenly and no model been used
    naive : whether the interval of the reported share that takes the tags for true would hold the truth
    recall_covered, precision_covered : likewise of these, over the samples that saw enough to tell them
    """

    model: str
    label: str
    language: str
    sample_size: int
    truth: float
    reported: float
    covered: float
    error: float
    half_width: float
    alone: float
    naive: bool
    recall_covered: float | None
    precision_covered: float | None


def populate(model: Model, *, comments: int, seed: int) -> Population:
    """Made-up comments, labelled truly and by a model that errs as it is told to."""
    generator = np.random.default_rng(seed)
    languages = generator.choice(list(LANGUAGES), size=comments, p=list(LANGUAGES.values()))
    prevalence = np.array(list(PREVALENCE.values()))
    true = generator.random((comments, len(prevalence))) < prevalence
    recall = np.array([model.recall.get(language, model.recall["*"]) for language in languages])[:, None]
    alarms = np.array([model.alarms.get(language, model.alarms["*"]) for language in languages])[:, None]
    chance = np.where(true, recall, alarms * prevalence / (1 - prevalence))
    return Population(languages, true, generator.random(true.shape) < chance)


def measure(name: str, *, comments: int, sample_size: int, samples: int, seed: int) -> list[Coverage]:
    """Draw, answer and correct so many times; one result for each label, over all languages and in one."""
    population = populate(MODELS[name], comments=comments, seed=seed)
    frame = population.frame
    strata = stratify(frame, sample_size=sample_size)
    drawn = [draw(frame, strata, sample_size=sample_size, seed=seed + 1 + n) for n in range(samples)]
    of_model = _Drawn(name, population, strata, strata.of_kind[frame.kinds], drawn)
    return [_coverage(of_model, label, language) for label in PREVALENCE for language in ("*", "sv")]


@dataclass(frozen=True, slots=True)
class _Drawn:
    """A population of one model, cut into strata, and the samples that were drawn of it."""

    model: str
    population: Population
    strata: Strata
    of_comment: NDArray[np.int64]
    samples: Sequence[NDArray[np.int64]]


def _coverage(drawn: _Drawn, label: str, language: str) -> Coverage:
    strata, of_comment, number = drawn.strata.strata, drawn.of_comment, list(PREVALENCE).index(label)
    kept = [h for h, stratum in enumerate(strata) if language in ("*", stratum.language)]
    inside = np.isin(of_comment, kept)
    true, given = drawn.population.true[:, number], drawn.population.given[:, number]
    truth, hits = float(true[inside].mean()), int((true & given & inside).sum())
    shares, recalls, precisions = [], [], []
    for places in drawn.samples:
        cells = [_cells(strata[h], places[of_comment[places] == h], true, given, label) for h in kept]
        positive, negative = ([cell for cell in side if cell.size] for side in zip(*cells, strict=True))
        shares.append(share_with_label(positive, negative))
        asked, alarms = (sum(getattr(cell, what) for cell in positive) for what in ("asked", "errors"))
        seen_true = asked - alarms + sum(cell.errors for cell in negative)
        recalls.append(recall(positive, negative) if seen_true >= FEWEST_OF_RATE else None)
        precisions.append(share_right(positive) if asked >= FEWEST_OF_RATE else None)
    drawn_here = round(float(np.mean([inside[places].sum() for places in drawn.samples])))
    alone, naive = wilson(round(drawn_here * truth), drawn_here), wilson(int((given & inside).sum()), int(inside.sum()))
    return Coverage(
        model=drawn.model,
        label=label,
        language=language,
        sample_size=len(drawn.samples[0]),
        truth=truth,
        reported=float(given[inside].mean()),
        covered=_covered(shares, truth) or 0.0,
        error=float(np.mean([each.value for each in shares])) - truth,
        half_width=float(np.mean([(each.high - each.low) / 2 for each in shares])),
        alone=(alone[1] - alone[0]) / 2,
        naive=naive[0] <= truth <= naive[1],
        recall_covered=_covered(recalls, hits / max(1, (true & inside).sum())),
        precision_covered=_covered(precisions, hits / max(1, (given & inside).sum())),
    )


def _cells(
    stratum: Stratum, asked: NDArray[np.int64], true: NDArray[np.bool_], given: NDArray[np.bool_], label: str
) -> tuple[Cell, Cell]:
    """The cells of a stratum: with the label by the model, and without."""
    labelled = stratum.with_label.get(label, 0)
    yes, no = asked[given[asked]], asked[~given[asked]]
    return (
        Cell(labelled, len(yes), int((~true[yes]).sum())),
        Cell(stratum.size - labelled, len(no), int(true[no].sum())),
    )


def wilson(hits: int, asked: int) -> tuple[float, float]:
    """The interval of a share of a simple random sample, of a whole that is much larger."""
    z, p = 1.959964, hits / asked
    middle = (p + z * z / (2 * asked)) / (1 + z * z / asked)
    half = z / (1 + z * z / asked) * math.sqrt(p * (1 - p) / asked + z * z / (4 * asked * asked))
    return middle - half, middle + half


def _covered(found: Iterable[Estimate | None], truth: float) -> float | None:
    told = [each for each in found if each is not None]
    slack = 1e-12  # of adding up
    return float(np.mean([each.low - slack <= truth <= each.high + slack for each in told])) if told else None


def audit_coverage(
    *,
    comments: Annotated[int, typer.Option(help="Made-up comments of each model.")] = 20_000,
    samples: Annotated[int, typer.Option(help="Samples of each model and size.")] = 1_000,
    sample_size: Annotated[list[int] | None, typer.Option(help="Comments of a sample; several times.")] = None,
    seed: Annotated[int, typer.Option(help="Of everything drawn by chance.")] = 1,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write the figures here, as JSON.")] = None,
) -> None:
    """Measure how often the intervals of corrected shares hold the truth."""
    rows = [
        row
        for size in sample_size or [200, 500]
        for name in MODELS
        for row in measure(name, comments=comments, sample_size=size, samples=samples, seed=seed)
    ]
    typer.echo(
        "| model | label | language | sample | truth | reported | covered | bias | ± | ± alone | recall | precision |"
    )
    for row in rows:
        shares = [row.truth, row.reported, row.covered, row.error, row.half_width, row.alone]
        others = [row.recall_covered, row.precision_covered]
        cells = [f"{100 * each:.2f}" for each in shares] + [
            "–" if each is None else f"{100 * each:.1f}" for each in others
        ]
        typer.echo(f"| {row.model} | {row.label} | {row.language} | {row.sample_size} | " + " | ".join(cells) + " |")
    covered = [row.covered for row in rows if not math.isnan(row.covered)]
    typer.echo(f"mean coverage {100 * np.mean(covered):.2f} %, least {100 * min(covered):.2f} %")
    if output is not None:
        output.write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    run_program(audit_coverage)
