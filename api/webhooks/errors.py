"""What can be wrong with webhooks."""

from __future__ import annotations

from nlp.errors import StemmeError


class WebhookError(StemmeError):
    code, title = "webhook_error", "The webhooks cannot do this"


class BadWebhookUrl(WebhookError):
    """An address that messages are not sent to. What was sent is not repeated: it may hold a password."""

    code, title = "bad_webhook_url", "No messages are sent to this address"


class UnknownWebhook(WebhookError):
    code, title = "unknown_webhook", "There is no such webhook"

    def __init__(self, id_: int) -> None:
        super().__init__(f"No webhook has the id {id_}. `GET /v1/webhooks` lists those that there are.")


class UnknownDelivery(WebhookError):
    code, title = "unknown_delivery", "There is no such delivery"

    def __init__(self, id_: int) -> None:
        super().__init__(f"No delivery has the id {id_}. `GET /v1/webhooks/deliveries` lists those that there are.")


class WebhookDisabled(WebhookError):
    code, title = "webhook_disabled", "The webhook is switched off"

    def __init__(self, id_: int) -> None:
        super().__init__(
            f"Webhook {id_} is switched off, so nothing is sent to it. Switch it on first: "
            f'`PATCH /v1/webhooks/{id_}` with `{{"enabled": true}}`.'
        )
