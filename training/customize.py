"""Fine-tune a model on a customer's own labels, on a laptop's CPU; none of the project's corpora is needed.

Beside the customer's comments the network sees comments that were written for this project, so that it keeps what the
customer's labels lack (rehearsal: Robins 1995, Catastrophic Forgetting, Rehearsal and Pseudorehearsal, Connection
Science 7).
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import torch
from tokenizers import Tokenizer
from torch import nn

from nlp.errors import BadModel, StemmeError
from nlp.labelled import LabelledComment
from nlp.models.encoder import ONNX, WindowedEncoder
from nlp.models.labels import LabelSpace
from nlp.models.manifest import Calibration, Manifest
from nlp.models.onnx_forward import OnnxForward
from nlp.models.tokenizing import TOKENIZER, Windows
from nlp.models.torch_model import HEADS, TaggingModel
from training import data
from training.calibrate import ENOUGH, calibrate, gold_tags
from training.config import FinetuningRecipe, load_recipe
from training.examples import Examples, of_comment
from training.export import export_onnx, quantize
from training.finetune import finetune
from training.holdout import hold_out

WEIGHTS: Final = ("config.json", "model.safetensors", HEADS)
REHEARSAL: Final = data.OWN_LABELS / "authored.jsonl"
STATE: Final = "finetuning.pt"
Report = Callable[[int, int], None]
"""Gets the comments that were learned from so far, counted anew in every epoch, and how many it will be."""


class NoCheckpoint(BadModel):
    code, title = "no_checkpoint", "The model folder cannot be trained further"


class TooFewLabels(StemmeError):
    code, title = "too_few_labels", "There are too few labelled comments"


@dataclass(frozen=True, slots=True)
class CustomRecipe:
    """The numbers of a customer's fine-tuning; what is not named here is as in the recipe of the shipped model.

    Parameters
    ----------
    rehearsal_ratio, rehearsal_least : comments of the project in an epoch, for each of the customer's and at least
    rehearsal_weight : loss weight of such a comment
    least_learned, least_held_out : comments to learn from and to measure on, below which training is refused
    calibration_share : of the comments, kept for temperatures
    least_calibration : comments below which no temperatures are fitted, and all are learned from
    """

    epochs: int = 4
    batch_tokens: int = 1024
    learning_rate: float = 2e-4
    matrix_learning_rate: float = 3e-4
    average_decay: float = 0.98
    rehearsal_ratio: float = 1.0
    rehearsal_least: int = 300
    rehearsal_weight: float = 0.5
    least_learned: int = 100
    least_held_out: int = 25
    calibration_share: float = 0.15
    least_calibration: int = 300

    def finetuning(self, *, rehearsal_share: float) -> FinetuningRecipe:
        return load_recipe().finetuning.model_copy(
            update={
                "epochs": self.epochs,
                "batch_tokens": self.batch_tokens,
                "learning_rate": self.learning_rate,
                "matrix_learning_rate": self.matrix_learning_rate,
                "average_decay": self.average_decay,
                "translated_share": rehearsal_share,
                "ranking_every": 0,
            }
        )


@dataclass(frozen=True, slots=True)
class Customized:
    """What was made: `learned` comments gave the weights, and `calibrated` others the temperatures (0: kept)."""

    manifest: Manifest
    learned: int
    rehearsed: int
    calibrated: int


def open_base(folder: Path) -> Manifest:
    """Look whether a model folder can be trained further.

    Raises
    ------
    BadModel : if it is no model folder
    NoCheckpoint : if it holds no weights to start from; it names the files
    """
    manifest = Manifest.load(folder)
    missing = [name for name in (*WEIGHTS, TOKENIZER) if not (folder / name).exists()]
    if missing:
        raise NoCheckpoint(
            f"{folder} holds {manifest.id} without {', '.join(missing)}. {ONNX} can tag but not learn: training starts "
            f"from a checkpoint beside it ({', '.join(WEIGHTS)}). Name a folder that has one with --model."
        )
    return manifest


def check_enough(learned: int, held_out: int, recipe: CustomRecipe) -> None:
    """Refuse what can teach or show nothing.

    Raises
    ------
    TooFewLabels : it says how many there are and how many are needed
    """
    if learned >= recipe.least_learned and held_out >= recipe.least_held_out:
        return
    raise TooFewLabels(
        f"There are {learned:,} comments to learn from and {held_out:,} held out to measure on; needed are at least "
        f"{recipe.least_learned:,} and {recipe.least_held_out:,}. With fewer the model learns their chance, and the "
        "difference between before and after cannot be told from luck. Label more comments, or name a file of other "
        "labelled comments to measure on with --held-out."
    )


def rare_labels(labels: LabelSpace, comments: Sequence[LabelledComment], *, least: int = 10) -> dict[str, int]:
    """The labels that occur, but in fewer than `least` comments, with their number; the rarest first."""
    counts = dict(zip(labels.tags, gold_tags(labels, of_labelled(comments)).sum(axis=0).tolist(), strict=True))
    counts |= {kind: sum(comment.sentiment == kind for comment in comments) for kind in labels.sentiments}
    return dict(sorted(((label, n) for label, n in counts.items() if 0 < n < least), key=lambda item: item[1]))


def of_labelled(comments: Sequence[LabelledComment]) -> list[data.LabelledComment]:
    """The comments as fine-tuning reads them, less those without a word."""
    return [
        data.LabelledComment(
            id=comment.id,
            language=comment.lang,
            text=comment.text,
            sentiment=comment.sentiment,
            themes={label.theme: label.sentiment for label in comment.themes},
            factors=tuple(data.FactorLabel(one.factor, one.polarity, one.start, one.end) for one in comment.factors),
            churn_risk=comment.churn_risk,
            follow_up=comment.follow_up,
            origin=comment.origin,
            question=comment.question or None,
        )
        for comment in comments
        if comment.text.strip()
    ]


def customize(
    base: Path,
    comments: Sequence[LabelledComment],
    rehearsal: Sequence[LabelledComment],
    out: Path,
    *,
    work: Path,
    name: str,
    day: date,
    seed: int,
    recipe: CustomRecipe,
    report: Report,
) -> Customized:
    """Train on from a model folder, and write another one that the tagger opens by its path.

    Parameters
    ----------
    base : model folder with a checkpoint, which stays as it is
    comments : the customer's, less those that are held out
    rehearsal : comments that remind the model of what it knew, less all that is held out
    out : folder to write, which must not be there
    work : folder for the state after each epoch; the same call goes on from it, any other begins anew
    name, day : what the new model is called, and the first part of its version; the rest says which weights they are
    """
    before = open_base(base)
    left, kept = hold_out(comments, recipe.calibration_share, seed=seed)
    of_calibration = of_labelled(kept)
    fits = can_calibrate(before.labels, of_calibration, least=recipe.least_calibration)
    learned, known = of_labelled(left if fits else comments), of_labelled(rehearsal)
    plan = recipe.finetuning(rehearsal_share=_rehearsal_share(len(learned), len(known), recipe))
    folder = work / _digest(base, learned, known, plan.model_dump(), recipe.rehearsal_weight, seed)[:16]
    folder.mkdir(parents=True, exist_ok=True)
    model = TaggingModel.load(base, before.labels)
    model.heads.dropout.p = plan.dropout
    rehearsed = int(len(known) * plan.translated_share)
    with _reported(model, report, done=_epochs_done(folder / STATE), epochs=plan.epochs, size=len(learned) + rehearsed):
        trained = finetune(
            model,
            Examples(
                labelled=[of_comment(comment) for comment in learned],
                translated=[of_comment(comment, recipe.rehearsal_weight) for comment in known],
                rated=[],
            ),
            Tokenizer.from_file(str(base / TOKENIZER)),
            plan,
            max_tokens=before.max_tokens,
            checkpoint=folder / STATE,
            seed=seed,
        )
    out.mkdir(parents=True)
    trained.save(out, half=True)
    shutil.copyfile(base / TOKENIZER, out / TOKENIZER)
    _export(out, before.labels)
    manifest = Manifest(
        name=name,
        version=f"{day:%Y.%m.%d}-{_weights_digest(out)[:8]}",
        labels=before.labels,
        max_tokens=before.max_tokens,
        calibration=_calibrated(out, before, of_calibration) if fits else before.calibration,
        data_sha256=_digest(base, learned, known),
    )
    manifest.save(out)
    return Customized(manifest, len(learned), rehearsed, len(of_calibration) if fits else 0)


def can_calibrate(labels: LabelSpace, comments: Sequence[data.LabelledComment], *, least: int) -> bool:
    """Whether there are enough comments, and enough that have a theme, a factor and each flag, to fit temperatures."""
    if len(comments) < least:
        return False
    gold = gold_tags(labels, comments)
    kinds = (labels.themes, labels.factors, *((flag,) for flag in labels.flags))
    return all(gold[:, [labels.column[tag] for tag in kind]].sum() >= ENOUGH for kind in kinds)


def _rehearsal_share(learned: int, known: int, recipe: CustomRecipe) -> float:
    wanted = max(recipe.rehearsal_least, int(learned * recipe.rehearsal_ratio))
    return min(1.0, wanted / known) if known else 0.0


@contextmanager
def _reported(model: nn.Module, report: Report, *, done: int, epochs: int, size: int) -> Iterator[None]:
    """Count the comments that pass through the network while it learns."""
    seen = done * size

    def count(module: nn.Module, inputs: tuple[Any, ...]) -> None:
        nonlocal seen
        if module.training:
            seen += len(inputs[0])
            report(min(seen, epochs * size), epochs * size)

    handle = model.register_forward_pre_hook(count)
    try:
        yield
    finally:
        handle.remove()


def _epochs_done(state: Path) -> int:
    return int(torch.load(state, weights_only=True)["epoch"]) if state.exists() else 0


def _export(folder: Path, labels: LabelSpace) -> None:
    """The int8 file of the weights as they are stored, so that both say the same."""
    with TemporaryDirectory() as temporary:
        full = Path(temporary) / ONNX
        export_onnx(TaggingModel.load(folder, labels), full)
        quantize(full, folder / ONNX)


def _calibrated(folder: Path, before: Manifest, comments: Sequence[data.LabelledComment]) -> Calibration:
    """Fitted on what is served, so that it holds for it."""
    windows = Windows.load(folder, before.max_tokens)
    return calibrate(WindowedEncoder(OnnxForward(folder / ONNX), windows, before.labels), comments)


def _weights_digest(folder: Path) -> str:
    return hashlib.sha256(b"".join((folder / name).read_bytes() for name in WEIGHTS)).hexdigest()


def _digest(
    base: Path, learned: Sequence[data.LabelledComment], known: Sequence[data.LabelledComment], *settings: object
) -> str:
    """Of all that training starts from."""
    rows = [[asdict(comment) for comment in comments] for comments in (learned, known)]
    text = json.dumps([_weights_digest(base), rows, settings], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()
