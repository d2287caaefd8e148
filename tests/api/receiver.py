"""A receiver of webhooks: a real HTTP server on loopback that keeps what comes and answers as it is told."""

from __future__ import annotations

import json
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any


@dataclass(frozen=True)
class Received:
    """A request as it came."""

    path: str
    headers: Mapping[str, str]
    body: bytes
    at: float

    @property
    def message(self) -> str:
        return self.headers["webhook-id"]

    @property
    def payload(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Answer:
    """What the receiver answers; `seconds` after the request, a byte of the head at a time if `drips`."""

    status: int = 204
    headers: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    drips: bool = False


class Receiver:
    """Where it listens, what has come, and what it answers: the answers in turn, the last one for ever."""

    def __init__(self, *answers: Answer, port: int = 0, tls: ssl.SSLContext | None = None) -> None:
        self.received: list[Received] = []
        self.answers = list(answers) or [Answer()]
        self._lock = Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", port), self._handler())
        self._server.daemon_threads = True
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self.port = self._server.server_address[1]
        self._scheme = "http" if tls is None else "https"

    @property
    def url(self) -> str:
        return f"{self._scheme}://localhost:{self.port}/in"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def serve(self) -> None:
        Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def next_answer(self, request: Received) -> Answer:
        with self._lock:
            self.received.append(request)
            return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                length = int(self.headers["content-length"])
                headers = {name.lower(): value for name, value in self.headers.items()}
                answer = receiver.next_answer(Received(self.path, headers, self.rfile.read(length), time.time()))
                time.sleep(answer.seconds)
                lines = [f"HTTP/1.1 {answer.status} x", *(f"{name}: {value}" for name, value in answer.headers.items())]
                head = "\r\n".join([*lines, "Content-Length: 0", "", ""]).encode()
                try:
                    if answer.drips:
                        for byte in head:
                            self.wfile.write(bytes([byte]))
                            self.wfile.flush()
                            time.sleep(0.2)
                    else:
                        self.wfile.write(head)
                except OSError:
                    pass  # the sender has given up
                self.close_connection = True

            do_GET = do_POST  # noqa: N815, the base class looks for this name

            def log_message(self, *_: object) -> None:
                pass

        return Handler


@contextmanager
def receiving(*answers: Answer, port: int = 0, tls: ssl.SSLContext | None = None) -> Iterator[Receiver]:
    receiver = Receiver(*answers, port=port, tls=tls)
    receiver.serve()
    try:
        yield receiver
    finally:
        receiver.close()


def wait_until(happened: Callable[[], Any], *, seconds: float = 60) -> Any:
    """What `happened` gives once it gives something; fails after a time that only a broken service takes."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if found := happened():
            return found
        time.sleep(0.02)
    raise AssertionError(f"did not happen within {seconds} seconds")
