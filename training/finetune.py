"""Supervised multi-task fine-tuning: every head at once, and the translations' ranking; resumable after each epoch."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import Tensor, nn
from torch.nn import functional
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.data import Dataset

from nlp.models.labels import THEME_SENTIMENTS, LabelSpace
from nlp.models.tokenizing import QUESTION, TEXT, Questions
from nlp.models.torch_model import ModelOutput, TaggingModel
from training.config import FinetuningRecipe
from training.examples import Example, Examples, tags_of
from training.journal import Losses
from training.loading import loaded
from training.optimizers import Optimizers
from training.parallel import Worker, run_workers
from training.precision import autocast
from training.ranking import TranslationRanking
from training.streams import Stream
from training.whole import write_whole

log = logging.getLogger(__name__)
UNKNOWN = -100  # what cross-entropy passes over
# How much each task counts beside the overall sentiment; tags are a sum over 26 labels, most of them easy.
TAGS, THEME_SENTIMENT, EVIDENCE, RANKING = 0.5, 0.7, 0.15, 0.3
RANKED_PAIRS = 32
LOGGED_EVERY = 50  # batches
COMMON = 0.06  # share of the comments from which on a tag's presence counts as it is


@dataclass(frozen=True)
class Batch:
    """Padded examples: `ids`, `mask` int64 (batch, tokens), the mask as `TaggingModel.forward` reads it.

    The targets are described where the loss reads them.
    """

    ids: Tensor
    mask: Tensor
    weight: Tensor
    allowed_sentiments: Tensor
    taught_sentiments: Tensor
    tags: Tensor
    has_tags: Tensor
    theme_sentiment: Tensor
    evidence: Tensor

    def to(self, device: torch.device) -> Batch:
        return Batch(**{field.name: getattr(self, field.name).to(device) for field in fields(self)})


class Collator:
    """Turns examples into batches of like length and about equal size."""

    def __init__(self, tokenizer: Tokenizer, labels: LabelSpace, max_tokens: int) -> None:
        tokenizer.no_padding()
        tokenizer.enable_truncation(max_tokens, strategy="only_first")
        self._tokenizer, self._labels = tokenizer, labels
        self._questions = Questions(tokenizer, max_tokens)

    def batches(self, examples: Sequence[Example], batch_tokens: int, draw: random.Random) -> list[list[Example]]:
        """Group examples so that a padded batch holds at most about `batch_tokens` tokens, in random order."""
        lengths = [len(encoding.ids) for encoding in self._tokenizer.encode_batch_fast(self._inputs(examples))]
        # A little randomness in the order of length, so that a comment meets other neighbours in each epoch.
        order = sorted(range(len(examples)), key=lambda place: lengths[place] * draw.uniform(0.9, 1.1))
        batches: list[list[Example]] = [[]]
        longest = 0
        for place in order:
            longest = max(longest, lengths[place])
            if batches[-1] and longest * (len(batches[-1]) + 1) > batch_tokens:
                batches.append([])
                longest = lengths[place]
            batches[-1].append(examples[place])
        draw.shuffle(batches)
        return batches

    def _inputs(self, examples: Sequence[Example]) -> list[str | tuple[str, str]]:
        asked = [self._questions.shortened(example.question) for example in examples]
        return [
            (example.text, question) if question else example.text
            for example, question in zip(examples, asked, strict=True)
        ]

    def __call__(self, examples: Sequence[Example]) -> Batch:
        labels = self._labels
        encodings = self._tokenizer.encode_batch(self._inputs(examples))
        longest = max(len(encoding.ids) for encoding in encodings)
        n = len(examples)
        ids, mask = torch.zeros(n, longest, dtype=torch.long), torch.zeros(n, longest, dtype=torch.long)
        allowed = torch.zeros(n, len(labels.sentiments), dtype=torch.bool)
        taught = torch.zeros(n, len(labels.sentiments))
        tags, has_tags = torch.zeros(n, len(labels.tags)), torch.zeros(n)
        theme_sentiment = torch.full((n, len(labels.themes)), UNKNOWN)
        evidence = torch.zeros(n, longest, len(labels.tags) + 1)
        for row, (example, encoding) in enumerate(zip(examples, encodings, strict=True)):
            ids[row, : len(encoding.ids)] = torch.tensor(encoding.ids)
            n_text = encoding.sequence_ids.index(1) if 1 in encoding.sequence_ids else len(encoding.ids)
            mask[row, :n_text] = TEXT
            mask[row, n_text : len(encoding.ids)] = QUESTION
            allowed[row, [labels.sentiments.index(sentiment) for sentiment in example.sentiments]] = True
            if example.sentiment_probabilities is not None:
                taught[row] = torch.tensor(example.sentiment_probabilities)
            if example.tag_probabilities is not None:
                has_tags[row] = 1
                tags[row] = torch.tensor(example.tag_probabilities)
            if example.themes is None:
                continue
            has_tags[row] = 1
            for theme, sentiment in example.themes.items():
                theme_sentiment[row, labels.column[theme]] = THEME_SENTIMENTS.index(sentiment)
            if example.tag_probabilities is None:
                tags[row, [labels.column[tag] for tag in tags_of(example)]] = 1
            for factor in example.factors:
                column = labels.column[f"{factor.factor}:{factor.polarity}"]
                if factor.start is None or factor.end is None:
                    continue
                for token, (start, end) in enumerate(encoding.offsets[:n_text]):
                    if start < end and start < factor.end and end > factor.start:
                        evidence[row, token, column] = 1
        return Batch(
            ids=ids,
            mask=mask,
            weight=torch.tensor([example.weight for example in examples]),
            allowed_sentiments=allowed,
            taught_sentiments=taught,
            tags=tags,
            has_tags=has_tags,
            theme_sentiment=theme_sentiment,
            evidence=evidence,
        )


def presence_weights(examples: Sequence[Example], labels: LabelSpace, rare_weight: float) -> Tensor:
    """How much a tag's presence counts beside its absence, (tags,): more for rare tags, at most `rare_weight`.

    The weight grows with the root of the rarity, so that the rarest tags are learned without being given everywhere.
    """
    counts = np.zeros(len(labels.tags))
    labelled = [example for example in examples if example.themes is not None]
    for example in labelled:
        counts[[labels.column[tag] for tag in tags_of(example)]] += 1
    shares = (counts + 1) / (len(labelled) + 1)
    return torch.tensor(np.clip(np.sqrt(COMMON / shares), 1.0, rare_weight), dtype=torch.float32)


def loss_of(output: ModelOutput, batch: Batch, presence: Tensor | None = None) -> Tensor:
    """The weighted sum of the tasks' losses, a scalar in nats; `presence` is from `presence_weights`.

    - sentiment: minus the log of the probability that falls on any allowed label, (batch, sentiments) bool; where
      teachers were asked, cross-entropy with their probabilities, which are 0 elsewhere
    - tags: binary cross-entropy, summed over the tags; (batch, tags) of 0 and 1
    - sentiment of themes: cross-entropy on the themes that are there; (batch, themes), `UNKNOWN` elsewhere
    - evidence: cross-entropy of a factor's token weights with the annotated words; (batch, tokens, tags + 1)
    """
    total_weight = batch.weight.sum()
    log_probabilities = output.sentiment.log_softmax(dim=1)
    of_allowed = log_probabilities.masked_fill(~batch.allowed_sentiments, -torch.inf).logsumexp(dim=1)
    of_taught = (log_probabilities * batch.taught_sentiments).sum(dim=1)
    of_sentiment = torch.where(batch.taught_sentiments.sum(dim=1) > 0, of_taught, of_allowed)
    loss = -(of_sentiment * batch.weight).sum() / total_weight
    # No question of what the batch holds from here on: a GPU would have to be waited for to answer it.
    per_tag = functional.binary_cross_entropy_with_logits(
        output.tags, batch.tags, reduction="none", pos_weight=presence
    )
    loss = loss + TAGS * (per_tag.sum(dim=1) * batch.has_tags * batch.weight).sum() / total_weight
    n_known = (batch.theme_sentiment != UNKNOWN).sum().clamp(min=1)
    of_themes = functional.cross_entropy(
        output.theme_sentiment.flatten(0, 1), batch.theme_sentiment.flatten(), ignore_index=UNKNOWN, reduction="sum"
    )
    loss = loss + THEME_SENTIMENT * of_themes / n_known
    words = batch.evidence.sum(dim=1)
    log_weights = output.token_weights.clamp(min=1e-6).log()
    agreement = (log_weights * batch.evidence).sum(dim=1) / words.clamp(min=1)
    return loss - EVIDENCE * agreement.sum() / (words > 0).sum().clamp(min=1)


def finetune(
    model: TaggingModel,
    examples: Examples,
    tokenizer: Tokenizer,
    recipe: FinetuningRecipe,
    *,
    max_tokens: int,
    checkpoint: Path,
    seed: int,
    streams: dict[str, Stream] | None = None,
    workers: int = 1,
    device: str = "cpu",
    losses: Path | None = None,
) -> TaggingModel:
    """Train all of `model` and return the average of its weights over the steps.

    Parameters
    ----------
    checkpoint : file that holds the state after each epoch; where it exists, training goes on from it
    streams : translations to rank beside the comments, so that embeddings stay the same across languages
    workers : processes that share every step's batches
    device : `cpu` or `cuda`, of which every process has one to itself
    losses : file to which every step's loss is added, as `training.journal.Losses` writes it
    """
    plan = _Plan(examples, tokenizer.to_str(), streams, recipe, max_tokens, checkpoint, seed, losses)
    drop_within(model.backbone, recipe.encoder_dropout)
    run_workers(_finetune, model, plan, count=workers, device=device)
    average = _averaged(model.to("cpu"), recipe)
    average.load_state_dict(torch.load(checkpoint, map_location="cpu", weights_only=True)["average"])
    averaged = average.module
    assert isinstance(averaged, TaggingModel)
    return averaged.eval()


@dataclass(frozen=True, slots=True)
class _Plan:
    examples: Examples
    tokenizer_json: str
    streams: dict[str, Stream] | None
    recipe: FinetuningRecipe
    max_tokens: int
    checkpoint: Path
    seed: int
    losses: Path | None


def _finetune(worker: Worker, model: TaggingModel, plan: _Plan) -> None:
    recipe, tokenizer = plan.recipe, Tokenizer.from_str(plan.tokenizer_json)
    collator = Collator(tokenizer, model.labels, plan.max_tokens)
    model.to(worker.device)
    if worker.kind == "cpu":
        # PyTorch's fused attention is slow to differentiate on a CPU.
        model.backbone.set_attn_implementation("eager")

    presence = presence_weights(plan.examples.labelled, model.labels, recipe.rare_weight).to(worker.device)
    ranking = (
        TranslationRanking.of(plan.streams, tokenizer, RANKED_PAIRS // worker.count, worker.device)
        if plan.streams
        else None
    )
    first_batches = _drawn(worker, plan, collator, 0)
    steps = len(first_batches) * recipe.epochs
    optimizers = Optimizers(
        model.named_parameters(),
        matrix_learning_rate=recipe.matrix_learning_rate,
        learning_rate=recipe.learning_rate,
        warmup_steps=int(steps * recipe.warmup_share),
        steps=steps,
    )
    average = _averaged(model, recipe)
    first, step = 0, 0
    if plan.checkpoint.exists():
        state = torch.load(plan.checkpoint, map_location=worker.device, weights_only=True)
        model.load_state_dict(state["model"])
        average.load_state_dict(state["average"])
        optimizers.load_state_dict(state["optimizers"])
        first, step = state["epoch"], state["step"]
        log.info("resumed after epoch %d", first)
    worker.agree(model)
    journal = Losses(plan.losses if worker.is_first else None, plan.checkpoint.stem)
    for epoch in range(first, recipe.epochs):
        torch.manual_seed(plan.seed + 1_000 * epoch + worker.rank)
        draw = np.random.default_rng([plan.seed, epoch, worker.rank])
        model.train()
        started = time.monotonic()
        batches = _drawn(worker, plan, collator, epoch) if epoch else first_batches
        collated_batches = loaded(_Collated(batches, collator), range(len(batches)), worker)
        for number, collated in enumerate(collated_batches, start=1):
            batch = collated.to(worker.device)
            with autocast(worker.kind):
                output = model(batch.ids, batch.mask)
            loss = loss_of(output, batch, presence)
            if ranking is not None and recipe.ranking_every and step % recipe.ranking_every == 0:
                with autocast(worker.kind):
                    loss = loss + RANKING * ranking.loss(model.backbone, ranking.pairs(plan.max_tokens, draw))
            loss.backward()  # type: ignore[no-untyped-call]
            worker.average_gradients(model.parameters())
            optimizers.step(step)
            average.update_parameters(model)
            journal.add(step, "all", loss)
            step += 1
            if number % LOGGED_EVERY and number < len(batches):
                continue
            lately = [value for _, value in journal.write()]
            if worker.is_first:
                left = (time.monotonic() - started) / number * (len(batches) * (recipe.epochs - epoch) - number)
                mean = sum(lately) / len(lately)
                log.info("epoch %d, batch %d of %d, loss %.3f, %.0f s left", epoch, number, len(batches), mean, left)
        if worker.is_first:
            state = {
                "model": model.state_dict(),
                "average": average.state_dict(),
                "optimizers": optimizers.state_dict(),
                "epoch": epoch + 1,
                "step": step,
            }
            write_whole(plan.checkpoint, partial(torch.save, state))


def _drawn(worker: Worker, plan: _Plan, collator: Collator, epoch: int) -> list[list[Example]]:
    """The worker's batches of an epoch: as many as every other worker's."""
    recipe, draw = plan.recipe, random.Random(f"{plan.seed}-{epoch}")
    examples = plan.examples.epoch(
        draw,
        translated_share=recipe.translated_share,
        rated_share=recipe.rated_share,
        noise_share=recipe.noise_share,
        question_share=recipe.question_share,
    )
    batches = collator.batches(examples, recipe.batch_tokens // worker.count, draw)
    return batches[: len(batches) // worker.count * worker.count][worker.rank :: worker.count]


def drop_within(encoder: nn.Module, rate: float) -> None:
    """Set every dropout of an encoder; its configuration, which is saved with it, stays as it was."""
    for module in encoder.modules():
        if isinstance(module, nn.Dropout):
            module.p = rate


def _averaged(model: TaggingModel, recipe: FinetuningRecipe) -> AveragedModel:
    return AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(recipe.average_decay))  # type: ignore[no-untyped-call]


class _Collated(Dataset[Batch]):
    def __init__(self, batches: Sequence[Sequence[Example]], collator: Collator) -> None:
        self._batches, self._collator = batches, collator

    def __getitem__(self, place: int) -> Batch:
        return self._collator(self._batches[place])
