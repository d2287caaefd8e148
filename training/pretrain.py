"""Pre-training of the backbone by masked words and by translation ranking, resumable at any step.

Whole words are masked (a piece alone is too easily read off its neighbours); the output shares the token embeddings
and is computed at masked positions only. Every few steps translations are ranked instead
(`training/ranking.py`). Layer matrices are trained with Muon (Jordan 2024), the rest with AdamW.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import Dataset
from transformers import BertConfig, BertModel

from training.config import BackboneRecipe, PretrainingRecipe
from training.journal import Losses
from training.loading import loaded
from training.optimizers import Optimizers
from training.parallel import Worker, run_workers
from training.precision import autocast
from training.ranking import TranslationRanking, Translations
from training.streams import Stream
from training.tokenizer import MASK, PAD, SPECIAL, WORD_START, piece_id
from training.whole import write_whole

log = logging.getLogger(__name__)
LONG_EVERY = 4  # every fourth batch has the longest windows
KEPT_SHARE = 0.1
LOGGED_EVERY = 20  # steps
CHECKPOINT_EVERY = {"cpu": 200, "cuda": 2_000}  # steps: some minutes of either


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


class MaskedWords(NamedTuple):
    """Windows with words hidden. What to predict is found here and not on the device, which need not wait then."""

    hidden: Tensor  # int64 (n_windows, length)
    places: Tensor  # int64 (n_chosen,), into the windows end to end
    pieces: Tensor  # int64 (n_chosen,), what stands there

    def to(self, device: torch.device) -> MaskedWords:
        return MaskedWords(*(part.to(device, non_blocking=True) for part in self))


class MaskedLanguageModel(nn.Module):
    """The backbone and the layer that guesses hidden pieces; the latter is thrown away after pre-training."""

    def __init__(self, backbone: BertModel) -> None:
        super().__init__()
        self.backbone = backbone
        width = backbone.config.hidden_size
        self.transform = nn.Sequential(nn.Linear(width, width), nn.GELU(), nn.LayerNorm(width))
        self.bias = nn.Parameter(torch.zeros(backbone.config.vocab_size))

    def forward(self, batch: MaskedWords) -> Tensor:
        """Mean cross-entropy, in nats, over the chosen positions."""
        states = self.backbone(input_ids=batch.hidden).last_hidden_state.flatten(0, 1)[batch.places]
        logits = self.transform(states) @ self.backbone.embeddings.word_embeddings.weight.T + self.bias
        return functional.cross_entropy(logits.float(), batch.pieces)


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
    checkpoint_every: int | None = None,
    stop_after: int | None = None,
    workers: int = 1,
    device: str = "cpu",
    losses: Path | None = None,
) -> BertModel:
    """Train `backbone` and return it.

    Parameters
    ----------
    checkpoint : file that holds the state after every `checkpoint_every` steps, by default some minutes' work; where
        it exists, training goes on from it
    stop_after : step at which to leave off for now, by default the recipe's last
    workers : processes that share every step's batch
    device : `cpu` or `cuda`, of which every process has one to itself
    losses : file to which every step's loss is added, as `training.journal.Losses` writes it
    """
    last = recipe.steps if stop_after is None else min(stop_after, recipe.steps)
    plan = _Plan(recipe, checkpoint, seed, checkpoint_every or CHECKPOINT_EVERY[device], last, losses)
    run_workers(_pretrain, backbone, streams, tokenizer.to_str(), plan, count=workers, device=device)
    model = MaskedLanguageModel(backbone).to("cpu")
    model.load_state_dict(torch.load(checkpoint, map_location="cpu", weights_only=True)["model"])
    return backbone


@dataclass(frozen=True, slots=True)
class _Plan:
    recipe: PretrainingRecipe
    checkpoint: Path
    seed: int
    checkpoint_every: int
    last: int
    losses: Path | None


def _pretrain(
    worker: Worker, backbone: BertModel, streams: dict[str, Stream], tokenizer_json: str, plan: _Plan
) -> None:
    recipe, tokenizer = plan.recipe, Tokenizer.from_str(tokenizer_json)
    model = MaskedLanguageModel(backbone).to(worker.device)
    if worker.kind == "cpu":
        # PyTorch's fused attention is slow to differentiate on a CPU: half of a step's time is saved without it.
        backbone.set_attn_implementation("eager")
    optimizers = Optimizers(
        model.named_parameters(),
        matrix_learning_rate=recipe.matrix_learning_rate,
        learning_rate=recipe.learning_rate,
        warmup_steps=recipe.warmup_steps,
        steps=recipe.steps,
    )
    first = 0
    if plan.checkpoint.exists():
        state = torch.load(plan.checkpoint, map_location=worker.device, weights_only=True)
        model.load_state_dict(state["model"])
        optimizers.load_state_dict(state["optimizers"])
        first = state["step"]
        log.info("resumed at step %d", first)
    worker.agree(model)
    longest = backbone.config.max_position_embeddings
    ranking = TranslationRanking.of(streams, tokenizer, recipe.ranking_pairs // worker.count, worker.device)
    masker = Masker.of(tokenizer, recipe.masked_share)
    batches = _Batches(streams, masker, ranking, recipe, longest, plan.seed, worker)
    running: dict[str, float] = {}
    started = time.monotonic()
    model.train()
    journal = Losses(plan.losses, plan.checkpoint.stem)
    for step, batch in zip(range(first, plan.last), loaded(batches, range(first, plan.last), worker), strict=True):
        with autocast(worker.kind):
            if isinstance(batch, MaskedWords):
                name, loss = "masked words", model(batch.to(worker.device))
            else:
                name, loss = "ranking", ranking.loss(backbone, batch)
        loss.backward()
        worker.average_gradients(model.parameters())
        optimizers.step(step)
        if not worker.is_first:
            continue
        journal.add(step, name, loss)
        if (step + 1) % LOGGED_EVERY == 0 or step + 1 == plan.last:
            for task, value in journal.write():
                running[task] = 0.98 * running.get(task, value) + 0.02 * value
            left = (plan.last - step - 1) * (time.monotonic() - started) / (step + 1 - first)
            losses = ", ".join(f"{name} {value:.3f}" for name, value in running.items())
            log.info("step %d of %d, loss of %s, %.0f s left", step + 1, recipe.steps, losses, left)
        if (step + 1) % plan.checkpoint_every == 0 or step + 1 == plan.last:
            state = {"model": model.state_dict(), "optimizers": optimizers.state_dict(), "step": step + 1}
            write_whole(plan.checkpoint, partial(torch.save, state))


@dataclass(frozen=True)
class _Batches(Dataset[MaskedWords | Translations]):
    """What each step reads, drawn from its number so that a resumed run draws the same.

    Hidden words, or every `ranking_every` steps the two sides of translations.
    """

    streams: dict[str, Stream]
    masker: Masker
    ranking: TranslationRanking
    recipe: PretrainingRecipe
    max_tokens: int
    seed: int
    worker: Worker

    def __getitem__(self, step: int) -> MaskedWords | Translations:
        draw = np.random.default_rng([self.seed, step, self.worker.rank])
        every = self.recipe.ranking_every
        if every and step % every == every - 1:
            return self.ranking.pairs(self.max_tokens, draw)
        return self._masked_words(step, draw)

    def _masked_words(self, step: int, draw: np.random.Generator) -> MaskedWords:
        length = self.max_tokens if step % LONG_EVERY == 0 else self.recipe.window
        n_windows = max(1, int(self.recipe.batch_tokens / self.worker.count) // length)
        weights = np.array(list(self.recipe.weights.values()))
        counts = draw.multinomial(n_windows, weights / weights.sum())
        windows = [
            self.streams[name].windows(count, length, draw)
            for name, count in zip(self.recipe.weights, counts, strict=True)
            if count
        ]
        tokens = torch.from_numpy(np.concatenate(windows))
        hidden, chosen = self.masker(tokens, torch.Generator().manual_seed(int(draw.integers(2**31))))
        places = chosen.flatten().nonzero().squeeze(1)
        return MaskedWords(hidden, places, tokens.flatten()[places])
