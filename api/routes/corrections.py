"""Correcting tags: `PATCH /v1/comments/{id}/tags`, the history of corrections, and withdrawing one."""

from __future__ import annotations

from functools import cache
from typing import Annotated

from fastapi import APIRouter, Body, Depends, Path, Query

from api.access.guard import CallerDep, needs
from api.access.scopes import Scope
from api.comment_schemas import CommentOut, Name
from api.corrections import examples
from api.corrections.agreement import FEWEST, MINIMUM, agreement
from api.corrections.answers import AgreementReport, CorrectionOut, CorrectionPage, taxonomy
from api.corrections.correct import correct, withdraw
from api.corrections.errors import BadCorrection, CommentChanged, NotTagged, TextChanged, UnknownCorrection
from api.corrections.history import history
from api.corrections.judged import judged
from api.corrections.requests import CorrectionRequest
from api.dependencies import StoreDep, UnsupportedMediaType, require_json
from api.problems import InvalidJson, documented
from api.routes.comments import EVERYWHERE, HIGHEST_ID, UnknownFilter, only_filters
from api.store.errors import UnknownComment
from nlp.errors import UnknownLabel
from nlp.record import Language

MOST_IN_PAGE = 100

CommentId = Annotated[int, Path(alias="id", ge=1, le=HIGHEST_ID, description="The comment's id in the store.")]


@cache
def corrections_router(public_url: str | None) -> APIRouter:
    """The routes; links in alerts that a correction raises begin with `public_url`."""
    router = APIRouter(tags=["corrections"])

    @router.patch(
        "/v1/comments/{id}/tags",
        summary="Correct a comment's tags",
        operation_id="correct_tags",
        responses=documented(
            InvalidJson,
            UnsupportedMediaType,
            UnknownComment,
            TextChanged,
            CommentChanged,
            NotTagged,
            UnknownLabel,
            BadCorrection,
            *EVERYWHERE,
        ),
        dependencies=[needs(Scope.CORRECT), Depends(require_json)],
    )
    def correct_tags(
        body: Annotated[CorrectionRequest, Body(openapi_examples=examples.REQUESTS)],
        store: StoreDep,
        caller: CallerDep,
        id_: CommentId,
    ) -> CommentOut:
        """Decides labels of a comment, for ever: whatever a model says of them later, a person's word is shown.

        Only what is named is touched. It is a correction of the text with this `version`; a later text is tagged
        anew. The answer is the comment as it is shown now. What stands already is not stored again, so the same request
        can be sent again.
        """
        return CommentOut.of(
            correct(store, id_, body.wanted(), caller=caller, taxonomy=taxonomy(), public_url=public_url)
        )

    @router.get(
        "/v1/comments/{id}/corrections",
        summary="Read a comment's corrections",
        operation_id="read_corrections",
        responses=documented(UnknownComment, UnknownFilter, *EVERYWHERE),
        dependencies=[needs(Scope.READ), only_filters("limit", "before")],
    )
    def read_corrections(
        store: StoreDep,
        id_: CommentId,
        limit: Annotated[int, Query(ge=1, le=MOST_IN_PAGE, description="Corrections of a page.")] = 50,
        before: Annotated[
            int | None, Query(ge=1, le=HIGHEST_ID, description="`next` of the page before: older ones only.")
        ] = None,
    ) -> CorrectionPage:
        """Reads who said what of a comment's tags, when and why, the newest first: of every version of its text, also
        what was overruled by a later correction or withdrawn."""
        with store.read() as session:
            rows = history(session, id_, before=before, limit=limit + 1)
            page = [CorrectionOut.of(row, version=number, applies=applies) for row, number, applies in rows[:limit]]
        return CorrectionPage(corrections=page, next=page[-1].id if len(rows) > limit else None)

    @router.delete(
        "/v1/comments/{id}/corrections/{correction}",
        summary="Withdraw a correction",
        operation_id="withdraw_correction",
        responses=documented(UnknownComment, UnknownCorrection, UnknownFilter, *EVERYWHERE),
        dependencies=[needs(Scope.CORRECT), only_filters("by")],
    )
    def withdraw_correction(
        store: StoreDep,
        caller: CallerDep,
        id_: CommentId,
        correction: Annotated[int, Path(ge=1, le=HIGHEST_ID, description="The correction's id.")],
        by: Annotated[Name | None, Query(description="The person who withdraws it.")] = None,
    ) -> CommentOut:
        """Lets a correction hold no longer. Of each label that it decided, the decision before it stands again, or the
        model's. The history keeps it. The answer is the comment as it is shown now; one that is withdrawn stays so."""
        return CommentOut.of(withdraw(store, id_, correction, caller=caller, by=by, public_url=public_url))

    @router.get(
        "/v1/reports/agreement",
        summary="How far models and people agree",
        operation_id="report_agreement",
        responses=documented(UnknownFilter, *EVERYWHERE),
        dependencies=[needs(Scope.READ), only_filters("minimum", "language", "model")],
    )
    def report_agreement(
        store: StoreDep,
        minimum: Annotated[int, Query(ge=FEWEST, le=10**6, description="On fewer no share is given.")] = MINIMUM,
        language: Annotated[Language | None, Query(description="Only this language's rows.")] = None,
        model: Annotated[Name | None, Query(description="Only this model's rows, as records name it.")] = None,
    ) -> AgreementReport:
        """Reports how far each model and people agree, label by label, with 95 % intervals.

        Precision, recall and kappa come from reviewed comments only: elsewhere people correct what they notice, and
        what they pass over is not known to be right.
        """
        with store.read() as session:
            rows = agreement(judged(session, taxonomy()), minimum=minimum)
        shown = [row for row in rows if language in {None, row.language} and model in {None, row.model}]
        return AgreementReport(minimum=minimum, rows=shown)

    return router
