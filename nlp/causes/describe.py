"""Everything about every cause, ranked: the statistics of a report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from nlp.causes.chance import Estimate, Floats, Integers
from nlp.causes.change import Trend, daily_counts, trends
from nlp.causes.concentration import Concentration, concentrations
from nlp.causes.factors import FactorOfCause, factors_of_causes
from nlp.causes.nps_cost import REPLICATES, NpsCost, NpsCosts, control_indicators, nps_costs
from nlp.causes.observations import Observations
from nlp.causes.precedence import EarlierCause, earlier_causes, stage_of_causes
from nlp.causes.rank import at_present, growth_of, points_risen, ranking
from nlp.taxonomy import Taxonomy

CONTROLS: Final = ("source", "department", "touchpoint")
PAIRS: Final = (("department", "touchpoint"),)


@dataclass(frozen=True, slots=True)
class CauseStatistics:
    """One cause.

    Parameters
    ----------
    cause : its id
    rank : from 1, by `points_lost_now`
    rank_rising : from 1 among the causes that have risen, by `points_risen`; None of the others
    size : how many comments name it
    share : of all comments
    sentiment, sentiment_elsewhere : mean score of the comments that name it, and of all others; NaN where not known
    points_lost : over the whole time: NPS points by the regression; where nobody answered the question, what the mean
        sentiment loses to it, in hundredths; None where too few answers are known
    points_lost_now, points_risen : at its present share; and how many of these came with its rise
    nps : None where fewer than ten who name it have answered
    growth : its share in the last four weeks over its share before
    trend, concentrations, factors, earlier : see their modules
    stage : of the journey
    """

    cause: str
    rank: int
    rank_rising: int | None
    size: int
    share: float
    sentiment: float
    sentiment_elsewhere: float
    points_lost: float | None
    points_lost_now: float | None
    points_risen: float | None
    nps: NpsCost | None
    growth: Estimate
    trend: Trend
    concentrations: tuple[Concentration, ...]
    factors: tuple[FactorOfCause, ...]
    stage: str | None
    earlier: tuple[EarlierCause, ...]


@dataclass(frozen=True, slots=True)
class CauseReport:
    """All causes, the one that deserves most attention first.

    Parameters
    ----------
    comments, dated, answers : how many there were, how many with a day, how many with an answer to the NPS question
    nps : of all answers; NaN without any
    causes : ranked
    """

    comments: int
    dated: int
    answers: int
    nps: float
    causes: tuple[CauseStatistics, ...]


def describe_causes(
    observations: Observations,
    *,
    controls: Sequence[str] = CONTROLS,
    replicates: int = REPLICATES,
    seed: int = 0,
) -> CauseReport:
    """Describe and rank every cause.

    Parameters
    ----------
    controls : dimensions that the regression of NPS holds alike; those that are not there are passed over
    replicates : bootstrap samples of the NPS cost
    seed : the same seed gives the same report
    """
    seen = observations
    order = Taxonomy.load().stages
    held = [seen.dimensions[name] for name in controls if name in seen.dimensions]
    costs = nps_costs(
        seen.membership,
        seen.nps,
        controls=control_indicators(held, len(seen.ids)),
        respondents=seen.respondents,
        replicates=replicates,
        seed=seed,
    )
    growth = _growth(seen)
    over_time = trends(seen.membership, seen.days, seed=seed)
    where = concentrations(
        seen.membership,
        seen.dimensions,
        pairs=[pair for pair in PAIRS if all(name in seen.dimensions for name in pair)],
    )
    factors = factors_of_causes(
        seen.membership, seen.factors, seen.factor_evidence, sentiment=seen.sentiment, words=seen.words
    )
    stage = stage_of_causes(seen.membership, seen.stages, order)
    earlier = earlier_causes(
        seen.membership, stage, order, words=seen.words, days=seen.days, respondents=seen.respondents
    )
    sizes = np.asarray(seen.membership.sum(axis=0)).ravel()
    feeling, feeling_elsewhere = _sentiment(seen)
    shares = (sizes / max(len(seen.ids), 1)).tolist()
    lost = _points_lost(costs, np.array(shares), feeling, feeling_elsewhere)
    now, risen = (
        [points(*cause) for cause in zip(lost, shares, over_time, strict=True)] for points in (at_present, points_risen)
    )
    grown = [ratio.value for ratio in growth]
    ranked = ranking(now, grown)
    rising = [column for column in ranking(risen, grown) if risen[column] is not None]
    causes = tuple(
        CauseStatistics(
            cause=seen.causes[column],
            rank=rank,
            rank_rising=rising.index(column) + 1 if column in rising else None,
            size=int(sizes[column]),
            share=shares[column],
            sentiment=float(feeling[column]),
            sentiment_elsewhere=float(feeling_elsewhere[column]),
            points_lost=lost[column],
            points_lost_now=now[column],
            points_risen=risen[column],
            nps=costs.causes[column],
            growth=growth[column],
            trend=over_time[column],
            concentrations=where[column],
            factors=factors[column],
            stage=stage[column],
            earlier=earlier[column],
        )
        for rank, column in enumerate(ranked, start=1)
    )
    return CauseReport(len(seen.ids), int((~np.isnat(seen.days)).sum()), costs.answers, costs.nps, causes)


def _growth(seen: Observations) -> list[Estimate]:
    known = np.flatnonzero(~np.isnat(seen.days))
    if not len(known):
        return [Estimate(float("nan"), 0.0, float("inf"))] * len(seen.causes)
    _, counts, totals = daily_counts(seen.membership[known], seen.days[known])
    return [growth_of(counts[:, column], totals) for column in range(len(seen.causes))]


def _sentiment(seen: Observations) -> tuple[Floats, Floats]:
    """Mean scores of each cause's comments and of all others; NaN where none is known."""
    known = np.flatnonzero(~np.isnan(seen.sentiment))
    named, scores = seen.membership[known].astype(np.float64), seen.sentiment[known]
    counts, sums = np.asarray(named.sum(axis=0)).ravel(), np.asarray(named.T @ scores).ravel()
    return _mean(sums, counts), _mean(scores.sum() - sums, len(known) - counts)


def _mean(sums: Floats, counts: Floats | Integers) -> Floats:
    return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)


def _points_lost(costs: NpsCosts, share: Floats, feeling: Floats, elsewhere: Floats) -> list[float | None]:
    if costs.answers:
        return [None if cost is None else cost.adjusted.value for cost in costs.causes]
    lost = 100 * share * (elsewhere - feeling)
    return [None if np.isnan(points) else float(points) for points in lost]
