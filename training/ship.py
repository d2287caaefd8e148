"""The last step: calibrate, export, check that int8 says what full precision says, and write the model folder."""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

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


@dataclass(frozen=True, slots=True)
class Parity:
    """How much int8 differs from full precision on the calibration comments."""

    same_sentiment: float
    same_tags: float
    largest_probability_gap: float


def ship(workshop: Workshop, out: Path) -> Parity:
    """Write `out` as a model folder that `Tagger.load` opens without PyTorch.

    The network in half precision lies beside, from which `stemme train` goes on.
    """
    model, recipe, comments = workshop.model(), workshop.recipe, workshop.calibration_comments()
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
    )
    manifest.save(out)
    trained = WindowedEncoder(TorchForward(model), Windows.load(out, max_tokens), model.labels)
    parity = compare(served, trained, [comment.text for comment in comments], calibration)
    log.info("int8 against full precision: %s", parity)
    return parity


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
    )


def _data_sha256(corpora: Corpora) -> str:
    digest, folder = hashlib.sha256(), corpora.folder
    own = [] if corpora.own_labels is None else sorted(corpora.own_labels.glob("*.jsonl"))
    for path in sorted(folder.rglob("train.jsonl*")) + sorted((folder / "text").glob("*.xz")) + own:
        digest.update(path.name.encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()
