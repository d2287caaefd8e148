"""Sending one message: look the name up, connect to an address that is allowed, say what came of it."""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
import time
from datetime import UTC
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Final, Self

import certifi
import httpx

from api.store.models import now
from api.webhooks.address import AddressPolicy
from api.webhooks.errors import BadWebhookUrl
from api.webhooks.outbox import Claim, Outcome
from api.webhooks.payload import body_of
from api.webhooks.signature import signature_headers

AGENT: Final = "stemme-webhooks/1"
CONNECT_SECONDS: Final = 5.0
"""To one address; then the name's next is tried."""


class Sender:
    """Sends messages, each over a connection of its own. Needs a running event loop.

    The name is looked up once and the connection goes to the address that was checked, so that a name cannot answer
    with another address in between. Redirects are not followed, cookies not kept, and proxies of the environment not
    used. What the receiver answers is not read beyond its status and `Retry-After`.

    Parameters
    ----------
    timeout_seconds : for the whole attempt, however slowly the receiver answers
    """

    def __init__(self, *, policy: AddressPolicy, timeout_seconds: float, tls: ssl.SSLContext) -> None:
        self._policy, self._timeout_seconds = policy, timeout_seconds
        self._timeout = httpx.Timeout(timeout_seconds, connect=min(CONNECT_SECONDS, timeout_seconds)).as_dict()
        self._transport = httpx.AsyncHTTPTransport(
            verify=tls, trust_env=False, limits=httpx.Limits(max_keepalive_connections=0)
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._transport.aclose()

    async def send(self, claim: Claim) -> Outcome:
        """Try once; never raises for what a receiver or the network does."""
        try:
            async with asyncio.timeout(self._timeout_seconds):
                return await self._send(claim)
        except (BadWebhookUrl, OSError, UnicodeError, httpx.TransportError) as error:
            return Outcome(None, self._why(error))

    def _why(self, error: Exception) -> str:
        match error:
            case TimeoutError() | httpx.TimeoutException():
                return f"No answer within {self._timeout_seconds:g} seconds."
            case BadWebhookUrl():
                return str(error)
            case socket.gaierror() | UnicodeError():
                return f"The host's name was not found ({getattr(error, 'strerror', None) or 'it cannot be one'})."
            case _:
                return _why_no_connection(error)

    async def _send(self, claim: Claim) -> Outcome:
        url = self._policy.check_url(claim.url)
        addresses = self._policy.allowed(await _addresses_of(url), scheme=url.scheme)
        body, timestamp = body_of(claim), int(time.time())
        headers = {
            "host": url.netloc.decode(),
            "content-type": "application/json",
            "user-agent": AGENT,
            **signature_headers(claim.secrets, message=claim.message, timestamp=timestamp, body=body),
        }
        for number, address in enumerate(addresses, 1):
            request = httpx.Request(
                "POST",
                url.copy_with(host=address),
                headers=headers,
                content=body,
                # The certificate has to be the name's, although the connection goes to the address.
                extensions={
                    "sni_hostname": url.raw_host.decode(),
                    "timeout": self._timeout,
                },
            )
            try:
                response = await self._transport.handle_async_request(request)
            except (httpx.ConnectError, httpx.ConnectTimeout):
                if number == len(addresses):
                    raise
                continue  # such as localhost, which is ::1 first, and a receiver that listens on 127.0.0.1
            await response.aclose()
            return _outcome(response)
        raise AssertionError("a name without addresses was refused before")


def trusted_certificates() -> ssl.SSLContext:
    """Authorities that this system trusts, where companies put their own, and those of certifi beside them."""
    context = ssl.create_default_context()
    context.load_verify_locations(cafile=certifi.where())
    return context


async def _addresses_of(url: httpx.URL) -> list[str]:
    port = url.port or {"https": 443, "http": 80}[url.scheme]
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(url.raw_host.decode(), port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]).partition("%")[0] for *_, address in found))


def _outcome(response: httpx.Response) -> Outcome:
    status = response.status_code
    if response.is_success:
        return Outcome(status, None)
    if response.is_redirect:
        error = f"The receiver answered {status}, a redirect, which is not followed. Change the webhook's url."
    else:
        error = f"The receiver answered {status}."
    return Outcome(status, error, retry_after=retry_after(response.headers), gone=status == HTTPStatus.GONE)


def retry_after(headers: httpx.Headers) -> float | None:
    """The seconds that a receiver asks to wait (RFC 9110, 10.2.3), as a number or until a time; None if it does not.

    >>> retry_after(httpx.Headers({"Retry-After": "120"}))
    120.0
    >>> retry_after(httpx.Headers({"Retry-After": "soon"})) is None
    True
    """
    value = headers.get("retry-after", "").strip()
    if value.isascii() and value.isdigit():
        return float(value[:9])
    try:
        until = parsedate_to_datetime(value)
    except ValueError:
        return None
    if until.tzinfo is None:
        until = until.replace(tzinfo=UTC)
    return max(0.0, (until - now()).total_seconds())


def _why_no_connection(error: Exception) -> str:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLError):
            reason = getattr(cause, "verify_message", None) or cause.reason or "the handshake failed"
            return f"No encrypted connection: {reason.rstrip('.')}."
        if isinstance(cause, OSError) and cause.errno:
            return f"No connection: {os.strerror(cause.errno).lower()}."
        cause = cause.__cause__ or cause.__context__
    # The kind only: a message may quote what the receiver sent.
    return f"The connection failed ({type(error).__name__})."
