"""`/v1/reports`: scores, themes and factors of what is stored, and what two runs differ in."""

# Annotations are evaluated here at once, as in the routes of comments.
from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request

from api.access.guard import needs
from api.access.scopes import Scope
from api.dependencies import StoreDep
from api.problems import documented
from api.reports.answers import ComparisonAnswer, FactorsAnswer, NpsAnswer, ThemesAnswer
from api.reports.errors import FutureMoment, SameRun, TooManyRows, UnknownDimension
from api.reports.make import comparison_answer, factors_answer, nps_answer, themes_answer
from api.reports.query import HIGHEST_ID, FactorsQuery, NpsQuery, ReportQuery, RunsQuery, ThemesQuery
from api.routes.comments import EVERYWHERE, UnknownFilter
from api.store.runs import UnknownRun
from nlp.errors import UnknownLabel

router = APIRouter(tags=["reports"])

ERRORS = (UnknownFilter, UnknownLabel, UnknownRun, FutureMoment, *EVERYWHERE)
GROUPED = (UnknownDimension, TooManyRows, *ERRORS)
RunId = Annotated[int, Path(ge=1, le=HIGHEST_ID, description="The run's id.")]


def only_fields_of(query: type[ReportQuery]) -> Callable[[Request], None]:
    """A dependency that refuses a query with a name that is none of these fields."""
    known = list(query.model_fields)

    def check(request: Request) -> None:
        for name in request.query_params:
            if name not in known:
                raise UnknownFilter(name, known)

    return check


def _dependencies(query: type[ReportQuery]) -> list[Any]:
    return [needs(Scope.READ), Depends(only_fields_of(query))]


@router.get(
    "/v1/reports/nps",
    summary="Net Promoter Score by group and period",
    operation_id="report_nps",
    responses=documented(*GROUPED),
    dependencies=_dependencies(NpsQuery),
)
def report_nps(store: StoreDep, query: Annotated[NpsQuery, Query()]) -> NpsAnswer:
    """Scores the comments that every filter lets through; `asked.again` gives the same figures at any later time."""
    return nps_answer(store, query)


@router.get(
    "/v1/reports/themes",
    summary="Themes by group and period",
    operation_id="report_themes",
    responses=documented(*GROUPED),
    dependencies=_dependencies(ThemesQuery),
)
def report_themes(store: StoreDep, query: Annotated[ThemesQuery, Query()]) -> ThemesAnswer:
    """Tells of each theme how many comments speak about it and how they feel, their score, what moved, and quotes."""
    return themes_answer(store, query)


@router.get(
    "/v1/reports/factors",
    summary="Emotional factors by group and period",
    operation_id="report_factors",
    responses=documented(*GROUPED),
    dependencies=_dependencies(FactorsQuery),
)
def report_factors(store: StoreDep, query: Annotated[FactorsQuery, Query()]) -> FactorsAnswer:
    """Tells of each factor how many comments have it and how, their score, what moved, and quotes."""
    return factors_answer(store, query)


@router.get(
    "/v1/reports/runs/{a}/compare/{b}",
    summary="What two runs say differently",
    operation_id="compare_runs",
    responses=documented(SameRun, *ERRORS),
    dependencies=_dependencies(RunsQuery),
)
def report_runs(store: StoreDep, a: RunId, b: RunId, query: Annotated[RunsQuery, Query()]) -> ComparisonAnswer:
    """Compares two runs on the texts that both have tagged: labels that flip, themes that move, comments to read."""
    return comparison_answer(store, a, b, query)
