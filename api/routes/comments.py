"""`/v1/comments`: comments are stored, acknowledged and then tagged; and what is stored is found."""

# Annotations are evaluated here at once (no `from __future__ import annotations`): the request model is made for the
# service's limits, inside a function, where a name in a string could not be looked up.
from collections.abc import Sequence
from dataclasses import fields
from difflib import get_close_matches
from functools import cache
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Body, Depends, Path, Query, Request

from api import comment_examples
from api.access.errors import ExpiredKey, InvalidKey, MissingKey, MissingScope, RevokedKey
from api.access.guard import needs
from api.access.scopes import Scope
from api.comment_schemas import (
    HIGHEST_NPS,
    CommentOut,
    CommentPage,
    IngestResponse,
    Name,
    QueryMoment,
    StoredComment,
    Words,
    ingest_request,
)
from api.cursor import BadCursor, cursor_after, id_before
from api.dependencies import StoreDep, UnsupportedMediaType, WakeDep, require_json
from api.ingest.ingest import ingest
from api.ingest.treatment import masking
from api.limits import BodyTimeout, BodyTooLarge, Busy
from api.personal_data import Kind
from api.problems import InternalError, InvalidJson, InvalidRequest, documented
from api.store.errors import StoreUnavailable, UnknownComment
from api.store.search import Filters, find, find_one
from nlp.errors import StemmeError, UnknownLabel
from nlp.record import FactorName, Language, SentimentLabel
from nlp.taxonomy import Taxonomy

MOST_IN_PAGE = 500
THEMES = [theme.id for theme in Taxonomy.load().themes]
HIGHEST_ID = 2**63 - 1

EVERYWHERE = (
    MissingKey,
    InvalidKey,
    ExpiredKey,
    RevokedKey,
    MissingScope,
    BodyTimeout,
    BodyTooLarge,
    InvalidRequest,
    InternalError,
    Busy,
    StoreUnavailable,
)

QUERY = ["q", *(field.name for field in fields(Filters) if field.name != "words"), "limit", "cursor"]


class UnknownFilter(StemmeError):
    code, title = "unknown_filter", "There is no such filter"

    def __init__(self, name: str, known: Sequence[str]) -> None:
        near = get_close_matches(name, known, n=1)  # what was sent is not repeated: it may be anything
        hint = f" Did you mean {near[0]!r}?" if near else ""
        super().__init__(f"The query has a name that is no filter.{hint} Known: {', '.join(known)}.")


def refuse_unknown_filters(request: Request, known: Sequence[str]) -> None:
    """Refuse a misspelt filter, which would let everything through.

    Raises
    ------
    UnknownFilter : if the query has a name that is not known
    """
    for name in request.query_params:
        if name not in known:
            raise UnknownFilter(name, known)


def only_filters(*known: str) -> Any:
    """A dependency that refuses a query with any other name."""

    def check(request: Request) -> None:
        refuse_unknown_filters(request, known)

    return Depends(check)


@cache
def comments_router(*, max_comments: int, mask: frozenset[Kind]) -> APIRouter:
    """The routes; a request has at most `max_comments`, and these kinds of personal data are masked."""
    router = APIRouter(tags=["comments"])
    limited_request = ingest_request(max_comments)
    treat = masking(mask)

    # None is `async`: the framework runs them in worker threads, so that health checks are answered meanwhile.
    @router.post(
        "/v1/comments",
        status_code=202,
        summary="Store comments, to be tagged",
        operation_id="ingest",
        responses=documented(InvalidJson, UnsupportedMediaType, *EVERYWHERE),
        dependencies=[needs(Scope.INGEST), Depends(require_json)],
    )
    def add_comments(
        body: Annotated[limited_request, Body(openapi_examples=comment_examples.REQUESTS)],  # type: ignore[valid-type]
        store: StoreDep,
        wake_worker: WakeDep,
    ) -> IngestResponse:
        """Stores comments, all of them or none, and answers when they are on the disk; they are tagged soon after.

        A comment is named by its source and external id. Sent again it is not stored again, and the answer is the same;
        a changed text or question makes a new version, which is tagged too. Its other fields take the values that came
        last. Personal data in its text, its question and the strings of its metadata is masked before it is stored.
        """
        new = (each.new_comment() for each in body.comments)  # type: ignore[attr-defined]
        stored = ingest(new, store=store, treat=treat)
        wake_worker()
        return IngestResponse(comments=[StoredComment.of(each) for each in stored])

    @router.get(
        "/v1/comments",
        summary="Find comments",
        operation_id="find_comments",
        responses=documented(BadCursor, UnknownFilter, UnknownLabel, *EVERYWHERE),
        dependencies=[needs(Scope.READ)],
    )
    def find_comments(
        store: StoreDep,
        filters: Annotated[Filters, Depends(filters_of)],
        limit: Annotated[int, Query(ge=1, le=MOST_IN_PAGE, description="Comments of a page.")] = 50,
        cursor: Annotated[str | None, Query(max_length=256, description="`next` of the page before.")] = None,
    ) -> CommentPage:
        """Finds the comments that every filter lets through, those that came last first, a page at a time.

        Send `next` as `cursor` for the page that follows, with the same filters. Comments that are added meanwhile
        move nothing: the pages have neither gaps nor repetitions.
        """
        before_id = None if cursor is None else id_before(cursor, filters)
        with store.read() as session:
            found = find(session, filters, before_id=before_id, limit=limit + 1)
            page = [CommentOut.of(each) for each in found[:limit]]
        return CommentPage(comments=page, next=cursor_after(page[-1].id, filters) if len(found) > limit else None)

    @router.get(
        "/v1/comments/{id}",
        summary="Read one comment",
        operation_id="read_comment",
        responses=documented(UnknownComment, *EVERYWHERE),
        dependencies=[needs(Scope.READ)],
    )
    def read_comment(
        store: StoreDep,
        id_: Annotated[int, Path(alias="id", ge=1, le=HIGHEST_ID, description="Its id in the store.")],
    ) -> CommentOut:
        """Reads the comment with this id: the version that stands, and its tags once it has them."""
        with store.read() as session:
            found = find_one(session, id_)
            if found is None:
                raise UnknownComment(id_)
            return CommentOut.of(found)

    return router


def filters_of(
    request: Request,
    *,
    source: Annotated[Name | None, Query(description="Its source.")] = None,
    touchpoint: Annotated[Name | None, Query(description="Its touchpoint.")] = None,
    channel: Annotated[Name | None, Query(description="Its channel.")] = None,
    department: Annotated[Name | None, Query(description="Its department.")] = None,
    respondent: Annotated[Name | None, Query(description="Who answered.")] = None,
    nps_min: Annotated[int | None, Query(ge=0, le=HIGHEST_NPS, description="An NPS of at least this.")] = None,
    nps_max: Annotated[int | None, Query(ge=0, le=HIGHEST_NPS, description="An NPS of at most this.")] = None,
    submitted_from: Annotated[QueryMoment | None, Query(description="Written then or later; with its zone.")] = None,
    submitted_before: Annotated[QueryMoment | None, Query(description="Written before; with its zone.")] = None,
    language: Annotated[Language | None, Query(description="The language that it is written in.")] = None,
    sentiment: Annotated[SentimentLabel | None, Query(description="Its sentiment on the whole.")] = None,
    theme: Annotated[
        str | None, Query(description="A theme that it speaks about.", json_schema_extra={"enum": THEMES})
    ] = None,
    factor: Annotated[FactorName | None, Query(description="An emotional factor in it.")] = None,
    flag: Annotated[Literal["churn_risk", "follow_up"] | None, Query(description="A flag that is raised.")] = None,
    q: Annotated[
        Words | None,
        Query(description="Words that it holds, all of them, whole and in any order; `pakk*` finds what begins so."),
    ] = None,
) -> Filters:
    """What a query asks for.

    Raises
    ------
    UnknownFilter : if the query has something else
    UnknownLabel : if the theme is not in the taxonomy
    """
    refuse_unknown_filters(request, QUERY)
    if theme is not None and theme not in THEMES:
        raise UnknownLabel("theme", theme, THEMES)
    return Filters(
        source=source,
        touchpoint=touchpoint,
        channel=channel,
        department=department,
        respondent=respondent,
        nps_min=nps_min,
        nps_max=nps_max,
        submitted_from=submitted_from,
        submitted_before=submitted_before,
        language=language,
        sentiment=sentiment,
        theme=theme,
        factor=factor,
        flag=flag,
        words=q,
    )
