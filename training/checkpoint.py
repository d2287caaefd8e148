"""Networks that training goes on from or learns from: checkpoint folders, as steps and `stemme train` write them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from safetensors import SafetensorError
from tokenizers import Tokenizer
from transformers import AutoConfig, PreTrainedModel

from nlp.errors import BadModel
from nlp.models.labels import LabelSpace
from nlp.models.manifest import MANIFEST, Manifest
from nlp.models.tokenizing import TOKENIZER
from nlp.models.torch_model import HEADS, TaggingModel, load_backbone
from training.config import BackboneRecipe
from training.tokenizer import SPECIAL

WEIGHTS: Final = "model.safetensors"
NEEDED: Final = ("config.json", WEIGHTS, TOKENIZER)
# A key of the recipe, and what a checkpoint's config.json calls it.
SHAPE: Final = {
    "layers": "num_hidden_layers",
    "width": "hidden_size",
    "heads": "num_attention_heads",
    "feed_forward": "intermediate_size",
    "max_tokens": "max_position_embeddings",
}


class UnfitCheckpoint(BadModel):
    code, title = "unfit_checkpoint", "Training cannot go on from the folder"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A folder with an encoder and its tokenizer, and with our heads where `heads.safetensors` lies there."""

    folder: Path

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Look whether the files are there; weights are read later.

        Raises
        ------
        UnfitCheckpoint : if one is missing, or the encoder is none that our pre-training knows
        """
        missing = [name for name in NEEDED if not (folder / name).is_file()]
        if missing:
            raise UnfitCheckpoint(f"{folder} holds no {', '.join(missing)}. Needed are {', '.join(NEEDED)}.")
        kind = _config(folder).model_type
        if kind != "bert":
            raise UnfitCheckpoint(f"{folder} holds a network of type {kind!r}; training goes on from 'bert' only.")
        return cls(folder)

    @property
    def has_heads(self) -> bool:
        return (self.folder / HEADS).is_file()

    def tokenizer(self) -> Tokenizer:
        return Tokenizer.from_file(str(self.folder / TOKENIZER))

    def backbone(self) -> PreTrainedModel:
        """The encoder, in float32."""
        return load_backbone(self.folder)

    def network(self, labels: LabelSpace) -> TaggingModel:
        """The encoder with its heads, in float32.

        Raises
        ------
        UnfitCheckpoint : if there are no heads, or they are for other labels
        """
        if not self.has_heads:
            raise UnfitCheckpoint(f"{self.folder} holds an encoder without heads ({HEADS}), which cannot tag.")
        if (self.folder / MANIFEST).exists() and Manifest.load(self.folder).labels != labels:
            raise UnfitCheckpoint(f"{self.folder} has heads for other labels than the taxonomy's ({MANIFEST}).")
        try:
            return TaggingModel.load(self.folder, labels)
        except (RuntimeError, SafetensorError) as error:
            raise UnfitCheckpoint(f"{self.folder} has heads that do not fit the taxonomy's labels: {error}") from error

    def check_shape(self, recipe: BackboneRecipe) -> None:
        """Refuse an encoder of another shape than the recipe's.

        Raises
        ------
        UnfitCheckpoint : it names what differs, with both numbers
        """
        config = _config(self.folder)
        found = {key: getattr(config, name) for key, name in SHAPE.items()}
        wanted = recipe.model_dump()
        different = [f"{key} {found[key]}, not {wanted[key]}" for key in SHAPE if found[key] != wanted[key]]
        if different:
            raise UnfitCheckpoint(
                f"{self.folder} has an encoder of another shape than the recipe's [backbone]: {'; '.join(different)}. "
                "Set the recipe to the encoder's numbers, or begin anew."
            )
        pieces = [piece for piece in SPECIAL if self.tokenizer().token_to_id(piece) is None]
        if pieces or self.tokenizer().get_vocab_size() != config.vocab_size:
            raise UnfitCheckpoint(
                f"{self.folder / TOKENIZER} does not belong to the encoder beside it: it has "
                f"{self.tokenizer().get_vocab_size():,} pieces for {config.vocab_size:,} embeddings"
                + (f", and lacks {', '.join(pieces)}." if pieces else ".")
            )

    def check_pieces(self, tokenizer: Tokenizer) -> None:
        """Refuse a network that reads other word pieces.

        Raises
        ------
        UnfitCheckpoint : it says what to do
        """
        if _rules(self.tokenizer()) != _rules(tokenizer):
            raise UnfitCheckpoint(
                f"{self.folder / TOKENIZER} is not the tokenizer of this run. A network can only teach one that reads "
                "the same word pieces: begin with --from that folder (or one with the same pieces), or leave it out."
            )


def _config(folder: Path) -> AutoConfig:
    return AutoConfig.from_pretrained(folder, local_files_only=True)


def _rules(tokenizer: Tokenizer) -> str:
    """All of a tokenizer but how it cuts and pads, which each reader sets anew."""
    tokenizer = Tokenizer.from_str(tokenizer.to_str())
    tokenizer.no_truncation()
    tokenizer.no_padding()
    rules: str = tokenizer.to_str()
    return rules
