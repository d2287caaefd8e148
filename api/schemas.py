"""What callers send and get. The records in an answer are `nlp.record`'s own dataclasses: they are defined once."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, PlainValidator, WithJsonSchema, create_model
from pydantic_core import PydanticCustomError

from api.question import LONGEST_QUESTION, as_question
from nlp.record import Comment, FailedComment, TaggedComment

LONGEST_ID: Final = 256


def _id(value: object) -> str:
    """An id as text; it comes back in the answer, which has to be valid Unicode."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str):
        raise PydanticCustomError("id_type", "Input should be a string or an integer")
    if not 1 <= len(value) <= LONGEST_ID:
        raise PydanticCustomError(
            "id_length",
            "Input has {length} characters; 1 to {longest} are allowed",
            {"length": len(value), "longest": LONGEST_ID},
        )
    if any(character == "\0" or "\ud800" <= character <= "\udfff" for character in value):
        raise PydanticCustomError("id_unicode", "Input holds NUL or half of a surrogate pair, which no id may contain")
    return value


def _text(value: object) -> str:
    # pydantic's own str refuses half surrogate pairs in some versions, and with them the whole request. Here any string
    # passes: the tagger answers a comment that it cannot read with that comment's error, and the others are tagged.
    if not isinstance(value, str):
        raise PydanticCustomError("text_type", "Input should be a string")
    return value


def _question(value: object) -> str | None:
    # As with the text, half a surrogate pair passes: the tagger reads what is readable of a question.
    if value is not None and not isinstance(value, str):
        raise PydanticCustomError("question_type", "Input should be a string or null")
    if value is not None and len(value) > LONGEST_QUESTION:
        raise PydanticCustomError(
            "question_length",
            "Input has {length} characters; at most {longest} are allowed",
            {"length": len(value), "longest": LONGEST_QUESTION},
        )
    return value


CommentId = Annotated[
    str,
    PlainValidator(_id),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "minLength": 1, "maxLength": LONGEST_ID, "pattern": r"^[^\u0000]+$"},
                {"type": "integer"},
            ]
        }
    ),
]
CommentText = Annotated[str, PlainValidator(_text), WithJsonSchema({"type": "string"})]
Question = Annotated[
    str | None,
    PlainValidator(_question),
    WithJsonSchema({"anyOf": [{"type": "string", "maxLength": LONGEST_QUESTION}, {"type": "null"}]}),
]


class CommentIn(BaseModel):
    """One answer to an open question. Other fields (nps, channel, …) may stand beside and are not read."""

    model_config = ConfigDict(title="Comment", json_schema_extra={"additionalProperties": True})

    id: CommentId = Field(
        description="The caller's own name for the comment; an integer comes back as a string. It need not be unique."
    )
    text: CommentText = Field(
        description="The comment as the customer wrote it. One that cannot be tagged (empty, too long, not valid "
        "Unicode, with NUL) gets an error in its place; the others are tagged."
    )
    question: Question = Field(
        None,
        description="The survey's question that the comment answers, where it is known. It is read as context: "
        '"prisene" is praise under "Hva var bra?" and criticism under "Hva kan bli bedre?". A blank one is none.',
    )

    def comment(self) -> Comment:
        return Comment(self.id, self.text, as_question(self.question))


class ClassifyRequest(BaseModel):
    """Comments to tag."""

    comments: list[CommentIn] = Field(min_length=1, description="The answer has one result for each, in this order.")


class ClassifyResponse(BaseModel):
    """One result for every comment of the request, in the same order."""

    results: list[TaggedComment | FailedComment] = Field(
        description="A record, or `id` and `error` for a comment that cannot be tagged."
    )


class Health(BaseModel):
    """The process is alive."""

    status: str = Field(examples=["alive"])


class Readiness(BaseModel):
    """The model is loaded."""

    status: str = Field(examples=["ready"])
    model: str = Field(description="As every record names it.", examples=["stemme-small@0.8.0"])
    taxonomy: str = Field(description="As every record names it.", examples=["journey@1.0.0"])


def classify_request(max_comments: int) -> type[ClassifyRequest]:
    """The request model of a service that takes so many comments at once, so that OpenAPI states the limit."""
    whole = ClassifyRequest.model_fields["comments"]
    comments = Field(min_length=1, max_length=max_comments, description=whole.description)
    return create_model(
        "ClassifyRequest",
        __base__=ClassifyRequest,
        __doc__=ClassifyRequest.__doc__,
        comments=(list[CommentIn], comments),
    )
