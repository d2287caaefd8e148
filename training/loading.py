"""Batches made ready beside the training: on a GPU by processes of their own, so that it never waits for them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import Final, TypeVar

from torch.utils.data import DataLoader, Dataset

from training.parallel import Worker

LOADERS: Final = 4  # processes for each GPU, where there are as many cores
Batch = TypeVar("Batch")


def loaded(batches: Dataset[Batch], order: Sequence[int], worker: Worker) -> Iterable[Batch]:
    """The batches with the numbers in `order`, one by one.

    On a CPU they are made in this process when they are asked for: its cores are busy training.
    """
    on_gpu = worker.kind != "cpu"
    return DataLoader(
        batches,
        batch_size=None,
        sampler=order,
        num_workers=min(LOADERS, len(os.sched_getaffinity(0))) if on_gpu else 0,
        prefetch_factor=4 if on_gpu else None,
        pin_memory=on_gpu,
        worker_init_fn=_alone if on_gpu else None,
    )


def _alone(_worker: int) -> None:
    """Tokenize in one thread: a forked process has none of the threads that the first one began, and waits for them.

    Tokenizers see to that themselves, unless the environment says `TOKENIZERS_PARALLELISM=true`: training hung so.
    """
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
