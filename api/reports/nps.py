"""The Net Promoter Score of what the store has, by group and period."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from api.nps import MINIMUM_ANSWERS, Nps, Period, check_minimum, shares
from api.reports.dimensions import check
from api.reports.groups import Grouped, Totals, base_of, calendar_of, count_all, count_groups, in_order
from api.reports.periods import name_of
from api.reports.view import View
from api.reports.zones import Zone
from api.store.database import Store
from api.store.search import Filters

MOST_ROWS: Final = 10_000


@dataclass(frozen=True, slots=True)
class NpsReport:
    """The scores, in the order of periods and then of groups; what they are of, and which groups were left out."""

    totals: Totals
    rows: Sequence[Nps]
    left_out_groups: int
    left_out_comments: int


def nps_report(
    store: Store,
    view: View,
    filters: Filters,
    *,
    by: Sequence[str] = (),
    period: Period | None = None,
    zone: Zone,
    minimum: int = MINIMUM_ANSWERS,
    limit: int,
) -> NpsReport:
    """The score of every group of the comments that the filters let through.

    Parameters
    ----------
    by : dimensions
    zone : where days begin
    minimum : fewer answers give no number
    limit : groups at most, those with the most answers

    Raises
    ------
    UnknownDimension, BadMinimum, TooManyRows
    """
    check(by)
    check_minimum(minimum)
    with store.read() as session:
        totals = count_all(session, view, filters)
        calendar = None if period is None else calendar_of(session, period, zone.info)
        base = base_of(session, view, filters, by=by, calendar=calendar, answered=True)
        grouped = count_groups(session, base, by=by, periods=period is not None, limit=limit, most_rows=MOST_ROWS)
    return NpsReport(totals, _rows(grouped, by, period, minimum), grouped.left_out_groups, grouped.left_out_comments)


def _rows(grouped: Grouped, by: Sequence[str], period: Period | None, minimum: int) -> list[Nps]:
    return [
        Nps(
            group=dict(zip(by, key[1], strict=True)),
            period=None if period is None or key[0] is None else name_of(key[0], period),
            answers=grouped.counts[key].answers,
            result=shares(grouped.counts[key].of_kind, minimum=minimum),
        )
        for key in sorted(grouped.counts, key=in_order)
    ]
