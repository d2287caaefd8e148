"""Which causes come before a cause in the journey: what was promised against what was delivered.

A cause stands at the stage of the journey of which its comments speak most. Another comes before it where it stands at
an earlier stage and the same customers name both more often than customers with as much to say would by chance. That is
an order of stages and a meeting, not a proof that the one brought the other about.

References
----------
Mantel & Haenszel (1959) and Benjamini & Hochberg (1995), in nlp/causes/chance.py
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

from nlp.causes.chance import Estimate, Floats, Integers, corrected, rate_ratio, together
from nlp.causes.observations import codes_of, length_strata

SIGNIFICANT: Final = 0.05
FEWEST_CUSTOMERS: Final = 5


@dataclass(frozen=True, slots=True)
class EarlierCause:
    """A cause that comes before another in the journey.

    Parameters
    ----------
    cause : its column
    stage : where in the journey it stands
    customers : who name both; a comment without a known respondent is a customer of its own
    share : of those who name the later cause, how many name this one as well
    lift : `customers` over what chance would give among customers with as much to say
    named_first, named_later : of those who name the two on different days, how many named this one first, or later
    p_value, q_value : of at least so many by chance; corrected for all pairs
    """

    cause: int
    stage: str
    customers: int
    share: float
    lift: Estimate
    named_first: int
    named_later: int
    p_value: float
    q_value: float


def stage_of_causes(
    membership: csr_array, stages: Mapping[str, npt.NDArray[np.bool_]], order: Sequence[str]
) -> tuple[str | None, ...]:
    """The stage of which most comments of each cause speak; the earlier of two alike; None where none speaks of any.

    Parameters
    ----------
    membership : 0/1 of shape (n_comments, n_causes)
    stages : whether each comment speaks of it
    order : of the stages in the journey
    """
    known = [stage for stage in order if stage in stages]
    if not known:
        return (None,) * int(membership.shape[1])
    spoken = np.column_stack([np.asarray(stages[stage], dtype=np.int64) for stage in known])
    counts = membership.astype(np.int64).T @ spoken
    best = np.argmax(counts, axis=1)
    return tuple(known[place] if counts[cause, place] else None for cause, place in enumerate(best))


def earlier_causes(
    membership: csr_array,
    stage_of_cause: Sequence[str | None],
    order: Sequence[str],
    *,
    words: Integers,
    days: npt.NDArray[np.datetime64],
    respondents: Sequence[str | None] | None = None,
    significant: float = SIGNIFICANT,
    minimum: int = FEWEST_CUSTOMERS,
) -> tuple[tuple[EarlierCause, ...], ...]:
    """The causes that come before each cause, strongest evidence first, in the order of the columns."""
    n_causes = int(membership.shape[1])
    if not membership.shape[0] or not n_causes:
        return ((),) * n_causes
    unit = _customers(respondents, membership.shape[0])
    adder = csr_array((np.ones(len(unit), dtype=np.int64), (unit, np.arange(len(unit)))))
    named = csr_array((adder @ membership.astype(np.int64)).minimum(1)) if membership.nnz else adder @ membership
    named = csr_array((np.ones(named.nnz), named.nonzero()), shape=named.shape)
    found = together(named, named, length_strata(np.bincount(unit, words).astype(np.int64)))
    place = np.array([order.index(stage) if stage is not None else -1 for stage in stage_of_cause])
    before = (place[:, None] >= 0) & (place[:, None] < place[None, :])
    q_values = np.ones((n_causes, n_causes))
    p_values = found.p_values()
    q_values[before] = corrected(p_values[before])
    sizes = np.asarray(named.sum(axis=0)).ravel()
    result: list[list[EarlierCause]] = [[] for _ in range(n_causes)]
    for first, later in np.argwhere(before & (q_values <= significant) & (found.observed >= minimum)):
        both = int(found.observed[first, later])
        named_first, named_later = _order_in_time(membership, days, unit, int(first), int(later))
        result[later].append(
            EarlierCause(
                cause=int(first),
                stage=str(stage_of_cause[first]),
                customers=both,
                share=both / float(sizes[later]),
                lift=_lift(both, float(found.expected[first, later])),
                named_first=named_first,
                named_later=named_later,
                p_value=float(p_values[first, later]),
                q_value=float(q_values[first, later]),
            )
        )
    return tuple(tuple(sorted(causes, key=lambda c: (c.p_value, -c.lift.value))) for causes in result)


def _customers(respondents: Sequence[str | None] | None, n_comments: int) -> Integers:
    if respondents is None:
        return np.arange(n_comments)
    codes, names = codes_of(respondents)
    unknown = codes < 0
    codes[unknown] = len(names) + np.arange(int(unknown.sum()))
    return np.unique(codes, return_inverse=True)[1].astype(np.int64)


def _lift(observed: int, expected: float) -> Estimate:
    """Observed over expected, with the exact interval of a Poisson count (the expected one taken as known)."""
    known = 1e9  # so many counted before, that only the observed count is uncertain
    ratio = rate_ratio(observed, expected, known, known)
    return Estimate(observed / expected, ratio.low, ratio.high)


def _order_in_time(
    membership: csr_array, days: npt.NDArray[np.datetime64], unit: Integers, first: int, later: int
) -> tuple[int, int]:
    earliest = [_first_days(membership, days, unit, cause) for cause in (first, later)]
    both = ~np.isnat(earliest[0]) & ~np.isnat(earliest[1])
    gap: Floats = (earliest[1][both] - earliest[0][both]).astype(np.float64)
    return int((gap > 0).sum()), int((gap < 0).sum())


def _first_days(
    membership: csr_array, days: npt.NDArray[np.datetime64], unit: Integers, cause: int
) -> npt.NDArray[np.datetime64]:
    rows = membership[:, [cause]].nonzero()[0]
    rows = rows[~np.isnat(days[rows])]
    earliest = np.full(int(unit.max()) + 1, np.datetime64("9999-01-01", "D"))
    np.minimum.at(earliest, unit[rows], days[rows])
    earliest[earliest == np.datetime64("9999-01-01", "D")] = np.datetime64("NaT")
    return earliest
