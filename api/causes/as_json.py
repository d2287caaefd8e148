"""Causes as plain JSON types, in the order of their rank."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from nlp.causes.actions import Outcome, Watched
from nlp.causes.chance import Estimate
from nlp.causes.describe import CauseStatistics
from nlp.causes.sequential import ActionEffect, Verdict
from nlp.root_causes import Causes

ReaderLanguage = Literal["en", "nb", "nn", "da", "sv"]
BETWEEN = " + "
"""Between the dimensions, and the values, of a concentration in two dimensions at once."""


def cause_rows(
    found: Causes, *, language: ReaderLanguage, watched: Mapping[str, Sequence[Watched]] | None = None
) -> list[dict[str, Any]]:
    """One row a cause.

    Parameters
    ----------
    language : of the labels
    watched : by cause what was done about it
    """
    ids = [topic.id for topic in found.model.topics]
    return [_row(cause, found, ids, language, (watched or {}).get(cause.cause, ())) for cause in found.report.causes]


def _row(
    cause: CauseStatistics,
    found: Causes,
    ids: list[str],
    language: ReaderLanguage,
    watched: Sequence[Watched],
) -> dict[str, Any]:
    topic = found.model.topic(cause.cause)
    onset = cause.trend.onset
    return {
        "rank": cause.rank,
        "topic": topic.id,
        "label": topic.label[language],
        "theme": topic.theme,
        "sentiment": topic.sentiment,
        "size": cause.size,
        "share": cause.share,
        "nps_points_lost": None if cause.nps is None else estimate(cause.nps.adjusted),
        "change": None
        if onset is None
        else {
            "date": onset.day.isoformat(),
            "strength": finite(onset.ratio.value),
            "earliest": onset.earliest.isoformat(),
            "latest": onset.latest.isoformat(),
        },
        "concentration": [
            {
                "dimension": BETWEEN.join(place.where),
                "value": BETWEEN.join(place.where.values()),
                "lift": finite(place.ratio.value),
                "p": place.p_value,
                "q": place.q_value,
                "count": place.count,
            }
            for place in cause.concentrations
        ],
        "factors": [
            {
                "factor": each.factor,
                "polarity": each.polarity,
                "count": each.count,
                "lift": finite(each.lift),
                "q": each.q_value,
                "words": list(each.words),
            }
            for each in cause.factors
        ],
        "quotes": [{"id": quote.comment_id, "start": quote.start, "end": quote.end} for quote in topic.quotes],
        "comments": list(found.members[topic.id]),
        "parent": topic.parent,
        "stage": cause.stage,
        "mean_sentiment": finite(cause.sentiment),
        "nps": None
        if cause.nps is None
        else {
            "answers": cause.nps.answers,
            "of_cause": cause.nps.of_cause,
            "without": cause.nps.without,
            "points_lost_plain": estimate(cause.nps.plain),
        },
        "points_lost_now": cause.points_lost_now,
        "rank_rising": cause.rank_rising,
        "points_risen": cause.points_risen,
        "growth": estimate(cause.growth),
        "weeks": [
            {"monday": week.monday.isoformat(), "count": week.count, "of": week.total} for week in cause.trend.weeks
        ],
        "earlier_causes": [
            {
                "topic": ids[each.cause],
                "stage": each.stage,
                "customers": each.customers,
                "lift": finite(each.lift.value),
            }
            for each in cause.earlier
        ],
        "actions": [_action(each) for each in watched],
    }


def _action(watched: Watched) -> dict[str, Any]:
    action = watched.action
    return {
        "what": action.what,
        "who": action.who,
        "since": action.since.isoformat(),
        "where": [
            {"dimension": dimension, "value": value} for dimension, values in action.where.items() for value in values
        ],
        "until": None if action.until is None else action.until.isoformat(),
        "effect": effect_of_outcome(watched.outcome),
    }


def effect_of_outcome(outcome: Outcome) -> dict[str, Any]:
    """What came of an action, where it was done and elsewhere."""
    return {
        **_effect(outcome.effect),
        "baseline_from": outcome.baseline_from.isoformat(),
        "baseline": outcome.baseline.value,
        "watched_to": outcome.watched_to.isoformat(),
        "false_alarm_rate": outcome.effect.false_alarm,
        "confidence": round(1 - 2 * outcome.effect.false_alarm, 6),
        "elsewhere": None if outcome.elsewhere is None else _effect(outcome.elsewhere),
    }


def _effect(effect: ActionEffect) -> dict[str, Any]:
    return {
        "verdict": effect.verdict.value,
        "fall": None if effect.verdict is Verdict.NO_BASELINE else estimate(effect.fall),
        "decided_on": None if effect.decided_on is None else effect.decided_on.isoformat(),
        "complaints_before": effect.count_before,
        "comments_before": effect.total_before,
        "complaints_after": effect.count,
        "comments_after": effect.total,
        "days": len(effect.days),
        "days_for_half": effect.days_for_half,
    }


def estimate(value: Estimate) -> Mapping[str, float | None] | None:
    """An estimate with its interval; null where it is not known, and for a bound that the data do not set."""
    if math.isnan(value.value):
        return None
    return {"estimate": finite(value.value), "low": finite(value.low), "high": finite(value.high)}


def finite(value: float) -> float | None:
    """JSON has neither infinity nor NaN."""
    return value if math.isfinite(value) else None
