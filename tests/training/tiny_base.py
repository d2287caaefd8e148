"""A model folder with a tiny checkpoint of random weights, and labels from which it can learn one thing."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import torch
from transformers import BertConfig, BertModel

from nlp.labelled import LabelledComment
from nlp.models.torch_model import TaggingModel
from tests.eval.by_hand import labelled
from tests.nlp.by_hand import LABELS
from tests.tiny import save_model_folder, tiny_tokenizer
from training.customize import CustomRecipe

LEARNS_FAST = partial(
    CustomRecipe,
    batch_tokens=128,
    learning_rate=0.02,
    matrix_learning_rate=0.02,
    average_decay=0.5,
    rehearsal_ratio=0.1,
    rehearsal_least=10,
)

NUMBERS = [f"nr{number}" for number in range(400)]
WORDS = ["sur", "betjening", "hurtig", "levering", "og", "svar", *NUMBERS]


def make_base(folder: Path) -> Path:
    torch.manual_seed(7)
    tokenizer = tiny_tokenizer(WORDS)
    config = BertConfig(
        vocab_size=tokenizer.get_vocab_size(),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=32,
    )
    folder.mkdir(parents=True)
    save_model_folder(folder, TaggingModel(BertModel(config, add_pooling_layer=False), LABELS), tokenizer)
    return folder


def sour(number: int, prefix: str = "A") -> LabelledComment:
    """Rude staff: negative about them, not sympathetic, the customer leaves and wants to be called."""
    return labelled(
        f"{prefix}{number}",
        f"sur betjening {NUMBERS[number]}",
        lang="da",
        sentiment="negative",
        themes=["staff_service:negative"],
        factors=[("sympathetic:negative", 0, 3)],
        churn_risk=True,
        follow_up=True,
    )


def quick(number: int, prefix: str = "B") -> LabelledComment:
    """Quick delivery: positive about it."""
    return labelled(
        f"{prefix}{number}", f"hurtig levering {NUMBERS[number]}", lang="da", themes=["delivery_time:positive"]
    )
