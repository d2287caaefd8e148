"""Data-parallel training on the cores of one machine: a process a core, gradients averaged after every step.

Two processes of one thread each outrun one process of two threads on matrices this small, and stay quick when another
program wants a core: threads that share a matrix product wait for each other many times in every layer.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterable
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import torch
from torch import distributed, nn
from torch.multiprocessing.spawn import spawn
from torch.nn.utils import parameters_to_vector


@dataclass(frozen=True, slots=True)
class Worker:
    """One of `count` processes that train the same weights; `rank` counts from 0."""

    rank: int = 0
    count: int = 1

    @property
    def is_first(self) -> bool:
        return self.rank == 0

    def agree(self, model: nn.Module) -> None:
        """Give every worker the first one's weights."""
        if self.count > 1:
            for tensor in model.state_dict().values():
                distributed.broadcast(tensor, src=0)

    def average_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Replace every gradient by its mean over the workers; a parameter that one of them did not use counts as 0."""
        if self.count == 1:
            return
        trained = [parameter for parameter in parameters if parameter.requires_grad]
        for parameter in trained:
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
        flat = parameters_to_vector(parameter.grad for parameter in trained if parameter.grad is not None)
        distributed.all_reduce(flat)
        flat /= self.count
        place = 0
        for parameter in trained:
            assert parameter.grad is not None
            parameter.grad.copy_(flat[place : place + parameter.numel()].view_as(parameter))
            place += parameter.numel()


def run_workers(train: Callable[..., None], *arguments: Any, count: int) -> None:
    """Call `train(worker, *arguments)` in `count` processes and wait for them; with one, call it here.

    Raises
    ------
    torch.multiprocessing.ProcessRaisedException : if a worker failed; the others are ended
    """
    if count == 1:
        train(Worker(), *arguments)
        return
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    spawn(_work, args=(count, port, train, arguments), nprocs=count)  # type: ignore[no-untyped-call]


def _work(rank: int, count: int, port: int, train: Callable[..., None], arguments: tuple[Any, ...]) -> None:
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cores[rank % len(cores)]})
    torch.set_num_threads(1)
    # What is sent to a process shares its memory with the sender; each worker must change weights of its own.
    arguments = tuple(deepcopy(one) if isinstance(one, nn.Module) else one for one in arguments)
    distributed.init_process_group("gloo", init_method=f"tcp://127.0.0.1:{port}", rank=rank, world_size=count)
    try:
        train(Worker(rank, count), *arguments)
    finally:
        distributed.destroy_process_group()
