"""What limits a model: `python -m eval.limits --corpora FOLDER`, or with any labelled file in place of the corpora.

Shows where its mistakes lie, and what a linear model and the mean of both reach on the same comments. With `--corpora`
these are the comments of the train file that fine-tuning did not see, being for calibration; dev is not looked at.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Final

import numpy as np
import typer
from rich.console import Console

from eval.against import Difference, paired
from eval.counting import Counted, Counts, Score, micro_f1, recall, score
from eval.limits_page import to_markdown
from eval.linear import Crossed, LinearModel, LogOdds, crossed
from eval.marked_page import write_between_marks
from eval.mistakes import (
    Booleans,
    Floats,
    GroupMistakes,
    LabelMistakes,
    Nearness,
    by_support,
    columns_of,
    due_tags,
    group_mistakes,
    groupings,
    label_mistakes,
    nearness,
)
from eval.program import run_program
from eval.report import rounded
from eval.scores import GROUPS
from eval.tagging import load_tagger, tag_all
from nlp.errors import StemmeError
from nlp.labelled import LabelledComment, labelled_comments
from nlp.models.encoder import load_encoder
from nlp.models.manifest import Manifest
from nlp.models.shipped import SHIPPED
from training.config import load_recipe
from training.data import Corpora
from training.holdout import without

TRAIN_FILE: Final = "opinions/train.jsonl"
KNOWN, NEW = "learned from", "not learned from"
MODELS: Final = ("encoder", "linear", "both")


class NothingToScore(StemmeError):
    code, title = "nothing_to_score", "No comments were named to score"


@dataclass(frozen=True, slots=True)
class Beside:
    """The three on the same comments: scores by model, group of languages and kind, and `both` less the encoder."""

    train: int
    cuts: int
    scores: Mapping[str, Mapping[str, Mapping[str, Score]]]
    gain: Mapping[str, Mapping[str, Difference]]
    weights: Mapping[str, Sequence[float]]


@dataclass(frozen=True, slots=True)
class Limits:
    """All that one run found out; `groups` are of the scored comments, by what divides them."""

    model: str
    source: str
    comments: int
    labels: Mapping[str, Sequence[LabelMistakes]]
    groups: Mapping[str, Sequence[GroupMistakes]]
    support: Mapping[str, Mapping[str, tuple[int, int, float]]]
    nearness: Sequence[Nearness]
    beside: Beside | None


def limits(
    labels: Annotated[
        Path | None, typer.Argument(help="Labelled comments that the model has not learned from.")
    ] = None,
    *,
    corpora: Annotated[
        Path | None, typer.Option(help="Folder of corpora: scores what training kept out for calibration.")
    ] = None,
    train: Annotated[
        list[Path] | None,
        typer.Option(help="Labelled comments for the linear model; may be repeated. The corpora's train file."),
    ] = None,
    model: Annotated[Path, typer.Option(help="Model folder; the shipped model by default.")] = SHIPPED,
    cuts: Annotated[int, typer.Option(min=1, help="How often the comments are cut in two.")] = 10,
    seed: Annotated[int, typer.Option(help="Of the cuts and of the intervals.")] = 0,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write every number here, as JSON.")] = None,
    page: Annotated[Path | None, typer.Option(help="Write the tables into this page, between its marks.")] = None,
) -> None:
    """Where a model's mistakes lie, and what a linear model reaches on the same comments."""
    if (labels is None) == (corpora is None):
        raise NothingToScore("Name either a labelled file or, with --corpora, the folder that the model was made from.")
    if corpora:
        train, comments = train or [corpora / TRAIN_FILE], kept_out(corpora)
    else:
        assert labels is not None
        comments = labelled_comments(labels)
    comments = [comment for comment in comments if comment.text.strip()]  # without a word nothing can be told
    if not comments:
        raise NothingToScore("There is no comment with a word in it.")
    learned = without([comment for path in train or () for comment in labelled_comments(path)], comments)
    source = f"calibration comments of {TRAIN_FILE}" if corpora else str(labels and labels.name)
    found = measured(comments, learned, model=model, source=source, known=bool(corpora), cuts=cuts, seed=seed)
    shown = to_markdown(found)
    Console().print(shown, markup=False, highlight=False, soft_wrap=True)
    if output:
        text = json.dumps(rounded(asdict(found)), ensure_ascii=False, indent=2)
        output.write_text(text + "\n", encoding="utf-8")
    if page:
        write_between_marks(page, "eval.limits", shown)


def kept_out(corpora: Path) -> list[LabelledComment]:
    """The comments of the train file that the recipe keeps out of fine-tuning; temperatures are fitted on them."""
    from training.pipeline import Workshop  # noqa: PLC0415, needs PyTorch; other files can be scored without

    workshop = Workshop(corpora, Corpora.open(corpora), load_recipe())  # its folder is not written to
    ids = {comment.id for comment in workshop.calibration_comments()}
    return [comment for comment in labelled_comments(corpora / TRAIN_FILE) if comment.id in ids]


def measured(
    comments: Sequence[LabelledComment],
    learned: Sequence[LabelledComment],
    *,
    model: Path,
    source: str,
    known: bool,
    cuts: int,
    seed: int,
) -> Limits:
    """Tag the comments and count.

    Parameters
    ----------
    learned : for the linear model and the labels' support; without any, the linear model is left out
    known : whether the model has learned from these too, so that as many of them are scored beside the others
    """
    manifest = Manifest.load(model)
    tags, columns = manifest.labels, columns_of(manifest.labels)
    seen = _sample(learned, len(comments), seed=seed) if known else []
    tagged = tag_all(load_tagger(model), [*comments, *seen])
    predicted = tagged.predicted[: len(comments)]
    by_label = label_mistakes(comments, predicted, learned)
    groups = {
        title: group_mistakes(comments, predicted, masks, seed=seed) for title, masks in groupings(comments).items()
    }
    is_new = np.arange(len(tagged.gold)) < len(comments)
    if seen:
        both = {NEW: is_new, KNOWN: ~is_new}
        groups = {"training": group_mistakes(tagged.gold, tagged.predicted, both, seed=seed), **groups}
    said, probabilities = _said(comments, model, manifest)
    thresholds = np.array([manifest.calibration.thresholds.get(tag, 1.0) for tag in tags.tags])
    return Limits(
        model=tagged.model,
        source=source,
        comments=len(comments),
        labels=by_label,
        groups=groups,
        support={kind: by_support(by_label[kind]) for kind in ("themes", "factors")} if learned else {},
        nearness=nearness(due_tags(comments, tags), probabilities, thresholds, columns),
        beside=_beside(comments, learned, said, manifest, cuts=cuts, seed=seed) if learned else None,
    )


def _sample(comments: Sequence[LabelledComment], size: int, *, seed: int) -> list[LabelledComment]:
    places = np.random.default_rng(seed).permutation(len(comments))[:size]
    return [comments[place] for place in sorted(places.tolist())]


def _said(comments: Sequence[LabelledComment], model: Path, manifest: Manifest) -> tuple[LogOdds, Floats]:
    """The model's log-odds as they are served, and the tags' probabilities."""
    encoder = load_encoder(model, manifest)
    outputs = encoder.run([comment.text for comment in comments], [comment.question for comment in comments])
    fitted = manifest.calibration
    temperatures = np.array([fitted.tag_temperatures.get(tag, 1.0) for tag in manifest.labels.tags])
    offsets = np.array([fitted.tag_offsets.get(tag, 0.0) for tag in manifest.labels.tags])
    tags = np.stack([output.tags for output in outputs]).astype(np.float64) / temperatures + offsets
    sentiment = np.stack([output.sentiment for output in outputs]).astype(np.float64) / fitted.sentiment_temperature
    return LogOdds(tags, sentiment), 1 / (1 + np.exp(-tags))


def _beside(
    comments: Sequence[LabelledComment],
    learned: Sequence[LabelledComment],
    encoder: LogOdds,
    manifest: Manifest,
    *,
    cuts: int,
    seed: int,
) -> Beside:
    labels, columns = manifest.labels, columns_of(manifest.labels)
    linear = LinearModel.fit(learned, labels).log_odds(comments)
    of_model = {
        name: crossed(comments, said, labels, columns, cuts=cuts, seed=seed)
        for name, said in zip(MODELS, ([encoder], [linear], [encoder, linear]), strict=True)
    }
    masks = {group: np.array([comment.lang in known for comment in comments]) for group, known in GROUPS.items()}
    masks = {group: mask for group, mask in masks.items() if mask.any()}
    counted = {
        name: {group: _counted(found, mask) for group, mask in masks.items()} for name, found in of_model.items()
    }
    return Beside(
        train=len(learned),
        cuts=cuts,
        scores={
            name: {
                group: {kind: score(one, seed=seed) for kind, one in kinds.items()} for group, kinds in groups.items()
            }
            for name, groups in counted.items()
        },
        gain={
            group: {
                kind: paired(one, counted["encoder"][group][kind], seed=seed)
                for kind, one in counted["both"][group].items()
            }
            for group in masks
        },
        weights=of_model["both"].weights,
    )


def _counted(found: Crossed, mask: Booleans) -> dict[str, Counted]:
    """The counts of a group of comments, with what is made of them."""
    return {
        kind: Counted(Counts(counts.labels, counts.table[mask]), recall if kind == "sentiment" else micro_f1)
        for kind, counts in found.counts.items()
    }


if __name__ == "__main__":
    run_program(limits)
