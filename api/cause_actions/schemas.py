"""What callers of actions send and get."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import date, datetime
from typing import Annotated, Any, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from api.cause_actions.fields import Day, What, Where
from api.cause_actions.models import LONGEST_TOPIC, Became, CauseAction, CauseActionMove
from api.cause_actions.verdicts import LatestVerdict
from api.comment_schemas import Name
from api.known_fields import KnownFields

WHERE_EXAMPLE: Final[Any] = {"department": ["Bergen"]}
ABOUT_WHAT: Final = "What was done, in a few words. No personal data belongs here: it is kept as it is written."
ABOUT_WHO: Final = "Who sees to it: best a department or a role."
ABOUT_SINCE: Final = "The first day on which it could show."
ABOUT_WHERE: Final = (
    "By dimension (`source`, `department`, `touchpoint`, `channel`, `metadata.KEY`) the value or values in which it "
    "was done; everywhere if left out."
)
ABOUT_BASELINE: Final = (
    "The first day that it is compared with; the cause's last change before it, else 90 days, unless said."
)
ABOUT_UNTIL: Final = "Its last day: what came later is not looked at. It still goes on unless said."
TOPIC: Final = rf"^[0-9A-Za-z_-]{{1,{LONGEST_TOPIC}}}$"
TopicId = Annotated[str, Field(pattern=TOPIC)]


class NewAction(KnownFields):
    """What was done about a cause."""

    model_config = ConfigDict(
        json_schema_extra={
            "additionalProperties": False,
            "examples": [
                {
                    "what": "Budene ringer før de kommer",
                    "who": "Logistikk",
                    "since": "2026-03-20",
                    "where": WHERE_EXAMPLE,
                }
            ],
        }
    )

    what: What = Field(description=ABOUT_WHAT)
    who: Name = Field(description=ABOUT_WHO)
    since: Day = Field(description=ABOUT_SINCE)
    where: Where = Field(default_factory=dict, description=ABOUT_WHERE)
    baseline_from: Day | None = Field(None, description=ABOUT_BASELINE)
    until: Day | None = Field(None, description=ABOUT_UNTIL)


class ActionChanges(KnownFields):
    """What is to be changed of an action; what is left out stays. Null takes `baseline_from` or `until` away."""

    topic: TopicId | None = Field(
        None, description="Moves it to another cause, for one that has faded, or to another part of one that was split."
    )
    what: What | None = Field(None, description=ABOUT_WHAT)
    who: Name | None = Field(None, description=ABOUT_WHO)
    since: Day | None = Field(None, description=ABOUT_SINCE)
    where: Where | None = Field(None, description=ABOUT_WHERE)
    baseline_from: Day | None = Field(None, description=ABOUT_BASELINE)
    until: Day | None = Field(None, description=ABOUT_UNTIL)

    def changes(self) -> dict[str, Any]:
        """By field what is to be changed; null of a field that every action has says nothing."""
        said = {name: getattr(self, name) for name in self.model_fields_set}
        return {name: value for name, value in said.items() if value is not None or name in ("baseline_from", "until")}


class FallOut(BaseModel):
    """By how much the cause's share of comments fell, as a part of what it was; below 0 it rose."""

    estimate: float = Field(description="0.4 is a fall by 40 %.")
    low: float | None = Field(description="The interval's lower end; null if the data set none.")
    high: float | None = Field(description="The interval's upper end.")


Verdict = Literal["fell", "rose", "no_effect", "too_early", "no_baseline"]


class PlaceEffectOut(BaseModel):
    """How the cause's share of comments moved in some places."""

    verdict: Verdict = Field(
        description="`fell` and `rose` stay once they are said; `no_effect`: a fall by 20 % is ruled out; `too_early`: "
        "neither; `no_baseline`: named fewer than five times before, so it will never be known."
    )
    fall: FallOut | None = Field(description="Null where nothing can be said.")
    decided_on: date | None = Field(description="The day on which `fell` or `rose` was first certain.")
    complaints_before: int = Field(description="Comments of the time before that name the cause.")
    comments_before: int = Field(description="All comments of the time before.")
    complaints_after: int = Field(description="Comments since the action that name the cause.")
    comments_after: int = Field(description="All comments since the action.")
    days: int = Field(description="Days since the action that were looked at.")
    days_for_half: int | None = Field(
        description="After so many days a fall by half would show, at the present number of comments a day; null if "
        "not within ten years."
    )


class EffectOut(BaseModel):
    """What came of an action so far, where it was done and where nothing was."""

    verdict: Literal["fell", "rose", "no_effect", "too_early", "no_baseline", "cause_gone"] = Field(
        description="As in `elsewhere`; `cause_gone`: the current run of causes does not have it any more, and figures "
        "are null. Move the action to another cause, or remove it."
    )
    fall: FallOut | None = Field(None, description="Null where nothing can be said.")
    decided_on: date | None = Field(None, description="The day on which `fell` or `rose` was first certain.")
    complaints_before: int | None = Field(None, description="Comments of the time before that name the cause.")
    comments_before: int | None = Field(None, description="All comments of the time before.")
    complaints_after: int | None = Field(None, description="Comments since the action that name the cause.")
    comments_after: int | None = Field(None, description="All comments since the action.")
    days: int | None = Field(None, description="Days since the action that were looked at.")
    days_for_half: int | None = Field(None, description="After so many days a fall by half would show.")
    baseline_from: date | None = Field(None, description="The first day that it is compared with.")
    baseline: Literal["given", "last_change", "usual"] | None = Field(
        None,
        description="Why that day: it was given, the cause's share changed on it for the last time before the action, "
        "or it lies 90 days before.",
    )
    watched_to: date | None = Field(None, description="The last day that was looked at.")
    false_alarm_rate: float = Field(
        description="The probability that `fell` is ever said though nothing changed, and as much again for `rose`, "
        "however often one looks."
    )
    confidence: float = Field(description="Of the interval of `fall`, on all days together.")
    elsewhere: PlaceEffectOut | None = Field(
        None, description="The same where nothing was done about the cause; null if it was done everywhere."
    )
    run: int | None = Field(description="The run of causes that says which comments name the cause.")


class CameFromOut(BaseModel):
    """A cause that an action stood at, and what became of it; the action followed."""

    topic: str = Field(description="The cause that it stood at.")
    became: Became = Field(
        description="`merged`: analysts merged it with others; if it was the one that took them in, the action stayed. "
        "`split`: analysts parted it; the action stayed with the part that kept the id. `continued`: a later run found "
        "it under another id."
    )
    edit: int | None = Field(description="The merge or split: see `GET /v1/causes/edits`.")
    run: int | None = Field(description="The run that found it under another id.")
    at: datetime = Field(description="When, in UTC. Since then the cause where it stands now is counted.")

    @classmethod
    def of(cls, move: CauseActionMove) -> Self:
        return cls(topic=move.topic, became=Became(move.became), edit=move.edit_id, run=move.cause_run_id, at=move.at)


class ActionOut(BaseModel):
    """An action, and what came of it as of now."""

    id: int = Field(description="Its id.")
    topic: str = Field(description="The cause's topic.")
    what: str = Field(description=ABOUT_WHAT)
    who: str = Field(description=ABOUT_WHO)
    since: date = Field(description=ABOUT_SINCE)
    where: dict[str, list[str]] = Field(description=ABOUT_WHERE)
    baseline_from: date | None = Field(description=ABOUT_BASELINE)
    until: date | None = Field(description=ABOUT_UNTIL)
    created_by: str = Field(description="The key that added it.")
    created_at: datetime = Field(description="When it was added.")
    changed_at: datetime = Field(description="When it was last changed.")
    came_from: list[CameFromOut] = Field(
        description="What analysts and runs have made of its cause since it was added, the first first: before that, "
        "`effect` would have been counted on other comments."
    )
    effect: EffectOut | None = Field(
        description="What came of it; null only within a cause, where the service lacks the extra `topics`."
    )

    @classmethod
    def of(cls, action: CauseAction, moves: Sequence[CauseActionMove], effect: Mapping[str, Any] | None) -> Self:
        names = set(cls.model_fields) - {"effect", "came_from"}
        return cls(
            **{name: getattr(action, name) for name in names},
            came_from=[CameFromOut.of(move) for move in moves],
            effect=None if effect is None else EffectOut.model_validate(dict(effect)),
        )


class LatestVerdictOut(BaseModel):
    """What came of the action on a cause that began last."""

    action: int = Field(description="Its id.")
    verdict: Literal["fell", "rose", "no_effect", "too_early", "no_baseline", "cause_gone"] = Field(
        description="As in `effect` of the action."
    )
    as_of: datetime = Field(description="When it was computed, in UTC.")

    @classmethod
    def of(cls, latest: LatestVerdict | None) -> Self | None:
        return None if latest is None else cls.model_validate(asdict(latest))


class ActionPage(BaseModel):
    """A page of actions, those that were added last first."""

    actions: list[ActionOut] = Field(description="The actions.")
    next: str | None = Field(description="The cursor of the page that follows; null on the last.")
