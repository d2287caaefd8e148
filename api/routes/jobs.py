"""`/v1/jobs`: long work is asked for, looked at and cancelled; the service does it, and after a crash goes on."""

from functools import cache
from typing import Annotated, Literal

from fastapi import APIRouter, Body, Depends, Path, Query, Request
from pydantic import Field

from api.access.guard import needs
from api.access.scopes import Scope
from api.cause_runs.request import TopicsRequest
from api.dependencies import StoreDep, UnsupportedMediaType, WakeJobsDep, require_json
from api.job_schemas import JobList, JobOut
from api.jobs.errors import JobFinished, JobUnderWay, UnknownJob
from api.jobs.jobs import cancel_job, create_job, find_job, list_jobs
from api.jobs.models import JobState
from api.problems import InvalidJson, documented
from api.retag.request import RetagRequest, UnknownModel
from api.routes.comments import EVERYWHERE, HIGHEST_ID, UnknownFilter, only_filters
from nlp.errors import MissingExtra, UnknownLabel

MOST_IN_LIST = 500

# What each kind of job is asked with; its field `kind` tells which it is.
JobRequest = Annotated[RetagRequest | TopicsRequest, Field(discriminator="kind")]

KindOfJob = Literal["retag", "topics", "cause_figures", "action_verdicts"]
"""Of every kind that there is; callers can ask for the first two."""

EXAMPLES = {
    "model": {"summary": "Another model, for every comment", "value": {"kind": "retag", "model": "/srv/stemme/ours"}},
    "part": {
        "summary": "A part, slowly",
        "value": {"kind": "retag", "filters": {"department": "Bergen", "language": "nn"}, "rate": 50},
    },
    "topics": {"summary": "Root causes of every comment", "value": {"kind": "topics"}},
    "topics_of_a_period": {
        "summary": "Root causes of a period, also by where the shop lies",
        "value": {
            "kind": "topics",
            "filters": {"submitted_from": "2026-01-01T00:00:00+01:00"},
            "metadata": ["region"],
            "names": ["Møbelhuset"],
        },
    },
}

JobId = Annotated[int, Path(alias="id", ge=1, le=HIGHEST_ID, description="The job's id.")]


@cache
def jobs_router() -> APIRouter:
    """The routes."""
    router = APIRouter(tags=["jobs"])

    @router.post(
        "/v1/jobs",
        status_code=202,
        summary="Ask for a job",
        operation_id="create_job",
        responses=documented(
            InvalidJson, UnsupportedMediaType, UnknownModel, UnknownLabel, JobUnderWay, MissingExtra, *EVERYWHERE
        ),
        dependencies=[needs(Scope.ADMIN), Depends(require_json)],
    )
    def post_job(
        body: Annotated[JobRequest, Body(openapi_examples=EXAMPLES)],  # type: ignore[arg-type]
        request: Request,
        store: StoreDep,
        wake_jobs: WakeJobsDep,
    ) -> JobOut:
        """Puts a job into the queue and answers at once; `GET /v1/jobs/{id}` tells how far it is.

        One of a kind is under way at a time. It goes on after a crash or a restart of the service, where it was.
        """
        parameters = body.as_parameters()
        body.check()
        job = create_job(store, kind=body.kind, parameters=parameters, by=request.state.caller.prefix)
        wake_jobs()
        return JobOut.of(job)

    @router.get(
        "/v1/jobs",
        summary="List jobs",
        operation_id="list_jobs",
        responses=documented(UnknownFilter, *EVERYWHERE),
        dependencies=[needs(Scope.ADMIN), only_filters("kind", "state", "limit")],
    )
    def get_jobs(
        store: StoreDep,
        kind: Annotated[KindOfJob | None, Query(description="Only jobs of this kind.")] = None,
        state: Annotated[JobState | None, Query(description="Only jobs in this state.")] = None,
        limit: Annotated[int, Query(ge=1, le=MOST_IN_LIST, description="Jobs at most.")] = 50,
    ) -> JobList:
        """Lists the newest jobs, the newest first; `kind` and `state` choose among them."""
        return JobList(jobs=[JobOut.of(job) for job in list_jobs(store, limit=limit, kind=kind, state=state)])

    @router.get(
        "/v1/jobs/{id}",
        summary="Look at a job",
        operation_id="read_job",
        responses=documented(UnknownJob, *EVERYWHERE),
        dependencies=[needs(Scope.ADMIN)],
    )
    def get_job(store: StoreDep, id_: JobId) -> JobOut:
        """Tells how far a job is, how fast, and how long it still takes."""
        return JobOut.of(find_job(store, id_))

    @router.delete(
        "/v1/jobs/{id}",
        status_code=202,
        summary="Cancel a job",
        operation_id="cancel_job",
        responses=documented(UnknownJob, JobFinished, *EVERYWHERE),
        dependencies=[needs(Scope.ADMIN)],
    )
    def delete_job(request: Request, store: StoreDep, wake_jobs: WakeJobsDep, id_: JobId) -> JobOut:
        """Cancels a job that has not ended; what was shown stays shown. To cancel it again changes nothing."""
        job = cancel_job(store, id_, by=request.state.caller.prefix)
        wake_jobs()
        return JobOut.of(job)

    return router
