"""Themes and factors: how often customers speak of each, how they feel about it, and what has moved."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC
from typing import Any, Final

from sqlalchemy import func, literal, select
from sqlalchemy.orm import Session

from api.nps import MINIMUM_ANSWERS, Period, Shares, Z, check_minimum, shares
from api.reports.dimensions import check
from api.reports.groups import (
    COLUMNS,
    Counts,
    Key,
    Totals,
    base_of,
    calendar_of,
    count_all,
    count_groups,
    in_order,
    keys_of,
    measures,
    only_groups,
    ranked_groups,
)
from api.reports.periods import Calendar, name_before, name_of
from api.reports.quotes import Quote, Said, find_quotes
from api.reports.view import View
from api.reports.zones import Zone
from api.store.database import Store
from api.store.models import TagKind
from api.store.search import Filters

MOST_ROWS: Final = 1_000
MOST_QUOTED_ROWS: Final = 50
"""Beyond, a report would be a heap of texts."""


@dataclass(frozen=True, slots=True)
class Change:
    """What moved since the former period.

    Parameters
    ----------
    since : the former period's name; None where it is the stretch of the same length before
    comments : more, or fewer
    share : in shares of tagged comments, -1 to 1; `low` and `high` are its 95 % interval
    nps : in points; None if either period has too few answers
    """

    since: str | None
    comments: int
    share: float
    low: float
    high: float
    nps: float | None


@dataclass(frozen=True, slots=True)
class LabelFigures:
    """A theme or factor in a group; `share` is of the group's tagged comments."""

    label: str
    stage: str | None
    comments: int
    share: float
    sentiment: Mapping[str, int]
    answers: int
    nps: Shares | None
    change: Change | None
    quotes: Sequence[Quote]


@dataclass(frozen=True, slots=True)
class LabelRow:
    """A group in a period; the labels that most comments have come first."""

    period: str | None
    group: Mapping[str, str | None]
    comments: int
    tagged: int
    labels: Sequence[LabelFigures]


@dataclass(frozen=True, slots=True)
class LabelReport:
    """The rows, in the order of periods and then of groups, and what was left out."""

    totals: Totals
    rows: Sequence[LabelRow]
    left_out_groups: int
    left_out_comments: int
    left_out_quotes: bool


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a report of labels is asked for.

    Parameters
    ----------
    kind : themes or factors
    by : dimensions
    zone : where days begin
    minimum : fewer answers give no NPS
    limit : groups at most, those with the most comments
    quotes : of each label at most
    """

    kind: TagKind
    zone: Zone
    by: Sequence[str] = ()
    period: Period | None = None
    minimum: int = MINIMUM_ANSWERS
    limit: int = 100
    quotes: int = 2


@dataclass(frozen=True, slots=True)
class _Label:
    stage: str | None
    counts: Counts
    by_sentiment: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class _Found:
    groups: Mapping[Key, Counts]
    labels: Mapping[Key, Mapping[str, _Label]]
    sizes: Mapping[Said, int]
    left_out_groups: int
    left_out_comments: int


def label_report(store: Store, view: View, filters: Filters, wanted: Wanted) -> LabelReport:
    """What customers speak of, in every group of the comments that the filters let through.

    Raises
    ------
    UnknownDimension, BadMinimum, TooManyRows
    """
    check(wanted.by)
    check_minimum(wanted.minimum)
    with store.read() as session:
        totals = count_all(session, view, filters)
        calendar = None if wanted.period is None else calendar_of(session, wanted.period, wanted.zone.info)
        found = _find(session, view, filters, wanted, calendar)
        former = _stretch_before(filters) if wanted.period is None else None
        before = None if former is None else _find(session, view, former, replace(wanted, limit=MOST_ROWS), None)
        with_quotes = wanted.quotes > 0 and len(found.groups) <= MOST_QUOTED_ROWS
        quotes = {}
        if with_quotes:
            base = base_of(session, view, filters, by=wanted.by, calendar=calendar)
            quotes = find_quotes(
                session,
                base,
                view.tags,
                kind=wanted.kind,
                by=wanted.by,
                sizes=found.sizes,
                most=wanted.quotes,
            )
    rows = [_row(key, found, before, quotes, wanted) for key in sorted(found.groups, key=in_order)]
    left_out_quotes = wanted.quotes > 0 and not with_quotes
    return LabelReport(totals, rows, found.left_out_groups, found.left_out_comments, left_out_quotes)


def _find(session: Session, view: View, filters: Filters, wanted: Wanted, calendar: Calendar | None) -> _Found:
    base, periods = base_of(session, view, filters, by=wanted.by, calendar=calendar), wanted.period is not None
    grouped = count_groups(session, base, by=wanted.by, periods=periods, limit=wanted.limit, most_rows=MOST_ROWS)
    labelled = view.tags.labelled(base, wanted.kind).subquery("labelled")
    keys = keys_of(labelled, wanted.by)
    period = labelled.c.period if periods else literal(None).label("period")
    what = [labelled.c.label, labelled.c.stage, labelled.c.label_sentiment]
    grouping = [*([labelled.c.period] if periods else []), *keys, *what]
    figures = [func.count().label("of_sentiment"), *measures(labelled, weight=labelled.c.first)]
    counted = select(period, *keys, *what, *figures).group_by(*grouping).subquery("counted")
    rows: Any = counted
    if grouped.left_out_groups:
        ranked = ranked_groups(base, by=wanted.by, periods=periods)
        rows = only_groups(counted, ranked, by=wanted.by, limit=wanted.limit)
    found: dict[Key, dict[str, _Label]] = {}
    sizes: Counter[Said] = Counter()
    for row in session.execute(select(*counted.c).select_from(rows)).mappings():
        key = row["period"], tuple(row[f"key_{place}"] for place in range(len(wanted.by)))
        label = found.setdefault(key, {}).get(row["label"], _Label(row["stage"], Counts(), {}))
        counts = label.counts + Counts(*(row[name] for name in COLUMNS))
        by_sentiment = {**label.by_sentiment, row["label_sentiment"]: row["of_sentiment"]}
        found[key][row["label"]] = _Label(label.stage, counts, by_sentiment)
        sizes[Said(key, row["label"], row["label_sentiment"])] += row["of_sentiment"]
    return _Found(grouped.counts, found, sizes, grouped.left_out_groups, grouped.left_out_comments)


def _stretch_before(filters: Filters) -> Filters | None:
    """The filters of the stretch of time of the same length before."""
    start, end = filters.submitted_from, filters.submitted_before
    if start is None or end is None or end <= start:
        return None
    try:
        return replace(filters, submitted_from=(start - (end - start)).astimezone(UTC), submitted_before=start)
    except OverflowError:  # it would begin before the calendar does
        return None


def _row(
    key: Key, found: _Found, before: _Found | None, quotes: Mapping[tuple[Key, str], Sequence[Quote]], wanted: Wanted
) -> LabelRow:
    start, values = key
    period = None if start is None or wanted.period is None else name_of(start, wanted.period)
    former = _former(key, found, before, wanted)
    here = found.labels.get(key, {})
    figures = [
        _figures(
            name,
            label,
            group=found.groups[key],
            former=former,
            quotes=quotes.get((key, name), ()),
            minimum=wanted.minimum,
        )
        for name, label in sorted(here.items(), key=lambda item: (-item[1].counts.comments, item[0]))
    ]
    counts = found.groups[key]
    return LabelRow(period, dict(zip(wanted.by, values, strict=True)), counts.comments, counts.tagged, figures)


@dataclass(frozen=True, slots=True)
class _Former:
    name: str | None
    tagged: int
    labels: Mapping[str, _Label]


def _former(key: Key, found: _Found, before: _Found | None, wanted: Wanted) -> _Former | None:
    """The same group in the period before, if it has tagged comments."""
    start, values = key
    if start is None or wanted.period is None:
        return None if before is None else _former_in(before, key, name=None)
    name = name_before(start, wanted.period)
    same = (each for each in found.groups if each[1] == values)
    other = next((each for each in same if each[0] is not None and name_of(each[0], wanted.period) == name), None)
    return None if other is None else _former_in(found, other, name=name)


def _former_in(found: _Found, key: Key, *, name: str | None) -> _Former | None:
    counts = found.groups.get(key)
    if counts is None or not counts.tagged:
        return None
    return _Former(name, counts.tagged, found.labels.get(key, {}))


def _figures(
    name: str, label: _Label, *, group: Counts, former: _Former | None, quotes: Sequence[Quote], minimum: int
) -> LabelFigures:
    counts = label.counts
    return LabelFigures(
        label=name,
        stage=label.stage,
        comments=counts.comments,
        share=counts.comments / group.tagged if group.tagged else 0.0,
        sentiment=dict(sorted(label.by_sentiment.items())),
        answers=counts.answers,
        nps=shares(counts.of_kind, minimum=minimum),
        change=None
        if former is None
        else _change(counts, group.tagged, then=_label_then(name, former), former=former, minimum=minimum),
        quotes=quotes,
    )


def _label_then(name: str, former: _Former) -> Counts:
    return former.labels[name].counts if name in former.labels else Counts()


def _change(counts: Counts, tagged: int, *, then: Counts, former: _Former, minimum: int) -> Change:
    now_nps, then_nps = shares(counts.of_kind, minimum=minimum), shares(then.of_kind, minimum=minimum)
    low, high = difference_interval(counts.comments, tagged, then.comments, former.tagged)
    return Change(
        since=former.name,
        comments=counts.comments - then.comments,
        share=counts.comments / tagged - then.comments / former.tagged,
        low=low,
        high=high,
        nps=None if now_nps is None or then_nps is None else now_nps.value - then_nps.value,
    )


def difference_interval(hits: int, total: int, former_hits: int, former_total: int) -> tuple[float, float]:
    """The 95 % interval of a share less another's, -1 to 1: a hit and a miss are added to each.

    References
    ----------
    Agresti & Caffo (2000), Simple and effective confidence intervals for proportions and differences of proportions
    result from adding two successes and two failures, The American Statistician 54(4), pages 280-288

    >>> tuple(round(bound, 3) for bound in difference_interval(30, 100, 20, 100))
    (-0.021, 0.217)
    """
    n, m = total + 2, former_total + 2
    p, q = (hits + 1) / n, (former_hits + 1) / m
    half = Z * math.sqrt(p * (1 - p) / n + q * (1 - q) / m)
    return max(-1.0, p - q - half), min(1.0, p - q + half)
