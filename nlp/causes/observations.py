"""Comments as columns: what the statistics of causes are computed from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

from nlp.record import FactorName, Polarity

HIGHEST_SCORE = 10
Factor = tuple[FactorName, Polarity]


@dataclass(frozen=True, slots=True, eq=False)
class Observations:
    """Comments, and which causes each of them names; row i of everything is comment i.

    Parameters
    ----------
    ids : of the comments
    causes : of the causes, one for each column of `membership`
    membership : 0/1 of shape (n_comments, n_causes); a comment may name none, one or several causes
    days : datetime64[D]; NaT where the day is not known
    nps : 0 to 10; NaN where there is no answer
    sentiment : -1 (negative) to 1 (positive); NaN where it is not known
    words : how many words each comment has
    dimensions : source, department, touchpoint and further metadata by name; None where it is not known
    respondents : whose comment it is; None where that is not known
    factors : for each factor and polarity, whether the comment shows it; of shape (n_comments,)
    factor_evidence : for each of them, the words of each comment that show it
    stages : for each stage of the journey, whether the comment speaks of it; of shape (n_comments,)

    Raises
    ------
    ValueError : if the columns differ in length, a score is not on the scale, or the membership is not 0/1
    """

    ids: Sequence[str]
    causes: Sequence[str]
    membership: csr_array
    days: npt.NDArray[np.datetime64]
    nps: npt.NDArray[np.float64]
    sentiment: npt.NDArray[np.float64]
    words: npt.NDArray[np.int64]
    dimensions: Mapping[str, Sequence[str | None]] = field(default_factory=dict)
    respondents: Sequence[str | None] | None = None
    factors: Mapping[Factor, npt.NDArray[np.bool_]] = field(default_factory=dict)
    factor_evidence: Mapping[Factor, Sequence[Sequence[str]]] = field(default_factory=dict)
    stages: Mapping[str, npt.NDArray[np.bool_]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        columns = {
            "days": self.days,
            "nps": self.nps,
            "sentiment": self.sentiment,
            "words": self.words,
            **{f"dimension {name!r}": values for name, values in self.dimensions.items()},
            **{f"factor {name}": values for name, values in self.factors.items()},
            **{f"evidence of {name}": values for name, values in self.factor_evidence.items()},
            **{f"stage {name!r}": values for name, values in self.stages.items()},
            **({} if self.respondents is None else {"respondents": self.respondents}),
        }
        for name, values in columns.items():
            if len(values) != len(self.ids):
                raise ValueError(f"{name} has {len(values):,} rows and there are {len(self.ids):,} comments.")
        if self.membership.shape != (len(self.ids), len(self.causes)):
            raise ValueError(
                f"membership has the shape {self.membership.shape}; {len(self.ids):,} comments and "
                f"{len(self.causes):,} causes need {(len(self.ids), len(self.causes))}."
            )
        if self.membership.nnz and not np.all(self.membership.data == 1):
            raise ValueError("membership holds values other than 0 and 1.")
        known = self.nps[~np.isnan(self.nps)]
        if known.size and (known.min() < 0 or known.max() > HIGHEST_SCORE):
            raise ValueError(f"nps runs from {known.min()} to {known.max()}; answers lie from 0 to {HIGHEST_SCORE}.")

    def cause(self, column: int) -> npt.NDArray[np.int64]:
        """The rows of the comments that name a cause."""
        rows = self.membership[:, [column]].nonzero()[0]
        return np.asarray(rows, dtype=np.int64)


def codes_of(values: Sequence[str | None]) -> tuple[npt.NDArray[np.int64], list[str]]:
    """Values as numbers, -1 for None, and the values that the numbers stand for, sorted.

    >>> codes_of(["b", None, "a", "b"])
    (array([ 1, -1,  0,  1]), ['a', 'b'])
    """
    names = sorted({value for value in values if value is not None})
    number = {name: i for i, name in enumerate(names)}
    return np.array([-1 if value is None else number[value] for value in values], dtype=np.int64), names


def indicators(codes: npt.NDArray[np.int64], n_values: int) -> csr_array:
    """0/1 of shape (rows, n_values) with a 1 where the code stands; a row of -1 is empty."""
    rows = np.flatnonzero(codes >= 0)
    return csr_array((np.ones(len(rows), dtype=np.int64), (rows, codes[rows])), shape=(len(codes), n_values))


def length_strata(words: npt.NDArray[np.int64], *, n_strata: int = 10) -> npt.NDArray[np.int64]:
    """Tenths of the comments by length, as numbers from 0; comments of one length share one.

    >>> length_strata(np.array([1, 1, 5, 9]), n_strata=2).tolist()
    [0, 0, 1, 1]
    """
    if not len(words):
        return np.zeros(0, dtype=np.int64)
    edges = np.unique(np.quantile(words, np.arange(1, n_strata) / n_strata))
    strata = np.searchsorted(edges, words, side="left")
    return np.unique(strata, return_inverse=True)[1].astype(np.int64)
