"""What a rule asks of a comment. No database: a case goes in, yes or no comes out."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal, Self, TypeVar, get_args

from pydantic import BeforeValidator, ConfigDict, Field, PlainValidator, StrictBool, WithJsonSchema, model_validator
from pydantic_core import PydanticCustomError

from api.comment_schemas import HIGHEST_NPS, NAME_SCHEMA, Name, Nps
from api.known_fields import WithoutNull
from nlp.errors import UnknownLabel
from nlp.record import FactorName, Language, Polarity, SentimentLabel, TaggedComment, ThemeSentiment
from nlp.taxonomy import Taxonomy

MOST_ALTERNATIVES: Final = 100
MOST_METADATA_KEYS: Final = 20
T = TypeVar("T")
Scalar = str | int | float | bool


def _listed(value: object) -> object:
    """`"negative"` is short for `["negative"]`."""
    return value if isinstance(value, list | tuple) else [value]


Several = Annotated[tuple[T, ...], Field(min_length=1, max_length=MOST_ALTERNATIVES)]


def _one_or_several(item: dict[str, Any]) -> dict[str, Any]:
    """The JSON Schema of a value or a list of them."""
    several = {"type": "array", "items": item, "minItems": 1, "maxItems": MOST_ALTERNATIVES}
    return {"anyOf": [item, several]}


def _one_of(names: Iterable[str]) -> WithJsonSchema:
    return WithJsonSchema(_one_or_several({"type": "string", "enum": list(names)}))


THEMES: Final = tuple(theme.id for theme in Taxonomy.load().themes)
Listed: Final = BeforeValidator(_listed)
Languages = Annotated[Several[Language], Listed, _one_of(get_args(Language))]
Sentiments = Annotated[Several[SentimentLabel], Listed, _one_of(get_args(SentimentLabel))]
ThemeSentiments = Annotated[Several[ThemeSentiment], Listed, _one_of(get_args(ThemeSentiment))]
Factors = Annotated[Several[FactorName], Listed, _one_of(get_args(FactorName))]
Polarities = Annotated[Several[Polarity], Listed, _one_of(get_args(Polarity))]
Themes = Annotated[Several[Annotated[str, Field(min_length=1, max_length=64)]], Listed, _one_of(THEMES)]
Names = Annotated[Several[Name], Listed, WithJsonSchema(_one_or_several(NAME_SCHEMA))]


def _metadata(value: object) -> dict[str, list[Scalar]]:
    hint = "Input should be an object with a text, a number, true or false for each key, or a list of those"
    if not isinstance(value, dict) or not 1 <= len(value) <= MOST_METADATA_KEYS:
        raise PydanticCustomError("metadata", hint)  # type: ignore[arg-type]
    asked: dict[str, list[Scalar]] = {}
    for key, allowed in value.items():
        values = allowed if isinstance(allowed, list) else [allowed]
        if not 1 <= len(values) <= MOST_ALTERNATIVES or not all(isinstance(each, Scalar) for each in values):
            raise PydanticCustomError("metadata", hint)  # type: ignore[arg-type]
        asked[key] = values
    try:
        written = json.dumps(asked, ensure_ascii=False, allow_nan=False).encode()
    except ValueError:
        raise PydanticCustomError("metadata", "Input holds what JSON in UTF-8 does not have") from None
    if b"\\u0000" in written:
        raise PydanticCustomError("metadata", "Input holds NUL, which no store keeps")
    return asked


_SCALAR: Final = {"anyOf": [{"type": "string", "pattern": r"^[^\u0000]*$"}, {"type": "number"}, {"type": "boolean"}]}
MetadataValues = Annotated[
    dict[str, list[Scalar]],
    PlainValidator(_metadata),
    WithJsonSchema(
        {
            "type": "object",
            "minProperties": 1,
            "maxProperties": MOST_METADATA_KEYS,
            "additionalProperties": _one_or_several(_SCALAR),
        }
    ),
]


# JSON Schema cannot compare two fields: each pair that no NPS can meet is named.
_NO_NPS: Final[dict[str, Any]] = {
    "anyOf": [
        {
            "required": ["nps_min", "nps_max"],
            "properties": {"nps_min": {"const": least}, "nps_max": {"type": "integer", "maximum": least - 1}},
        }
        for least in range(1, HIGHEST_NPS + 1)
    ]
}


@dataclass(frozen=True, slots=True)
class Case:
    """A tagged comment with what is known about it: what conditions are asked of."""

    record: TaggedComment
    source: str
    nps: int | None = None
    department: str | None = None
    touchpoint: str | None = None
    channel: str | None = None
    metadata: Mapping[str, Any] | None = None


class ThemeCondition(WithoutNull):
    """A theme that the comment speaks about, and how; without `theme` any theme."""

    model_config = ConfigDict(json_schema_extra={"additionalProperties": False, "minProperties": 1})

    theme: Themes | None = Field(None, description="One of these themes.", examples=[["reachability"]])
    sentiment: ThemeSentiments | None = Field(None, description="What the comment feels about it: one of these.")

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.theme is None and self.sentiment is None:
            raise PydanticCustomError("condition_empty", "Name a theme, a sentiment or both")
        return self

    def holds_for(self, record: TaggedComment) -> bool:
        return any(_among(tag.theme, self.theme) and _among(tag.sentiment, self.sentiment) for tag in record.themes)


class FactorCondition(WithoutNull):
    """An emotional factor through which people were experienced, and how; without `factor` any factor."""

    model_config = ConfigDict(json_schema_extra={"additionalProperties": False, "minProperties": 1})

    factor: Factors | None = Field(None, description="One of these factors.")
    polarity: Polarities | None = Field(None, description="One of these.")

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.factor is None and self.polarity is None:
            raise PydanticCustomError("condition_empty", "Name a factor, a polarity or both")
        return self

    def holds_for(self, record: TaggedComment) -> bool:
        return any(_among(tag.factor, self.factor) and _among(tag.polarity, self.polarity) for tag in record.factors)


class Conditions(WithoutNull):
    """What a comment has to be like: everything that is said must hold. Values in a list are alternatives.

    >>> Conditions(churn_risk=True, sentiment=["negative", "mixed"]).model_dump(exclude_none=True, mode="json")
    {'sentiment': ['negative', 'mixed'], 'churn_risk': True}
    """

    model_config = ConfigDict(json_schema_extra={"additionalProperties": False, "minProperties": 1, "not": _NO_NPS})

    sentiment: Sentiments | None = Field(None, description="The sentiment on the whole is one of these.")
    churn_risk: StrictBool | None = Field(None, description="Whether the flag is raised.")
    follow_up: StrictBool | None = Field(None, description="Whether the flag is raised.")
    themes: Several[ThemeCondition] | None = Field(
        None, description="Each of these holds, for one theme of the comment or another."
    )
    factors: Several[FactorCondition] | None = Field(
        None, description="Each of these holds, for one factor of the comment or another."
    )
    nps_min: Nps | None = Field(None, description="The NPS is at least this; a comment without one does not meet it.")
    nps_max: Nps | None = Field(None, description="The NPS is at most this; a comment without one does not meet it.")
    source: Names | None = Field(None, description="The source is one of these.")
    department: Names | None = Field(None, description="The department is one of these.")
    touchpoint: Names | None = Field(None, description="The touchpoint is one of these.")
    channel: Names | None = Field(None, description="The channel is one of these.")
    language: Languages | None = Field(None, description="The language is one of these.")
    metadata: MetadataValues | None = Field(
        None,
        description="For each key the comment's metadata has one of these values, compared as text: 17 is `17` too.",
        examples=[{"butikk": [17, 18]}],
    )

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if all(value is None for value in self.__dict__.values()):
            raise PydanticCustomError(
                "condition_empty", "A rule without conditions would raise every comment; name one"
            )
        if self.nps_min is not None and self.nps_max is not None and self.nps_min > self.nps_max:
            raise PydanticCustomError("nps_range", "nps_min is above nps_max; no NPS is both")
        return self

    def hold_for(self, case: Case) -> bool:
        """Whether a comment meets all of them."""
        return all(check(self, case) for check in _CHECKS)

    def as_json(self) -> dict[str, Any]:
        """What is said, as it is stored and answered."""
        return self.model_dump(exclude_none=True, mode="json")


def refuse_unknown_themes(conditions: Conditions) -> None:
    """Refuse a rule that nothing could ever meet.

    Asked when a rule is written, not when it is read: a rule must not break when the taxonomy loses a theme.

    Raises
    ------
    UnknownLabel : if a theme is not in the taxonomy; it names the nearest
    """
    for condition in conditions.themes or ():
        for theme in condition.theme or ():
            if theme not in THEMES:
                raise UnknownLabel("theme", theme, list(THEMES))


def _among(value: object, allowed: Iterable[object] | None) -> bool:
    return allowed is None or value in allowed


def _nps_holds(asked: Conditions, case: Case) -> bool:
    if asked.nps_min is None and asked.nps_max is None:
        return True
    low, high = asked.nps_min, asked.nps_max
    return case.nps is not None and (low is None or case.nps >= low) and (high is None or case.nps <= high)


def _flags_hold(asked: Conditions, case: Case) -> bool:
    flags: tuple[Literal["churn_risk", "follow_up"], ...] = ("churn_risk", "follow_up")
    return all(getattr(asked, flag) in (None, getattr(case.record, flag).flag) for flag in flags)


def _names_hold(asked: Conditions, case: Case) -> bool:
    names = ("source", "department", "touchpoint", "channel")
    return all(_among(getattr(case, name), getattr(asked, name)) for name in names)


def _tags_hold(asked: Conditions, case: Case) -> bool:
    record = case.record
    return (
        _among(record.sentiment.label, asked.sentiment)
        and _among(record.language, asked.language)
        and all(condition.holds_for(record) for condition in asked.themes or ())
        and all(condition.holds_for(record) for condition in asked.factors or ())
    )


def _metadata_holds(asked: Conditions, case: Case) -> bool:
    found = case.metadata or {}
    return all(
        key in found and _as_text(found[key]) in {_as_text(each) for each in allowed}
        for key, allowed in (asked.metadata or {}).items()
    )


def _as_text(value: object) -> str:
    """A value of metadata as surveys and files write it: 17, 17.0 and "17" are the same, and so are true and "true"."""
    if isinstance(value, str):
        return value
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return json.dumps(value, ensure_ascii=False)


_CHECKS: Final[tuple[Callable[[Conditions, Case], bool], ...]] = (
    _flags_hold,
    _tags_hold,
    _nps_holds,
    _names_hold,
    _metadata_holds,
)
