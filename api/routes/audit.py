"""`GET /v1/audit`: who did what to the store and its keys."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from api.access.guard import needs
from api.access.scopes import Scope
from api.comment_schemas import Name, QueryMoment
from api.cursor import BadCursor, cursor_after, id_before
from api.dependencies import StoreDep
from api.problems import documented
from api.removal_schemas import AuditLine, AuditPage
from api.routes.comments import EVERYWHERE, MOST_IN_PAGE
from api.store.audit import AuditFilters, read_log

router = APIRouter(tags=["audit"])


@router.get(
    "/v1/audit",
    summary="Read the audit log",
    operation_id="read_audit_log",
    responses=documented(BadCursor, *EVERYWHERE),
    dependencies=[needs(Scope.ADMIN)],
)
def read_audit_log(
    store: StoreDep,
    *,
    action: Annotated[Name | None, Query(description="Only this action.", examples=["comments.erasure"])] = None,
    actor: Annotated[Name | None, Query(description="Only what this key or user did.")] = None,
    subject: Annotated[Name | None, Query(description="Only what was done to this.")] = None,
    since: Annotated[QueryMoment | None, Query(description="Only lines of this time or later; with its zone.")] = None,
    limit: Annotated[int, Query(ge=1, le=MOST_IN_PAGE, description="Lines of a page.")] = 50,
    cursor: Annotated[str | None, Query(max_length=256, description="`next` of the page before.")] = None,
) -> AuditPage:
    """Reads the lines that every filter lets through, the newest first, a page at a time.

    Send `next` as `cursor` for the page that follows, with the same filters.
    """
    filters = AuditFilters(action=action, actor=actor, subject=subject, since=since)
    before_id = None if cursor is None else id_before(cursor, filters)
    with store.read() as session:
        found = read_log(session, filters, before_id=before_id, limit=limit + 1)
        page = [AuditLine.of(line) for line in found[:limit]]
    return AuditPage(lines=page, next=cursor_after(page[-1].id, filters) if len(found) > limit else None)
