"""What callers send and get about causes between two runs: drift, edits."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any, Final, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from api.comment_schemas import Name
from api.corrections.requests import Closed, Whole, Why
from api.live_causes.drift import CauseDrift
from api.live_causes.edits import Place
from api.live_causes.models import CauseEdit, EditKind

MOST_ABSORBED: Final = 100
MOST_PARTS: Final = 20
MOST_PLACES: Final = 200

TopicId = Annotated[str, Field(pattern=r"^[0-9A-Za-z_-]{1,64}$")]
ABOUT_BY: Final = "The person who edits, where a program holds the key."
ABOUT_WHY: Final = "Why, for whoever reads the list of edits."


class LabelIn(Closed):
    """The cause's name for readers of each language; for those that are left out it stays."""

    model_config = ConfigDict(json_schema_extra={"additionalProperties": False, "minProperties": 1})

    nb: Name = Field(None, description="For readers of bokmål.")  # type: ignore[assignment]  # null is refused
    nn: Name = Field(None, description="For readers of nynorsk.")  # type: ignore[assignment]  # null is refused
    da: Name = Field(None, description="For readers of Danish.")  # type: ignore[assignment]  # null is refused
    sv: Name = Field(None, description="For readers of Swedish.")  # type: ignore[assignment]  # null is refused
    en: Name = Field(None, description="For readers of English.")  # type: ignore[assignment]  # null is refused

    @model_validator(mode="before")
    @classmethod
    def _some_name(cls, value: Any) -> Any:
        if value == {}:
            raise PydanticCustomError(
                "no_name", "No name is given. Give one for a reader's language: nb, nn, da, sv, en"
            )
        return value

    def names(self) -> dict[str, str]:
        """The names that are given, by reader."""
        return {reader: name for reader, name in self if name is not None}


class RenameRequest(Closed):
    """Another name for a cause. Later runs keep it."""

    label: LabelIn = Field(description="At least one name.")
    by: Name | None = Field(None, description=ABOUT_BY)
    why: Why | None = Field(None, description=ABOUT_WHY)


class MergeRequest(Closed):
    """Causes that this one takes in. Later runs keep them together."""

    with_: Annotated[list[TopicId], Field(min_length=1, max_length=MOST_ABSORBED)] = Field(
        alias="with", description="Their topics."
    )
    by: Name | None = Field(None, description=ABOUT_BY)
    why: Why | None = Field(None, description=ABOUT_WHY)


class PlaceIn(Closed):
    """A place in a comment that speaks of the cause, as `GET /v1/causes/{topic}/comments` gives it."""

    comment: Whole = Field(description="The comment's id in the store.")
    start: Whole = Field(description="The first code point.")
    end: Whole = Field(description="After the last code point.")


Part = Annotated[list[PlaceIn], Field(min_length=1, max_length=MOST_PLACES)]


class SplitRequest(Closed):
    """What the parts of a cause are like. Later runs keep them apart."""

    parts: Annotated[list[Part], Field(min_length=2, max_length=MOST_PARTS)] = Field(
        description="Each is some places that belong to it; the other places go to the nearest part."
    )
    by: Name | None = Field(None, description=ABOUT_BY)
    why: Why | None = Field(None, description=ABOUT_WHY)

    def places(self) -> list[list[Place]]:
        """The places of each part."""
        return [[Place(each.comment, each.start, each.end) for each in part] for part in self.parts]


class ActionMovedOut(BaseModel):
    """An action on a cause that was edited."""

    model_config = ConfigDict(populate_by_name=True)

    action: int = Field(description="Its id.")
    from_: str = Field(alias="from", description="The cause that it stood at.")
    to: str = Field(description="The cause that it stands at since; the same one if it stayed.")


class CauseEditOut(BaseModel):
    """What an analyst did to a cause."""

    id: int = Field(description="Its id.")
    at: datetime = Field(description="When, in UTC.")
    run: int | None = Field(description="The run of causes that was edited; null once it is no longer kept.")
    kind: EditKind = Field(description="What was done.")
    topic: str = Field(description="The cause's topic.")
    detail: dict[str, Any] = Field(
        description="`label`: the names that were given. `with`: the topics that were taken in. `parts`: the topics of "
        "the parts, the one that kept the id first, and in how many places each is said. `edit`, `kind`: of an undo, "
        "the edit that it took back, and what that was."
    )
    undone_by: int | None = Field(description="The edit that took it back; null if it holds.")
    actions: list[ActionMovedOut] = Field(
        description="What was done about the causes that were merged or split, and where it stands since: actions on "
        "causes that were taken in go to the one that took them in; those on a cause that was split stay with the part "
        "that kept the id."
    )
    key: str = Field(description="The prefix of the key, or the user of the command line.")
    key_name: str = Field(description="That key's name.")
    by: str | None = Field(description="The person, if one was named.")
    why: str | None = Field(description="Why, if it was said.")

    @classmethod
    def of(cls, edit: CauseEdit, *, undone_by: int | None = None) -> Self:
        same = ("id", "at", "topic", "key", "key_name", "by", "why")
        detail = {name: value for name, value in edit.detail.items() if name != "actions"}
        return cls(
            **{name: getattr(edit, name) for name in same},
            run=edit.cause_run_id,
            kind=EditKind(edit.kind),
            detail=detail,
            undone_by=undone_by,
            actions=[ActionMovedOut.model_validate(each) for each in edit.detail.get("actions", ())],
        )


class CauseEditPage(BaseModel):
    """A page of edits, the newest first."""

    edits: list[CauseEditOut] = Field(description="At most `limit`.")
    next: int | None = Field(description="`before` of the page that follows; null on the last.")


class CauseDriftOut(BaseModel):
    """How far the comments that came since causes were found are from those that they were found in."""

    run: int = Field(description="The current run of causes.")
    found_at: datetime = Field(description="When it read the store, in UTC.")
    comments: int = Field(description="Comments whose clauses got topics since.")
    clauses: int = Field(description="Their clauses.")
    waiting: int = Field(description="Comments whose clauses have no topics yet.")
    new_share: float | None = Field(
        description="Of the clauses with an opinion, the share that fits no topic; null where none was assigned."
    )
    former_new_share: float | None = Field(description="The same of the run itself.")
    similarity: float | None = Field(description="Mean cosine of the clauses to their topic's centre.")
    former_similarity: float | None = Field(description="The same of the run itself.")
    stability_index: float = Field(
        description="Population stability index of the topics' shares, without what chance gives: 0 where they are as "
        "before, above 0.25 they are others."
    )
    encoder: str = Field(description="The model that the causes were found with.")
    active_model: str | None = Field(description="The model at work; if it is another, nothing can be assigned.")
    refit: bool = Field(description="The verdict: causes should be found anew before the next nightly run.")
    why: str = Field(description="The verdict in a sentence.")
    next_refit: datetime | None = Field(
        description="When the nightly run comes next, in UTC: it finds causes anew if anything has changed by then; "
        "null where none is set (`--refit-at`)."
    )

    @classmethod
    def of(cls, drift: CauseDrift, *, next_refit: datetime | None) -> Self:
        return cls(**asdict(drift), next_refit=next_refit)
