"""What comes before in the journey: promise against delivery."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("scipy")
from scipy.sparse import csr_array

from nlp.causes.precedence import earlier_causes, stage_of_causes

JOURNEY = ("awareness", "purchase", "delivery")
UNKNOWN = np.datetime64("NaT")


def test_a_cause_stands_where_most_of_its_comments_do() -> None:
    membership = csr_array(np.array([[1, 0], [1, 0], [1, 1], [0, 1]]))
    stages = {"delivery": np.array([1, 1, 0, 0], dtype=bool), "awareness": np.array([1, 0, 0, 0], dtype=bool)}
    assert stage_of_causes(membership, stages, JOURNEY) == ("delivery", None)


def test_a_promise_comes_before_the_delivery_that_breaks_it() -> None:
    rng = np.random.default_rng(0)
    late = rng.random(3_000) < 0.1
    promised = rng.random(3_000) < np.where(late, 0.4, 0.03)
    unrelated = rng.random(3_000) < 0.1
    membership = csr_array(np.column_stack([promised, late, unrelated]).astype(np.int64))
    before = earlier_causes(
        membership,
        ("awareness", "delivery", "awareness"),
        JOURNEY,
        words=np.full(3_000, 12),
        days=np.full(3_000, UNKNOWN, dtype="datetime64[D]"),
    )
    [found] = before[1]
    assert (found.cause, found.stage, found.customers) == (0, "awareness", int((late & promised).sum()))
    assert found.share == pytest.approx(found.customers / late.sum())
    expected = late.sum() * promised.sum() / 3_000
    assert found.lift.value == pytest.approx(found.customers / expected)
    assert found.lift.low < found.lift.value < found.lift.high
    assert (before[0], before[2]) == ((), ())


def test_long_comments_that_name_everything_are_no_order() -> None:
    rng = np.random.default_rng(1)
    long = rng.random(4_000) < 0.2
    chance = np.where(long, 0.4, 0.02)
    membership = csr_array((rng.random((4_000, 2)) < chance[:, None]).astype(np.int64))
    arguments = {"days": np.full(4_000, UNKNOWN, dtype="datetime64[D]")}
    stages = ("awareness", "delivery")
    words = np.where(long, 80, 10)
    assert earlier_causes(membership, stages, JOURNEY, words=words, **arguments)[1] == ()
    assert len(earlier_causes(membership, stages, JOURNEY, words=np.full(4_000, 10), **arguments)[1]) == 1


def test_two_comments_of_one_respondent_meet_and_tell_their_order() -> None:
    """20 people complain of the promise on the first day and of the delivery on the ninth; 400 others of nothing."""
    people = [f"R-{i}" for i in range(20)]
    respondents = people + people + [f"R-{i}" for i in range(100, 500)]
    membership = csr_array(np.repeat([[1, 0], [0, 1], [0, 0]], [20, 20, 400], axis=0))
    days = np.repeat(np.array(["2026-01-01", "2026-01-09", "2026-01-05"], dtype="datetime64[D]"), [20, 20, 400])
    words = np.repeat([10, 10, 20], [20, 20, 400])
    stages = ("awareness", "delivery")
    [found] = earlier_causes(membership, stages, JOURNEY, words=words, days=days, respondents=respondents)[1]
    assert (found.customers, found.named_first, found.named_later) == (20, 20, 0)
    assert earlier_causes(membership, stages, JOURNEY, words=words, days=days)[1] == ()


def test_nothing_comes_before_nothing() -> None:
    empty = csr_array((0, 2), dtype=np.int64)
    none = np.zeros(0, dtype=np.int64)
    days = np.zeros(0, dtype="datetime64[D]")
    assert earlier_causes(empty, (None, None), JOURNEY, words=none, days=days) == ((), ())
