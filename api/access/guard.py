"""The guard: every request under `/v1` needs a key, whatever its route, and each route one scope."""

from __future__ import annotations

from typing import Annotated, Any, Final

from anyio import to_thread
from fastapi import Depends, FastAPI, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Send
from starlette.types import Scope as Connection

from api.access.errors import AccessError, InvalidKey, MissingKey, MissingScope
from api.access.keys import Caller, authenticate
from api.access.scopes import Scope
from api.problems import problem_response
from api.store.database import Store
from api.store.errors import StoreUnavailable

GUARDED: Final = "/v1/"
ANYBODY: Final = Caller("open", frozenset(Scope))
"""Whom requests come from under `stemme serve --open`."""

# It says in OpenAPI how a key is sent; the guard has read the header before.
in_openapi = HTTPBearer(auto_error=False, scheme_name="key", description="A key that `stemme keys create` made.")


class Guard:
    """Middleware that lets a request under `/v1` through if its key is valid, before its body is read."""

    def __init__(self, app: ASGIApp, *, store: Store) -> None:
        self.app, self._store = app, store

    async def __call__(self, scope: Connection, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(GUARDED):
            await self.app(scope, receive, send)
            return
        try:
            key = _bearer(Headers(scope=scope).getlist("authorization"))
            caller = await to_thread.run_sync(authenticate, self._store, key)
        except AccessError as error:
            await refusal(error)(scope, receive, send)
        except StoreUnavailable as error:
            await problem_response(error)(scope, receive, send)
        else:
            scope.setdefault("state", {})["caller"] = caller
            await self.app(scope, receive, send)


class AdmitAnybody:
    """Middleware in the guard's place under `stemme serve --open`."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Connection, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            scope.setdefault("state", {})["caller"] = ANYBODY
        await self.app(scope, receive, send)


def needs(scope: Scope) -> Any:
    """What a route has among its dependencies: the scope that a caller has to have."""

    def check(
        request: Request, _key: Annotated[HTTPAuthorizationCredentials | None, Depends(in_openapi)] = None
    ) -> Caller:
        caller: Caller = request.state.caller
        if scope not in caller.scopes:
            raise MissingScope(caller.prefix, scope, sorted(caller.scopes))
        return caller

    check.needed_scope = scope  # type: ignore[attr-defined]  # a test reads it of every route
    return Depends(check)


def current_caller(request: Request) -> Caller:
    """Whom this request comes from."""
    caller: Caller = request.state.caller
    return caller


CallerDep = Annotated[Caller, Depends(current_caller)]


def refusal(error: AccessError) -> Any:
    """The answer to a request that is turned away."""
    return problem_response(error, headers={"WWW-Authenticate": error.challenge})


def add_refusals(app: FastAPI) -> None:
    """Let a refusal by a route come out as the guard's own."""

    @app.exception_handler(AccessError)
    async def as_refusal(_request: Request, error: AccessError) -> Any:
        return refusal(error)


def _bearer(headers: list[str]) -> str:
    if not headers:
        raise MissingKey
    kind, _, key = headers[0].partition(" ")
    if len(headers) > 1 or kind.lower() != "bearer" or not key.strip():
        raise InvalidKey
    return key.strip()
