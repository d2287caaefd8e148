"""What callers of `PATCH /v1/comments/{id}/tags` send: the record's own words, as far as they are to change."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Final, cast

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    PlainValidator,
    StrictBool,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import PydanticCustomError

from api.comment_schemas import WITHOUT_NUL, Name, storable
from api.corrections.answers import taxonomy
from api.corrections.correct import NamedLabel, Wanted
from api.corrections.decisions import FLAGS, LANGUAGE, SENTIMENT, Key
from api.corrections.models import DecisionKind
from nlp.record import FactorName, Language, Polarity, SentimentLabel, Span, ThemeSentiment

LONGEST_WHY: Final = 2_000
MOST_SPANS: Final = 50
MOST_TAGS: Final = 50
HIGHEST: Final = 2**31 - 1
THEMES: Final[list[JsonValue]] = [theme.id for theme in taxonomy().themes]


def _whole(value: object) -> int:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not 0 <= cast("float", value) <= HIGHEST or value != int(cast("float", value)):
        raise PydanticCustomError("whole_number", "Input should be a whole number, 0 or more")
    return int(cast("float", value))  # JSON has one kind of number: 9.0 is 9


def _why(value: object) -> str:
    return storable(value, LONGEST_WHY)


Whole = Annotated[int, PlainValidator(_whole), WithJsonSchema({"type": "integer", "minimum": 0, "maximum": HIGHEST})]
Why = Annotated[str, PlainValidator(_why), WithJsonSchema({**WITHOUT_NUL, "maxLength": LONGEST_WHY})]


class Closed(BaseModel):
    """Refuses fields that it does not know, so that a misspelt one is not lost; their names are not repeated."""

    model_config = ConfigDict(json_schema_extra={"additionalProperties": False})

    @model_validator(mode="before")
    @classmethod
    def _only_known_fields(cls, value: Any) -> Any:
        fields = [field.alias or name for name, field in cls.model_fields.items()]
        if isinstance(value, dict) and not value.keys() <= {*fields}:
            known = ", ".join(fields)
            raise PydanticCustomError("unknown_field", f"A field is not known. Allowed: {known}")  # type: ignore[arg-type]
        return value


class SpanIn(Closed):
    """Words of the comment, in Unicode code points of its text."""

    start: Whole = Field(description="The first code point.")
    end: Whole = Field(description="After the last code point.")


Spans = Annotated[list[SpanIn], Field(max_length=MOST_SPANS)]
WORDS: Final = "The words that show it. Left out, they stay as they are."


class SentimentIn(Closed):
    """The sentiment on the whole."""

    label: SentimentLabel = Field(description="What it is.")


class _TagIn(Closed):
    present: StrictBool = Field(True, description="False takes it away.")
    spans: Spans | None = Field(None, description=WORDS)


class ThemeIn(_TagIn):
    """A theme that the comment has, or has not."""

    theme: Annotated[str, Field(max_length=64)] = Field(description="A theme.", json_schema_extra={"enum": THEMES})
    sentiment: ThemeSentiment | None = Field(
        None, description="The sentiment about it. Left out, it stays; a theme that is added needs it."
    )


class FactorIn(_TagIn):
    """An emotional factor that the comment shows, or not; each polarity is told on its own, as both may hold."""

    factor: FactorName = Field(description="The factor.")
    polarity: Polarity = Field(description="Experienced so, or as the opposite.")


class FlagIn(Closed):
    """A flag, raised or not."""

    flag: StrictBool = Field(description="Whether it is raised.")
    spans: Spans | None = Field(None, description=WORDS)


class CorrectionRequest(Closed):
    """What is to be corrected: only what is named is touched."""

    version: Whole = Field(description="`version` of the comment that was read: the correction is of that text.")
    sentiment: SentimentIn | None = Field(None, description="The sentiment on the whole.")
    language: Language | None = Field(None, description="The language that it is written in.")
    themes: Annotated[list[ThemeIn], Field(max_length=MOST_TAGS)] = Field(
        default_factory=list, description="Themes that are added, changed or taken away; the others stay."
    )
    factors: Annotated[list[FactorIn], Field(max_length=MOST_TAGS)] = Field(
        default_factory=list, description="Factors that are added or taken away; the others stay."
    )
    churn_risk: FlagIn | None = Field(None, description="The customer leaves.")
    follow_up: FlagIn | None = Field(None, description="Somebody should contact the customer.")
    reviewed: StrictBool = Field(
        False, description="Every label that is not named here is right as it was read. Needs `revision`."
    )
    revision: Annotated[str, Field(min_length=1, max_length=64)] | None = Field(
        None, description="`revision` of the comment that was read: refused if its tags are others by now."
    )
    by: Name | None = Field(None, description="The person who corrects, where a program holds the key.")
    why: Why | None = Field(None, description="Why, for whoever reads the history. It stays with the comment.")

    def labels(self) -> Iterator[NamedLabel]:
        """The labels that are named, with the places where they stand."""
        if self.sentiment is not None:
            yield NamedLabel("sentiment", SENTIMENT, value=self.sentiment.label)
        if self.language is not None:
            yield NamedLabel("language", LANGUAGE, value=self.language)
        for number, theme in enumerate(self.themes):
            key = Key(DecisionKind.THEME, theme.theme)
            yield NamedLabel(f"themes[{number}]", key, theme.present, theme.sentiment, _spans(theme.spans))
        for number, factor in enumerate(self.factors):
            key = Key(DecisionKind.FACTOR, factor.factor, factor.polarity)
            yield NamedLabel(f"factors[{number}]", key, factor.present, spans=_spans(factor.spans))
        for name in FLAGS:
            flag: FlagIn | None = getattr(self, name)
            if flag is not None:
                yield NamedLabel(name, Key(DecisionKind.FLAG, name), flag.flag, spans=_spans(flag.spans))

    def wanted(self) -> Wanted:
        return Wanted(
            version=self.version,
            labels=tuple(self.labels()),
            reviewed=self.reviewed,
            revision=self.revision,
            by=self.by,
            why=self.why,
        )


def _spans(spans: list[SpanIn] | None) -> tuple[Span, ...] | None:
    return None if spans is None else tuple(Span(span.start, span.end) for span in spans)
