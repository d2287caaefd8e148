"""Logits to probabilities that come true as often as they say."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]


def softmax(logits: Floats, temperature: float = 1.0) -> Floats:
    """Probabilities over the last axis.

    Parameters
    ----------
    logits : shape (..., n_labels)
    temperature : above 0; 1.0 is the plain softmax, more is less sure

    Raises
    ------
    ValueError : if `temperature` is not above 0

    References
    ----------
    Guo et al. (2017), On Calibration of Modern Neural Networks, ICML, section 4.2

    >>> softmax(np.array([0.0, 2.0]), temperature=2.0).astype(float).round(2).tolist()
    [0.27, 0.73]
    """
    scaled = logits.astype(np.float64) / _checked(temperature)
    powers = np.exp(scaled - scaled.max(axis=-1, keepdims=True))
    probabilities: Floats = (powers / powers.sum(axis=-1, keepdims=True)).astype(np.float32)
    return probabilities


def sigmoid(logit: float, temperature: float = 1.0, offset: float = 0.0) -> float:
    """The probability of one yes-or-no label.

    Parameters
    ----------
    temperature : above 0; divides the logit
    offset : added to what that gives: below 0 where the label is given more readily than it is true

    Raises
    ------
    ValueError : if `temperature` is not above 0

    References
    ----------
    Platt (1999), Probabilistic Outputs for Support Vector Machines

    >>> round(sigmoid(2.0, temperature=2.0), 2), round(sigmoid(2.0, temperature=2.0, offset=-1.0), 2)
    (0.73, 0.5)
    """
    # Plain floats: for one number a call of numpy costs more than the sum.
    scaled = min(max(logit / _checked(temperature) + offset, -60.0), 60.0)
    return 1 / (1 + math.exp(-scaled))


def _checked(temperature: float) -> float:
    if temperature <= 0:
        raise ValueError(f"temperature is {temperature}; it must be above 0")
    return temperature
