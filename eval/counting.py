"""From tags to numbers: counts per comment and label, the scores made of them, and how sure the scores are.

Every score here is a function of summed counts, so that one table of counts gives the score, its parts by label and,
through resampling of its rows, its interval.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Statistic = Callable[[Floats], Floats]

HIT, EXTRA, MISSED = range(3)
N_RESAMPLES = 1_000
AT_ONCE = 100


@dataclass(frozen=True, slots=True, eq=False)
class Counts:
    """What was right, too much and missed, comment by comment.

    Parameters
    ----------
    labels : the names of the last axis
    table : float64 of shape (n_comments, 3, n_labels), whole numbers; the middle axis is hit, extra, missed. A row may
        be of several comments that belong together, see `joined`.
    """

    labels: tuple[str, ...]
    table: Floats

    @classmethod
    def of_tags(cls, gold: Sequence[Collection[str]], predicted: Sequence[Collection[str]]) -> Counts:
        """Compare two sets of tags a comment; the labels are those that occur, in alphabetical order.

        >>> Counts.of_tags([{"price"}, set()], [{"price", "staff"}, set()]).totals
        array([[1., 0.],
               [0., 1.],
               [0., 0.]])
        """
        labels = tuple(sorted(set().union(*gold, *predicted)))
        column = {label: place for place, label in enumerate(labels)}
        table = np.zeros((len(gold), 3, len(labels)))
        for row, (right, given) in enumerate(zip(gold, predicted, strict=True)):
            for label in {*right, *given}:
                kind = MISSED if label not in given else HIT if label in right else EXTRA
                table[row, kind, column[label]] = 1
        return cls(labels, table)

    @classmethod
    def of_outcomes(cls, right: Iterable[bool]) -> Counts:
        """One label, hit where the answer was right and missed where it was not."""
        hits = np.array(list(right), dtype=np.float64)
        return cls(("right",), np.stack([hits, np.zeros_like(hits), 1 - hits], axis=1)[:, :, np.newaxis])

    def joined(self, units: Sequence[Hashable]) -> Counts:
        """The rows of one unit summed, so that resampling draws them together; the totals stay the same.

        Parameters
        ----------
        units : of each row, what it belongs to; the new rows stand in the order in which their units come first

        >>> Counts.of_outcomes([True, True, False]).joined(["A", "B", "A"]).table[:, 0, 0]
        array([1., 1.])
        """
        place_of = {unit: place for place, unit in enumerate(dict.fromkeys(units))}
        places = np.array([place_of[unit] for unit in units], dtype=np.intp)
        if len(places) != len(self.table):
            raise ValueError(f"{len(places)} units do not go with {len(self.table)} rows.")
        table = np.zeros((len(place_of), *self.table.shape[1:]))
        np.add.at(table, places, self.table)
        return Counts(self.labels, table)

    @property
    def totals(self) -> Floats:
        """Summed over comments: float64 of shape (3, n_labels)."""
        totals: Floats = self.table.sum(axis=0)
        return totals


@dataclass(frozen=True, slots=True, eq=False)
class Counted:
    """A score before it is worked out: the counts, and what is made of their sums."""

    counts: Counts
    statistic: Statistic

    @property
    def value(self) -> float:
        """The score; NaN where there is nothing to score."""
        return float(self.statistic(self.counts.totals))


@dataclass(frozen=True, slots=True)
class Score:
    """A score with its 95 % interval; NaN where there was nothing to score.

    `support` is how many labels (comments, words) were due.
    """

    value: float
    low: float
    high: float
    support: int


@dataclass(frozen=True, slots=True)
class LabelScore:
    """One label's row of a table; `gold` and `predicted` count the comments that have it. NaN where undefined."""

    label: str
    precision: float
    recall: float
    f1: float
    gold: int
    predicted: int


def micro_f1(totals: Floats) -> Floats:
    """F1 over all decisions, whichever label they were about.

    Parameters
    ----------
    totals : float64 of shape (..., 3, n_labels)

    Returns
    -------
    float64 of shape (...), 0 to 1; NaN where no label was due and none was given

    References
    ----------
    van Rijsbergen (1979), Information Retrieval, chapter 7; Yang (1999), An Evaluation of Statistical Approaches to
    Text Categorization, Information Retrieval 1, for micro- and macro-averages

    >>> float(micro_f1(np.array([[3.0], [1.0], [1.0]])))
    0.75
    """
    return _f1(totals.sum(axis=-1))


def macro_f1(totals: Floats) -> Floats:
    """The mean of the labels' F1, over the labels that were due or given; shapes and source as `micro_f1`."""
    by_label = _f1(np.moveaxis(totals, -2, -1))
    occurs = ~np.isnan(by_label)
    return ratio(np.where(occurs, by_label, 0.0).sum(axis=-1), occurs.sum(axis=-1).astype(np.float64))


def recall(totals: Floats) -> Floats:
    """The share of what was due that was given; with one label due a comment, its accuracy. Shapes as `micro_f1`."""
    sums = totals.sum(axis=-1)
    return ratio(sums[..., HIT], sums[..., HIT] + sums[..., MISSED])


def score(counted: Counted, *, seed: int = 0, n_resamples: int = N_RESAMPLES) -> Score:
    """A score of tags with its interval. The support is the number of labels that were due.

    >>> score(Counted(Counts.of_outcomes([True, True, True, False]), recall)).value
    0.75
    """
    low, high = interval(resampled(counted, seed=seed, n_resamples=n_resamples))
    return Score(counted.value, low, high, int(counted.counts.totals[[HIT, MISSED]].sum()))


def interval(values: Floats) -> tuple[float, float]:
    """Between which 95 of 100 resamples lie (percentile bootstrap); those with nothing to score are left out.

    References
    ----------
    Efron & Tibshirani (1993), An Introduction to the Bootstrap, chapter 13
    """
    values = values[~np.isnan(values)]
    if not values.size:
        return np.nan, np.nan
    low, high = np.quantile(values, [0.025, 0.975]).tolist()
    return low, high


def resampled(counted: Counted, *, seed: int, n_resamples: int = N_RESAMPLES) -> Floats:
    """The score of samples of as many rows of counts, drawn with replacement: float64 of shape (n_resamples,).

    What is drawn depends on the seed and the number of rows only: two scores of the same comments go in pairs.
    """
    n_rows, *shape = counted.counts.table.shape
    if n_rows == 0:
        return np.full(n_resamples, np.nan)
    rng = np.random.default_rng(seed)
    flat = counted.counts.table.reshape(n_rows, -1)
    parts = []
    for start in range(0, n_resamples, AT_ONCE):
        size = min(AT_ONCE, n_resamples - start)
        drawn = rng.integers(n_rows, size=(size, n_rows)) + n_rows * np.arange(size)[:, np.newaxis]
        times_drawn = np.bincount(drawn.ravel(), minlength=size * n_rows).reshape(size, n_rows)
        parts.append(counted.statistic((times_drawn.astype(np.float64) @ flat).reshape(size, *shape)))
    return np.concatenate(parts)


def by_label(counts: Counts) -> list[LabelScore]:
    """Precision, recall and F1 of each label, the most frequent first."""
    rows = []
    for label, (hit, extra, missed) in zip(counts.labels, counts.totals.T.tolist(), strict=True):
        sums = np.array([hit, extra, missed])
        rows.append(
            LabelScore(
                label,
                precision=float(ratio(sums[HIT], sums[HIT] + sums[EXTRA])),
                recall=float(ratio(sums[HIT], sums[HIT] + sums[MISSED])),
                f1=float(_f1(sums)),
                gold=int(hit + missed),
                predicted=int(hit + extra),
            )
        )
    return sorted(rows, key=lambda row: (-row.gold, row.label))


def _f1(sums: Floats) -> Floats:
    """Last axis: hit, extra, missed."""
    return ratio(2 * sums[..., HIT], 2 * sums[..., HIT] + sums[..., EXTRA] + sums[..., MISSED])


def ratio(part: Floats, whole: Floats) -> Floats:
    """Part by whole, NaN where there is no whole."""
    quotient: Floats = np.divide(part, whole, out=np.full(np.shape(whole), np.nan), where=np.asarray(whole) > 0)
    return quotient
