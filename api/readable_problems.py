"""An error as a page, for a person who opened an address in a browser; programs get the problem details as they are."""

from __future__ import annotations

import json
from html import escape
from http import HTTPStatus
from typing import Any, Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.problems import PROBLEM_JSON

POLICY: Final = (
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
PAGE: Final = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
  :root {{ color-scheme: light; }}
  body {{ margin: 0 auto; padding: 3rem 1.25rem; max-width: 40rem; color: #1b2430; background: #fff;
         overflow-wrap: anywhere; font: 16px/1.5 system-ui, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }}
  h1 {{ font-size: 1.6rem; line-height: 1.25; }} .soft {{ color: #5b6776; font-size: .88rem; }} a {{ color: #2a5d9f; }}
</style>
</head>
<body>
<h1>{title}</h1>
<p>{detail}</p>
{fields}{way}<p><a href="{reference}">All addresses, to try out</a></p>
<p class="soft">Status {status}, {code}{request}</p>
</body>
</html>
"""
WITHOUT_KEY: Final = (
    "<p>A browser sends no key by itself. Open the page below, press Authorize, and give it a key there; "
    "<code>stemme keys create</code> makes one.</p>\n"
)


class ReadableProblems:
    """Middleware that writes problem details as a page where the caller reads pages and no JSON, as browsers do.

    A caller that asks for JSON, or for whatever there is, gets problem details: nothing changes for programs.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "GET" or not _reads_pages(Headers(scope=scope)):
            await self.app(scope, receive, send)
            return
        start: Message | None = None
        body = b""

        async def send_readable(message: Message) -> None:
            nonlocal start, body
            if message["type"] == "http.response.start" and _is_problem(message):
                start = message
            elif start is None:
                await send(message)
            else:
                body += message.get("body", b"")
                if not message.get("more_body", False):
                    await _send_page(start, json.loads(body), scope["path"], send)

        await self.app(scope, receive, send_readable)


def problem_page(problem: dict[str, Any], *, path: str) -> str:
    """The page of an error.

    Parameters
    ----------
    problem : its problem details
    path : of the address that was asked for; the page's link is relative to it, so that it works behind a proxy too
    """
    fields = "".join(
        f"<li><code>{escape(each['pointer'])}</code>: {escape(each['detail'])}</li>\n"
        for each in problem.get("errors", ())
    )
    request_id = problem.get("request_id")
    return PAGE.format(
        title=escape(problem["title"]),
        detail=escape(problem["detail"]),
        fields=f"<ul>\n{fields}</ul>\n" if fields else "",
        way=WITHOUT_KEY if problem["status"] == HTTPStatus.UNAUTHORIZED else "",
        reference=escape("../" * (path.count("/") - 1) + "docs"),
        status=problem["status"],
        code=escape(problem["code"]),
        request=f", request {escape(request_id)}" if request_id else "",
    )


def _reads_pages(headers: Headers) -> bool:
    accepted = headers.get("accept", "").lower()
    return "text/html" in accepted and "json" not in accepted


def _is_problem(message: Message) -> bool:
    return Headers(raw=message["headers"]).get("content-type") == PROBLEM_JSON


async def _send_page(start: Message, problem: dict[str, Any], path: str, send: Send) -> None:
    page = problem_page(problem, path=path).encode()
    headers = MutableHeaders(raw=list(start["headers"]))
    headers["Content-Type"] = "text/html; charset=utf-8"
    headers["Content-Length"] = str(len(page))
    headers["Content-Security-Policy"] = POLICY
    headers.add_vary_header("Accept")
    await send({**start, "headers": headers.raw})
    await send({"type": "http.response.body", "body": page})
