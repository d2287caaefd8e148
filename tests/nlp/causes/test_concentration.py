"""Where causes concentrate, and that chance concentrates nowhere."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("scipy")
from scipy.sparse import csr_array
from scipy.stats import hypergeom

from nlp.causes.concentration import concentrations


def column(named: np.ndarray) -> csr_array:
    return csr_array(np.asarray(named, dtype=np.int64).reshape(len(named), -1))


def test_a_department_by_hand() -> None:
    """12 of 20 in the warehouse name it, 6 of 180 elsewhere."""
    department = ["warehouse"] * 20 + ["shop"] * 100 + ["phone"] * 80
    named = np.array([1] * 12 + [0] * 8 + [1] * 3 + [0] * 97 + [1] * 3 + [0] * 77)
    [[found]] = concentrations(column(named), {"department": department})
    assert found.where == {"department": "warehouse"}
    assert (found.count, found.share_of_cause, found.share_here) == (12, 12 / 18, 0.6)
    assert found.share_elsewhere == pytest.approx(6 / 180)
    assert found.ratio.value == pytest.approx(18.0)
    assert found.p_value == pytest.approx(hypergeom.sf(11, 200, 18, 20))
    assert found.p_value < found.q_value < 1e-8


def test_chance_concentrates_nowhere_even_in_a_thousand_values() -> None:
    rng = np.random.default_rng(0)
    wrong = 0
    for _ in range(10):
        named = rng.random((4_000, 20)) < rng.uniform(0.005, 0.1, 20)
        dimensions = {
            "store": [f"store {i}" for i in rng.integers(0, 400, 4_000)],
            "order": [f"order {i}" for i in range(4_000)],
            "department": rng.choice(["a", "b", "c"], 4_000).tolist(),
        }
        wrong += any(concentrations(column(named), dimensions))
    assert wrong <= 2


def test_one_store_in_four_hundred_is_found() -> None:
    rng = np.random.default_rng(1)
    store = rng.integers(0, 400, 8_000)
    named = (rng.random((8_000, 30)) < 0.01).astype(np.int64)
    named[:, 3] |= (store == 17) & (rng.random(8_000) < 0.6)
    found = concentrations(csr_array(named), {"store": [f"store {i}" for i in store]})
    assert [concentration.where["store"] for concentration in found[3]] == ["store 17"]
    assert sum(map(len, found)) <= 2


def test_small_cells_are_not_shown() -> None:
    department = ["tiny"] * 4 + ["other"] * 2_000
    named = np.array([1] * 4 + [0] * 2_000)
    assert concentrations(column(named), {"department": department}) == ((),)


def test_unknown_values_take_no_part() -> None:
    values = ["a"] * 30 + ["b"] * 30 + [None] * 500
    named = np.array([1] * 20 + [0] * 10 + [0] * 30 + [0] * 500)
    [[found]] = concentrations(column(named), {"place": values})
    assert found.p_value == pytest.approx(hypergeom.sf(19, 60, 20, 30))


def test_a_pair_is_told_only_where_it_says_more_than_both() -> None:
    rng = np.random.default_rng(2)
    n = 12_000
    department = rng.choice(["shop", "phone", "web"], n)
    touchpoint = rng.choice(["order", "delivery", "return"], n)
    in_pair = (department == "phone") & (touchpoint == "return")
    crossed = rng.random(n) < np.where(in_pair, 0.2, 0.01)
    only_department = rng.random(n) < np.where(department == "phone", 0.15, 0.01)
    dimensions = {"department": department.tolist(), "touchpoint": touchpoint.tolist()}
    membership = csr_array(np.column_stack([crossed, only_department]).astype(np.int64))
    first, second = concentrations(membership, dimensions, pairs=[("department", "touchpoint")])
    assert first[0].where == {"department": "phone", "touchpoint": "return"}
    assert [dict(found.where) for found in second] == [{"department": "phone"}]


def test_nothing_gives_nothing() -> None:
    assert concentrations(csr_array((0, 2), dtype=np.int64), {"department": []}) == ((), ())
    assert concentrations(column(np.array([1, 0])), {}) == ((),)
