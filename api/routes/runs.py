"""`/v1/runs`: whose tags are shown, and the way back to a former run's."""

from functools import cache
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request

from api.access.guard import needs
from api.access.scopes import Scope
from api.dependencies import StoreDep
from api.job_schemas import RunList, RunOut
from api.problems import documented
from api.retag.activate import RunModelMissing, activate
from api.routes.comments import EVERYWHERE, HIGHEST_ID
from api.store.runs import RunNotReady, UnknownRun, count_run, list_runs


@cache
def runs_router() -> APIRouter:
    """The routes."""
    router = APIRouter(tags=["runs"])

    @router.get(
        "/v1/runs",
        summary="List tag runs",
        operation_id="list_runs",
        responses=documented(*EVERYWHERE),
        dependencies=[needs(Scope.ADMIN)],
    )
    def get_runs(store: StoreDep) -> RunList:
        """Lists every run, the newest first, with how many texts it has tagged and of how many its tags are shown."""
        with store.read() as session:
            return RunList(runs=[RunOut.of(counted) for counted in list_runs(session)])

    @router.post(
        "/v1/runs/{id}/activate",
        summary="Make a run active",
        operation_id="activate_run",
        responses=documented(UnknownRun, RunNotReady, RunModelMissing, *EVERYWHERE),
        dependencies=[needs(Scope.ADMIN)],
    )
    def activate_run(
        request: Request,
        store: StoreDep,
        id_: Annotated[int, Path(alias="id", ge=1, le=HIGHEST_ID, description="The run's id.")],
        force: Annotated[
            bool, Query(description="Although its model is not here; new comments then wait for it.")
        ] = False,
    ) -> RunOut:
        """Shows a run's tags before all others', at once, and lets its model tag new comments: the way back.

        Comments that the run has not tagged keep the tags that are shown. The active run stays active.
        """
        activate(store, id_, by=request.state.caller.prefix, force=force)
        with store.read() as session:
            return RunOut.of(count_run(session, id_))

    return router
