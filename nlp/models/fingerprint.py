"""What a model folder's answers depend on, as one hash: two models of one name and version are told apart by it."""

from __future__ import annotations

from hashlib import file_digest, sha256
from pathlib import Path
from typing import Final

from nlp.models.manifest import MANIFEST

ANSWERS_DEPEND_ON: Final = (MANIFEST, "config.json", "tokenizer.json", "heads.safetensors", "model.safetensors")
ONNX: Final = "model.onnx"
"""Where it lies it is what is run, and the checkpoint beside it is not."""


def fingerprint(folder: Path) -> str:
    """SHA-256, in hexadecimal digits, of the files that a tagger reads: weights, tokenizer, thresholds.

    Raises
    ------
    OSError : if one of them cannot be read
    """
    names = (MANIFEST, "tokenizer.json", ONNX) if (folder / ONNX).exists() else ANSWERS_DEPEND_ON
    whole = sha256()
    for name in names:
        if (folder / name).exists():
            with (folder / name).open("rb") as file:
                whole.update(name.encode() + b"\0" + file_digest(file, "sha256").digest())
    return whole.hexdigest()
