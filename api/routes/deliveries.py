"""`/v1/webhooks/deliveries`: what became of messages, and sending them once more."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request

from api.access.guard import CallerDep, needs
from api.access.scopes import Scope
from api.cursor import BadCursor, cursor_after, id_before
from api.dependencies import StoreDep, WakeDelivererDep
from api.problems import documented
from api.routes.comments import EVERYWHERE, HIGHEST_ID, UnknownFilter, refuse_unknown_filters
from api.webhooks.endpoints import DeliveryFilters, find_deliveries, find_delivery, redeliver
from api.webhooks.errors import UnknownDelivery, WebhookDisabled
from api.webhooks.models import DeliveryState
from api.webhooks.schemas import DeliveryOut, DeliveryPage

MOST_IN_PAGE = 500
QUERY = ["state", "webhook", "limit", "cursor"]

router = APIRouter(tags=["webhooks"])
Id = Annotated[int, Path(alias="id", ge=1, le=HIGHEST_ID, description="Its id.")]


def filters_of(
    request: Request,
    *,
    state: Annotated[DeliveryState | None, Query(description="`dead` are those that were given up.")] = None,
    webhook: Annotated[int | None, Query(ge=1, le=HIGHEST_ID, description="To the webhook with this id.")] = None,
) -> DeliveryFilters:
    """What a query asks for.

    Raises
    ------
    UnknownFilter : if the query has something else
    """
    refuse_unknown_filters(request, QUERY)
    return DeliveryFilters(state=state, webhook=webhook)


@router.get(
    "/v1/webhooks/deliveries",
    summary="Find deliveries",
    operation_id="find_deliveries",
    responses=documented(BadCursor, UnknownFilter, *EVERYWHERE),
    dependencies=[needs(Scope.ADMIN)],
)
def find(
    store: StoreDep,
    filters: Annotated[DeliveryFilters, Depends(filters_of)],
    limit: Annotated[int, Query(ge=1, le=MOST_IN_PAGE, description="Deliveries of a page.")] = 50,
    cursor: Annotated[str | None, Query(max_length=256, description="`next` of the page before.")] = None,
) -> DeliveryPage:
    """Finds deliveries, newest first, a page at a time."""
    before_id = None if cursor is None else id_before(cursor, filters)
    with store.read() as session:
        found = find_deliveries(session, filters, before_id=before_id, limit=limit + 1)
        page = [DeliveryOut.of(each) for each in found[:limit]]
    return DeliveryPage(deliveries=page, next=cursor_after(page[-1].id, filters) if len(found) > limit else None)


@router.get(
    "/v1/webhooks/deliveries/{id}",
    summary="Read one delivery",
    operation_id="read_delivery",
    responses=documented(UnknownDelivery, *EVERYWHERE),
    dependencies=[needs(Scope.ADMIN)],
)
def read_delivery(store: StoreDep, id_: Id) -> DeliveryOut:
    """Reads what became of a message."""
    with store.read() as session:
        return DeliveryOut.of(find_delivery(session, id_))


@router.post(
    "/v1/webhooks/deliveries/{id}/redeliver",
    status_code=202,
    summary="Send a message once more",
    operation_id="redeliver",
    responses=documented(UnknownDelivery, WebhookDisabled, *EVERYWHERE),
    dependencies=[needs(Scope.ADMIN)],
)
def send_once_more(store: StoreDep, id_: Id, caller: CallerDep, wake: WakeDelivererDep) -> DeliveryOut:
    """Sends a message once more, dead or not, under the same `webhook-id` and with all its attempts before it."""
    with store.write() as session:
        delivery = DeliveryOut.of(redeliver(session, id_, by=caller.prefix))
    wake()
    return delivery
