"""Data-parallel training on one machine: a process a core (or a GPU), gradients averaged after every step.

Two processes of one thread each outrun one process of two threads on matrices this small, and stay quick when another
program wants a core: threads that share a matrix product wait for each other many times in every layer. One GPU
has been used so, several in one run have not been tried.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterable
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import distributed, nn
from torch.multiprocessing.spawn import spawn
from torch.nn.utils import parameters_to_vector

from training.journal import log_files, log_to


@dataclass(frozen=True, slots=True)
class Worker:
    """One of `count` processes that train the same weights on a device of `kind` each; `rank` counts from 0."""

    rank: int = 0
    count: int = 1
    kind: str = "cpu"

    @property
    def device(self) -> torch.device:
        return torch.device(self.kind) if self.kind == "cpu" else torch.device(self.kind, self.rank)

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


def run_workers(train: Callable[..., None], *arguments: Any, count: int, device: str = "cpu") -> None:
    """Call `train(worker, *arguments)` in `count` processes and wait for them; with one, call it here.

    What a process logs goes where this one's log goes: to stderr, and to its log files.

    Parameters
    ----------
    device : kind of device, `cpu` or `cuda`; of the latter each process has one to itself

    Raises
    ------
    torch.multiprocessing.ProcessRaisedException : if a worker failed; the others are ended
    """
    if count == 1:
        train(Worker(kind=device), *arguments)
        return
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    group = _Group(count, device, port, tuple(log_files()))
    spawn(_work, args=(group, train, arguments), nprocs=count)  # type: ignore[no-untyped-call]


@dataclass(frozen=True, slots=True)
class _Group:
    count: int
    kind: str
    port: int
    logs: tuple[Path, ...]


def _work(rank: int, group: _Group, train: Callable[..., None], arguments: tuple[Any, ...]) -> None:
    log_to(*group.logs)
    if group.kind == "cpu":
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {cores[rank % len(cores)]})
        torch.set_num_threads(1)
    else:
        torch.cuda.set_device(rank)
    # What is sent to a process shares its memory with the sender; each worker must change weights of its own.
    arguments = tuple(deepcopy(one) if isinstance(one, nn.Module) else one for one in arguments)
    backend = "gloo" if group.kind == "cpu" else "nccl"
    address = f"tcp://127.0.0.1:{group.port}"
    distributed.init_process_group(backend, init_method=address, rank=rank, world_size=group.count)
    try:
        train(Worker(rank, group.count, group.kind), *arguments)
    finally:
        distributed.destroy_process_group()
