"""What callers of /v1/alerts and /v1/alert-rules send and get."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final, Self

from pydantic import BaseModel, ConfigDict, Field, PlainValidator, WithJsonSchema, model_validator
from pydantic_core import PydanticCustomError

from api.alerts.conditions import Conditions
from api.alerts.models import AlertState, Occasion, Priority
from api.alerts.queue import AlertUpdate, FoundAlert
from api.alerts.rehearsal import Rehearsal
from api.alerts.rules import Rule
from api.comment_schemas import WITHOUT_NUL, CommentOut, Name, storable
from api.known_fields import KnownFields, WithoutNull

LONGEST_NOTE: Final = 2_000
MOST_DAYS: Final = 3_650
HIGHEST_REVISION: Final = 2**31 - 2
RULE_EXAMPLE: Final = "negative-churn-risk"
CONDITIONS_EXAMPLE: Final = {"sentiment": ["negative", "mixed"], "churn_risk": True}


def _revision(value: object) -> int:
    # JSON has one kind of number: 2.0 is 2.
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not 1 <= value <= HIGHEST_REVISION or value != int(value):  # type: ignore[operator, call-overload]
        raise PydanticCustomError("revision", "Input should be the revision that was read: a whole number from 1")
    return int(value)  # type: ignore[call-overload, no-any-return]


Revision = Annotated[
    int,
    PlainValidator(_revision),
    WithJsonSchema({"type": "integer", "minimum": 1, "maximum": HIGHEST_REVISION}),
]
Note = Annotated[
    str,
    PlainValidator(lambda value: storable(value, LONGEST_NOTE)),
    WithJsonSchema({**WITHOUT_NUL, "maxLength": LONGEST_NOTE}),
]


class RuleOut(BaseModel):
    """An alert rule."""

    name: str = Field(description="Names it for ever.", examples=[RULE_EXAMPLE])
    description: str = Field(description="For people.")
    priority: Priority = Field(description="What its alerts are marked with.")
    enabled: bool = Field(description="Whether it raises alerts.")
    conditions: dict[str, Any] = Field(description="What a comment has to be like.", examples=[CONDITIONS_EXAMPLE])
    ready: bool = Field(description="Whether a rule of this name comes with stemme.")
    changed_at: datetime | None = Field(description="In UTC; null of one that is as it came with stemme.")

    @classmethod
    def of(cls, rule: Rule) -> Self:
        return cls(
            name=rule.name,
            description=rule.description,
            priority=Priority(rule.priority),
            enabled=rule.enabled,
            conditions=rule.conditions,
            ready=rule.ready,
            changed_at=rule.changed_at,
        )


class RuleList(BaseModel):
    """Every alert rule, by name."""

    rules: list[RuleOut] = Field(description="Those that come with stemme are among them, and off at first.")


class DryRunRequest(KnownFields):
    """Conditions to try on the comments that are there."""

    conditions: Conditions = Field(description="As a rule has them.", examples=[CONDITIONS_EXAMPLE])
    days: Annotated[float, Field(gt=0, le=MOST_DAYS)] = Field(30.0, description="Comments written in the last days.")


class DryRun(BaseModel):
    """What a rule with these conditions would have done. Nothing was raised."""

    since: datetime = Field(description="When the days began, in UTC.")
    comments: int = Field(description="Comments that were written since and have tags.")
    raised: int = Field(description="Of them, those that would have raised an alert.")
    latest: list[int] = Field(description="Ids of the last of these, newest first; at most 20.")

    @classmethod
    def of(cls, rehearsal: Rehearsal) -> Self:
        return cls(
            since=rehearsal.since,
            comments=rehearsal.comments,
            raised=rehearsal.raised,
            latest=list(rehearsal.latest),
        )


class AlertOut(BaseModel):
    """An alert: a version of a comment that met a rule, and who looks after it."""

    id: int = Field(description="Its id.")
    rule: str = Field(description="The rule's name.", examples=[RULE_EXAMPLE])
    priority: Priority = Field(description="The rule's when it raised the alert.")
    conditions: dict[str, Any] = Field(
        description="What the rule asked for when it raised the alert.", examples=[CONDITIONS_EXAMPLE]
    )
    occasion: Occasion = Field(description="Whether new tags, tagging again or a person's correction raised it.")
    raised_at: datetime = Field(description="In UTC.")
    state: AlertState = Field(description="`new`, `taken` by its owner, or `done`.")
    owner: str | None = Field(description="Who looks after it; null while it is new.")
    revision: int = Field(description="To be sent back with a change. Each change adds one.")
    changed_at: datetime = Field(description="In UTC.")
    outdated: bool = Field(description="Whether the comment has got another text since.")
    comment: CommentOut = Field(description="The comment with the text that raised it, its tags and their evidence.")

    @classmethod
    def of(cls, found: FoundAlert) -> Self:
        alert = found.alert
        same = ("id", "rule", "priority", "conditions", "occasion", "raised_at", "state", "owner", "revision")
        return cls(
            **{name: getattr(alert, name) for name in (*same, "changed_at")},
            outdated=found.outdated,
            comment=CommentOut.of(found.found),
        )


class AlertChangeOut(BaseModel):
    """What somebody did about an alert."""

    revision: int = Field(description="The alert's after it.")
    at: datetime = Field(description="In UTC.")
    by: str = Field(description="The prefix of the key that it was done with; `open` where none is needed.")
    state: AlertState = Field(description="The alert's after it.")
    owner: str | None = Field(description="The alert's after it.")
    note: str | None = Field(description="What they wrote.")


class AlertWithHistory(AlertOut):
    """An alert, and all that was done about it."""

    history: list[AlertChangeOut] = Field(description="Oldest first.")

    @classmethod
    def of(cls, found: FoundAlert) -> Self:
        history = [
            AlertChangeOut(
                revision=each.revision,
                at=each.at,
                by=each.actor,
                state=AlertState(each.state),
                owner=each.owner,
                note=each.note,
            )
            for each in found.alert.changes
        ]
        return cls(**dict(AlertOut.of(found)), history=history)


class AlertPage(BaseModel):
    """A page of alerts, those that were raised last first."""

    alerts: list[AlertOut] = Field(description="At most `limit`.")
    next: str | None = Field(description="The `cursor` of the page that follows; null on the last.")


class AlertPatch(WithoutNull):
    """What is to be different about an alert; what is left out stays."""

    model_config = ConfigDict(json_schema_extra={"additionalProperties": False, "minProperties": 2})

    revision: Revision = Field(
        description="The alert's as you read it. If somebody has changed it since, the answer is 409."
    )
    state: AlertState | None = Field(None, description="Any may follow any. `new` takes the owner away.")
    owner: Name | None = Field(None, description="Who looks after it; needed once it is taken.", examples=["Kari"])
    note: Note | None = Field(None, description="Kept in the history; it goes when the comment is erased.")

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.state is None and self.owner is None and self.note is None:
            raise PydanticCustomError("patch_empty", "Say what is to be different: state, owner or note")
        return self

    def update(self) -> AlertUpdate:
        return AlertUpdate(revision=self.revision, state=self.state, owner=self.owner, note=self.note)
