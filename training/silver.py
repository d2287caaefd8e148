"""Silver labels: what two teachers together say of reviews that nobody has labelled.

Teachers are the fine-tuned network and a linear model over word and letter sequences, which is strong where labels are
few and errs elsewhere than the network does. Their mean is learned as a probability, not as a yes or no (Hinton et al.
2015, Distilling the Knowledge in a Neural Network), on the review and on its translations alike, so that the written
languages learn the same tags for the same comment.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
from scipy.sparse import hstack
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from nlp.models.encoder import Encoder
from training.calibrate import gold_tags
from training.data import LabelledComment, RatedText, TranslatedText
from training.examples import ALLOWED, Example

Floats = npt.NDArray[np.float64]


def linear_teacher(encoder: Encoder, comments: Sequence[LabelledComment], texts: Sequence[str]) -> Floats:
    """Train one logistic regression per tag on `comments`; probabilities of shape (n_texts, n_tags) for `texts`."""
    words = TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True)
    letters = TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 5), min_df=4, sublinear_tf=True, max_features=120_000)
    known = [comment.text for comment in comments]
    features = hstack([words.fit_transform(known), letters.fit_transform(known)]).tocsr()
    asked = hstack([words.transform(texts), letters.transform(texts)]).tocsr()
    gold = gold_tags(encoder.labels, comments)
    columns = []
    for column in range(gold.shape[1]):
        if not gold[:, column].any():
            columns.append(np.zeros(len(texts)))
            continue
        model = LogisticRegression(C=4.0, solver="liblinear").fit(features, gold[:, column])
        columns.append(model.predict_proba(asked)[:, 1])
    return np.stack(columns, axis=1)


def network_teacher(encoder: Encoder, texts: Sequence[str]) -> Floats:
    """The network's probabilities of shape (n_texts, n_tags)."""
    logits = np.stack([output.tags for output in encoder.run(texts)]).astype(np.float64)
    probabilities: Floats = 1 / (1 + np.exp(-logits))
    return probabilities


def silver_examples(
    encoder: Encoder,
    comments: Sequence[LabelledComment],
    reviews: Sequence[RatedText],
    translated: Sequence[TranslatedText],
    *,
    weight: float,
) -> list[Example]:
    """An example for each review and each of its translations, with the teachers' probabilities for every tag."""
    if not reviews:
        return []
    texts = [review.text for review in reviews]
    mean = (linear_teacher(encoder, comments, texts) + network_teacher(encoder, texts)) / 2
    taught: Mapping[str, tuple[RatedText, Floats]] = {
        review.id: (review, row) for review, row in zip(reviews, mean, strict=True)
    }
    versions = [(review.id, review.text) for review in reviews]
    versions += [(row.id, row.text) for row in translated if row.id in taught]
    return [
        Example(
            text=text,
            sentiments=ALLOWED[taught[id_][0].sentiment],
            weight=weight,
            tag_probabilities=tuple(taught[id_][1].round(4).tolist()),
        )
        for id_, text in versions
    ]
