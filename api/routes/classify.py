"""`POST /v1/classify`: comments in, their records out. Nothing is stored."""

# Annotations are evaluated here at once (no `from __future__ import annotations`): the request model is made for the
# service's limits, inside a function, where a name in a string could not be looked up.
from functools import cache
from http import HTTPStatus
from typing import Annotated, Any

import anyio.from_thread
from fastapi import APIRouter, Body, Depends, Request, Response

from api import examples
from api.access.errors import ExpiredKey, InvalidKey, MissingKey, MissingScope, RevokedKey
from api.access.guard import needs
from api.access.scopes import Scope
from api.dependencies import CallsDep, NotReady, TaggerDep, UnsupportedMediaType, require_json
from api.limits import BodyTimeout, BodyTooLarge, Busy
from api.problems import InternalError, InvalidJson, InvalidRequest, documented
from api.schemas import ClassifyResponse, classify_request
from api.store.errors import StoreUnavailable
from api.tag_all import CallerGone, tag_all

ERRORS = documented(
    InvalidJson,
    MissingKey,
    InvalidKey,
    ExpiredKey,
    RevokedKey,
    MissingScope,
    BodyTimeout,
    BodyTooLarge,
    UnsupportedMediaType,
    InvalidRequest,
    InternalError,
    Busy,
    NotReady,
    StoreUnavailable,
)


@cache
def classify_router(*, max_comments: int, max_text_length: int, batch_size: int) -> APIRouter:
    """The route, with these limits of a request, of a comment and of a forward pass."""
    router = APIRouter(tags=["tagging"])
    limited_request = classify_request(max_comments)
    answer = ClassifyResponse(results=list(examples.RESPONSE)).model_dump(mode="json")
    responses: dict[int | str, dict[str, Any]] = {
        **ERRORS,
        200: {"content": {"application/json": {"examples": {"nn": {"summary": "Nynorsk", "value": answer}}}}},
    }

    # Not `async`: the framework runs it in a worker thread, so that health checks are answered meanwhile.
    @router.post(
        "/v1/classify",
        summary="Tag comments",
        operation_id="classify",
        response_model=ClassifyResponse,
        responses=responses,
        dependencies=[needs(Scope.CLASSIFY), Depends(require_json)],
    )
    def classify(
        body: Annotated[limited_request, Body(openapi_examples=examples.REQUESTS)],  # type: ignore[valid-type]
        tagger: TaggerDep,
        calls: CallsDep,
        request: Request,
    ) -> ClassifyResponse | Response:
        """Tags every comment with sentiment, journey themes, emotional factors and follow-up flags.

        There is one result for each comment, in the same order. A comment that cannot be tagged has its error in its
        place and does not touch the others. Offsets count Unicode code points of the text as it was sent.
        """
        comments = [comment_in.comment() for comment_in in body.comments]  # type: ignore[attr-defined]
        try:
            with calls.call():
                records = tag_all(
                    comments,
                    tagger=tagger,
                    batch_size=batch_size,
                    max_text_length=max_text_length,
                    gone=lambda: anyio.from_thread.run(request.is_disconnected),
                )
        except CallerGone:
            return Response(status_code=HTTPStatus.NO_CONTENT)  # nobody is there to read it
        return ClassifyResponse(results=records)

    return router
