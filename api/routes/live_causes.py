"""Causes between two runs: drift, and what analysts do to them."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body, Depends, Path, Query

from api.access.guard import CallerDep, needs
from api.access.scopes import Scope
from api.cause_runs.errors import NoCauses, TopicsNotKept, UnknownCause
from api.comment_schemas import Name
from api.corrections.requests import Why
from api.dependencies import NotReady, StoreDep, TaggerDep, UnsupportedMediaType, WakeJobsDep, require_json
from api.live_causes import examples
from api.live_causes.edits import Editor, list_edits, merge, rename, split
from api.live_causes.errors import UndoConflict, UnknownEdit
from api.live_causes.schemas import (
    CauseDriftOut,
    CauseEditOut,
    CauseEditPage,
    MergeRequest,
    RenameRequest,
    SplitRequest,
    TopicId,
)
from api.live_causes.undo import undo, undone_by
from api.problems import InvalidJson, documented
from api.routes.causes import DriftDep, Topic
from api.routes.comments import EVERYWHERE, HIGHEST_ID, UnknownFilter, only_filters
from nlp.errors import MissingExtra
from nlp.topics import BadTopicEdit, UnknownTopic, WrongEmbeddings

MOST_IN_PAGE = 100

router = APIRouter(tags=["causes"])
EDITED = (UnknownFilter, *EVERYWHERE)
EDITING = (InvalidJson, UnsupportedMediaType, NoCauses, UnknownCause, TopicsNotKept, BadTopicEdit)


@router.get(
    "/v1/causes/drift",
    summary="How far causes have drifted",
    operation_id="read_cause_drift",
    responses=documented(NoCauses, UnknownFilter, *EVERYWHERE),
    dependencies=[needs(Scope.READ), only_filters()],
)
def drift(store: StoreDep, drift_of: DriftDep) -> CauseDriftOut:
    """Compares the comments that were assigned since the current run of causes with those that it has read, and says
    whether causes should be found anew before the next nightly run, and when that comes."""
    with store.read() as session:
        found = drift_of(session)
    if found is None:
        raise NoCauses
    return found


@router.get(
    "/v1/causes/edits",
    summary="List what analysts did to causes",
    operation_id="list_cause_edits",
    responses=documented(UnknownFilter, *EVERYWHERE),
    dependencies=[needs(Scope.READ), only_filters("topic", "limit", "before")],
)
def edits(
    store: StoreDep,
    topic: Annotated[
        TopicId | None, Query(description="Only what changed this cause, took it away or made it.")
    ] = None,
    limit: Annotated[int, Query(ge=1, le=MOST_IN_PAGE, description="Edits of a page.")] = 50,
    before: Annotated[
        int | None, Query(ge=1, le=HIGHEST_ID, description="`next` of the page before: older ones only.")
    ] = None,
) -> CauseEditPage:
    """Lists names that were given, merges, splits, and what was undone: who, when and why, the newest first."""
    with store.read() as session:
        rows = list_edits(session, topic=topic, before_id=before, limit=limit + 1)
        undone = undone_by(session, [row.id for row in rows])
        page = [CauseEditOut.of(row, undone_by=undone.get(row.id)) for row in rows[:limit]]
    return CauseEditPage(edits=page, next=page[-1].id if len(rows) > limit else None)


@router.delete(
    "/v1/causes/edits/{id}",
    summary="Undo an edit of causes",
    operation_id="undo_cause_edit",
    responses=documented(NoCauses, UnknownCause, TopicsNotKept, BadTopicEdit, UnknownEdit, UndoConflict, *EDITED),
    dependencies=[needs(Scope.CORRECT), only_filters("by", "why")],
)
def undo_edit(
    store: StoreDep,
    caller: CallerDep,
    wake_jobs: WakeJobsDep,
    id_: Annotated[int, Path(alias="id", ge=1, le=HIGHEST_ID, description="The edit's id.")],
    *,
    by: Annotated[Name | None, Query(description="The person who undoes it.")] = None,
    why: Annotated[Why | None, Query(description="Why, for whoever reads the list of edits.")] = None,
) -> CauseEditOut:
    """Lets causes be as they were before an edit: names, places, and what was done about them. The latest edit of a
    cause can be undone, then the one before it; edits of other causes stay. Once a run has found causes anew, a name
    and a split can still be taken back, a merge cannot.

    The answer is the undo, which is an edit too: the list keeps both. Figures of causes that were merged or split are
    null until a job, which this asks for, has made them anew.
    """
    edit = undo(store, id_, editor=Editor(caller, by, why))
    wake_jobs()
    return CauseEditOut.of(edit)


@router.patch(
    "/v1/causes/{topic}",
    summary="Rename a cause",
    operation_id="rename_cause",
    responses=documented(*EDITING, *EVERYWHERE),
    dependencies=[needs(Scope.CORRECT), Depends(require_json)],
)
def patch_cause(
    body: Annotated[RenameRequest, Body(openapi_examples=examples.RENAME)],
    store: StoreDep,
    caller: CallerDep,
    topic: Topic,
) -> CauseEditOut:
    """Gives a cause a name, at once and for every later run. For readers that are not named it stays as it is."""
    return CauseEditOut.of(rename(store, topic, body.label.names(), editor=Editor(caller, body.by, body.why)))


@router.post(
    "/v1/causes/{topic}/merge",
    summary="Merge causes",
    operation_id="merge_causes",
    responses=documented(*EDITING, UnknownTopic, *EVERYWHERE),
    dependencies=[needs(Scope.CORRECT), Depends(require_json)],
)
def merge_causes(
    body: Annotated[MergeRequest, Body(openapi_examples=examples.MERGE)],
    store: StoreDep,
    caller: CallerDep,
    wake_jobs: WakeJobsDep,
    topic: Topic,
) -> CauseEditOut:
    """Lets a cause take in others, at once and for every later run; it keeps its topic and its name.

    Figures of the cause are null until a job, which this asks for, has made them anew.
    """
    edit = merge(store, topic, body.with_, editor=Editor(caller, body.by, body.why))
    wake_jobs()
    return CauseEditOut.of(edit)


@router.post(
    "/v1/causes/{topic}/split",
    summary="Split a cause",
    operation_id="split_cause",
    responses=documented(*EDITING, WrongEmbeddings, MissingExtra, NotReady, *EVERYWHERE),
    dependencies=[needs(Scope.CORRECT), Depends(require_json)],
)
def split_cause(
    body: Annotated[SplitRequest, Body(openapi_examples=examples.SPLIT)],
    store: StoreDep,
    tagger: TaggerDep,
    caller: CallerDep,
    *,
    wake_jobs: WakeJobsDep,
    topic: Topic,
) -> CauseEditOut:
    """Parts a cause, at once and for every later run: each part is told by some of its places, the other places go to
    the part that they are nearest to, and the largest part keeps the topic.

    The cause's clauses are read anew, which takes a second for some hundred of them. Figures of the parts are null
    until a job, which this asks for, has made them anew.
    """
    edit = split(store, topic, body.places(), reader=tagger, editor=Editor(caller, body.by, body.why))
    wake_jobs()
    return CauseEditOut.of(edit)
