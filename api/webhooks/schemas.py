"""What callers of /v1/webhooks send and get."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final, Self

from pydantic import BaseModel, ConfigDict, Field, PlainValidator, StrictBool, WithJsonSchema, model_validator
from pydantic_core import PydanticCustomError

from api.alerts.rules import RuleName
from api.comment_schemas import WITHOUT_NUL, storable
from api.known_fields import KnownFields
from api.store.models import LONGEST_NAME
from api.webhooks.models import LONGEST_ADDRESS, DeliveryState, Webhook, WebhookDelivery

MOST_RULES: Final = 100
# What the address's own check accepts, as far as a pattern can say it; with the settings as they come.
ADDRESS: Final = (
    r"^(https://[a-z][a-z0-9]*(\.[a-z][a-z0-9]*)*|http://(localhost|127\.0\.0\.1|\[::1\]))(:[1-9][0-9]{0,3})?"
    r"([/?][^#\u0000-\u0020\u007f]*)?$"
)
Url = Annotated[
    str,
    PlainValidator(lambda value: storable(value, LONGEST_ADDRESS)),
    WithJsonSchema(
        {"type": "string", "maxLength": LONGEST_ADDRESS, "pattern": ADDRESS, "examples": ["https://care.example/in"]}
    ),
]
Description = Annotated[
    str,
    PlainValidator(lambda value: storable(value, LONGEST_NAME)),
    WithJsonSchema({**WITHOUT_NUL, "maxLength": LONGEST_NAME}),
]
Rules = Annotated[list[RuleName], Field(min_length=1, max_length=MOST_RULES)]
INCLUDE_TEXT: Final = (
    "Whether messages hold the comment's text and question. They are personal data and leave this machine then."
)


class NewWebhook(KnownFields):
    """An address that alerts are to be sent to."""

    url: Url = Field(description="https://…; http:// on this machine only, unless the service's setting allows it.")
    description: Description = Field("", description="For people: whose it is.")
    rules: Rules | None = Field(None, description="Names of rules whose alerts are sent; null: those of every rule.")
    include_text: StrictBool = Field(False, description=INCLUDE_TEXT)


class WebhookPatch(KnownFields):
    """What is to be different about a webhook; what is left out stays."""

    model_config = ConfigDict(json_schema_extra={"additionalProperties": False, "minProperties": 1})

    url: Url | None = Field(None, description="https://…")
    description: Description | None = Field(None, description="For people.")
    rules: Rules | None = Field(None, description="Names of rules whose alerts are sent; null: those of every rule.")
    include_text: StrictBool | None = Field(None, description=INCLUDE_TEXT)
    enabled: StrictBool | None = Field(
        None, description="Switched off, it gets no new messages, and those that wait for it wait on."
    )

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not self.model_fields_set:
            raise PydanticCustomError("patch_empty", "Say what is to be different; the field names stand in the schema")
        return self


class WebhookOut(BaseModel):
    """A webhook. Its secret is never shown again."""

    id: int = Field(description="Its id.")
    url: str = Field(description="Where messages go.")
    description: str = Field(description="For people.")
    rules: list[str] | None = Field(description="Names of the rules whose alerts are sent; null: those of every rule.")
    include_text: bool = Field(description="Whether messages hold the comment's text and question.")
    enabled: bool = Field(description="Whether messages are sent.")
    disabled_reason: str | None = Field(description="`gone` if the receiver answered 410; else null.")
    not_before: datetime | None = Field(description="Until when the receiver asked for a rest, in UTC.")
    created_at: datetime = Field(description="In UTC.")

    @classmethod
    def of(cls, webhook: Webhook) -> Self:
        same = ("id", "url", "description", "include_text", "enabled", "disabled_reason", "not_before", "created_at")
        rules = None if webhook.every_rule else sorted(rule.name for rule in webhook.rules)
        return cls(**{name: getattr(webhook, name) for name in same}, rules=rules)


class WebhookWithSecret(WebhookOut):
    """A webhook and its secret, which is shown this once."""

    secret: str = Field(description="Signs its messages. Keep it: it is not shown again.", examples=["whsec_MfKQ9r8G"])

    @classmethod
    def of(cls, webhook: Webhook) -> Self:
        return cls(**dict(WebhookOut.of(webhook)), secret=webhook.secret)


class WebhookList(BaseModel):
    """Every webhook, oldest first."""

    webhooks: list[WebhookOut] = Field(description="Without their secrets.")


class DeliveryOut(BaseModel):
    """A message to a webhook and what came of it."""

    id: int = Field(description="Its id.")
    message: str = Field(description="The header `webhook-id` of each attempt: the idempotency key.")
    webhook: int = Field(description="The webhook's id.")
    alert: int | None = Field(description="The alert's id; null of a test.")
    type: str = Field(description="`alert.raised` or `webhook.test`.")
    state: DeliveryState = Field(description="`pending`, `delivered`, or `dead`: no more attempts.")
    attempts: int = Field(description="So far.")
    next_attempt_at: datetime | None = Field(description="In UTC; null if there will be none.")
    last_attempt_at: datetime | None = Field(description="In UTC.")
    delivered_at: datetime | None = Field(description="In UTC.")
    last_status: int | None = Field(description="What the receiver answered last; null if it did not.")
    last_error: str | None = Field(description="Why the last attempt failed.")
    created_at: datetime = Field(description="In UTC.")
    payload: dict[str, Any] = Field(description="What is sent, without a comment's text.")

    @classmethod
    def of(cls, delivery: WebhookDelivery) -> Self:
        same = ("id", "message", "type", "state", "attempts", "last_attempt_at", "delivered_at", "last_status")
        pending = delivery.state == DeliveryState.PENDING
        return cls(
            **{name: getattr(delivery, name) for name in (*same, "last_error", "created_at", "payload")},
            webhook=delivery.webhook_id,
            alert=delivery.alert_id,
            next_attempt_at=delivery.next_attempt_at if pending else None,
        )


class DeliveryPage(BaseModel):
    """A page of deliveries, newest first."""

    deliveries: list[DeliveryOut] = Field(description="At most `limit`.")
    next: str | None = Field(description="The `cursor` of the page that follows; null on the last.")


class SentAgain(BaseModel):
    """How many messages are sent again."""

    deliveries: int = Field(description="Dead ones that are pending now.")
