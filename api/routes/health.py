"""Is the process alive, and is it ready for work? Both answer while every worker is busy."""

from __future__ import annotations

from fastapi import APIRouter

from api.dependencies import NotReady, TaggerDep
from api.problems import documented
from api.schemas import Health, Readiness

router = APIRouter(tags=["health"])


@router.get("/healthz", summary="Is the process alive?")
async def healthz() -> Health:
    """Answers 200 as long as the process can answer at all. If it does not, restart the process."""
    return Health(status="alive")


@router.get("/readyz", summary="Is the model loaded?", responses=documented(NotReady))
async def readyz(tagger: TaggerDep) -> Readiness:
    """Answers 200 with the names of model and taxonomy once the model is loaded, and 503 before."""
    return Readiness(status="ready", model=tagger.name, taxonomy=tagger.taxonomy)
