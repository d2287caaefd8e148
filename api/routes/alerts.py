"""`/v1/alerts`: the queue of unhappy customers."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request

from api.access.guard import CallerDep, needs
from api.access.scopes import Scope
from api.alerts.errors import AlertConflict, OwnerNeeded, OwnerNotAllowed, UnknownAlert
from api.alerts.models import AlertState, Priority
from api.alerts.queue import AlertFilters, find_alert, find_alerts, update_alert
from api.alerts.rules import RuleName
from api.alerts.schemas import AlertOut, AlertPage, AlertPatch, AlertWithHistory
from api.comment_schemas import Name, QueryMoment
from api.cursor import BadCursor, cursor_after, id_before
from api.dependencies import StoreDep, UnsupportedMediaType, require_json
from api.problems import InvalidJson, documented
from api.routes.comments import EVERYWHERE, HIGHEST_ID, UnknownFilter, refuse_unknown_filters

MOST_IN_PAGE = 200
QUERY = ["state", "rule", "priority", "owner", "department", "since", "limit", "cursor"]

router = APIRouter(tags=["alerts"])
AlertId = Annotated[int, Path(alias="id", ge=1, le=HIGHEST_ID, description="Its id.")]


def filters_of(
    request: Request,
    *,
    state: Annotated[AlertState | None, Query(description="`new`, `taken` or `done`.")] = None,
    rule: Annotated[RuleName | None, Query(description="Raised by the rule of this name.")] = None,
    priority: Annotated[Priority | None, Query(description="`low`, `normal` or `high`.")] = None,
    owner: Annotated[Name | None, Query(description="Looked after by exactly this owner.")] = None,
    department: Annotated[Name | None, Query(description="Of a comment of exactly this department.")] = None,
    since: Annotated[QueryMoment | None, Query(description="Raised at this time or later; with its zone.")] = None,
) -> AlertFilters:
    """What a query asks for.

    Raises
    ------
    UnknownFilter : if the query has something else
    """
    refuse_unknown_filters(request, QUERY)
    return AlertFilters(state=state, rule=rule, priority=priority, owner=owner, department=department, since=since)


@router.get(
    "/v1/alerts",
    summary="Find alerts",
    operation_id="find_alerts",
    responses=documented(BadCursor, UnknownFilter, *EVERYWHERE),
    dependencies=[needs(Scope.READ)],
)
def find(
    store: StoreDep,
    filters: Annotated[AlertFilters, Depends(filters_of)],
    limit: Annotated[int, Query(ge=1, le=MOST_IN_PAGE, description="Alerts of a page.")] = 50,
    cursor: Annotated[str | None, Query(max_length=256, description="`next` of the page before.")] = None,
) -> AlertPage:
    """Finds the alerts that every filter lets through, those that were raised last first, a page at a time."""
    before_id = None if cursor is None else id_before(cursor, filters)
    with store.read() as session:
        found = find_alerts(session, filters, before_id=before_id, limit=limit + 1)
        page = [AlertOut.of(each) for each in found[:limit]]
    return AlertPage(alerts=page, next=cursor_after(page[-1].id, filters) if len(found) > limit else None)


@router.get(
    "/v1/alerts/{id}",
    summary="Read one alert",
    operation_id="read_alert",
    responses=documented(UnknownAlert, *EVERYWHERE),
    dependencies=[needs(Scope.READ)],
)
def read(store: StoreDep, id_: AlertId) -> AlertWithHistory:
    """Reads an alert, its comment with tags and evidence, and all that was done about it."""
    with store.read() as session:
        return AlertWithHistory.of(find_alert(session, id_))


@router.patch(
    "/v1/alerts/{id}",
    summary="Take an alert, finish it, put it back",
    operation_id="change_alert",
    responses=documented(
        InvalidJson, UnsupportedMediaType, UnknownAlert, AlertConflict, OwnerNeeded, OwnerNotAllowed, *EVERYWHERE
    ),
    dependencies=[needs(Scope.CORRECT), Depends(require_json)],
)
def change(body: AlertPatch, store: StoreDep, id_: AlertId, caller: CallerDep) -> AlertWithHistory:
    """Changes state or owner, or adds a note. Send the `revision` that you read: if somebody was faster, the answer is
    409 and nothing is changed, so that two people do not both take it.
    """
    with store.write() as session:
        update_alert(session, id_, body.update(), by=caller.prefix)
    with store.read() as session:
        return AlertWithHistory.of(find_alert(session, id_))
