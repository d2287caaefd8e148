"""Masked-language-model pre-training of the backbone, resumable at any step.

Whole words are masked (a piece alone is too easily read off its neighbours); the output shares the token embeddings
and is computed at masked positions only. Layer matrices are trained with Muon (Jordan 2024), the rest with AdamW.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import Tensor, nn
from torch.nn import functional
from transformers import BertConfig, BertModel

from training.config import BackboneRecipe, PretrainingRecipe
from training.optimizers import Optimizers
from training.streams import Stream
from training.tokenizer import MASK, PAD, SPECIAL, WORD_START, piece_id

log = logging.getLogger(__name__)
LONG_EVERY = 4  # every fourth batch has the longest windows
KEPT_SHARE = 0.1


@dataclass(frozen=True)
class Masker:
    """Chooses the words to hide; `starts_word` bool of shape (vocabulary,), `special` bool of the same shape."""

    starts_word: Tensor
    special: Tensor
    mask_id: int
    share: float

    @classmethod
    def of(cls, tokenizer: Tokenizer, share: float) -> Masker:
        size = tokenizer.get_vocab_size()
        pieces = [tokenizer.id_to_token(i) or "" for i in range(size)]
        return cls(
            starts_word=torch.tensor([piece.startswith(WORD_START) or not piece[:1].isalpha() for piece in pieces]),
            special=torch.tensor([piece in SPECIAL for piece in pieces]),
            mask_id=piece_id(tokenizer, MASK),
            share=share,
        )

    def __call__(self, tokens: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Hide words of `tokens`, int64 (n_windows, length): the hidden tokens, and a bool mask of what to predict."""
        words = self.starts_word[tokens].cumsum(dim=1)
        drawn = torch.rand(tokens.shape, generator=generator).gather(1, words.clamp(max=tokens.shape[1] - 1))
        chosen = (drawn < self.share) & ~self.special[tokens]
        hidden = chosen & (torch.rand(tokens.shape, generator=generator) >= KEPT_SHARE)
        return tokens.masked_fill(hidden, self.mask_id), chosen


class MaskedLanguageModel(nn.Module):
    """The backbone and the layer that guesses hidden pieces; the latter is thrown away after pre-training."""

    def __init__(self, backbone: BertModel) -> None:
        super().__init__()
        self.backbone = backbone
        width = backbone.config.hidden_size
        self.transform = nn.Sequential(nn.Linear(width, width), nn.GELU(), nn.LayerNorm(width))
        self.bias = nn.Parameter(torch.zeros(backbone.config.vocab_size))

    def forward(self, hidden_tokens: Tensor, tokens: Tensor, chosen: Tensor) -> Tensor:
        """Mean cross-entropy, in nats, over the chosen positions."""
        states = self.backbone(input_ids=hidden_tokens).last_hidden_state[chosen]
        logits = self.transform(states) @ self.backbone.embeddings.word_embeddings.weight.T + self.bias
        return functional.cross_entropy(logits.float(), tokens[chosen])


def new_backbone(recipe: BackboneRecipe, tokenizer: Tokenizer, vectors: np.ndarray | None = None) -> BertModel:
    """An untrained encoder, its token embeddings started from `vectors` of shape (vocabulary, width) where given."""
    config = BertConfig(
        vocab_size=tokenizer.get_vocab_size(),
        hidden_size=recipe.width,
        num_hidden_layers=recipe.layers,
        num_attention_heads=recipe.heads,
        intermediate_size=recipe.feed_forward,
        max_position_embeddings=recipe.max_tokens,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        pad_token_id=piece_id(tokenizer, PAD),
    )
    backbone = BertModel(config, add_pooling_layer=False)
    if vectors is not None:
        with torch.no_grad():
            backbone.embeddings.word_embeddings.weight.copy_(torch.from_numpy(vectors))
    return backbone


def pretrain(
    backbone: BertModel,
    streams: dict[str, Stream],
    tokenizer: Tokenizer,
    recipe: PretrainingRecipe,
    *,
    checkpoint: Path,
    seed: int,
    checkpoint_every: int = 200,
    stop_after: int | None = None,
) -> BertModel:
    """Train `backbone` in place and return it.

    Parameters
    ----------
    checkpoint : file that holds the state after every `checkpoint_every` steps; where it exists, training goes on
        from it
    stop_after : step at which to leave off for now, by default the recipe's last
    """
    model = MaskedLanguageModel(backbone)
    optimizers = Optimizers(
        model.named_parameters(),
        matrix_learning_rate=recipe.matrix_learning_rate,
        learning_rate=recipe.learning_rate,
        warmup_steps=recipe.warmup_steps,
        steps=recipe.steps,
    )
    first = 0
    if checkpoint.exists():
        state = torch.load(checkpoint, weights_only=True)
        model.load_state_dict(state["model"])
        optimizers.load_state_dict(state["optimizers"])
        first = state["step"]
        log.info("resumed at step %d", first)
    masker = Masker.of(tokenizer, recipe.masked_share)
    names = list(recipe.weights)
    weights = np.array([recipe.weights[name] for name in names])
    running, started, seen = None, time.monotonic(), 0
    model.train()
    last = recipe.steps if stop_after is None else min(stop_after, recipe.steps)
    for step in range(first, last):
        draw = np.random.default_rng([seed, step])  # of its own for each step, so that a resumed run draws the same
        length = backbone.config.max_position_embeddings if step % LONG_EVERY == 0 else recipe.window
        counts = draw.multinomial(max(1, recipe.batch_tokens // length), weights / weights.sum())
        windows = [
            streams[name].windows(count, length, draw) for name, count in zip(names, counts, strict=True) if count
        ]
        tokens = torch.from_numpy(np.concatenate(windows))
        hidden, chosen = masker(tokens, torch.Generator().manual_seed(int(draw.integers(2**31))))
        with torch.autocast("cpu", torch.bfloat16):
            loss = model(hidden, tokens, chosen)
        loss.backward()
        optimizers.step(step)
        running = loss.item() if running is None else 0.98 * running + 0.02 * loss.item()
        seen += tokens.numel()
        if (step + 1) % 20 == 0:
            rate = seen / (time.monotonic() - started)
            left = (recipe.steps - step - 1) * recipe.batch_tokens / rate
            log.info(
                "step %d of %d, loss %.3f, %.0f tokens/s, %.0f s left", step + 1, recipe.steps, running, rate, left
            )
        if (step + 1) % checkpoint_every == 0 or step + 1 == last:
            state = {"model": model.state_dict(), "optimizers": optimizers.state_dict(), "step": step + 1}
            part = checkpoint.with_suffix(".part")
            torch.save(state, part)
            part.replace(checkpoint)
    return backbone
