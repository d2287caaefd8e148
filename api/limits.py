"""What one request may cost: the size of its body, the time to send it, and how many are in hand at once.

The framework has a limit for bodies too, but answers a body that declares itself too large in plain text.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import anyio
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.problems import problem_response
from nlp.errors import StemmeError

# Health checks and documentation cost next to nothing and have to answer when the service is full.
LIMITED_PREFIX: Final = "/v1/"


class BodyTooLarge(StemmeError):
    code, title = "body_too_large", "The body is too large"

    def __init__(self, size: int, limit: int, *, complete: bool) -> None:
        found = f"{size:,}" if complete else f"more than {limit:,}"
        super().__init__(f"The body has {found} bytes; at most {limit:,} are allowed. Send the comments in parts.")


class BodyTimeout(StemmeError):
    code, title = "body_timeout", "The body did not arrive in time"

    def __init__(self, size: int, seconds: float) -> None:
        super().__init__(
            f"After {seconds:g} seconds {size:,} bytes of the body had arrived, and not its end. "
            "Send it faster or in parts, and check that Content-Length is right."
        )


class Busy(StemmeError):
    code, title = "busy", "The service is busy"

    def __init__(self, limit: int) -> None:
        super().__init__(f"{limit:,} requests are in hand, which is the limit. Send this one again after Retry-After.")


class LimitBody:
    """Middleware that reads a request's body before the application does.

    It counts the bytes that come, whatever Content-Length says, and the application only meets complete bodies.

    Parameters
    ----------
    max_bytes : of a body; a larger one is refused, before it is read if it declares its size
    timeout_seconds : from the request's head to the end of its body
    """

    def __init__(self, app: ASGIApp, *, max_bytes: int, timeout_seconds: float) -> None:
        self.app, self.max_bytes, self.timeout_seconds = app, max_bytes, timeout_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        try:
            body = await self._read(scope, receive)
        except StemmeError as error:
            await problem_response(error)(scope, receive, send)
            return
        if body is not None:
            await self.app(scope, _replay(body, receive), send)

    async def _read(self, scope: Scope, receive: Receive) -> bytes | None:
        """The whole body, or None if the caller hung up."""
        declared = _declared_length(scope["headers"])
        if declared is not None and declared > self.max_bytes:
            raise BodyTooLarge(declared, self.max_bytes, complete=True)
        body = bytearray()
        try:
            with anyio.fail_after(self.timeout_seconds):
                while True:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        return None
                    body += message.get("body", b"")
                    if len(body) > self.max_bytes:
                        raise BodyTooLarge(len(body), self.max_bytes, complete=False)
                    if not message.get("more_body", False):
                        return bytes(body)
        except TimeoutError:
            raise BodyTimeout(len(body), self.timeout_seconds) from None


class LimitConcurrency:
    """Middleware that refuses requests under `/v1/` while as many as allowed are in hand.

    It refuses before the body is read, so a full service spends nothing on what it cannot do.
    """

    def __init__(self, app: ASGIApp, *, max_requests: int) -> None:
        self.app, self.max_requests = app, max_requests
        self._in_hand = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(LIMITED_PREFIX):
            await self.app(scope, receive, send)
            return
        if self._in_hand >= self.max_requests:
            await problem_response(Busy(self.max_requests))(scope, receive, send)
            return
        self._in_hand += 1
        try:
            await self.app(scope, receive, send)
        finally:
            self._in_hand -= 1


def _declared_length(headers: Iterable[tuple[bytes, bytes]]) -> int | None:
    for name, value in headers:
        if name.lower() == b"content-length" and value.isdigit():
            return int(value)
    return None


def _replay(body: bytes, receive: Receive) -> Receive:
    sent = False

    async def replayed() -> Message:
        nonlocal sent
        if sent:
            return await receive()
        sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replayed
