"""The last step: calibrate, export, check that int8 says what full precision says, and write the model folder."""

from __future__ import annotations

import hashlib
import logging
import shutil
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import numpy as np

from nlp.errors import StemmeError
from nlp.models.encoder import ONNX, Encoder, WindowedEncoder
from nlp.models.manifest import Calibration, Manifest
from nlp.models.onnx_forward import OnnxForward
from nlp.models.tokenizing import Windows
from nlp.models.torch_forward import TorchForward
from training.calibrate import calibrate
from training.data import Corpora
from training.export import export_onnx, quantize
from training.pipeline import Workshop

log = logging.getLogger(__name__)
CANDIDATE: Final = "candidate"


@dataclass(frozen=True, slots=True)
class Parity:
    """How much int8 differs from full precision on the calibration comments."""

    same_sentiment: float
    same_tags: float
    largest_probability_gap: float
    comments: int


@dataclass(frozen=True, slots=True)
class LeastParity:
    """The shares of answers that int8 must have in common with full precision.

    Most tags are absent from most comments in both, so that a low share of common tags is a very low one. The shipped
    models reach 0.995 and 0.998. Of a few comments one may differ, whatever its share.
    """

    same_sentiment: float = 0.98
    same_tags: float = 0.995

    def missed(self, parity: Parity) -> list[str]:
        """What falls short, in words."""
        all_but_one = 1 - 1 / parity.comments
        return [
            f"{reached:.2%} of the {name} are the same, at least {least:.2%} must be"
            for name, reached, least in (
                ("sentiments", parity.same_sentiment, self.same_sentiment),
                ("tags", parity.same_tags, self.same_tags),
            )
            if not reached >= min(least, all_but_one)
        ]


AT_LEAST: Final = LeastParity()


class PoorParity(StemmeError):
    """int8 says too often something else than the network that was trained; no model is written."""

    code, title = "poor_parity", "int8 differs too much from full precision"


def ship(workshop: Workshop, out: Path, *, least: LeastParity = AT_LEAST) -> Parity:
    """Write `out` as a model folder that `Tagger.load` opens without PyTorch.

    The network in half precision lies beside, from which `stemme train` goes on. All is first written to `candidate`
    in the work folder, and `out` stays as it was if int8 does not say what full precision says.

    Raises
    ------
    PoorParity : if they agree less than `least`
    """
    candidate = workshop.folder / CANDIDATE
    shutil.rmtree(candidate, ignore_errors=True)
    parity = _assembled(workshop, candidate)
    log.info("int8 against full precision: %s", parity)
    if missed := least.missed(parity):
        raise PoorParity(
            f"On the calibration comments, of int8 and of full precision: {'; '.join(missed)}. {out} is as it was. "
            f"`stemme eval LABELS --model {candidate} --against full-precision` shows where they differ."
        )
    shutil.copytree(candidate, out, dirs_exist_ok=True)
    return parity


def _assembled(workshop: Workshop, out: Path) -> Parity:
    """Calibrate, export and write everything to a folder, and compare what is served with what was trained."""
    model, recipe, comments = workshop.complete(), workshop.recipe, workshop.calibration_comments()
    max_tokens = recipe.backbone.max_tokens
    out.mkdir(parents=True, exist_ok=True)
    workshop.tokenizer().save(str(out / "tokenizer.json"))
    model.save(out, half=True)
    with TemporaryDirectory() as folder:
        full = Path(folder) / ONNX
        export_onnx(model, full)
        quantize(full, out / ONNX)
    # Thresholds are fitted on what is served, so that they hold for it.
    served = WindowedEncoder(OnnxForward(out / ONNX), Windows.load(out, max_tokens), model.labels)
    calibration = calibrate(served, comments)
    manifest = Manifest(
        name=recipe.name,
        version=recipe.version,
        labels=model.labels,
        max_tokens=max_tokens,
        calibration=calibration,
        data_sha256=_data_sha256(workshop.corpora),
        learned_from=_amounts(workshop),
    )
    manifest.save(out)
    trained = WindowedEncoder(TorchForward(model), Windows.load(out, max_tokens), model.labels)
    return compare(served, trained, [comment.text for comment in comments], calibration)


def compare(served: Encoder, trained: Encoder, texts: list[str], calibration: Calibration) -> Parity:
    """Run both on the same texts and count where their answers agree."""
    labels = served.labels
    thresholds = np.array([calibration.thresholds[tag] for tag in labels.tags])
    temperatures = np.array([calibration.tag_temperatures[tag] for tag in labels.tags])
    offsets = np.array([calibration.tag_offsets.get(tag, 0.0) for tag in labels.tags])
    probabilities, sentiments = [], []
    for encoder in (served, trained):
        outputs = encoder.run(texts)
        tags = np.stack([output.tags for output in outputs]) / temperatures + offsets
        probabilities.append(1 / (1 + np.exp(-tags)))
        sentiments.append(np.stack([output.sentiment for output in outputs]).argmax(axis=1))
    given = [values >= thresholds for values in probabilities]
    return Parity(
        same_sentiment=float((sentiments[0] == sentiments[1]).mean()),
        same_tags=float((given[0] == given[1]).mean()),
        largest_probability_gap=float(np.abs(probabilities[0] - probabilities[1]).max()),
        comments=len(texts),
    )


def _amounts(workshop: Workshop) -> dict[str, int]:
    """Labelled comments by language, those that calibration keeps left out, then what has fewer labels."""
    left_out, corpora = workshop.calibration_stems(), workshop.corpora
    comments = corpora.labelled()
    labelled = Counter(comment.language for comment in comments if comment.stem not in left_out)
    known = {comment.id for comment in comments}
    return {f"labelled comments, {language}": count for language, count in sorted(labelled.items())} | {
        "texts with a sentiment only": sum(text.id not in known for text in corpora.rated()),
        "machine translations": len(corpora.translated()) + len(workshop.nynorsk()),
    }


def _data_sha256(corpora: Corpora) -> str:
    digest, folder = hashlib.sha256(), corpora.folder
    own = [] if corpora.own_labels is None else sorted(corpora.own_labels.glob("*.jsonl"))
    for path in sorted(folder.rglob("train.jsonl*")) + sorted((folder / "text").glob("*.xz")) + own:
        digest.update(path.name.encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()
