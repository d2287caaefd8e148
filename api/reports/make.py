"""From what is asked for to the answer: what the routes and the command line call."""

from __future__ import annotations

from collections.abc import Mapping

from api.reports.answers import Asked, ComparisonAnswer, FactorsAnswer, NpsAnswer, ThemesAnswer
from api.reports.compare import compare_runs
from api.reports.labels import LabelReport, Wanted, label_report
from api.reports.nps import nps_report
from api.reports.query import FactorsQuery, NpsQuery, ReportQuery, RunsQuery, ThemesQuery
from api.reports.removed import removed_since
from api.reports.view import View, open_view
from api.reports.zones import Zone
from api.store.database import Store
from api.store.models import TagKind


def nps_answer(store: Store, query: NpsQuery) -> NpsAnswer:
    """The Net Promoter Score by group and period.

    Raises
    ------
    ReportError, UnknownLabel
    """
    view = _view(store, query)
    report = nps_report(
        store,
        view,
        query.filters(),
        by=query.by,
        period=query.period,
        zone=Zone.named(query.time_zone),
        minimum=query.minimum,
        limit=query.limit,
    )
    return NpsAnswer.of(_asked(store, query, view), report)


def themes_answer(store: Store, query: ThemesQuery) -> ThemesAnswer:
    """Themes by group and period.

    Raises
    ------
    ReportError, UnknownLabel
    """
    view = _view(store, query)
    return ThemesAnswer.of(_asked(store, query, view), _labels(store, query, view, TagKind.THEME))


def factors_answer(store: Store, query: FactorsQuery) -> FactorsAnswer:
    """Emotional factors by group and period.

    Raises
    ------
    ReportError, UnknownLabel
    """
    view = _view(store, query)
    return FactorsAnswer.of(_asked(store, query, view), _labels(store, query, view, TagKind.FACTOR))


def comparison_answer(store: Store, a: int, b: int, query: RunsQuery) -> ComparisonAnswer:
    """What run `b` says differently from run `a`.

    Raises
    ------
    ReportError, UnknownLabel
    """
    view = open_view(store, as_of=query.as_of)
    found = compare_runs(store, view, a, b, query.filters(), minimum=query.minimum)
    return ComparisonAnswer.of(_asked(store, query, view, path={"a": a, "b": b}), found)


def _view(store: Store, query: NpsQuery) -> View:
    return open_view(store, as_of=query.as_of, run_id=query.run)


def _labels(store: Store, query: ThemesQuery, view: View, kind: TagKind) -> LabelReport:
    wanted = Wanted(
        kind,
        Zone.named(query.time_zone),
        by=query.by,
        period=query.period,
        minimum=query.minimum,
        limit=query.limit,
        quotes=query.quotes,
    )
    return label_report(store, view, query.filters(), wanted)


def _asked(store: Store, query: ReportQuery, view: View, *, path: Mapping[str, int] | None = None) -> Asked:
    with store.read() as session:
        removed = removed_since(session, view.as_of, query.filters())
    return Asked.of(query, view, removed, path=path)
