"""Tiny stand-ins that tests make on the spot: a tokenizer of whole words, a model folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace
from tokenizers.processors import TemplateProcessing

from nlp.models.manifest import Calibration, Manifest
from tests.nlp.by_hand import LABELS


def tiny_tokenizer(words: list[str]) -> Tokenizer:
    vocabulary = {word: place for place, word in enumerate(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *words])}
    tokenizer = Tokenizer(WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()
    tokenizer.post_processor = TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", vocabulary["[CLS]"]), ("[SEP]", vocabulary["[SEP]"])],
    )
    return tokenizer


def save_model_folder(folder: Path, model: Any, tokenizer: Tokenizer) -> None:
    """Write a `TaggingModel` for our labels as a folder that `Tagger.load` opens: a tag is given from 0.5."""
    model.save(folder)
    tokenizer.save(str(folder / "tokenizer.json"))
    calibration = Calibration(
        tag_temperatures=dict.fromkeys(LABELS.tags, 1.0), thresholds=dict.fromkeys(LABELS.tags, 0.5)
    )
    Manifest(name="tiny", version="1", labels=LABELS, max_tokens=32, calibration=calibration).save(folder)
