"""What the job `topics` is asked with, over REST and on the command line: in which comments to look, and how."""

# Annotations are evaluated here at once (no `from __future__ import annotations`), as pydantic needs them.
from collections.abc import Mapping
from importlib.util import find_spec
from typing import Annotated, Any, Final, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import PydanticCustomError

from api.comment_schemas import Name, Words
from api.reports.query import ZONES, known_zone
from api.retag.request import RetagFilters, filters_of, only_known
from nlp.errors import require

NEEDED: Final = ("sklearn", "scipy", "simplemma", "ruptures")
EXTRA: Final = "topics"
HIGHEST_SEED: Final = 2**31 - 1
LARGEST_SMALLEST: Final = 1_000_000
MOST_NAMES: Final = 100
MOST_KEYS: Final = 8
PERIOD: Final = frozenset({"submitted_from", "submitted_before"})
"""The filters that leave a run whole: causes of the last year are causes of everything."""


def _whole(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float) or not float(value).is_integer():
        raise PydanticCustomError("whole_number", "Input should be a whole number")
    return int(value)  # JSON has one kind of number: 9.0 is 9


Seed = Annotated[int, Field(ge=0, le=HIGHEST_SEED), BeforeValidator(_whole)]
Smallest = Annotated[int, Field(ge=2, le=LARGEST_SMALLEST), BeforeValidator(_whole)]


class TopicsFilters(RetagFilters):
    """In which comments to look; what is left out does not matter. Tags are those that are shown, corrected."""

    model_config = ConfigDict(json_schema_extra={"additionalProperties": False})

    q: Words | None = Field(None, description="Words that it holds, as in `GET /v1/comments`.")


class TopicsRequest(BaseModel):
    """Look for root causes in stored comments, and show them at once when all is there."""

    model_config = ConfigDict(title="Topics", json_schema_extra={"additionalProperties": False})

    kind: Literal["topics"] = Field(description="Which kind of job.")
    filters: TopicsFilters | None = Field(None, description="In which comments; in every one if it is left out.")
    smallest: Smallest | None = Field(
        None, description="Clauses of the smallest cause; by their number if it is left out."
    )
    names: list[Name] = Field(
        [], max_length=MOST_NAMES, description="Of your company and its brands: they say who, and are no causes."
    )
    metadata: list[Name] = Field(
        [],
        max_length=MOST_KEYS,
        description="Keys of metadata in whose values causes may concentrate, beside source, department, touchpoint "
        "and channel.",
    )
    time_zone: Annotated[str, AfterValidator(known_zone), WithJsonSchema(ZONES)] = Field(
        "Europe/Oslo", max_length=64, description="Where days begin, by its IANA name."
    )
    seed: Seed = Field(1, description="The same seed and comments give the same causes.")
    anew: StrictBool = Field(
        False,
        description="Without the former run's topics: ids, and what analysts named, merged and split, are not kept.",
    )
    show: StrictBool | None = Field(
        None,
        description="Whether `GET /v1/causes` is to show it. Left out, it is, unless `filters` has more than a period: "
        "such a run is kept aside, to be asked for by its id.",
    )

    @model_validator(mode="before")
    @classmethod
    def _only_known_fields(cls, value: Any) -> Any:
        return only_known(value, list(cls.model_fields))

    def as_parameters(self) -> dict[str, Any]:
        """What is kept of it with the job, as JSON."""
        filters = {} if self.filters is None else self.filters.as_parameters()
        same = ("smallest", "names", "metadata", "time_zone", "seed", "anew")
        show = not filters.keys() - PERIOD if self.show is None else self.show
        return {"filters": filters, **{name: getattr(self, name) for name in same}, "show": show}

    def check(self) -> None:
        """Refuse what cannot be done, before it is put into the queue.

        Raises
        ------
        UnknownLabel : if the theme is not in the taxonomy
        MissingExtra : if what clustering needs is not installed
        """
        filters_of(self.as_parameters())
        require_extra()


def require_extra() -> None:
    """Refuse to look for causes where the extra `topics` is not installed.

    Raises
    ------
    MissingExtra : naming the extra
    """
    for module in NEEDED:
        if find_spec(module) is None:  # to import them all takes seconds
            require(module, extra=EXTRA)


def described(parameters: Mapping[str, Any]) -> str:
    """A job's parameters in words, for people.

    >>> described({"filters": {"language": "da"}})
    'causes; language da'
    """
    filters = ", ".join(f"{name} {value}" for name, value in parameters["filters"].items())
    return f"causes; {filters or 'every comment'}"
