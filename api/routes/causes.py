"""`/v1/causes` and `/v1/cause-runs`: root causes by rank, all about one of them, and the comments that name it."""

from collections.abc import Callable
from functools import cache
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request
from pydantic import AfterValidator, WithJsonSchema
from sqlalchemy.orm import Session

from api.access.guard import needs
from api.access.scopes import Scope
from api.cause_actions.told import told_of_cause
from api.cause_runs import find
from api.cause_runs.errors import NoCauses, UnknownCause, UnknownCauseRun
from api.cause_runs.schemas import CauseCommentPage, CauseList, CauseOut, CauseRunList, ReaderLanguage
from api.cursor import BadCursor
from api.dependencies import StoreDep
from api.live_causes.drift import CauseDrifts
from api.live_causes.refit import Nightly
from api.live_causes.schemas import CauseDriftOut
from api.problems import documented
from api.reports.query import ZONES, known_zone
from api.reports.zones import Zone
from api.routes.comments import EVERYWHERE, HIGHEST_ID, MOST_IN_PAGE, THEMES, UnknownFilter, only_filters
from api.store.models import now
from nlp.errors import UnknownLabel
from nlp.record import SentimentLabel

MOST_CAUSES = 1_000
MOST_RUNS = 200
MOST_ACTIONS = 50

Run = Annotated[
    int | None,
    Query(ge=1, le=HIGHEST_ID, description="The run, as `GET /v1/cause-runs` lists it; the current one unless said."),
]
Language = Annotated[ReaderLanguage, Query(description="Of the names.")]
Topic = Annotated[
    str, Path(pattern=r"^[0-9A-Za-z_-]{1,64}$", description="The cause's id: `topic` in `GET /v1/causes`.")
]
TimeZone = Annotated[
    str,
    Query(max_length=64, description="Where days begin, by its IANA name."),
    AfterValidator(known_zone),
    WithJsonSchema(ZONES),
]


def drift_now(request: Request) -> Callable[[Session], CauseDriftOut | None]:
    """What tells the drift since the current run of causes, and when they are found anew by the service's settings."""
    drifts: CauseDrifts = request.app.state.cause_drifts
    nightly: Nightly | None = request.app.state.nightly

    def told(session: Session) -> CauseDriftOut | None:
        found = drifts.read(session)
        next_refit = None if nightly is None else nightly.next_due(now())
        return None if found is None else CauseDriftOut.of(found, next_refit=next_refit)

    return told


DriftDep = Annotated[Callable[[Session], CauseDriftOut | None], Depends(drift_now)]


@cache
def causes_router() -> APIRouter:
    """The routes."""
    router = APIRouter(tags=["causes"])

    @router.get(
        "/v1/causes",
        summary="List root causes",
        operation_id="list_causes",
        responses=documented(NoCauses, UnknownCauseRun, UnknownFilter, UnknownLabel, *EVERYWHERE),
        dependencies=[needs(Scope.READ), only_filters("run", "theme", "sentiment", "rising", "language", "limit")],
    )
    def get_causes(
        store: StoreDep,
        drift: DriftDep,
        *,
        run: Run = None,
        theme: Annotated[
            str | None, Query(description="Only of this theme.", json_schema_extra={"enum": THEMES})
        ] = None,
        sentiment: Annotated[SentimentLabel | None, Query(description="Only of this sentiment.")] = None,
        rising: Annotated[bool, Query(description="Only those that have risen, by what came with their rise.")] = False,
        language: Language = "en",
        limit: Annotated[int, Query(ge=1, le=MOST_CAUSES, description="Causes at most.")] = 50,
    ) -> CauseList:
        """Lists the causes of a run, the one that costs most first: what hurts, how much, since when, and what came of
        what was done about it.

        A job of the kind `topics` (`POST /v1/jobs`) looks for them.
        """
        if theme is not None and theme not in THEMES:
            raise UnknownLabel("theme", theme, THEMES)
        filters = find.CauseFilters(theme=theme, sentiment=sentiment, rising=rising)
        with store.read() as session:
            return find.list_causes(session, run, filters, language=language, limit=limit, drift=drift)

    @router.get(
        "/v1/causes/{topic}",
        summary="Read a root cause",
        operation_id="read_cause",
        responses=documented(NoCauses, UnknownCauseRun, UnknownCause, UnknownFilter, *EVERYWHERE),
        dependencies=[needs(Scope.READ), only_filters("run", "language", "time_zone")],
    )
    def get_cause(
        store: StoreDep, topic: Topic, run: Run = None, language: Language = "en", time_zone: TimeZone = "Europe/Oslo"
    ) -> CauseOut:
        """Tells all about a cause: what it costs, its weeks, where it concentrates, what goes with it, quotes, and what
        was done about it and came of that."""
        actions = told_of_cause(store, topic, zone=Zone.named(time_zone), limit=MOST_ACTIONS)
        with store.read() as session:
            return find.one_cause(session, run, topic, language=language, actions=actions)

    @router.get(
        "/v1/causes/{topic}/comments",
        summary="Read the comments of a root cause",
        operation_id="list_cause_comments",
        responses=documented(NoCauses, UnknownCauseRun, UnknownCause, BadCursor, UnknownFilter, *EVERYWHERE),
        dependencies=[needs(Scope.READ), only_filters("run", "limit", "cursor")],
    )
    def get_cause_comments(
        store: StoreDep,
        topic: Topic,
        run: Run = None,
        limit: Annotated[int, Query(ge=1, le=MOST_IN_PAGE, description="Comments of a page.")] = 50,
        cursor: Annotated[str | None, Query(max_length=256, description="`next` of the page before.")] = None,
    ) -> CauseCommentPage:
        """Gives the comments that name a cause, those that came last first, a page at a time.

        Send `next` as `cursor` for the page that follows, and `run`, so that a new run meanwhile does not end it.
        """
        with store.read() as session:
            return find.comments_of(session, run, topic, cursor=cursor, limit=limit)

    @router.get(
        "/v1/cause-runs",
        summary="List the runs of root causes",
        operation_id="list_cause_runs",
        responses=documented(UnknownFilter, *EVERYWHERE),
        dependencies=[needs(Scope.READ), only_filters("limit")],
    )
    def get_cause_runs(
        store: StoreDep, limit: Annotated[int, Query(ge=1, le=MOST_RUNS, description="Runs at most.")] = 20
    ) -> CauseRunList:
        """Lists when causes were looked for and in what, the newest first."""
        with store.read() as session:
            return find.list_cause_runs(session, limit=limit)

    return router
