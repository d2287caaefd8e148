"""The linear model and the mean, on comments in which one word decides."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("sklearn")
pytest.importorskip("scipy")

from eval.counting import micro_f1
from eval.linear import NEVER, LinearModel, LogOdds, crossed
from eval.mistakes import columns_of, due_tags
from nlp.models.labels import LabelSpace
from tests.eval.by_hand import labelled

LABELS = LabelSpace(
    sentiments=("negative", "positive"),
    themes=("delivery_time", "price_value"),
    factors=("sympathetic:positive",),
    flags=("churn_risk",),
)
COLUMNS = columns_of(LABELS)
ENDINGS = ("i går", "i dag", "på mandag", "til jul", "som alltid", "her", "nå", "igjen")


@pytest.fixture(scope="module")
def comments():
    """Sixteen of each theme, half of them negative; one word names the theme, another the feeling."""
    return [
        labelled(
            f"{theme}-{feeling}-{number}",
            f"{'Levering' if theme == 'delivery_time' else 'Pris'} {word} {ending}",
            themes=[f"{theme}:{feeling}"],
            sentiment=feeling,
            churn_risk=feeling == "negative",
        )
        for theme in ("delivery_time", "price_value")
        for feeling, words in (("positive", ("flott", "topp")), ("negative", ("elendig", "håpløst")))
        for word in words
        for number, ending in ((f"{word}-{place}", ending) for place, ending in enumerate(ENDINGS))
    ]


def test_a_linear_model_learns_the_words_that_decide(comments):
    said = LinearModel.fit(comments[::2], LABELS).log_odds(comments[1::2])
    due = due_tags(comments[1::2], LABELS)
    decided = [*COLUMNS["themes"], *COLUMNS["churn_risk"]]
    assert ((said.tags > 0) == due)[:, decided].all()
    right = [LABELS.sentiments.index(comment.sentiment) for comment in comments[1::2]]
    assert said.sentiment.argmax(axis=1).tolist() == right


def test_a_label_that_no_comment_has_is_never_given(comments):
    said = LinearModel.fit(comments, LABELS).log_odds(comments[:3])
    assert said.tags[:, COLUMNS["factors"]].ravel().tolist() == [NEVER] * 3


def test_the_sum_listens_to_the_model_that_knows(comments):
    rng = np.random.default_rng(0)
    due = due_tags(comments, LABELS)
    feelings = np.array([[comment.sentiment == name for name in LABELS.sentiments] for comment in comments])
    knows = LogOdds(np.where(due, 2.0, -2.0), np.where(feelings, 2.0, -2.0))
    guesses = LogOdds(rng.normal(size=due.shape), rng.normal(size=feelings.shape))
    alone = crossed(comments, [guesses], LABELS, COLUMNS, cuts=2)
    both = crossed(comments, [guesses, knows], LABELS, COLUMNS, cuts=2)
    assert micro_f1(both.counts["themes"].totals) == 1.0
    assert micro_f1(alone.counts["themes"].totals) < 0.8
    assert both.counts["sentiment"].totals[:, 0].tolist() == [len(comments), 0, 0]
    assert all(both.weights[kind][1] > 5 * abs(both.weights[kind][0]) for kind in ("themes", "sentiment"))


def test_every_comment_is_counted_once_however_often_they_are_cut(comments):
    said = LogOdds(np.where(due_tags(comments, LABELS), 1.0, -1.0), np.zeros((len(comments), 2)))
    counts = crossed(comments, [said], LABELS, COLUMNS, cuts=3).counts
    assert counts["themes"].totals.sum() == pytest.approx(len(comments))
    assert counts["sentiment"].table.sum(axis=(1, 2)) == pytest.approx(np.ones(len(comments)))


@pytest.mark.slow
def test_what_is_counted_was_not_fitted_on(comments):
    """Chance does not become right by adding more of it up, as it would if it were counted where it was fitted."""
    rng, due = np.random.default_rng(1), due_tags(comments, LABELS)
    chance = [LogOdds(rng.normal(size=due.shape), rng.normal(size=(len(comments), 2))) for _ in range(20)]
    right = crossed(comments, chance, LABELS, COLUMNS, cuts=4).counts["sentiment"].totals[0, 0]
    assert right < 0.65 * len(comments)
