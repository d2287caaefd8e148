"""How people are experienced where a cause is named: unprofessional, cold, untrustworthy; and the words that show it.

Every complaint goes with bad experiences, and long comments with more of everything. A cause is therefore set against
other comments of like feeling and length.

References
----------
Mantel & Haenszel (1959), in nlp/causes/chance.py; Monroe, Colaresi & Quinn (2008), Fightin' Words, Political Analysis
16(4): words by log-odds with an informative prior
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.sparse import csr_array

from nlp.causes.chance import Floats, Integers, corrected, together
from nlp.causes.observations import Factor, length_strata
from nlp.record import FactorName, Polarity

SIGNIFICANT: Final = 0.05
FEWEST_COMMENTS: Final = 5
MOST_WORDS: Final = 8
_TYPICAL: Final = 1.0
"""Standard errors by which a word must be commoner here than in the other comments to be shown."""
_PRIOR_WORDS: Final = 100.0
_WORD = re.compile(r"[^\W\d_]+(?:[-'’][^\W\d_]+)*")


@dataclass(frozen=True, slots=True)
class FactorOfCause:
    """An emotional factor that goes with a cause.

    Parameters
    ----------
    factor, polarity : as tagged; professional and negative is "unprofessional"
    count : comments that name the cause and show the factor
    share, share_elsewhere : of the cause's comments, and of all others, that show it
    lift : `count` over what comments of like feeling and length would give
    p_value, q_value : of at least so many by chance; corrected for all causes and factors
    words : from the words that show the factor, those typical of this cause, strongest first
    """

    factor: FactorName
    polarity: Polarity
    count: int
    share: float
    share_elsewhere: float
    lift: float
    p_value: float
    q_value: float
    words: tuple[str, ...]


def factors_of_causes(
    membership: csr_array,
    factors: Mapping[Factor, np.ndarray],
    evidence: Mapping[Factor, Sequence[Sequence[str]]],
    *,
    sentiment: Floats,
    words: Integers,
    significant: float = SIGNIFICANT,
    minimum: int = FEWEST_COMMENTS,
) -> tuple[tuple[FactorOfCause, ...], ...]:
    """The factors that go with each cause more than with other comments, strongest evidence first.

    Parameters
    ----------
    membership : 0/1 of shape (n_comments, n_causes)
    factors : whether each comment shows it, bool of shape (n_comments,)
    evidence : the words of each comment that show it; a factor without evidence gets no words
    sentiment : -1 to 1 of shape (n_comments,), NaN where it is not known
    words : length of each comment
    """
    n_causes = int(membership.shape[1])
    if not factors or not len(words):
        return ((),) * n_causes
    shown = csr_array(np.column_stack([np.asarray(column, dtype=np.int64) for column in factors.values()]))
    found = together(membership, shown, feeling_and_length(sentiment, words))
    p_values = found.p_values()
    q_values = corrected(p_values)
    sizes = np.asarray(membership.sum(axis=0)).ravel()
    of_factor = np.asarray(shown.sum(axis=0)).ravel()
    counts = (membership.astype(np.int64).T @ shown).toarray()
    result: list[tuple[FactorOfCause, ...]] = []
    for cause in range(n_causes):
        rows = membership[:, [cause]].nonzero()[0]
        of_cause = []
        for column, factor in enumerate(factors):
            count = int(counts[cause, column])
            if count < minimum or q_values[cause, column] > significant:
                continue
            of_cause.append(
                FactorOfCause(
                    factor=factor[0],
                    polarity=factor[1],
                    count=count,
                    share=count / int(sizes[cause]),
                    share_elsewhere=float((of_factor[column] - count) / max(len(words) - int(sizes[cause]), 1)),
                    lift=float(found.observed[cause, column] / found.expected[cause, column]),
                    p_value=float(p_values[cause, column]),
                    q_value=float(q_values[cause, column]),
                    words=typical_words(evidence.get(factor, ()), rows),
                )
            )
        result.append(tuple(sorted(of_cause, key=lambda f: (f.p_value, -f.lift))))
    return tuple(result)


def feeling_and_length(sentiment: Floats, words: Integers) -> Integers:
    """Strata of comments of like feeling (five, and one of unknown) and like length (tenths)."""
    feeling = np.where(np.isnan(sentiment), 5, np.digitize(np.nan_to_num(sentiment), [-0.6, -0.2, 0.2, 0.6]))
    lengths = length_strata(words)
    both = feeling * (int(lengths.max()) + 1) + lengths
    return np.unique(both, return_inverse=True)[1].astype(np.int64)


def typical_words(evidence: Sequence[Sequence[str]], rows: Integers) -> tuple[str, ...]:
    """The words commoner in the evidence of these rows than in that of all others, each comment counting a word once.

    Parameters
    ----------
    evidence : stretches of text of each comment
    rows : the comments in question

    >>> typical_words([["svarte surt"]] * 9 + [["svarte fint"]] * 9, np.arange(9))
    ('surt',)
    """
    if not evidence:
        return ()
    everywhere = Counter(word for stretches in evidence for word in words_of_evidence(stretches))
    here = Counter(word for row in rows for word in words_of_evidence(evidence[row]))
    total, total_here = everywhere.total(), here.total()
    total_there = total - total_here
    scores = {}
    for word, count in here.items():
        prior = _PRIOR_WORDS * everywhere[word] / total
        there = everywhere[word] - count
        odds = np.log((count + prior) / (total_here + _PRIOR_WORDS - count - prior + 1))
        odds -= np.log((there + prior) / (total_there + _PRIOR_WORDS - there - prior + 1))
        scores[word] = odds / np.sqrt(1 / (count + prior) + 1 / (there + prior))
    ranked = sorted((word for word in scores if scores[word] >= _TYPICAL), key=lambda word: (-scores[word], word))
    return tuple(ranked[:MOST_WORDS])


def words_of_evidence(stretches: Sequence[str]) -> set[str]:
    """The words of a comment's stretches of text, in lower case.

    >>> sorted(words_of_evidence(["Svarte surt", "surt"]))
    ['surt', 'svarte']
    """
    return {word.lower() for stretch in stretches for word in _WORD.findall(stretch)}
