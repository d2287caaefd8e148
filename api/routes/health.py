"""Is the process alive, and is it ready for work? Both answer while every worker is busy."""

from __future__ import annotations

from fastapi import APIRouter, Request

from api.dependencies import NotReady, TaggerDep
from api.ingest.active_tagger import ActiveModelMissing
from api.problems import documented
from api.schemas import Health, Readiness

router = APIRouter(tags=["health"])


@router.get("/healthz", summary="Is the process alive?")
async def healthz() -> Health:
    """Answers 200 as long as the process can answer at all. If it does not, restart the process."""
    return Health(status="alive")


@router.get("/readyz", summary="Is the model loaded?", responses=documented(NotReady, ActiveModelMissing))
async def readyz(tagger: TaggerDep, request: Request) -> Readiness:
    """Answers 200 with the names of model and taxonomy once the model is loaded, and 503 before.

    It also answers 503 while another run is active whose model is not here: new comments are then stored and wait.
    """
    if request.app.state.model_missing is not None:
        raise request.app.state.model_missing
    return Readiness(status="ready", model=tagger.name, taxonomy=tagger.taxonomy)
