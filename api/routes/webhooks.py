"""`/v1/webhooks`: where alerts are sent, and what came of it."""

from functools import cache
from typing import Annotated

from fastapi import APIRouter, Depends, Path

from api.access.guard import CallerDep, needs
from api.access.scopes import Scope
from api.alerts.errors import UnknownRule
from api.dependencies import StoreDep, UnsupportedMediaType, WakeDelivererDep, require_json
from api.problems import InvalidJson, documented
from api.routes.comments import EVERYWHERE, HIGHEST_ID
from api.webhooks.address import AddressPolicy
from api.webhooks.endpoints import (
    add_webhook,
    change_secret,
    change_webhook,
    find_webhook,
    list_webhooks,
    redeliver_dead,
    remove_webhook,
    send_test,
)
from api.webhooks.errors import BadWebhookUrl, UnknownWebhook, WebhookDisabled
from api.webhooks.schemas import (
    DeliveryOut,
    NewWebhook,
    SentAgain,
    WebhookList,
    WebhookOut,
    WebhookPatch,
    WebhookWithSecret,
)

Id = Annotated[int, Path(alias="id", ge=1, le=HIGHEST_ID, description="Its id.")]
WITH_BODY = (InvalidJson, UnsupportedMediaType, BadWebhookUrl, UnknownRule)


@cache
def webhooks_router(policy: AddressPolicy) -> APIRouter:
    """The routes, with the addresses that an operator allows."""
    router = APIRouter(tags=["webhooks"])
    admin = needs(Scope.ADMIN)

    @router.get(
        "/v1/webhooks",
        summary="List the webhooks",
        operation_id="list_webhooks",
        responses=documented(*EVERYWHERE),
        dependencies=[admin],
    )
    def list_all(store: StoreDep) -> WebhookList:
        """Lists every webhook, without its secret."""
        with store.read() as session:
            return WebhookList(webhooks=[WebhookOut.of(webhook) for webhook in list_webhooks(session)])

    @router.post(
        "/v1/webhooks",
        status_code=201,
        summary="Make a webhook",
        operation_id="add_webhook",
        responses=documented(*WITH_BODY, *EVERYWHERE),
        dependencies=[admin, Depends(require_json)],
    )
    def add(body: NewWebhook, store: StoreDep, caller: CallerDep) -> WebhookWithSecret:
        """Makes a webhook, to which alerts that are raised from now on are sent. Its secret is shown this once."""
        with store.write() as session:
            return WebhookWithSecret.of(add_webhook(session, body, policy=policy, by=caller.prefix))

    @router.get(
        "/v1/webhooks/{id:int}",
        summary="Read a webhook",
        operation_id="read_webhook",
        responses=documented(UnknownWebhook, *EVERYWHERE),
        dependencies=[admin],
    )
    def read(store: StoreDep, id_: Id) -> WebhookOut:
        """Reads a webhook, without its secret."""
        with store.read() as session:
            return WebhookOut.of(find_webhook(session, id_))

    @router.patch(
        "/v1/webhooks/{id:int}",
        summary="Change a webhook, switch it on or off",
        operation_id="change_webhook",
        responses=documented(*WITH_BODY, UnknownWebhook, *EVERYWHERE),
        dependencies=[admin, Depends(require_json)],
    )
    def change(body: WebhookPatch, store: StoreDep, id_: Id, caller: CallerDep, wake: WakeDelivererDep) -> WebhookOut:
        """Changes what is named of a webhook. Messages that wait go to the new address."""
        with store.write() as session:
            webhook = WebhookOut.of(change_webhook(session, id_, body, policy=policy, by=caller.prefix))
        wake()
        return webhook

    @router.delete(
        "/v1/webhooks/{id:int}",
        status_code=204,
        summary="Remove a webhook",
        operation_id="remove_webhook",
        responses=documented(UnknownWebhook, *EVERYWHERE),
        dependencies=[admin],
    )
    def remove(store: StoreDep, id_: Id, caller: CallerDep) -> None:
        """Removes a webhook with its deliveries; what waits is not sent."""
        with store.write() as session:
            remove_webhook(session, id_, by=caller.prefix)

    @router.post(
        "/v1/webhooks/{id:int}/secret",
        summary="Give a webhook a new secret",
        operation_id="change_webhook_secret",
        responses=documented(UnknownWebhook, *EVERYWHERE),
        dependencies=[admin],
    )
    def new_secret(store: StoreDep, id_: Id, caller: CallerDep) -> WebhookWithSecret:
        """Gives it a new secret, shown this once. For 24 hours the former one signs beside it."""
        with store.write() as session:
            return WebhookWithSecret.of(change_secret(session, id_, by=caller.prefix))

    @router.post(
        "/v1/webhooks/{id:int}/test",
        status_code=202,
        summary="Send a test message",
        operation_id="test_webhook",
        responses=documented(UnknownWebhook, WebhookDisabled, *EVERYWHERE),
        dependencies=[admin],
    )
    def test(store: StoreDep, id_: Id, caller: CallerDep, wake: WakeDelivererDep) -> DeliveryOut:
        """Sends a message of type `webhook.test`, once. What came of it says `GET /v1/webhooks/deliveries/{id}`."""
        with store.write() as session:
            delivery = DeliveryOut.of(send_test(session, id_, by=caller.prefix))
        wake()
        return delivery

    @router.post(
        "/v1/webhooks/{id:int}/redeliver",
        status_code=202,
        summary="Send every dead message once more",
        operation_id="redeliver_dead",
        responses=documented(UnknownWebhook, WebhookDisabled, *EVERYWHERE),
        dependencies=[admin],
    )
    def send_dead_once_more(store: StoreDep, id_: Id, caller: CallerDep, wake: WakeDelivererDep) -> SentAgain:
        """Sends every dead message of this webhook once more: after a long failure of its receiver."""
        with store.write() as session:
            count = redeliver_dead(session, id_, by=caller.prefix)
        wake()
        return SentAgain(deliveries=count)

    return router
