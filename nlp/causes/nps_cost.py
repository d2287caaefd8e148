"""What a cause costs: NPS with and without it, and the points that it takes from the score.

The plain difference sets those who name a cause against all others. Who names it often names other causes too, and
comes from one department or survey more than from another; the regression holds these alike. Points lost are the effect
of the cause on the answer of one who names it, times the share of answers that name it: what the score would gain if
these customers had answered as others do who are like them but for this cause.

References
----------
Efron & Tibshirani (1993), An Introduction to the Bootstrap, chapters 9 and 13: percentile intervals, whole rows redrawn
Hanley & MacGibbon (2006), Creating non-parametric bootstrap samples using Poisson frequencies, Computer Methods and
Programs in Biomedicine 83, 57-62: every unit is drawn Poisson(1) times
Hoerl & Kennard (1970), Ridge Regression, Technometrics 12(1): effects are drawn towards none, so that causes that
nearly always come together share what they cost
MacKay (1992), Bayesian Interpolation, Neural Computation 4(3): how strongly, is read from the data
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize_scalar
from scipy.sparse import csr_array, hstack

from nlp.causes.chance import LEVEL, Estimate, Floats, Integers
from nlp.causes.observations import codes_of

FIRST_PROMOTER, LAST_DETRACTOR = 9, 6
REPLICATES: Final = 1_000
FEWEST_ANSWERS: Final = 10
"""Below, a cause gets no figures: they would say little, and let single customers be recognised."""
_POINTS: Final = 100.0
_WEIGHTS_AT_ONCE: Final = 4_000_000
_NO_SPREAD: Final = 1e-9
_TOLERANCE: Final = 1e-6
_RANGE_OF_LOG_PENALTY: Final = (-7.0, 14.0)


@dataclass(frozen=True, slots=True)
class NpsCost:
    """One cause.

    Parameters
    ----------
    answers : how many who name it have answered the question
    of_cause : NPS among them, -100 to 100
    without : NPS among all others
    plain : points lost, read off the difference: `without` less the NPS of all
    adjusted : points lost by the regression on all causes and controls; below 0 it is a gain
    overlap : from 1, how many times the other causes and controls widen the variance of the effect (variance inflation
        factor); above 10 the figure is hardly about this cause alone
    """

    answers: int
    of_cause: float
    without: float
    plain: Estimate
    adjusted: Estimate
    overlap: float


@dataclass(frozen=True, slots=True)
class NpsCosts:
    """All causes.

    Parameters
    ----------
    answers : how many have answered the question
    nps : of all of them; NaN without answers
    causes : in the order of the columns; None where too few have answered
    penalty : how strongly effects are drawn towards none, in answers: a cause that this many name is halved
    """

    answers: int
    nps: float
    causes: tuple[NpsCost | None, ...]
    penalty: float


def nps_costs(
    membership: csr_array,
    nps: Floats,
    *,
    controls: csr_array | None = None,
    respondents: Sequence[str | None] | None = None,
    replicates: int = REPLICATES,
    seed: int = 0,
    minimum: int = FEWEST_ANSWERS,
) -> NpsCosts:
    """Cost every cause.

    Parameters
    ----------
    membership : 0/1 of shape (n_comments, n_causes)
    nps : of shape (n_comments,), 0 to 10, NaN without an answer
    controls : 0/1 of shape (n_comments, n_controls), held alike in the regression (sources, departments)
    respondents : whose comments these are; one's comments are drawn together in the bootstrap. None: each its own
    replicates : bootstrap samples
    seed : the same seed gives the same intervals
    minimum : of answers that name a cause; fewer give None
    """
    rows = np.flatnonzero(~np.isnan(nps))
    n_causes = int(membership.shape[1])
    if not len(rows):
        return NpsCosts(0, float("nan"), (None,) * n_causes, float("nan"))
    named = membership[rows].astype(np.int64)
    answers = np.asarray(named.sum(axis=0)).ravel()
    costed = np.flatnonzero((answers >= minimum) & (len(rows) - answers >= minimum))
    design = named if controls is None else csr_array(hstack([named, controls[rows].astype(np.int64)], format="csr"))
    sums = _Sums.of(design, _net_promoter(nps[rows]))
    moments = _Moments.of(sums.total()[None], design.shape[1], sums.pairs)
    ridge = _Ridge.of(moments)
    units = sums.by_unit(_units(respondents, rows))
    samples = _bootstrap(units, design.shape[1], sums.pairs, ridge, costed, replicates=replicates, seed=seed)
    plain, adjusted, overlaps = moments.plain()[0], moments.adjusted(ridge)[0], ridge.overlaps()
    causes: list[NpsCost | None] = [None] * n_causes
    for place, column in enumerate(costed):
        causes[column] = NpsCost(
            answers=int(answers[column]),
            of_cause=float(_POINTS * moments.of_cause[0, column]),
            without=float(_POINTS * moments.without[0, column]),
            plain=_estimate(plain[column], samples.plain[:, place]),
            adjusted=_estimate(adjusted[column], samples.adjusted[:, place]),
            overlap=float(overlaps[column]),
        )
    return NpsCosts(len(rows), float(_POINTS * moments.mean[0]), tuple(causes), ridge.penalty)


def control_indicators(
    dimensions: Sequence[Sequence[str | None]], n_comments: int, *, minimum: int = 30, most: int = 50
) -> csr_array:
    """The values of dimensions as controls: those that at least `minimum` comments have, the `most` frequent of each.

    A value that all comments have is left out, for it holds nothing alike.
    """
    blocks = []
    for values in dimensions:
        codes, names = codes_of(values)
        counts = np.bincount(codes[codes >= 0], minlength=len(names))
        kept = np.argsort(-counts, kind="stable")[:most]
        kept = kept[(counts[kept] >= minimum) & (counts[kept] < n_comments)]
        place = np.full(len(names) + 1, -1)
        place[kept] = np.arange(len(kept))
        of_row = place[codes]
        rows = np.flatnonzero(of_row >= 0)
        blocks.append(
            csr_array((np.ones(len(rows), dtype=np.int64), (rows, of_row[rows])), shape=(n_comments, len(kept)))
        )
    if not blocks:
        return csr_array((n_comments, 0), dtype=np.int64)
    return csr_array(hstack(blocks, format="csr"))


def _net_promoter(nps: Floats) -> Integers:
    """1 for promoters, 0 for passives, -1 for detractors."""
    return (nps >= FIRST_PROMOTER).astype(np.int64) - (nps <= LAST_DETRACTOR).astype(np.int64)


def _units(respondents: Sequence[str | None] | None, rows: Integers) -> Integers:
    """Which comments are drawn together: those of one respondent; one that is not known is a unit of its own."""
    if respondents is None:
        return np.arange(len(rows))
    codes, names = codes_of([respondents[row] for row in rows])
    unknown = codes < 0
    codes[unknown] = len(names) + np.arange(int(unknown.sum()))
    return np.unique(codes, return_inverse=True)[1].astype(np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class _Sums:
    """What the regression needs of each row, as whole numbers that add up: products of columns, answers, squares.

    `pairs` of shape (n_pairs, 2) are the columns that occur together; the columns of `statistics` are these products,
    then each design column times the answer, then 1, the answer and its square.
    """

    statistics: csr_array
    pairs: Integers

    @classmethod
    def of(cls, design: csr_array, answer: Integers) -> _Sums:
        design = csr_array(design)
        design.sort_indices()
        lengths = np.diff(design.indptr)
        first = np.repeat(np.arange(design.nnz), np.repeat(lengths, lengths))
        offset = np.arange(len(first)) - np.repeat(np.concatenate([[0], np.cumsum(lengths**2)[:-1]]), lengths**2)
        row = np.repeat(np.arange(design.shape[0]), lengths**2)
        second = design.indptr[row] + offset % np.maximum(lengths[row], 1)
        left, right = design.indices[first].astype(np.int64), design.indices[second].astype(np.int64)
        upper = left <= right
        key, place = np.unique(left[upper] * design.shape[1] + right[upper], return_inverse=True)
        products = csr_array(
            (np.ones(len(place), dtype=np.int64), (row[upper], place)), shape=(design.shape[0], len(key))
        )
        by_answer = csr_array(design.multiply(answer[:, None]).astype(np.int64))
        own = csr_array(np.column_stack([np.ones_like(answer), answer, answer**2]))
        pairs = np.column_stack([key // design.shape[1], key % design.shape[1]]) if len(key) else np.zeros((0, 2), int)
        return cls(csr_array(hstack([products, by_answer, own], format="csr")), pairs.astype(np.int64))

    def total(self) -> Floats:
        return np.asarray(self.statistics.sum(axis=0), dtype=np.float64).ravel()

    def by_unit(self, unit: Integers) -> tuple[csr_array, Integers]:
        """The sums of each unit, alike ones once, and how many of each there are."""
        n_units = int(unit.max()) + 1
        adder = csr_array(
            (np.ones(len(unit), dtype=np.int64), (unit, np.arange(len(unit)))), shape=(n_units, len(unit))
        )
        sums = csr_array(adder @ self.statistics)
        # Rows are compared by a sum with random 64-bit factors that wraps around: unlike rows hardly ever agree in it.
        random = np.random.default_rng(0).integers(-(2**63), 2**63 - 1, size=sums.shape[1], dtype=np.int64)
        _, example, counts = np.unique(sums @ random, return_index=True, return_counts=True)
        return csr_array(sums[example]), counts.astype(np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class _Ridge:
    """The penalty, and the normal equations of the whole with it: their inverse and their diagonal."""

    penalty: float
    inverse: Floats
    diagonal: Floats

    @classmethod
    def of(cls, moments: _Moments) -> _Ridge:
        penalty = _penalty(moments)
        normal = moments.covariance[0] + penalty * np.eye(moments.covariance.shape[1])
        return cls(penalty, np.linalg.inv(normal), np.diag(normal).copy())

    def overlaps(self) -> Floats:
        """Variance inflation factors; the penalty keeps columns that are the same from making them infinite."""
        return np.maximum(1.0, np.diag(self.inverse) * self.diagonal)


@dataclass(frozen=True, slots=True, eq=False)
class _Moments:
    """Sums of many weighted samples, taken apart; the first axis is the sample, further ones are columns."""

    n: Floats
    mean: Floats
    counts: Floats
    by_answer: Floats
    squares: Floats
    covariance: Floats

    @classmethod
    def of(cls, totals: Floats, n_columns: int, pairs: Integers) -> _Moments:
        n_pairs = len(pairs)
        gram = np.zeros((len(totals), n_columns, n_columns))
        gram[:, pairs[:, 0], pairs[:, 1]] = totals[:, :n_pairs]
        gram[:, pairs[:, 1], pairs[:, 0]] = totals[:, :n_pairs]
        counts = np.einsum("sjj->sj", gram).copy()
        n = totals[:, -3]
        gram -= counts[:, :, None] * counts[:, None, :] / n[:, None, None]
        return cls(n, totals[:, -2] / n, counts, totals[:, n_pairs : n_pairs + n_columns], totals[:, -1], gram)

    @property
    def of_cause(self) -> Floats:
        with np.errstate(invalid="ignore", divide="ignore"):  # a sample in which nobody names a cause
            return np.asarray(self.by_answer / self.counts)

    @property
    def without(self) -> Floats:
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray(((self.n * self.mean)[:, None] - self.by_answer) / (self.n[:, None] - self.counts))

    def plain(self) -> Floats:
        """Points lost by the difference, as a share of 1."""
        return np.where(self.counts == 0, 0.0, self.without - self.mean[:, None])

    def adjusted(self, ridge: _Ridge) -> Floats:
        """Points lost by the ridge regression, as a share of 1."""
        together = self.by_answer - self.counts * self.mean[:, None]
        effect = _solve_alike(self.covariance, together, ridge)
        return np.asarray(-effect * self.counts / self.n[:, None])


def _solve_alike(covariance: Floats, right: Floats, ridge: _Ridge) -> Floats:
    """Solve many systems that are near to one whose inverse is known: conjugate gradients, all samples at once.

    A thousand separate factorizations take longer, and minutes where the threads of BLAS wait for a busy processor.

    Parameters
    ----------
    covariance : of shape (n_samples, n_columns, n_columns); the systems are this plus the penalty on the diagonal
    right : of shape (n_samples, n_columns)
    ridge : its inverse, scaled to the diagonal of each sample, preconditions

    References
    ----------
    Saad (2003), Iterative Methods for Sparse Linear Systems, section 9.2: preconditioned conjugate gradients
    """
    scale = np.sqrt((np.einsum("sjj->sj", covariance) + ridge.penalty) / ridge.diagonal)

    def precondition(residual: Floats) -> Floats:
        return np.asarray(np.einsum("sj,jk->sk", residual / scale, ridge.inverse) / scale)

    solution = np.zeros_like(right)
    residual = right.copy()
    ready = precondition(residual)
    direction = ready.copy()
    size = np.einsum("sj,sj->s", residual, ready)
    wanted = _TOLERANCE**2 * np.maximum(size, np.finfo(float).tiny)
    for _ in range(2 * right.shape[1] + 10):
        if np.all(size <= wanted):
            break
        through = np.einsum("sjk,sk->sj", covariance, direction) + ridge.penalty * direction
        step = size / np.maximum(np.einsum("sj,sj->s", direction, through), np.finfo(float).tiny)
        solution += step[:, None] * direction
        residual -= step[:, None] * through
        ready = precondition(residual)
        before, size = size, np.einsum("sj,sj->s", residual, ready)
        direction = ready + (size / np.maximum(before, np.finfo(float).tiny))[:, None] * direction
    return solution


@dataclass(frozen=True, slots=True, eq=False)
class _Samples:
    plain: Floats
    adjusted: Floats


def _bootstrap(
    units: tuple[csr_array, Integers],
    n_columns: int,
    pairs: Integers,
    ridge: _Ridge,
    costed: Integers,
    *,
    replicates: int,
    seed: int,
) -> _Samples:
    """Refit on samples in which each unit stands Poisson(1) times: alike units together Poisson(their number) times."""
    sums, counts = units
    rng = np.random.default_rng(seed)
    at_once = max(1, min(replicates, _WEIGHTS_AT_ONCE // max(len(counts), n_columns**2, 1)))
    plain, adjusted = np.empty((replicates, len(costed))), np.empty((replicates, len(costed)))
    transposed = csr_array(sums.T.astype(np.float64))
    for start in range(0, replicates, at_once):
        stop = min(replicates, start + at_once)
        weights = rng.poisson(counts[:, None], size=(len(counts), stop - start)).astype(np.float64)
        moments = _Moments.of(np.asarray(transposed @ weights).T, n_columns, pairs)
        plain[start:stop] = moments.plain()[:, costed]
        adjusted[start:stop] = moments.adjusted(ridge)[:, costed]
    return _Samples(plain, adjusted)


def _penalty(moments: _Moments) -> float:
    """The ridge's strength under which the answers are likeliest (type-II maximum likelihood), in answers."""
    n, mean = float(moments.n[0]), float(moments.mean[0])
    values, vectors = np.linalg.eigh(moments.covariance[0])
    values = np.maximum(values, 0.0)
    projected = (vectors.T @ (moments.by_answer[0] - moments.counts[0] * mean)) ** 2
    spread = max(float(moments.squares[0]) - n * mean**2, _NO_SPREAD)

    def badness(log_penalty: float) -> float:
        penalty = np.exp(log_penalty)
        left = max(spread - float((projected / (values + penalty)).sum()), _NO_SPREAD)
        return float((n - 1) * np.log(left) + np.log1p(values / penalty).sum())

    return float(np.exp(minimize_scalar(badness, bounds=_RANGE_OF_LOG_PENALTY, method="bounded").x))


def _estimate(value: npt.ArrayLike, samples: Floats) -> Estimate:
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(samples, [tail, 1 - tail]) if len(samples) else (np.nan, np.nan)
    return Estimate(*(float(_POINTS * bound) for bound in (np.asarray(value), low, high)))
