"""One optimizer for matrices, one for the rest, and the learning rate's way up and down."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import nn

from training.precision import SinglePrecisionMuon, multiplies_bfloat16

CLIP = 1.0


class Optimizers:
    """Muon for the matrices of layers, AdamW for embeddings, norms, biases and heads; linear warm-up and decay.

    Muon (Jordan et al. 2024) makes each update of a matrix orthogonal; it is not meant for embeddings and output
    layers. It was not compared with AdamW alone here.
    """

    def __init__(
        self,
        parameters: Iterable[tuple[str, nn.Parameter]],
        *,
        matrix_learning_rate: float,
        learning_rate: float,
        warmup_steps: int,
        steps: int,
        weight_decay: float = 0.01,
    ) -> None:
        matrices: list[nn.Parameter] = []
        others: list[nn.Parameter] = []
        for name, parameter in parameters:
            layer_matrix = parameter.ndim == 2 and ".layer." in name
            (matrices if layer_matrix else others).append(parameter)
        self._parameters = [*matrices, *others]
        self._warmup, self._steps = warmup_steps, steps
        self._all: list[tuple[torch.optim.Optimizer, float]] = []
        if matrices:
            on = matrices[0].device.type
            muon = (torch.optim.Muon if multiplies_bfloat16(on) else SinglePrecisionMuon)(
                matrices, lr=matrix_learning_rate, weight_decay=weight_decay, adjust_lr_fn="match_rms_adamw"
            )
            self._all.append((muon, matrix_learning_rate))
        adam = torch.optim.AdamW(others, lr=learning_rate, betas=(0.9, 0.98), weight_decay=weight_decay, fused=True)
        self._all.append((adam, learning_rate))

    def step(self, step: int) -> None:
        """Apply the gradients of step number `step` (from 0) and clear them."""
        nn.utils.clip_grad_norm_(self._parameters, CLIP)
        for optimizer, learning_rate in self._all:
            for group in optimizer.param_groups:
                group["lr"] = learning_rate * self._factor(step)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)

    def state_dict(self) -> list[dict[str, Any]]:
        return [optimizer.state_dict() for optimizer, _ in self._all]

    def load_state_dict(self, states: list[dict[str, Any]]) -> None:
        for (optimizer, _), state in zip(self._all, states, strict=True):
            optimizer.load_state_dict(state)

    def _factor(self, step: int) -> float:
        if step < self._warmup:
            return (step + 1) / self._warmup
        return max(0.0, (self._steps - step) / max(1, self._steps - self._warmup))
