"""The network: any Hugging Face encoder with our heads on top (needs the extra `train`).

Every label looks at the comment through attention of its own (Mullenbach et al. 2018, Explainable Prediction of
Medical Codes from Clinical Text, NAACL): the weights that pool the tokens into a label's vector are its evidence, so
the words that carried a tag come out of the same forward pass.
"""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import NamedTuple, Self

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from transformers import AutoConfig, AutoModel, PreTrainedModel

from nlp.models.labels import THEME_SENTIMENTS, LabelSpace
from nlp.models.ngrams import HashedNgrams

HEADS = "heads.safetensors"
NGRAMS = "ngrams.table"  # in that file, where the network has one


class ModelOutput(NamedTuple):
    """One forward pass over (batch, tokens); the field names are those of the ONNX outputs."""

    sentiment: Tensor  # logits (batch, sentiments)
    tags: Tensor  # logits (batch, tags)
    theme_sentiment: Tensor  # logits (batch, themes, 3)
    token_weights: Tensor  # (batch, tokens, tags + 1), each column sums to 1 over the tokens
    embedding: Tensor  # unit vectors (batch, width)


class TaggingModel(nn.Module):
    """An encoder and one head per kind of tag; with `ngrams`, what these say of the overall sentiment is added."""

    def __init__(
        self,
        backbone: PreTrainedModel,
        labels: LabelSpace,
        *,
        dropout: float = 0.0,
        ngrams: HashedNgrams | None = None,
    ) -> None:
        super().__init__()
        width = backbone.config.hidden_size
        self.backbone = backbone
        self.labels = labels
        self.heads = Heads(width, labels, dropout)
        self.ngrams = ngrams

    @classmethod
    def load(cls, folder: Path, labels: LabelSpace) -> Self:
        """Read a Hugging Face checkpoint of any architecture and the heads that lie beside it, in float32.

        Raises
        ------
        OSError : if a file of the checkpoint is missing
        RuntimeError : if the heads do not fit `labels` or the backbone (torch names both shapes)
        """
        heads = load_file(folder / HEADS)
        table = heads.pop(NGRAMS, None)
        model = cls(load_backbone(folder), labels, ngrams=None if table is None else HashedNgrams(table.float()))
        model.heads.load_state_dict(heads)
        return model.eval()

    def save(self, folder: Path, *, half: bool = False) -> None:
        """Write the backbone as a Hugging Face checkpoint, and the heads beside it.

        Parameters
        ----------
        half : store float16, in half the space; `load` gives float32 again, true to three significant digits
        """
        stored = deepcopy(self).half() if half else self
        stored.backbone.save_pretrained(folder)
        heads = stored.heads.state_dict()
        if stored.ngrams is not None:
            heads[NGRAMS] = stored.ngrams.table
        save_file({name: tensor.contiguous() for name, tensor in heads.items()}, folder / HEADS)

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> ModelOutput:
        """Tag a padded batch; both arguments are int64 of shape (batch, tokens).

        The mask is 0 on pads, 1 on the text and 2 on the question that it answers: the text's tokens see the question,
        and nothing is pooled from it.
        """
        states = self.backbone(input_ids=input_ids, attention_mask=attention_mask.clamp(max=1)).last_hidden_state
        of_text = (attention_mask == 1).long()
        output: ModelOutput = self.heads(states, of_text)
        if self.ngrams is None:
            return output
        return output._replace(sentiment=output.sentiment + self.ngrams(input_ids, of_text))


class Heads(nn.Module):
    """From token states to tags."""

    def __init__(self, width: int, labels: LabelSpace, dropout: float) -> None:
        super().__init__()
        n_tags = len(labels.tags)
        self.n_themes = len(labels.themes)
        self.dropout = nn.Dropout(dropout)
        self.attention = nn.Linear(width, n_tags + 1)
        self.tags = nn.Parameter(torch.randn(n_tags, width) * 0.02)
        self.tag_bias = nn.Parameter(torch.full((n_tags,), -2.0))  # most labels are absent from most comments
        self.sentiment = nn.Linear(width, len(labels.sentiments))
        # How a text speaks of a theme is said in the same words for every theme: one classifier, a bias per theme.
        self.theme_sentiment = nn.Linear(width, len(THEME_SENTIMENTS))
        self.theme_sentiment_bias = nn.Parameter(torch.zeros(self.n_themes, len(THEME_SENTIMENTS)))

    def forward(self, states: Tensor, attention_mask: Tensor) -> ModelOutput:
        states = self.dropout(states)
        scores = self.attention(states).float().masked_fill(attention_mask[:, :, None] == 0, -1e4)
        token_weights = scores.softmax(dim=1)
        pooled = token_weights.transpose(1, 2).to(states.dtype) @ states
        of_tags, of_sentiment = pooled[:, :-1], pooled[:, -1]
        return ModelOutput(
            sentiment=self.sentiment(of_sentiment).float(),
            tags=((of_tags * self.tags).sum(dim=2) + self.tag_bias).float(),
            theme_sentiment=(self.theme_sentiment(of_tags[:, : self.n_themes]) + self.theme_sentiment_bias).float(),
            token_weights=token_weights,
            embedding=mean_embedding(states, attention_mask),
        )


def mean_embedding(states: Tensor, mask: Tensor) -> Tensor:
    """The mean of each text's token states as a unit vector.

    `states` are (batch, tokens, width), `mask` is (batch, tokens) with 1 on what counts; (batch, width) comes back.
    """
    weights = mask[:, :, None].to(states.dtype)
    return nn.functional.normalize(((states * weights).sum(dim=1) / weights.sum(dim=1)).float(), dim=1)


def load_backbone(folder: Path) -> PreTrainedModel:
    """Read an encoder of any architecture from a local folder, in float32; nothing is fetched from a hub.

    Raises
    ------
    OSError : if the folder holds no checkpoint
    """
    config = AutoConfig.from_pretrained(folder, local_files_only=True)
    options = {"add_pooling_layer": False} if config.model_type in {"bert", "roberta", "xlm-roberta"} else {}
    return AutoModel.from_pretrained(folder, config=config, local_files_only=True, dtype=torch.float32, **options)
