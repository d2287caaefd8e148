"""`/v1/actions`: what was done about causes, and what came of it."""

# Annotations are evaluated here at once, as in the routes of comments.
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query

from api.access.guard import CallerDep, needs
from api.access.scopes import Scope
from api.cause_actions.actions import (
    ActionFilters,
    add_action,
    change_action,
    find_action,
    list_actions,
    refuse_unknown_cause,
    remove_action,
)
from api.cause_actions.errors import BadActionDays, TooManyActions, UnknownAction
from api.cause_actions.schemas import TOPIC, ActionChanges, ActionOut, ActionPage, NewAction
from api.cause_actions.told import require_statistics, told
from api.cause_runs.errors import NoCauses, UnknownCause
from api.cursor import BadCursor, cursor_after, id_before
from api.dependencies import StoreDep, UnsupportedMediaType, require_json
from api.problems import InvalidJson, documented
from api.reports.errors import UnknownDimension
from api.reports.zones import Zone
from api.routes.causes import TimeZone
from api.routes.comments import EVERYWHERE, HIGHEST_ID, UnknownFilter, only_filters
from api.store.database import Store
from nlp.errors import MissingExtra

MOST_IN_PAGE = 50
WRITING = (InvalidJson, UnsupportedMediaType, UnknownDimension, BadActionDays, TooManyActions, NoCauses, UnknownCause)
ALWAYS = (UnknownFilter, MissingExtra, *EVERYWHERE)

router = APIRouter(tags=["causes"])
Topic = Annotated[str, Path(pattern=TOPIC, description="The cause's id: `topic` in `GET /v1/causes`.")]
ActionId = Annotated[int, Path(alias="id", ge=1, le=HIGHEST_ID, description="The action's id.")]
Limit = Annotated[int, Query(ge=1, le=MOST_IN_PAGE, description="Actions of a page.")]
Cursor = Annotated[str | None, Query(max_length=256, description="`next` of the page before.")]


@router.post(
    "/v1/causes/{topic}/actions",
    status_code=201,
    summary="Say what was done about a cause",
    operation_id="add_cause_action",
    responses=documented(*WRITING, *ALWAYS),
    dependencies=[needs(Scope.CORRECT), Depends(require_json), only_filters("time_zone")],
)
def add(
    body: NewAction, store: StoreDep, caller: CallerDep, topic: Topic, time_zone: TimeZone = "Europe/Oslo"
) -> ActionOut:
    """Keeps what was done, and says what came of it: from now on, whenever the action is read.

    A sequential test compares how often the cause is named before and since. It may be looked at every day: its stated
    false-alarm rate holds over all days together.
    """
    require_statistics()
    with store.write() as session:
        action = add_action(session, topic, **body.model_dump(), by=caller.prefix)
    return told(store, [action], zone=Zone.named(time_zone), keep=True)[0]


@router.get(
    "/v1/causes/{topic}/actions",
    summary="What was done about a cause, and what came of it",
    operation_id="list_actions_of_cause",
    responses=documented(BadCursor, NoCauses, UnknownCause, *ALWAYS),
    dependencies=[needs(Scope.READ), only_filters("limit", "cursor", "time_zone")],
)
def list_of_cause(
    store: StoreDep, topic: Topic, limit: Limit = 20, cursor: Cursor = None, time_zone: TimeZone = "Europe/Oslo"
) -> ActionPage:
    """Lists the actions on a cause, the newest first, each with its effect as of now; those on a cause that has faded
    too."""
    page = _page(store, ActionFilters(topic=topic), limit, cursor, time_zone)
    if not page.actions:
        with store.read() as session:
            refuse_unknown_cause(session, topic)
    return page


@router.get(
    "/v1/actions",
    summary="What was done about causes, and what came of it",
    operation_id="list_cause_actions",
    responses=documented(BadCursor, *ALWAYS),
    dependencies=[needs(Scope.READ), only_filters("limit", "cursor", "time_zone")],
)
def list_all(
    store: StoreDep, limit: Limit = 20, cursor: Cursor = None, time_zone: TimeZone = "Europe/Oslo"
) -> ActionPage:
    """Lists the actions on all causes, the newest first, each with its effect as of now."""
    return _page(store, ActionFilters(), limit, cursor, time_zone)


@router.get(
    "/v1/actions/{id}",
    summary="Read an action and what came of it",
    operation_id="read_cause_action",
    responses=documented(UnknownAction, *ALWAYS),
    dependencies=[needs(Scope.READ), only_filters("time_zone")],
)
def read(store: StoreDep, id_: ActionId, time_zone: TimeZone = "Europe/Oslo") -> ActionOut:
    """Reads one action with its effect as of now."""
    with store.read() as session:
        action = find_action(session, id_)
    return told(store, [action], zone=Zone.named(time_zone))[0]


@router.patch(
    "/v1/actions/{id}",
    summary="Change an action",
    operation_id="change_cause_action",
    responses=documented(UnknownAction, *WRITING, *ALWAYS),
    dependencies=[needs(Scope.CORRECT), Depends(require_json), only_filters("time_zone")],
)
def change(
    body: ActionChanges, store: StoreDep, caller: CallerDep, id_: ActionId, time_zone: TimeZone = "Europe/Oslo"
) -> ActionOut:
    """Changes what is named of an action, and says what came of it then.

    Whoever tries days and places until the verdict pleases gives up the stated false-alarm rate.
    """
    require_statistics()
    with store.write() as session:
        action = change_action(session, id_, body.changes(), by=caller.prefix)
    return told(store, [action], zone=Zone.named(time_zone), keep=True)[0]


@router.delete(
    "/v1/actions/{id}",
    status_code=204,
    summary="Remove an action",
    operation_id="remove_cause_action",
    responses=documented(UnknownAction, *EVERYWHERE),
    dependencies=[needs(Scope.CORRECT)],
)
def remove(store: StoreDep, caller: CallerDep, id_: ActionId) -> None:
    """Removes an action that was never taken. One that has ended is better given its last day, `until`."""
    with store.write() as session:
        remove_action(session, id_, by=caller.prefix)


def _page(store: Store, filters: ActionFilters, limit: int, cursor: str | None, time_zone: str) -> ActionPage:
    before_id = None if cursor is None else id_before(cursor, filters)
    with store.read() as session:
        found = list_actions(session, filters, before_id=before_id, limit=limit + 1)
    page = told(store, found[:limit], zone=Zone.named(time_zone))
    return ActionPage(actions=page, next=cursor_after(page[-1].id, filters) if len(found) > limit else None)
