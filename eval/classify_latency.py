"""How long `POST /v1/classify` takes beside a retag or a topics job: `python -m eval.classify_latency`.

`stemme serve` runs as a process of its own on the shipped model and a store that a former model has tagged. One caller
sends one comment at a time, with a pause, as a survey platform does: first while the service has nothing else to do,
then while it tags the archive anew, then after that was cancelled. With `--job topics` it looks for causes instead:
first while clauses are read, then while topics are found, described and stored.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from statistics import quantiles
from typing import Annotated, Any, Final, Literal

import httpx
import typer

from api.store.database import Store
from eval.program import run_program
from eval.retag_store import fill

SERVE: Final = (sys.executable, "-c", "from api.cli import main; main()", "serve", "--open", "--port")
TEXTS: Final = (
    "Pakka kom tre veker for seint, og ingen svarte.",
    "Hyggelig betjening og rask levering!",
    "Dyrt, og maden var kold. Jeg kommer ikke igen.",
    "Snabb leverans men fel vara, ring mig genast.",
)
START_SECONDS: Final = 180.0
READING: Final = {"loading the model", "reading comments"}
CALLS_BETWEEN_LOOKS: Final = 10


@contextmanager
def _filled_service(comments: int) -> Iterator[httpx.Client]:
    """A running service over a store with so many comments."""
    with tempfile.TemporaryDirectory(prefix="stemme-latency-") as folder:
        url = f"sqlite:///{Path(folder) / 'store.db'}"
        store = Store.open(url)
        fill(store, comments)
        store.close()
        with _serving(url, Path(folder) / "log") as http:
            yield http


def measure(comments: int, calls: int, pause_seconds: float) -> None:
    """Measure and print the three parts."""
    with _filled_service(comments) as http:
        texts = (f"{TEXTS[number % len(TEXTS)]} ({number})" for number in count())
        _tell("alone", _calls(http, texts, calls, pause_seconds))
        job = _until_running(http, {"kind": "retag"})
        begun, done = time.monotonic(), _done(http, job)
        latencies = _calls(http, texts, calls, pause_seconds)
        rate = (_done(http, job) - done) / (time.monotonic() - begun)
        _tell("beside a retag", latencies)
        begun, done = time.monotonic(), _done(http, job)
        time.sleep(max(calls * pause_seconds, 10.0))
        undisturbed = (_done(http, job) - done) / (time.monotonic() - begun)
        typer.echo(f"the retag: {rate:,.0f} comments a second meanwhile, {undisturbed:,.0f} without calls")
        http.delete(f"/v1/jobs/{job}").raise_for_status()
        while http.get(f"/v1/jobs/{job}").json()["state"] == "cancelling":
            time.sleep(0.2)
        _tell("alone again", _calls(http, texts, calls, pause_seconds))


def measure_topics(comments: int, calls: int, pause_seconds: float) -> None:
    """Measure and print the parts beside a topics job."""
    with _filled_service(comments) as http:
        texts = (f"{TEXTS[number % len(TEXTS)]} ({number})" for number in count())
        _tell("alone", _calls(http, texts, calls, pause_seconds))
        job = _until_running(http, {"kind": "topics", "anew": True, "show": False})
        begun, done = time.monotonic(), _done(http, job)
        latencies = _calls(http, texts, calls, pause_seconds)
        rate = (_done(http, job) - done) / (time.monotonic() - begun)
        _tell("beside reading", latencies)
        typer.echo(f"the topics job: {rate:,.0f} comments a second meanwhile")
        while _doing(http, job) in READING:
            time.sleep(0.2)
        latencies, begun = [], time.monotonic()
        while _doing(http, job) is not None:
            latencies += _calls(http, texts, CALLS_BETWEEN_LOOKS, pause_seconds)
        _tell("beside finding", latencies)
        found = http.get(f"/v1/jobs/{job}").json()
        typer.echo(f"finding topics took {time.monotonic() - begun:,.0f} s: {found['state']}, {found['result']}")
        _tell("alone again", _calls(http, texts, calls, pause_seconds))


def _doing(http: httpx.Client, job: int) -> str | None:
    """What a topics job is doing; None when it has ended."""
    doing: str | None = http.get(f"/v1/jobs/{job}").json()["doing"]
    return doing


def _tell(what: str, seconds: list[float]) -> None:
    parts = quantiles(seconds, n=100, method="inclusive")
    p50, p95, p99 = (f"{1_000 * parts[at - 1]:,.0f}" for at in (50, 95, 99))
    typer.echo(f"{what + ':':<16} median {p50} ms, 95 % within {p95} ms, 99 % within {p99} ms ({len(seconds)} calls)")


def _calls(http: httpx.Client, texts: Iterator[str], number: int, pause_seconds: float) -> list[float]:
    seconds = []
    for _ in range(number):
        begun = time.perf_counter()
        answer = http.post("/v1/classify", json={"comments": [{"id": "1", "text": next(texts)}]})
        seconds.append(time.perf_counter() - begun)
        answer.raise_for_status()
        time.sleep(pause_seconds)
    return seconds


def _until_running(http: httpx.Client, asked_for: Mapping[str, Any]) -> int:
    """Ask for a job, and wait until its first step is done."""
    asked = http.post("/v1/jobs", json=dict(asked_for))
    job = int(asked.raise_for_status().json()["id"])
    while not _done(http, job):
        time.sleep(0.1)
    return job


def _done(http: httpx.Client, job: int) -> int:
    found: dict[str, Any] = http.get(f"/v1/jobs/{job}").json()
    assert found["state"] in {"queued", "running"}, "The job has ended: give it more comments."
    return int(found["done"])


@contextmanager
def _serving(url: str, log: Path) -> Iterator[httpx.Client]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with log.open("wb") as output:
        environment = {**os.environ, "STEMME_DATABASE": url}
        process = subprocess.Popen([*SERVE, str(port)], env=environment, stdout=output, stderr=subprocess.STDOUT)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=120, trust_env=False) as http:
            until = time.monotonic() + START_SECONDS
            while time.monotonic() < until:
                with suppress(httpx.TransportError):
                    if http.get("/readyz").is_success:
                        break
                time.sleep(0.2)
            yield http
    finally:
        process.kill()
        process.wait()


def main(
    *,
    comments: Annotated[int, typer.Option("--comments", min=1_000, help="How many the store is filled with.")] = 20_000,
    calls: Annotated[int, typer.Option("--calls", min=20, help="How many are sent in each part.")] = 200,
    pause_seconds: Annotated[float, typer.Option("--pause-seconds", min=0, help="Between two calls.")] = 0.1,
    job: Annotated[Literal["retag", "topics"], typer.Option("--job", help="Beside which work.")] = "retag",
) -> None:
    """Measure how long one comment takes to be tagged over REST, alone and beside a long job."""
    (measure if job == "retag" else measure_topics)(comments, calls, pause_seconds)


if __name__ == "__main__":
    run_program(main)
