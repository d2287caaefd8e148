"""What callers of /v1/comments send and get."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Annotated, Any, Final, Self, cast

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PlainValidator,
    WithJsonSchema,
    create_model,
    model_validator,
)
from pydantic_core import PydanticCustomError

from api.corrections.answers import CorrectedLabel, corrected_labels, is_whole
from api.ingest.comment import NewComment
from api.ingest.ingest import StoredAs
from api.personal_data import Kind
from api.question import LONGEST_QUESTION, as_question
from api.schemas import CommentId, Question
from api.store.models import LONGEST_NAME
from api.store.search import Found, split_words
from nlp.record import FailedComment, TaggedComment
from nlp.tagger import MAX_TEXT_LENGTH

MOST_METADATA_BYTES: Final = 8_192
HIGHEST_NPS: Final = 10
LONGEST_QUERY: Final = 500
_SPACE_FOR_PLUS: Final = re.compile(r"^(\d{4}-\d{2}-\d{2}T[\d:.]+) (\d{2}:?\d{2})$", re.ASCII)


def storable(value: object, longest: int) -> str:
    """A string of at most so many characters that every store keeps.

    Raises
    ------
    PydanticCustomError : if it is none
    """
    if not isinstance(value, str):
        raise PydanticCustomError("text_type", "Input should be a string")
    if len(value) > longest:
        raise PydanticCustomError(
            "text_length",
            "Input has {length} characters; at most {longest} are allowed",
            {"length": len(value), "longest": longest},
        )
    if not _is_storable(value):
        raise PydanticCustomError("text_unicode", "Input holds NUL or half of a surrogate pair, which no store keeps")
    return value


def _is_storable(value: str) -> bool:
    return not any(character == "\0" or "\ud800" <= character <= "\udfff" for character in value)


def _text(value: object) -> str:
    return storable(value, MAX_TEXT_LENGTH)


def _name(value: object) -> str:
    name = storable(value, LONGEST_NAME)
    if not name.strip():
        raise PydanticCustomError("name_blank", "Input is blank; leave the field out, or send null, if it is not known")
    return name


def _storable_question(value: str | None) -> str | None:
    if value is not None and not _is_storable(value):
        raise PydanticCustomError("text_unicode", "Input holds NUL or half of a surrogate pair, which no store keeps")
    return value


def _nps(value: object) -> int:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or value not in range(HIGHEST_NPS + 1):
        raise PydanticCustomError("nps", "Input should be a whole number from 0 to 10")
    return int(cast("float", value))  # JSON has one kind of number: 9.0 is 9


def _moment(value: object) -> datetime:
    hint = "Input should be a time with its zone, such as 2026-11-02T08:30:00+01:00 or 2026-11-02T07:30:00Z"
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        moment = None
    if moment is None:
        raise PydanticCustomError("time", hint)  # type: ignore[arg-type]
    if moment.tzinfo is None:
        raise PydanticCustomError("time_zone", f"Input has no zone. {hint}")  # type: ignore[arg-type]
    try:
        return moment.astimezone(UTC)
    except OverflowError:  # in the calendar's first or last hours, another zone's clock leaves it
        raise PydanticCustomError("time", hint) from None  # type: ignore[arg-type]


def _moment_of_address(value: object) -> datetime:
    """One of a query, where a plus that was not written as %2B has become a space."""
    return _moment(_SPACE_FOR_PLUS.sub(r"\1+\2", value) if isinstance(value, str) else value)


def _metadata(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise PydanticCustomError("metadata_type", "Input should be an object")
    try:
        written = json.dumps(value, ensure_ascii=False, allow_nan=False)
        size = len(written.encode())
    except (ValueError, RecursionError):
        raise PydanticCustomError("metadata_json", "Input holds what JSON in UTF-8 does not have") from None
    if size > MOST_METADATA_BYTES:
        raise PydanticCustomError(
            "metadata_size",
            "Input has {size} bytes as JSON; at most {most} are allowed",
            {"size": size, "most": MOST_METADATA_BYTES},
        )
    return value


WITHOUT_NUL: Final = {"type": "string", "pattern": r"^[^\u0000]*$"}
Text = Annotated[str, PlainValidator(_text), WithJsonSchema({**WITHOUT_NUL, "maxLength": MAX_TEXT_LENGTH})]
StorableQuestion = Annotated[
    Question,
    AfterValidator(_storable_question),
    WithJsonSchema({"anyOf": [{**WITHOUT_NUL, "maxLength": LONGEST_QUESTION}, {"type": "null"}]}),
]
NAME_SCHEMA: Final = {
    "type": "string",
    "minLength": 1,
    "maxLength": LONGEST_NAME,
    "pattern": r"^[^\u0000]*[^\s\u0000\u001c-\u001f\u0085][^\u0000]*$",
}
Name = Annotated[str, PlainValidator(_name), WithJsonSchema(NAME_SCHEMA)]
Nps = Annotated[int, PlainValidator(_nps), WithJsonSchema({"type": "integer", "minimum": 0, "maximum": HIGHEST_NPS})]
Moment = Annotated[datetime, PlainValidator(_moment), WithJsonSchema({"type": "string", "format": "date-time"})]
QueryMoment = Annotated[
    datetime, PlainValidator(_moment_of_address), WithJsonSchema({"type": "string", "format": "date-time"})
]
Metadata = Annotated[dict[str, Any], PlainValidator(_metadata), WithJsonSchema({"type": "object"})]


def _words(value: object) -> str:
    words = storable(value, LONGEST_QUERY)
    if not split_words(words):
        raise PydanticCustomError("words", "Input holds no word to search for")
    return words


Words = Annotated[
    str,
    PlainValidator(_words),
    WithJsonSchema({"type": "string", "maxLength": LONGEST_QUERY, "pattern": r"[\p{L}\p{N}]"}),
]


class NewCommentIn(BaseModel):
    """An answer to an open question, to be stored and tagged."""

    model_config = ConfigDict(title="NewComment", json_schema_extra={"additionalProperties": False})

    source: Name = Field(description="Where it comes from: a survey, a review site.", examples=["butikkundersøkelsen"])
    external_id: CommentId = Field(
        description="The source's own id for it; an integer comes back as a string. It names the comment for ever."
    )
    text: Text = Field(
        description="What the customer wrote. It is stored with personal data masked. An empty one cannot be tagged."
    )
    question: StorableQuestion = Field(
        None, description="The survey's question that it answers. Another question is another version."
    )
    nps: Nps | None = Field(None, description="The answer to “How likely are you to recommend us?”, 0 to 10.")
    touchpoint: Name | None = Field(None, description="Where in the journey it was asked.", examples=["etter levering"])
    channel: Name | None = Field(None, description="By which way it came.", examples=["sms"])
    department: Name | None = Field(None, description="Whom it concerns.", examples=["Bergen"])
    respondent: Name | None = Field(
        None, description="The source's name for who answered, by which their comments can be found and erased."
    )
    submitted_at: Moment | None = Field(
        None, description="When it was written, with its zone. Without it, when it was first received."
    )
    metadata: Metadata = Field(
        default_factory=dict, description=f"Anything else: an object of at most {MOST_METADATA_BYTES:,} bytes as JSON."
    )

    @model_validator(mode="before")
    @classmethod
    def _only_known_fields(cls, value: Any) -> Any:
        if isinstance(value, dict) and not value.keys() <= cls.model_fields.keys():
            # Their names are not repeated: they may be anything.
            known = ", ".join(cls.model_fields)
            raise PydanticCustomError(
                "unknown_field",
                f"A field is not known. Allowed: {known}. Put others into metadata",  # type: ignore[arg-type]
            )
        return value

    def new_comment(self) -> NewComment:
        fields = {name: getattr(self, name) for name in type(self).model_fields}
        return NewComment(**{**fields, "question": as_question(self.question)})


class IngestRequest(BaseModel):
    """Comments to store, one or many."""

    comments: list[NewCommentIn] = Field(min_length=1, description="All of them are stored, or none.")


class StoredComment(BaseModel):
    """Where a comment lies."""

    id: int = Field(description="Its id in the store, for `GET /v1/comments/{id}`.", examples=[17])
    source: str = Field(description="As it was sent.")
    external_id: str = Field(description="As it was sent.")
    version: int = Field(description="The number of the version of its text that stands; 1 is the first.")
    masked: dict[Kind, int] = Field(
        description="How many things of each kind of personal data were masked in what was sent.",
        examples=[{"phone": 1}],
    )

    @classmethod
    def of(cls, stored: StoredAs) -> Self:
        return cls(
            id=stored.id,
            source=stored.source,
            external_id=stored.external_id,
            version=stored.version,
            masked=dict(stored.masked),
        )


class IngestResponse(BaseModel):
    """One place for each comment of the request, in the same order. They are on the disk."""

    comments: list[StoredComment] = Field(description="The same again when the request is sent again.")


class CommentOut(BaseModel):
    """A comment as it lies in the store, with what is known about it and its tags."""

    model_config = ConfigDict(title="StoredCommentWithTags")

    id: int = Field(description="Its id in the store.")
    source: str = Field(description="Where it comes from.")
    external_id: str = Field(description="The source's own id for it.")
    version: int = Field(description="The number of this version of its text.")
    text: str = Field(description="The text of this version. Offsets in `record` count its code points.")
    question: str | None = Field(description="The survey's question that it answers.")
    nps: int | None = Field(description="0 to 10.")
    touchpoint: str | None = Field(description="Where in the journey it was asked.")
    channel: str | None = Field(description="By which way it came.")
    department: str | None = Field(description="Whom it concerns.")
    respondent: str | None = Field(description="The source's name for who answered.")
    submitted_at: datetime = Field(description="When it was written, in UTC.")
    received_at: datetime = Field(description="When it was first received, in UTC.")
    metadata: dict[str, Any] = Field(description="Anything else.")
    record: TaggedComment | FailedComment | None = Field(
        description="Its tags, or why it has none, under `external_id`; null while it waits to be tagged. What people "
        "have corrected stands in it."
    )
    revision: str = Field(
        description="Another one as soon as text, tags or corrections are others; sent with a review.",
        examples=["1.17.0.0"],
    )
    reviewed: bool = Field(description="Whether people have decided every label of the text that stands.")
    corrected: list[CorrectedLabel] = Field(
        description="Where `record` is a person's word: labels that somebody named, or that differ from the model's."
    )

    @classmethod
    def of(cls, found: Found) -> Self:
        comment, version = found.comment, found.version
        same = ("id", "external_id", "nps", "touchpoint", "channel", "department", "respondent")
        return cls(
            **{name: getattr(comment, name) for name in (*same, "submitted_at", "received_at")},
            source=comment.source.name,
            version=version.number,
            text=version.text,
            question=version.question,
            metadata=comment.extra,
            record=found.record,
            revision=found.revision,
            reviewed=is_whole(found.corrections.decisions),
            corrected=corrected_labels(found),
        )


class CommentPage(BaseModel):
    """A page of comments, those that came last first."""

    comments: list[CommentOut] = Field(description="At most `limit`.")
    next: str | None = Field(description="The `cursor` of the page that follows; null on the last.")


def ingest_request(max_comments: int) -> type[IngestRequest]:
    """The request model of a service that takes so many comments at once, so that OpenAPI states the limit."""
    whole = IngestRequest.model_fields["comments"]
    comments = Field(min_length=1, max_length=max_comments, description=whole.description)
    return create_model(
        "IngestRequest", __base__=IngestRequest, __doc__=IngestRequest.__doc__, comments=(list[NewCommentIn], comments)
    )
