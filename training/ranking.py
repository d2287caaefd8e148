"""Translation ranking: the two sides of translated documents must find each other among those of a batch.

So a comment gets the same embedding in every written language (Feng et al. 2022, Language-agnostic BERT Sentence
Embedding, ACL, there with a margin).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import Tensor
from torch.nn import functional
from transformers import PreTrainedModel

from nlp.models.torch_model import mean_embedding
from training.streams import Stream, padded_rows
from training.tokenizer import PAD, SEPARATE, piece_id

DOMAIN, DOCUMENTATION = "translated", "parallel"  # streams whose documents hold a text and its translation
DOCUMENTATION_SHARE = 0.3
LONGEST_SIDE = 48  # tokens of either side that are read
TEMPERATURE = 0.05


class Translations(NamedTuple):
    """The tokens of the two sides, padded: int64 of shape (n_pairs, tokens) each."""

    first: Tensor
    second: Tensor


@dataclass(frozen=True)
class TranslationRanking:
    """Draws pairs of translations and says how badly an encoder matches them."""

    streams: dict[str, Stream]
    n_pairs: int
    pad_id: int
    separator_id: int
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))  # where the encoder is

    @classmethod
    def of(
        cls, streams: dict[str, Stream], tokenizer: Tokenizer, n_pairs: int, device: torch.device
    ) -> TranslationRanking:
        return cls(streams, max(2, n_pairs), piece_id(tokenizer, PAD), piece_id(tokenizer, SEPARATE), device)

    def pairs(self, max_tokens: int, draw: np.random.Generator) -> Translations:
        """Draw translations, of which at most `max_tokens` a side are read."""
        stream = self.streams[DOCUMENTATION if draw.random() < DOCUMENTATION_SHARE else DOMAIN]
        pairs = stream.pairs(self.n_pairs, self.separator_id, min(LONGEST_SIDE, max_tokens), draw)
        first, second = (torch.from_numpy(padded_rows([pair[side] for pair in pairs], self.pad_id)) for side in (0, 1))
        return Translations(first, second)

    def loss(self, backbone: PreTrainedModel, pairs: Translations) -> Tensor:
        """Mean cross-entropy, in nats, of finding each text's translation among those drawn, both ways."""
        first, second = (self._embeddings(backbone, side.to(self.device)) for side in pairs)
        similarity = first @ second.T / TEMPERATURE
        own = torch.arange(len(first), device=self.device)
        return (functional.cross_entropy(similarity, own) + functional.cross_entropy(similarity.T, own)) / 2

    def _embeddings(self, backbone: PreTrainedModel, tokens: Tensor) -> Tensor:
        mask = (tokens != self.pad_id).long()
        return mean_embedding(backbone(input_ids=tokens, attention_mask=mask).last_hidden_state, mask)
