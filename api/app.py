"""The service as an ASGI application."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from starlette.middleware import Middleware

from api.access.guard import AdmitAnybody, Guard, add_refusals
from api.dependencies import CommentTagger
from api.interactive import InteractiveCalls
from api.limits import LimitBody, LimitConcurrency
from api.live_causes.drift import CauseDrifts
from api.live_causes.refit import Nightly
from api.problems import PROBLEM_JSON, ReportBugs, add_problem_handlers
from api.readable_problems import ReadableProblems
from api.routes import (
    accuracy,
    alert_rules,
    alerts,
    audit,
    cause_actions,
    deliveries,
    erasures,
    health,
    live_causes,
    reports,
)
from api.routes.causes import causes_router
from api.routes.classify import classify_router
from api.routes.comments import comments_router
from api.routes.corrections import corrections_router
from api.routes.jobs import jobs_router
from api.routes.reference import add_reference
from api.routes.runs import runs_router
from api.routes.webhooks import webhooks_router
from api.settings import Settings
from api.store.database import Store
from api.webhooks.address import AddressPolicy

# As in pyproject.toml; a test compares them.
VERSION: Final = "0.1.0"

DESCRIPTION: Final = """
Tags open-ended customer feedback in Norwegian (bokmål, nynorsk), Danish and Swedish.

A request has at most {max_comments:,} comments and {max_body_bytes:,} bytes; a text has at most {max_text_length:,}
characters. {max_concurrent_requests:,} requests may be in hand at once. Every error is an RFC 9457 problem.

Send a key: `Authorization: Bearer KEY`. `stemme keys create` makes one; under `stemme serve --open` none is needed.
"""


def create_app(settings: Settings, tagger: CommentTagger | None = None, *, store: Store | None = None) -> FastAPI:
    """The application.

    Parameters
    ----------
    settings : every limit comes from here; nothing is read from the environment
    tagger : None if it is still being loaded: set `app.state.tagger` when it is there, until then routes answer 503
    store : what the keys lie in, and what is stored; only an open service can do without

    Raises
    ------
    ValueError : if the service is not open and has no store, since nobody could enter
    """
    app = FastAPI(
        title="stemme",
        version=VERSION,
        description=DESCRIPTION.format_map(settings.model_dump()).strip(),
        middleware=[
            Middleware(ReadableProblems),
            Middleware(ReportBugs),
            Middleware(LimitConcurrency, max_requests=settings.max_concurrent_requests),
            _entrance(settings, store),
            Middleware(LimitBody, max_bytes=settings.max_body_bytes, timeout_seconds=settings.body_timeout_seconds),
        ],
        docs_url=None,
        redoc_url=None,
        # Left alone, the framework reports requests to whatever OpenTelemetry exporter the process has.
        telemetry={
            "tracing": False,
            "metrics": False,
            "logs": False,
            "operation_spans": False,
            "auto_configure": False,
        },
    )
    app.state.tagger = tagger
    app.state.store = store
    app.state.wake_worker = app.state.wake_jobs = app.state.wake_deliverer = lambda: None
    app.state.model_missing = None
    app.state.calls = InteractiveCalls()
    app.state.cause_drifts = CauseDrifts()
    app.state.nightly = None if settings.nightly is None else Nightly(*settings.nightly)
    add_problem_handlers(app)
    add_refusals(app)
    # Each router is built once: that takes longer than most requests, and tests make many applications.
    app.include_router(health.router)
    app.include_router(
        classify_router(
            max_comments=settings.max_comments,
            max_text_length=settings.max_text_length,
            batch_size=settings.batch_size,
        )
    )
    if store is not None:
        app.include_router(comments_router(max_comments=settings.max_comments, mask=settings.mask))
        app.include_router(corrections_router(settings.public_url))
        app.include_router(alerts.router)
        app.include_router(alert_rules.router)
        app.include_router(deliveries.router)
        addresses = AddressPolicy(networks=settings.webhook_networks, allow_http=settings.webhook_allow_http)
        app.include_router(webhooks_router(addresses))
        app.include_router(reports.router)
        app.include_router(erasures.router)
        app.include_router(audit.router)
        app.include_router(accuracy.router)
        app.include_router(jobs_router())
        app.include_router(runs_router())
        app.include_router(live_causes.router)  # before `/v1/causes/{topic}`, which would take its addresses
        app.include_router(causes_router())
        app.include_router(cause_actions.router)
    add_reference(app)
    app.openapi = lambda: _openapi(app, guarded=not settings.open)  # type: ignore[method-assign]
    return app


def _entrance(settings: Settings, store: Store | None) -> Middleware:
    if settings.open:
        return Middleware(AdmitAnybody)
    if store is None:
        raise ValueError("A service that is not open needs a store with keys. Give it one, or set open=True.")
    return Middleware(Guard, store=store)


def _openapi(app: FastAPI, *, guarded: bool) -> dict[str, Any]:
    if app.openapi_schema is None:
        schema = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
        for operations in schema["paths"].values():
            for operation in operations.values():
                _declare_problems(operation["responses"])
                if not guarded:
                    operation.pop("security", None)
        app.openapi_schema = schema
    return app.openapi_schema


def _declare_problems(responses: dict[str, Any]) -> None:
    # The framework knows one media type per route; errors have one of their own.
    for status, response in responses.items():
        if int(status) >= HTTPStatus.BAD_REQUEST:
            response["content"] = {PROBLEM_JSON: response["content"].pop("application/json")}
