"""The recipe: every number that training depends on, read from one TOML file and checked on start."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

DEFAULT = Path(__file__).with_name("recipe.toml")


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class TokenizerRecipe(_Section):
    vocabulary_size: int = Field(ge=100, le=65_535, description="Pieces; ids are kept in 16 bits.")


class BackboneRecipe(_Section):
    layers: int = Field(ge=1)
    width: int = Field(ge=8, description="Size of a token's vector.")
    heads: int = Field(ge=1)
    feed_forward: int = Field(ge=8)
    max_tokens: int = Field(ge=16, description="Longest window that the model reads, in pieces.")


class VectorsRecipe(_Section):
    epochs: int = Field(ge=0, description="Passes of skip-gram over the corpus; 0 starts from random vectors.")
    window: int = Field(ge=1)
    negatives: int = Field(ge=1)


class PretrainingRecipe(_Section):
    steps: int = Field(ge=0, description="0 for none, where training goes on from a network that has been pre-trained.")
    batch_tokens: int = Field(ge=32)
    window: int = Field(ge=16, description="Tokens of a sequence; every fourth batch is of `max_tokens` instead.")
    masked_share: float = Field(gt=0, lt=1)
    matrix_learning_rate: float = Field(gt=0, description="Muon, for the layers' matrices.")
    learning_rate: float = Field(gt=0, description="AdamW, for everything else.")
    warmup_steps: int = Field(ge=0)
    ranking_every: int = Field(ge=0, description="Every how many steps translations are ranked; 0 never.")
    ranking_pairs: int = Field(ge=2, description="Pairs of translations in such a step.")
    weights: dict[str, float] = Field(description="How often each part of the corpus is drawn.")


class FinetuningRecipe(_Section):
    epochs: int = Field(ge=1)
    batch_tokens: int = Field(ge=32)
    learning_rate: float = Field(gt=0)
    matrix_learning_rate: float = Field(gt=0)
    warmup_share: float = Field(ge=0, lt=1)
    dropout: float = Field(ge=0, lt=1, description="Of the token states that the heads read.")
    encoder_dropout: float = Field(0.0, ge=0, lt=1, description="Within the encoder: of states and attention weights.")
    average_decay: float = Field(ge=0, lt=1, description="Exponential moving average of the weights, per step.")
    calibration_share: float = Field(gt=0, lt=0.5, description="Of the labelled train comments, kept for thresholds.")
    translated_weight: float = Field(ge=0, description="Loss weight of machine-translated comments with labels.")
    translated_share: float = Field(ge=0, le=1, description="Of the translated comments, drawn anew for each epoch.")
    rated_share: float = Field(ge=0, le=1, description="Of the texts with stars only, drawn anew for each epoch.")
    noise_share: float = Field(ge=0, le=1, description="Of the comments, seen with commas, spaces or letters lost.")
    rated_weight: float = Field(ge=0, description="Loss weight of texts that carry only stars or a three-way label.")
    question_share: float = Field(ge=0, le=1, description="Of the comments without a question, seen under an open one.")
    rare_weight: float = Field(ge=1, description="How much the rarest tags' presence may outweigh that of common ones.")
    ranking_every: int = Field(ge=0, description="Every how many steps translations are ranked too; 0 never.")
    heads: Literal["new", "kept"] = Field("new", description="Heads to begin with; `kept`: those of the network.")
    seed: int | None = Field(None, description="Of the drawing of examples, where it is not to be the recipe's.")


class DistillationRecipe(_Section):
    epochs: int = Field(ge=0, description="Passes over the labelled comments with softened labels; 0 for none.")
    label_share: float = Field(ge=0, le=1, description="What the label counts; the rest is the teachers'.")
    translated_share: float = Field(ge=0, le=1, description="Of the translated comments, drawn anew for each epoch.")
    rate: float = Field(gt=0, description="Learning rates, as a part of those of fine-tuning.")
    batch_tokens: int | None = Field(None, ge=32, description="Where it is not to be fine-tuning's.")
    by_itself: bool = Field(True, description="Whether the fine-tuned network teaches beside those that are named.")


class NgramsRecipe(_Section):
    buckets: int = Field(ge=0, description="Rows of the table of runs of word pieces; 0 for no table.")
    inverse_regularization: float = Field(30.0, gt=0, description="Of the logistic regressions.")


class Recipe(_Section):
    """One training run, from corpora to weights."""

    name: str
    version: str
    seed: int
    tokenizer: TokenizerRecipe
    backbone: BackboneRecipe
    vectors: VectorsRecipe
    pretraining: PretrainingRecipe
    finetuning: FinetuningRecipe
    distillation: DistillationRecipe
    ngrams: NgramsRecipe


def load_recipe(path: Path = DEFAULT) -> Recipe:
    """Read a recipe.

    Raises
    ------
    OSError : if the file cannot be read
    pydantic.ValidationError : if a key is missing, unknown or out of range (it names the key)
    """
    return Recipe.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
