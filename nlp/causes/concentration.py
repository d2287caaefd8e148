"""Where a cause concentrates: in which source, department, touchpoint or other value it is named more than elsewhere.

Every cause is tested in every value of every dimension, thousands of tests: all are corrected together, and values of
which no count could be significant are not asked.

References
----------
Fisher (1922), On the interpretation of χ² from contingency tables, JRSS 85: the exact test, one side
Tarone (1990), A modified Bonferroni method for discrete data, Biometrics 46; Gilbert (2005), A modified false discovery
rate multiple-comparisons procedure for discrete data, JRSS C 54: values that cannot be significant are left out first
Benjamini & Hochberg (1995), in nlp/causes/chance.py
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.sparse import csr_array

from nlp.causes.chance import Estimate, Floats, Integers, corrected, hypergeometric_tail, rate_ratio
from nlp.causes.observations import codes_of, indicators

SIGNIFICANT: Final = 0.05
FEWEST_COMMENTS: Final = 5
"""Of a cause in a value; fewer are not shown, for they would point at single customers."""


@dataclass(frozen=True, slots=True)
class Concentration:
    """A value, or a pair of values, in which a cause is named more often than elsewhere.

    Parameters
    ----------
    where : dimension and value; two of them for a pair
    count : comments with this value that name the cause
    share_of_cause : of the cause's comments, how many have this value
    share_here, share_elsewhere : of the comments with this value, and with other values, how many name the cause
    ratio : `share_here` over `share_elsewhere`; infinite where nobody elsewhere names it
    p_value : of at least so many here if the cause kept to no place
    q_value : the same, corrected for all tests of all causes
    """

    where: Mapping[str, str]
    count: int
    share_of_cause: float
    share_here: float
    share_elsewhere: float
    ratio: Estimate
    p_value: float
    q_value: float


def concentrations(
    membership: csr_array,
    dimensions: Mapping[str, Sequence[str | None]],
    *,
    pairs: Sequence[tuple[str, str]] = (),
    significant: float = SIGNIFICANT,
    minimum: int = FEWEST_COMMENTS,
) -> tuple[tuple[Concentration, ...], ...]:
    """Where each cause concentrates, strongest evidence first, in the order of the columns.

    A comment whose value is None takes no part in the tests of its dimension.

    Parameters
    ----------
    membership : 0/1 of shape (n_comments, n_causes)
    dimensions : name to value of each comment
    pairs : of dimensions to be looked at together. A pair of values is told only where it says more than either of the
        two: where the cause is named more in the pair than in the rest of the one value *and* of the other
    significant : the accepted share of false ones among those that are told
    minimum : of comments that name the cause in a value

    Raises
    ------
    KeyError : if a pair names a dimension that is not there
    """
    tested = [_test(membership, {name: values}, significant, minimum) for name, values in dimensions.items()]
    tested += [_test(membership, {a: dimensions[a], b: dimensions[b]}, significant, minimum) for a, b in pairs]
    q_values = corrected(np.concatenate([cells.p_values.ravel() for cells in tested] or [np.zeros(0)]))
    result: list[list[Concentration]] = [[] for _ in range(membership.shape[1])]
    start = 0
    for cells in tested:
        stop = start + cells.p_values.size
        of_cells = q_values[start:stop].reshape(cells.p_values.shape)
        for value, cause in np.argwhere((of_cells <= significant) & (cells.here >= minimum)):
            result[cause].append(cells.concentration(int(value), int(cause), float(of_cells[value, cause])))
        start = stop
    return tuple(tuple(sorted(found, key=lambda c: (c.p_value, -c.ratio.value))) for found in result)


@dataclass(frozen=True, slots=True, eq=False)
class _Cells:
    """Counts and p-values by value and cause: `here` and `p_values` have the shape (n_values, n_causes)."""

    names: Sequence[Mapping[str, str]]
    here: Integers
    size: Integers
    of_cause: Integers
    total: int
    p_values: Floats

    def concentration(self, value: int, cause: int, q_value: float) -> Concentration:
        count, size, named = int(self.here[value, cause]), int(self.size[value]), int(self.of_cause[cause])
        elsewhere = self.total - size
        return Concentration(
            where=self.names[value],
            count=count,
            share_of_cause=count / named,
            share_here=count / size,
            share_elsewhere=(named - count) / elsewhere if elsewhere else 0.0,
            ratio=rate_ratio(count, size, named - count, max(elsewhere, 1)),
            p_value=float(self.p_values[value, cause]),
            q_value=q_value,
        )


def _test(
    membership: csr_array, dimensions: Mapping[str, Sequence[str | None]], significant: float, minimum: int
) -> _Cells:
    coded = {name: codes_of(values) for name, values in dimensions.items()}
    known = np.flatnonzero(np.all([codes >= 0 for codes, _ in coded.values()], axis=0))
    named = membership[known].astype(np.int64)
    columns = [(codes[known], values) for codes, values in coded.values()]
    combined, values = _combine(columns)
    size = np.bincount(combined, minlength=len(values))
    of_cause = np.asarray(named.sum(axis=0)).ravel()
    kept = np.flatnonzero(size >= minimum)
    if len(kept) and len(known):
        # The least p-value that a value could have; where even that is not significant, it is not asked.
        most = np.minimum(size[kept][:, None], of_cause[None, :])
        best = hypergeometric_tail(most, len(known), of_cause[None, :], size[kept][:, None])
        kept = kept[(best <= significant).any(axis=1)]
    place = np.full(len(values) + 1, -1)
    place[kept] = np.arange(len(kept))
    here = np.asarray((indicators(place[combined], len(kept)).T @ named).toarray(), dtype=np.int64)
    size = size[kept]
    p_values = _tails(here, len(known), of_cause[None, :], size[:, None])
    if len(columns) > 1:
        for axis, (codes, names) in enumerate(columns):
            outer = np.array([values[value][axis] for value in kept], dtype=np.int64)
            in_outer = np.asarray((indicators(codes, len(names)).T @ named).toarray(), dtype=np.int64)[outer]
            sizes = np.bincount(codes, minlength=len(names))[outer]
            p_values = np.maximum(p_values, _tails(here, sizes[:, None], in_outer, size[:, None]))
    where = [
        {name: names[code] for (name, (_, names)), code in zip(coded.items(), values[value], strict=True)}
        for value in kept
    ]
    return _Cells(where, here, size, of_cause, len(known), p_values)


def _combine(columns: Sequence[tuple[Integers, Sequence[str]]]) -> tuple[Integers, list[tuple[int, ...]]]:
    """One number for each combination of codes that occurs, and the codes that it stands for."""
    codes = np.column_stack([codes for codes, _ in columns])
    if not len(codes):
        return np.zeros(0, dtype=np.int64), []
    values, number = np.unique(codes, axis=0, return_inverse=True)
    return number.ravel().astype(np.int64), [tuple(int(code) for code in value) for value in values]


def _tails(here: Integers, total: int | Integers, of_cause: Integers, size: Integers) -> Floats:
    """Exact tails; 1 where there are no more than expected, which no test would tell."""
    result = np.ones(here.shape)
    total, of_cause, size = (np.broadcast_to(a, here.shape) for a in (total, of_cause, size))
    above = here * total > of_cause * size
    result[above] = hypergeometric_tail(here[above], total[above], of_cause[above], size[above])
    return result
