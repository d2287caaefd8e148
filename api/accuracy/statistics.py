"""Shares and error rates of a whole, from a stratified sample of it whose truth people have told.

The whole is cut into cells: a stratum of the sampling, and in it the comments that the model gave a label to, or those
that it did not. How many comments each cell has is known; in how many of them the model errs is told by a simple random
sample of it. Every figure here is made of two sums over cells: of false alarms and of misses.

**Estimate.** The stratified difference estimator, post-stratified by the prediction: what the model says of everybody,
less the false alarms and plus the misses that the sample lets expect in each cell. It is right on average whatever the
model is like and however its errors differ between strata, as the sample was drawn by chance. It is also known as
stratified prediction-powered inference. Rogan & Gladen (1978) is not used: it supposes that the error rates are the
same in every stratum, which is what a stratified sample is there to doubt, and divides by a number near 0 where a model
is poor.

**Interval.** Errors are few, and a normal interval has no width where a sample saw none. So each of the two sums gets
the interval that Fay & Feuer made for weighted sums of few events, in its form for shares: a beta distribution of the
sum's mean and variance, for the upper end with one event more in the cell that counts most. With one cell it is about
Clopper & Pearson's. The difference or ratio of the two sums gets MOVER's. `eval/audit_coverage.py` measures how often
they hold.

References
----------
Särndal, Swensson & Wretman (1992), Model Assisted Survey Sampling, chapters 6 and 7: difference and post-stratified
estimators
Angelopoulos, Bates, Fannjiang, Jordan & Zrnic (2023), Prediction-powered inference, Science 382, pages 669-674
Fisch, Maynez, Hofer, Dhingra, Globerson & Cohen (2024), Stratified prediction-powered inference for hybrid language
model evaluation, NeurIPS 37
Fay & Feuer (1997), Confidence intervals for directly standardized rates: a method based on the gamma distribution,
Statistics in Medicine 16, pages 791-801
Korn & Graubard (1998), Confidence intervals for proportions with small expected number of positive counts estimated
from survey data, Survey Methodology 24, pages 193-201: Clopper & Pearson's interval with the effective sample size
Zou & Donner (2008), Construction of confidence limits about effect measures: a general approach, Statistics in Medicine
27, pages 1693-1702: MOVER; for ratios Donner & Zou (2012), Statistical Methods in Medical Research 21, pages 347-359
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from nlp.errors import require

LOW, HIGH = 0.025, 0.975
BISECTIONS: Final = 40


@dataclass(frozen=True, slots=True)
class Cell:
    """Comments of one stratum of which the model said the same.

    Parameters
    ----------
    size : how many there are
    asked : of how many of them people have told the truth, chosen by chance
    errors : of how many of these the model said the wrong
    """

    size: int
    asked: int
    errors: int


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure and its 95 % interval."""

    value: float
    low: float
    high: float

    def __rsub__(self, whole: float) -> Estimate:
        """What is left of a whole that is known."""
        return Estimate(whole - self.value, whole - self.high, whole - self.low)

    def __truediv__(self, whole: float) -> Estimate:
        return Estimate(self.value / whole, self.low / whole, self.high / whole)


def errors(cells: Sequence[Cell]) -> Estimate:
    """In how many comments of these cells the model errs.

    In a cell of which nobody was asked the rate is taken to be that of the others (none, if there are no others) and
    may be anything between 0 and 1.

    >>> errors([Cell(size=100, asked=10, errors=5), Cell(size=900, asked=30, errors=0)]).value
    50.0
    >>> errors([Cell(size=40, asked=40, errors=10)])  # everybody was asked
    Estimate(value=10.0, low=10.0, high=10.0)
    """
    asked = [cell for cell in cells if cell.asked]
    seen, unseen = sum(cell.size for cell in asked), sum(cell.size for cell in cells if not cell.asked)
    if not seen:
        return Estimate(0.0, 0.0, float(unseen))
    share = _share_of_asked(asked, seen)
    value = share.value * (seen + unseen)
    below = math.hypot((share.value - share.low) * seen, share.value * unseen)
    above = math.hypot((share.high - share.value) * seen, (1 - share.value) * unseen)
    return Estimate(value, max(0.0, value - below), min(float(seen + unseen), value + above))


def share_with_label(given: Sequence[Cell], others: Sequence[Cell]) -> Estimate:
    """The share of all comments that truly has a label.

    Parameters
    ----------
    given : the cells of comments that the model gave it to; errors are false alarms
    others : the cells of those that it did not; errors are misses

    >>> share_with_label([Cell(100, 20, 4)], [Cell(900, 90, 1)]).value
    0.09
    """
    alarms, misses = errors(given), errors(others)
    labelled, whole = sum(cell.size for cell in given), sum(cell.size for cell in (*given, *others))
    value = labelled - alarms.value + misses.value
    below = math.hypot(misses.value - misses.low, alarms.high - alarms.value)
    above = math.hypot(misses.high - misses.value, alarms.value - alarms.low)
    return Estimate(value, max(0.0, value - below), min(float(whole), value + above)) / whole


def share_right(cells: Sequence[Cell]) -> Estimate:
    """The share of these comments of which the model is right: precision, of the cells that have a label."""
    return 1.0 - errors(cells) / sum(cell.size for cell in cells)


def recall(given: Sequence[Cell], others: Sequence[Cell]) -> Estimate | None:
    """The share of the comments that truly have a label to which the model gives it; None if none has it by the sample.

    >>> found = recall([Cell(100, 50, 10)], [Cell(900, 90, 2)])
    >>> round(found.value, 3), found.low < 0.8 < found.high
    (0.8, True)
    """
    return _part(float(sum(cell.size for cell in given)) - errors(given), errors(others))


def false_positive_rate(given: Sequence[Cell], others: Sequence[Cell]) -> Estimate | None:
    """The share of the comments that truly lack a label to which the model gives it."""
    return _part(errors(given), float(sum(cell.size for cell in others)) - errors(others))


def _share_of_asked(cells: Sequence[Cell], whole: int) -> Estimate:
    """The rate of errors over cells that have all been asked, at least in part."""
    betaincinv: Callable[[float, float, float], float] = require("scipy.special", extra="audit").betaincinv
    value = variance = most = 0.0
    for cell in cells:
        weight, unknown = cell.size / cell.asked / whole, 1 - cell.asked / cell.size
        value += weight * cell.errors
        # Binomial but for the ones that are added, so that no cell with an error is taken for certain.
        variance += weight**2 * cell.errors * (cell.asked - cell.errors + 1) / (cell.asked + 1) * unknown
        most = max(most, weight * math.sqrt(unknown))

    def upper(share: float, spread: float) -> float:
        if share + most > 1 - 1e-9:
            return 1.0
        events, size = _effective(share + most, spread + most**2)
        return float(betaincinv(events, max(size - events + 1, 1e-9), HIGH))

    if not most:  # everybody was asked
        return Estimate(value, value, value)
    if value > 1 - 1e-9:  # nothing but errors: as if nothing but right ones had been seen, the other way round
        return Estimate(1.0, 1 - upper(0.0, 0.0), 1.0)
    low = 0.0
    if variance > 0:
        events, size = _effective(value, variance)
        low = float(betaincinv(events, max(size - events + 1, 1e-9), LOW))
    return Estimate(value, min(value, low), max(value, upper(value, variance)))


def _effective(share: float, variance: float) -> tuple[float, float]:
    """Of how many events in how many a share would have this variance."""
    size = share * (1 - share) / variance
    return size * share, size


def _part(inside: Estimate, outside: Estimate) -> Estimate | None:
    """What share of a sum one of its two terms is, both of which were estimated from comments of their own."""
    if inside.value + outside.value <= 0:
        return None

    # A share r is believable if the interval of (1 - r) · inside - r · outside holds 0.
    def lowest(r: float) -> float:
        below = math.hypot((1 - r) * (inside.value - inside.low), r * (outside.high - outside.value))
        return (1 - r) * inside.value - r * outside.value - below

    def highest(r: float) -> float:
        above = math.hypot((1 - r) * (inside.high - inside.value), r * (outside.value - outside.low))
        return (1 - r) * inside.value - r * outside.value + above

    value = inside.value / (inside.value + outside.value)
    return Estimate(value, _falls_through_0(lowest, 0.0, value), _falls_through_0(highest, value, 1.0))


def _falls_through_0(function: Callable[[float], float], start: float, end: float) -> float:
    """Where a function that is positive at the start and negative at the end is 0; an end at which it is 0 already."""
    if function(start) <= 0:
        return start
    if function(end) >= 0:
        return end
    for _ in range(BISECTIONS):
        middle = (start + end) / 2
        if function(middle) > 0:
            start = middle
        else:
            end = middle
    return (start + end) / 2
