"""Counting words beside the network: what runs of word pieces say of the overall sentiment (needs the extra `train`).

Wide and deep (Cheng et al. 2016, Wide & Deep Learning for Recommender Systems): the encoder generalises, a linear model
knows by heart. Runs of one to three pieces are hashed into a table (Weinberger et al. 2009, Feature Hashing for Large
Scale Multitask Learning, ICML), so that it has one size whatever the texts.
"""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor, nn

LONGEST: Final = 3  # pieces of a run
FACTOR, PRIME, APART = 1_000_003, 2**31 - 1, 7  # products stay below 2**63


class HashedNgrams(nn.Module):
    """A row of logits for each bucket; a text's logits are the sum of its runs' rows by the root of their number.

    Parameters
    ----------
    table : float of shape (n_buckets, n_sentiments); training the network leaves it as it is
    """

    table: Tensor

    def __init__(self, table: Tensor) -> None:
        super().__init__()
        self.register_buffer("table", table)

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Logits of shape (batch, n_sentiments), in float32.

        Parameters
        ----------
        ids : int64 of shape (batch, tokens)
        mask : int64 of the same shape, 1 on the text; a run counts if all of it is the text's
        """
        places, there = runs(ids, mask, self.table.shape[0])
        weights = there.to(self.table.dtype)[:, :, None]
        said: Tensor = (self.table[places] * weights).sum(dim=1) / weights.sum(dim=1).clamp(min=1).sqrt()
        return said.float()


def runs(ids: Tensor, mask: Tensor, n_buckets: int) -> tuple[Tensor, Tensor]:
    """The bucket of every run of up to `LONGEST` pieces, and 1 where it counts; both int64 of shape (batch, runs)."""
    hashed, there = ids + 1, mask
    places, counts = [(hashed * APART + 1) % n_buckets], [there]
    for length in range(2, LONGEST + 1):
        # The run that is a piece longer begins where the shorter one did.
        hashed = (hashed[:, :-1] * FACTOR + ids[:, length - 1 :] + 1) % PRIME
        there = there[:, :-1] * mask[:, length - 1 :]
        places.append((hashed * APART + length) % n_buckets)
        counts.append(there)
    return torch.cat(places, dim=1), torch.cat(counts, dim=1)
