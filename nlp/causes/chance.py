"""What chance alone would give: exact tails, intervals of shares and of ratios of rates, corrections for many tests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array
from scipy.special import betainc, gammainc, gammaln
from scipy.stats import beta, false_discovery_control

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

LEVEL: Final = 0.95
"""Of every interval, unless its name says otherwise."""
_NEGLIGIBLE: Final = 1e-17


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number with its 95 % interval; a bound that the data do not set is infinite."""

    value: float
    low: float
    high: float


def hypergeometric_tail(observed: Any, total: Any, marked: Any, drawn: Any) -> Floats:
    """P(at least `observed` marked ones) when `drawn` of `total` are drawn without putting back: Fisher, one side.

    SciPy's own sums in a Python loop for each number, a millisecond apiece; a report asks for a hundred thousand.

    Parameters
    ----------
    observed, total, marked, drawn : whole numbers that broadcast against each other; `marked` of `total` are marked

    >>> hypergeometric_tail(3, 10, 4, 5).round(6).tolist()
    0.261905
    """
    shape = np.broadcast_shapes(*(np.shape(a) for a in (observed, total, marked, drawn)))
    k, everything, marks, draws = (
        np.broadcast_to(np.asarray(a, dtype=np.float64), shape).ravel() for a in (observed, total, marked, drawn)
    )
    lowest, highest = np.maximum(0, draws + marks - everything), np.minimum(marks, draws)
    start = np.maximum(k, lowest)
    inside = start <= highest
    term = np.zeros(len(start))
    term[inside] = np.exp(_log_hypergeometric(*(a[inside] for a in (start, everything, marks, draws))))
    result = term.copy()
    rows = np.flatnonzero(inside)
    while len(rows):
        j, n, m, d = start[rows], everything[rows], marks[rows], draws[rows]
        term[rows] *= (m - j) * (d - j) / ((j + 1) * (n - m - d + j + 1))
        result[rows] += term[rows]
        start[rows] += 1
        past_mode = start[rows] > (d + 1) * (m + 1) / (n + 2)
        done = past_mode & (term[rows] <= _NEGLIGIBLE * result[rows])
        rows = rows[~done & (start[rows] < highest[rows])]
    return np.minimum(result, 1.0).reshape(shape)


def upper_tail(observed: Any, mean: Any, variance: Any) -> Floats:
    """P(at least `observed`) for a count of which mean and variance are known and the variance is at most the mean.

    The binomial with the same two moments, its number of trials not whole; the Poisson where the variance reaches the
    mean. Sums of hypergeometric counts, which stratified tables give, are close to it.

    >>> upper_tail([0, 3], [1.0, 1.0], [1.0, 0.5]).round(4).tolist()
    [1.0, 0.0]
    """
    k, mu, var = np.broadcast_arrays(*(np.asarray(a, dtype=np.float64) for a in (observed, mean, variance)))
    result = np.where((k <= 0) | (mu <= 0), np.where(k <= 0, 1.0, 0.0), np.nan)
    todo = np.isnan(result)
    success = np.clip(1 - var[todo] / mu[todo], 0.0, 1.0)
    poisson = success < 1e-9  # noqa: PLR2004 - below it the two agree to the last digit
    tail = gammainc(k[todo], mu[todo])
    share = success[~poisson]
    trials = mu[todo][~poisson] / share
    above = k[todo][~poisson]
    reachable = above < trials + 1
    tail[~poisson] = np.where(reachable, betainc(above, np.maximum(trials - above + 1, 1e-9), share), 0.0)
    result[todo] = tail
    return result


@dataclass(frozen=True, slots=True, eq=False)
class Together:
    """How often the columns of two tables meet in one row, and how often chance would let them.

    `observed`, `expected` and `variance` have the shape (left columns, right columns).
    """

    observed: Floats
    expected: Floats
    variance: Floats

    def p_values(self) -> Floats:
        """Of meeting at least so often by chance."""
        return upper_tail(self.observed, self.expected, self.variance)


def together(left: csr_array, right: csr_array, strata: Integers) -> Together:
    """Count how often columns meet, against independence within each stratum.

    Comparing like with like: long comments name more of everything, so two causes would meet in them without having to
    do with one another. Within a stratum of comments of like length that is accounted for.

    Parameters
    ----------
    left, right : 0/1 of shape (rows, columns)
    strata : of shape (rows,), the stratum of each row, from 0

    References
    ----------
    Mantel & Haenszel (1959), Statistical aspects of the analysis of data from retrospective studies of disease, Journal
    of the National Cancer Institute 22, 719-748
    """
    n_strata = int(strata.max()) + 1 if len(strata) else 0
    within = csr_array(
        (np.ones(len(strata)), (strata, np.arange(len(strata)))), shape=(n_strata, len(strata)), dtype=np.float64
    )
    sizes = np.asarray(within.sum(axis=1)).ravel()
    a, b = (within @ left.astype(np.float64)).toarray(), (within @ right.astype(np.float64)).toarray()
    kept = sizes > 1
    a, b, n = a[kept], b[kept], sizes[kept]
    expected = (a / n[:, None]).T @ b
    spread = 1 / (n**2 * (n - 1))
    variance = (a * (n[:, None] - a) * spread[:, None]).T @ (b * (n[:, None] - b))
    in_kept = kept[strata] if len(strata) else np.zeros(0, dtype=bool)
    observed = (left[in_kept].astype(np.float64).T @ right[in_kept].astype(np.float64)).toarray()
    return Together(observed, expected, variance)


def corrected(p_values: Floats) -> Floats:
    """q-values: the share of false discoveries if everything at or below this one is called a discovery.

    References
    ----------
    Benjamini & Hochberg (1995), Controlling the false discovery rate, Journal of the Royal Statistical Society B 57

    >>> corrected(np.array([0.01, 0.5, 0.03])).round(3).tolist()
    [0.03, 0.5, 0.045]
    """
    if not p_values.size:
        return p_values
    flat = false_discovery_control(np.clip(p_values.ravel(), 0.0, 1.0), method="bh")
    return np.asarray(flat, dtype=np.float64).reshape(p_values.shape)


def share_interval(count: int, total: int) -> Estimate:
    """A share with its Jeffreys interval, which reaches 0 where nothing was counted and 1 where all was.

    References
    ----------
    Brown, Cai & DasGupta (2001), Interval estimation for a binomial proportion, Statistical Science 16(2)

    >>> round(share_interval(0, 20).high, 4)
    0.1166
    """
    if total == 0:
        return Estimate(float("nan"), 0.0, 1.0)
    tail = (1 - LEVEL) / 2
    low = 0.0 if count == 0 else float(beta.ppf(tail, count + 0.5, total - count + 0.5))
    high = 1.0 if count == total else float(beta.ppf(1 - tail, count + 0.5, total - count + 0.5))
    return Estimate(count / total, low, high)


def rate_ratio(count: float, exposure: float, count_before: float, exposure_before: float) -> Estimate:
    """The ratio of two rates with its exact interval: given both counts together, the later one is binomial.

    Parameters
    ----------
    count, count_before : events, 0 or more
    exposure, exposure_before : what they were counted among, above 0

    References
    ----------
    Przyborowski & Wilenski (1940), Homogeneity of results in testing samples from Poisson series, Biometrika 31;
    Clopper & Pearson (1934) for the interval of the binomial share

    >>> ratio = rate_ratio(20, 100, 10, 100)
    >>> round(ratio.value, 2), round(ratio.low, 2), round(ratio.high, 2)
    (2.0, 0.89, 4.78)
    """
    tail = (1 - LEVEL) / 2
    low = 0.0 if count == 0 else float(beta.ppf(tail, count, count_before + 1))
    high = 1.0 if count_before == 0 else float(beta.ppf(1 - tail, count + 1, count_before))

    def ratio(share: float) -> float:
        return float("inf") if share >= 1 else share / (1 - share) * exposure_before / exposure

    both = count + count_before
    return Estimate(ratio(count / both) if both else float("nan"), ratio(low), ratio(high))


def _log_hypergeometric(k: Floats, total: Floats, marks: Floats, draws: Floats) -> Floats:
    def log_choose(n: Any, r: Any) -> Any:
        return gammaln(n + 1) - gammaln(r + 1) - gammaln(n - r + 1)

    log = log_choose(marks, k) + log_choose(total - marks, draws - k) - log_choose(total, draws)
    return np.asarray(log, dtype=np.float64)
