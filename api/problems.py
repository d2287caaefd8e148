"""Errors as RFC 9457 problem details: one shape for every error, and never a customer's words in it or in the log."""

from __future__ import annotations

import logging
import re
import traceback
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final
from uuid import uuid4

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from nlp.errors import StemmeError

logger = logging.getLogger(__name__)

PROBLEM_JSON: Final = "application/problem+json"
TYPE_PREFIX: Final = "urn:stemme:error:"
MOST_FIELDS: Final = 20
NAMED_IN_DETAIL: Final = 3

STATUS_OF: Final[Mapping[str, int]] = {
    "invalid_json": 400,
    "access_error": 401,
    "missing_key": 401,
    "invalid_key": 401,
    "expired_key": 401,
    "revoked_key": 401,
    "missing_scope": 403,
    "not_found": 404,
    "unknown_key": 404,
    "unknown_comment": 404,
    "unknown_run": 404,
    "unknown_time_zone": 404,
    "bad_cursor": 404,
    "unknown_correction": 404,
    "unknown_alert": 404,
    "unknown_rule": 404,
    "unknown_webhook": 404,
    "unknown_delivery": 404,
    "unknown_respondent": 404,
    "no_accuracy_card": 404,
    "unknown_design": 404,
    "unknown_job": 404,
    "unknown_action": 404,
    "unknown_model": 404,
    "no_causes": 404,
    "unknown_cause": 404,
    "unknown_cause_run": 404,
    "unknown_edit": 404,
    "method_not_allowed": 405,
    "body_timeout": 408,
    "text_changed": 409,
    "comment_changed": 409,
    "not_tagged": 409,
    "future_moment": 409,
    "same_run": 409,
    "alert_conflict": 409,
    "rule_exists": 409,
    "webhook_disabled": 409,
    "job_under_way": 409,
    "job_finished": 409,
    "run_not_ready": 409,
    "run_model_missing": 409,
    "no_former_run": 409,
    "former_model": 409,
    "too_many_actions": 409,
    "topics_not_kept": 409,
    "undo_conflict": 409,
    "body_too_large": 413,
    "unsupported_media_type": 415,
    "invalid_request": 422,
    "unknown_filter": 422,
    "unknown_label": 422,
    "bad_correction": 422,
    "untaggable_text": 422,
    "audit_error": 422,
    "nothing_to_draw": 422,
    "bad_records": 422,
    "output_exists": 422,
    "bad_answers": 422,
    "too_few_answers": 422,
    "empty_text": 422,
    "text_too_long": 422,
    "invalid_unicode": 422,
    "nul_character": 422,
    "owner_needed": 422,
    "owner_not_allowed": 422,
    "bad_rule": 422,
    "bad_webhook_url": 422,
    "alert_error": 422,
    "webhook_error": 422,
    "report_error": 422,
    "unknown_dimension": 422,
    "too_many_rows": 422,
    "no_topics": 422,
    "unknown_topic": 422,
    "bad_topic_edit": 422,
    "bad_topics": 422,
    "wrong_embeddings": 422,
    "cause_action_error": 422,
    "bad_action_days": 422,
    "bad_actions": 422,
    "cause_run_error": 422,
    "internal_error": 500,
    "tagging_failed": 500,
    "job_error": 500,
    "job_broke": 500,
    "topics_process_died": 500,
    "bad_model": 500,
    "bad_taxonomy": 500,
    "store_error": 500,
    "bad_database": 500,
    "old_schema": 500,
    "unknown_schema": 500,
    "missing_extra": 501,
    "busy": 503,
    "not_ready": 503,
    "active_model_missing": 503,
    "store_unavailable": 503,
}
RETRY_AFTER_SECONDS: Final[Mapping[str, int]] = {
    "busy": 1,
    "not_ready": 2,
    "active_model_missing": 2,
    "store_unavailable": 2,
}


UNKNOWN_FORM: Final = ("union_tag_invalid", "union_tag_not_found")
NO_OBJECT: Final = ("model_attributes_type", "model_type", "dict_type")
"""What pydantic calls in Python's words what callers know as an object."""
"""Types of errors of a body that has one of several forms, and does not say of which it is."""


class FieldError(BaseModel):
    """One field of a request that is wrong."""

    pointer: str = Field(
        description="JSON Pointer (RFC 6901) to the field, as a URI fragment.", examples=["#/comments/3/text"]
    )
    detail: str = Field(description="What is wrong with it.", examples=["Field required"])


class ProblemDetails(BaseModel):
    """What went wrong, as RFC 9457 has it."""

    type: str = Field(
        description="Names the kind of error; docs/rest.md lists them.", examples=["urn:stemme:error:body_too_large"]
    )
    title: str = Field(description="The kind of error in a few words.")
    status: int = Field(description="The HTTP status of this answer.", ge=400, le=599)
    detail: str = Field(description="What was found, what is allowed and what to do.")
    code: str = Field(description="The last part of `type`, stable, for programs.", examples=["body_too_large"])
    errors: list[FieldError] | None = Field(
        None, description=f"The fields that are wrong, at most {MOST_FIELDS}. Only with `invalid_request`."
    )
    request_id: str | None = Field(
        None, description="Under which the service's log tells more. Only with `internal_error`."
    )


class InvalidJson(StemmeError):
    code, title = "invalid_json", "The body is not JSON"

    def __init__(self, found: str) -> None:
        super().__init__(f"The body cannot be read: {found}. Send one JSON object in UTF-8, uncompressed.")


class InvalidRequest(StemmeError):
    code, title = "invalid_request", "The request is not valid"

    def __init__(self, fields: Sequence[FieldError], names: Sequence[str], total: int) -> None:
        self.fields = fields
        count = "1 field is" if total == 1 else f"{total:,} fields are"
        which = "; ".join(
            f"{name}: {field.detail}" for name, field in zip(names[:NAMED_IN_DETAIL], fields, strict=False)
        )
        more = " …" if total > NAMED_IN_DETAIL else "."
        super().__init__(f"{count} wrong. {which}{more}")


class NotFound(StemmeError):
    code, title = "not_found", "There is nothing at this address"

    def __init__(self) -> None:
        super().__init__("There is nothing at this address. /openapi.json lists what there is.")


class MethodNotAllowed(StemmeError):
    code, title = "method_not_allowed", "The method is not possible here"

    def __init__(self, allowed: str) -> None:
        super().__init__(f"This method is not possible here. Allowed: {allowed}.")


class InternalError(StemmeError):
    code, title = "internal_error", "The service failed"

    def __init__(self) -> None:
        super().__init__("The service failed; the request was not at fault. The log tells more under the request's id.")


def problem_response(
    error: StemmeError,
    *,
    fields: Sequence[FieldError] | None = None,
    request_id: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    """An error as the answer that a caller gets.

    Parameters
    ----------
    error : its code gives type and status, its sentence the detail
    fields : the fields of the request that are wrong
    request_id : what the log names this request
    headers : to send along, beside `Retry-After`, which its code gives
    """
    status = STATUS_OF[error.code]
    body = ProblemDetails(
        type=TYPE_PREFIX + error.code,
        title=error.title,
        status=status,
        detail=str(error),
        code=error.code,
        errors=None if fields is None else list(fields),
        request_id=request_id,
    )
    sent = dict(headers or {})
    if error.code in RETRY_AFTER_SECONDS:
        sent["Retry-After"] = str(RETRY_AFTER_SECONDS[error.code])
    return JSONResponse(body.model_dump(exclude_none=True), status_code=status, headers=sent, media_type=PROBLEM_JSON)


def documented(*errors: type[StemmeError]) -> dict[int | str, dict[str, Any]]:
    """What OpenAPI says about the errors that a route may answer with, by status."""
    responses: dict[int | str, dict[str, Any]] = {}
    for error in errors:
        entry = responses.setdefault(STATUS_OF[error.code], {"model": ProblemDetails, "description": ""})
        entry["description"] += f"{'; ' if entry['description'] else ''}{error.title} (`{error.code}`)"
    return responses


def add_problem_handlers(app: FastAPI) -> None:
    """Let every error that a route or the framework raises come out as problem details."""

    @app.exception_handler(StemmeError)
    async def as_problem(_request: Request, error: StemmeError) -> JSONResponse:
        return problem_response(error)

    @app.exception_handler(RequestValidationError)
    async def as_invalid_request(_request: Request, error: RequestValidationError) -> JSONResponse:
        found = error.errors()
        if found[0]["type"] == "json_invalid":
            return problem_response(InvalidJson(f"{found[0]['ctx']['error']} at character {found[0]['loc'][-1]}"))
        places = [_place(each, error.body) for each in found[:MOST_FIELDS]]
        fields = [
            FieldError(pointer=_pointer(place), detail=_message(each))
            for place, each in zip(places, found[:MOST_FIELDS], strict=True)
        ]
        return problem_response(InvalidRequest(fields, [_name(place) for place in places], len(found)), fields=fields)

    @app.exception_handler(HTTPException)
    async def as_framework_problem(request: Request, error: HTTPException) -> JSONResponse:
        # Our own code raises StemmeErrors: these three are all that the framework raises by itself.
        match error.status_code:
            case HTTPStatus.BAD_REQUEST:
                return problem_response(InvalidJson(_unreadable(error.__cause__)))
            case HTTPStatus.NOT_FOUND:
                return problem_response(NotFound())
            case HTTPStatus.METHOD_NOT_ALLOWED:
                allowed = ", ".join(_methods_at(request)) or (error.headers or {}).get("Allow", "another method")
                return problem_response(MethodNotAllowed(allowed), headers={"Allow": allowed})
            case _:
                raise error


def _methods_at(request: Request) -> list[str]:
    """Every method of an address; the framework names those of one of its routes only."""
    for template, operations in request.app.openapi()["paths"].items():
        if re.fullmatch(re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(template)), request.scope["path"]):
            return sorted(method.upper() for method in operations)
    return []


def _unreadable(cause: BaseException | None) -> str:
    match cause:
        case UnicodeDecodeError(start=start):
            return f"byte {start} is not UTF-8"
        case RecursionError():
            return "it is nested too deeply"
        case _:
            return "it is not valid JSON"


def _place(error: Mapping[str, Any], body: Any) -> Sequence[int | str]:
    """Where in the document an error is."""
    # The framework starts every place with where it looked ("body", "query"), which is no part of the document. Nor is
    # the tag by which it chose one of several forms of a body.
    place, at = list(error["loc"][1:]), body
    if place and isinstance(at, dict) and place[0] not in at and place[0] in at.values():
        del place[0]
    if error["type"] in UNKNOWN_FORM:
        place.append(error["ctx"]["discriminator"].strip("'"))
    return place


def _message(error: Mapping[str, Any]) -> str:
    """What is wrong, without what was sent."""
    if error["type"] in UNKNOWN_FORM:
        return (
            "Field required"
            if "expected_tags" not in error["ctx"]
            else f"Input should be {' or '.join(error['ctx']['expected_tags'].split(', '))}"
        )
    if error["type"] in NO_OBJECT:
        return "Input should be an object"
    return str(error["msg"])


def _pointer(place: Sequence[int | str]) -> str:
    return "#" + "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in place)


def _name(place: Sequence[int | str]) -> str:
    name = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in place).removeprefix(".")
    return name or "body"


class ReportBugs:
    """Middleware that turns a bug into a plain 500 with a request id.

    The framework's own handler would also hand the exception on to the server, whose log prints its message, and a
    message may quote the text that it stumbled over. Here the log gets the exception's type and the lines of code.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = False

        async def watched_send(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self.app(scope, receive, watched_send)
        except Exception as bug:
            request_id = uuid4().hex
            logger.error("Request %s failed. %s", request_id, describe_bug(bug))  # noqa: TRY400  # it would log the message
            if started:
                raise ConnectionAbortedError(f"Request {request_id} failed after its answer had begun.") from None
            await problem_response(InternalError(), request_id=request_id)(scope, receive, send)


def describe_bug(bug: BaseException) -> str:
    """The exception's type and the lines of code that it came through, without its message and without values."""
    frames = "".join(traceback.format_list(traceback.extract_tb(bug.__traceback__)))
    own = f"{type(bug).__module__}.{type(bug).__qualname__} at\n{frames}"
    before = bug.__cause__ or bug.__context__
    return own if before is None else f"{own}after {describe_bug(before)}"
