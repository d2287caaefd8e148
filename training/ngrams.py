"""The table of runs of word pieces that stands beside the network: fitted on all labels, weighed on calibration's.

The network knows its own training comments by heart: a table that is learned beside it would find nothing left to say
of them. So the table is learned by itself, and what each counts for is fitted on comments that neither has seen.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt
import torch
from scipy.optimize import minimize
from scipy.sparse import csr_matrix
from scipy.special import log_softmax
from sklearn.linear_model import LogisticRegression
from tokenizers import Encoding, Tokenizer

from nlp.models.labels import LabelSpace
from nlp.models.ngrams import HashedNgrams, runs
from training.config import NgramsRecipe
from training.examples import Examples

Floats = npt.NDArray[np.float64]
TOLERANCE: Final = 0.01  # as eval/linear.py has it
PENALTY: Final = 1e-3  # on squared weights, so that they stay finite where a few comments can be told apart wholly
NEVER: Final = -10.0  # log-odds of a sentiment that no text has


def fit_ngrams(examples: Examples, tokenizer: Tokenizer, labels: LabelSpace, recipe: NgramsRecipe) -> HashedNgrams:
    """Learn by one logistic regression a sentiment what runs of word pieces say of it.

    Of a sentence that may be neutral or mixed it learns neutral; three stars, which may be both too, are left out, and
    so are machine translations, which added nothing (docs/model.md).
    """
    rated = [example for example in examples.rated if len(example.sentiments) == 1]
    texts = [*examples.labelled, *rated]
    table = _counted(tokenizer, [example.text for example in texts], recipe.buckets)
    due = np.array([labels.sentiments.index(example.sentiments[0]) for example in texts])
    weights = np.array([example.weight for example in texts])
    columns = [
        _regression(table, due == place, weights, recipe.inverse_regularization)
        for place in range(len(labels.sentiments))
    ]
    return HashedNgrams(torch.tensor(np.stack(columns, axis=1), dtype=torch.float32))


def weigh(ngrams: HashedNgrams, network: Floats, said: Floats, due: npt.NDArray[np.int64]) -> HashedNgrams:
    """The table in the network's measure, so that their logits can be added and divided by one temperature.

    Two weights minimise the log loss of the weighed sum; the network's own becomes 1.

    Parameters
    ----------
    network, said : logits of the network and of `ngrams` on comments that neither has seen, (n_comments, n_sentiments)
    due : the place of each comment's sentiment, (n_comments,)
    """

    def loss(weights: Floats) -> float:
        known = log_softmax(weights[0] * network + weights[1] * said, axis=1)[np.arange(len(due)), due]
        return float(PENALTY * np.square(weights).sum() - known.mean())

    of_network, of_table = minimize(loss, np.array([0.5, 0.5]), bounds=[(0.05, None), (0.0, None)]).x
    return HashedNgrams(ngrams.table * float(of_table / of_network))


def _regression(table: csr_matrix, due: npt.NDArray[np.bool_], weights: Floats, inverse: float) -> Floats:
    """A column of the table; without an offset, which has no place there."""
    if due.all() or not due.any():
        return np.full(table.shape[1], NEVER if not due.any() else -NEVER)
    fitted = LogisticRegression(C=inverse, solver="liblinear", tol=TOLERANCE, fit_intercept=False)
    column: Floats = fitted.fit(table, due, sample_weight=weights).coef_[0]
    return column


def _counted(tokenizer: Tokenizer, texts: Sequence[str], n_buckets: int) -> csr_matrix:
    """How often each bucket comes in each text, by the root of the number of runs: what `HashedNgrams` adds up."""
    tokenizer = Tokenizer.from_str(tokenizer.to_str())
    tokenizer.no_truncation()
    tokenizer.no_padding()
    rows = list(_places(tokenizer.encode_batch_fast(list(texts)), n_buckets))
    ends = np.cumsum([0, *map(len, rows)])
    values = np.repeat([1 / np.sqrt(max(1, len(row))) for row in rows], [len(row) for row in rows])
    table = csr_matrix((values, np.concatenate(rows), ends), shape=(len(rows), n_buckets))
    table.sum_duplicates()
    return table


def _places(encodings: Sequence[Encoding], n_buckets: int) -> Iterator[npt.NDArray[np.int64]]:
    for encoding in encodings:
        ids = torch.tensor([encoding.ids])
        yield runs(ids, torch.ones_like(ids), n_buckets)[0][0].numpy()
