"""`DELETE /v1/respondents/{id}` and `POST /v1/erasures`: what a person asks to be removed goes, and is counted."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query

from api.access.guard import needs
from api.access.keys import Caller
from api.access.scopes import Scope
from api.comment_schemas import Name
from api.dependencies import StoreDep, UnsupportedMediaType, require_json
from api.problems import InvalidJson, documented
from api.removal.erasure import erase
from api.removal.errors import UnknownRespondent
from api.removal_schemas import ErasureRequest, ErasureResponse
from api.routes.comments import EVERYWHERE

router = APIRouter(tags=["erasure"])
Admin = Annotated[Caller, needs(Scope.ADMIN)]


@router.delete(
    "/v1/respondents/{id:path}",
    summary="Erase a respondent's comments",
    operation_id="erase_respondent",
    responses=documented(UnknownRespondent, *EVERYWHERE),
)
def erase_respondent(
    caller: Admin,
    store: StoreDep,
    id_: Annotated[Name, Path(alias="id", description="Whose comments, percent-encoded as UTF-8, slashes as %2F.")],
    source: Annotated[Name | None, Query(description="Only the comments of this source.")] = None,
    dry_run: Annotated[bool, Query(description="Only say what would go.")] = False,
) -> ErasureResponse:
    """Removes every comment of a respondent for good, with all that hangs on them, in one transaction.

    Their texts and versions, tags, corrections, alerts, places in queues and words in the search index go; the audit
    log gets counts. An id that a URL cannot hold, such as `..`, goes into the body of `POST /v1/erasures`, which also
    keeps it out of the logs of proxies.
    """
    return ErasureResponse.of(erase(store, id_, source=source, by=caller.prefix, dry_run=dry_run))


@router.post(
    "/v1/erasures",
    summary="Erase a respondent's comments, with the id in the body",
    operation_id="create_erasure",
    responses=documented(InvalidJson, UnsupportedMediaType, UnknownRespondent, *EVERYWHERE),
    dependencies=[Depends(require_json)],
)
def create_erasure(body: ErasureRequest, caller: Admin, store: StoreDep) -> ErasureResponse:
    """Does as `DELETE /v1/respondents/{id}` does; any id goes, and none comes into a log."""
    return ErasureResponse.of(erase(store, body.respondent, source=body.source, by=caller.prefix, dry_run=body.dry_run))
