"""The whole report on comments with one planted incident."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest

pytest.importorskip("ruptures")
from scipy.sparse import csr_array

from nlp.causes.describe import describe_causes
from nlp.causes.observations import Observations, codes_of, length_strata

FIRST = date(2026, 1, 1)


def planted(n: int = 6_000, *, answered: bool = True) -> Observations:
    """An incident of the warehouse from day 100, which costs; a steady complaint; and one without effect."""
    rng = np.random.default_rng(0)
    day = np.sort(rng.integers(0, 150, n))
    department = rng.choice(["warehouse", "shop", "phone"], n)
    incident = (day >= 100) & (rng.random(n) < np.where(department == "warehouse", 0.2, 0.005))
    steady = rng.random(n) < 0.04
    harmless = rng.random(n) < 0.05
    unhappy = incident | steady
    nps = np.where(rng.random(n) < np.where(unhappy, 0.1, 0.7), 10.0, 3.0)
    nps[rng.random(n) < 0.3] = np.nan
    cold = rng.random(n) < np.where(incident, 0.5, 0.05)
    return Observations(
        ids=[str(i) for i in range(n)],
        causes=("steady", "harmless", "incident"),
        membership=csr_array(np.column_stack([steady, harmless, incident]).astype(np.int64)),
        days=np.datetime64(FIRST) + day,
        nps=nps if answered else np.full(n, np.nan),
        sentiment=np.where(unhappy, -0.8, 0.5),
        words=rng.integers(5, 40, n),
        dimensions={"department": department.tolist(), "touchpoint": ["delivery"] * n},
        factors={("professional", "negative"): cold},
        factor_evidence={("professional", "negative"): [["somlete"] if shown else [] for shown in cold]},
        stages={"delivery": incident | harmless},
    )


def test_the_incident_is_costed_dated_and_placed() -> None:
    report = describe_causes(planted(), replicates=100)
    assert [cause.rank for cause in report.causes] == [1, 2, 3]
    assert report.causes[2].cause == "harmless"
    [incident] = [cause for cause in report.causes if cause.cause == "incident"]
    assert incident.trend.onset is not None
    assert abs((incident.trend.onset.day - (FIRST + timedelta(days=100))).days) <= 3
    assert incident.concentrations[0].where == {"department": "warehouse"}
    assert [(f.factor, f.polarity, f.words) for f in incident.factors] == [("professional", "negative", ())]
    assert incident.stage == "delivery"
    assert incident.nps is not None
    assert incident.nps.adjusted.low > 0
    assert incident.points_lost == incident.nps.adjusted.value
    assert incident.points_lost_now == pytest.approx(
        incident.points_lost * incident.trend.present_share / incident.share
    )
    assert (incident.rank, incident.rank_rising) == (1, 1)
    assert incident.points_risen is not None
    assert 0.8 * incident.points_lost_now < incident.points_risen <= incident.points_lost_now
    assert incident.growth.low > 2
    assert incident.sentiment == pytest.approx(-0.8)
    [steady] = [cause for cause in report.causes if cause.cause == "steady"]
    assert (steady.trend.changes, steady.concentrations, steady.rank_rising) == ((), (), None)
    assert steady.points_lost_now == pytest.approx(steady.points_lost)


def test_without_scores_causes_are_ranked_by_sentiment() -> None:
    report = describe_causes(planted(answered=False), replicates=10)
    assert report.answers == 0
    assert report.causes[2].cause == "harmless"
    for cause in report.causes[:2]:
        assert cause.nps is None
        assert cause.points_lost == pytest.approx(100 * cause.share * (cause.sentiment_elsewhere - cause.sentiment))


def test_a_second_run_gives_the_same_report() -> None:
    first, second = (describe_causes(planted(800), replicates=20) for _ in range(2))
    assert repr(first) == repr(second)


def test_nothing_is_described_as_nothing() -> None:
    nothing = Observations(
        ids=[],
        causes=(),
        membership=csr_array((0, 0), dtype=np.int64),
        days=np.zeros(0, dtype="datetime64[D]"),
        nps=np.zeros(0),
        sentiment=np.zeros(0),
        words=np.zeros(0, dtype=np.int64),
        dimensions={"department": []},
    )
    report = describe_causes(nothing)
    assert (report.comments, report.answers, report.causes) == (0, 0, ())


def test_columns_that_do_not_fit_are_refused() -> None:
    seen = planted(100)
    fields = {name: getattr(seen, name) for name in seen.__slots__}
    with pytest.raises(ValueError, match="nps has 99 rows and there are 100 comments"):
        Observations(**{**fields, "nps": seen.nps[:99]})
    with pytest.raises(ValueError, match=r"membership has the shape \(100, 2\)"):
        Observations(**{**fields, "membership": seen.membership[:, [0, 1]]})
    with pytest.raises(ValueError, match="values other than 0 and 1"):
        Observations(**{**fields, "membership": csr_array(np.full((100, 3), 2))})
    with pytest.raises(ValueError, match="answers lie from 0 to 10"):
        Observations(**{**fields, "nps": np.full(100, 11.0)})


def test_codes_and_strata() -> None:
    codes, names = codes_of([None, "b", "a"])
    assert (codes.tolist(), names) == ([-1, 1, 0], ["a", "b"])
    assert length_strata(np.full(5, 7)).tolist() == [0] * 5
