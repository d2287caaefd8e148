"""The service as a process of its own."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import httpx

import api

ROOT = Path(api.__file__).parents[1]
PATIENCE_SECONDS = 300  # only a broken service ever waits as long; finding causes took 117 on a busy, slow machine

QUICK = "lambda model: StubTagger()"
SLOW = "lambda model: StubTagger(seconds_per_batch=0.2)"


@dataclass
class Served:
    """A running service and what it has written so far."""

    process: subprocess.Popen[bytes]
    log_file: Path

    @property
    def log(self) -> str:
        return self.log_file.read_text(encoding="utf-8")

    @property
    def address(self) -> str:
        found = wait_for(lambda: re.search(r"running on (http://\S+)", self.log) or self.process.poll() is not None)
        assert isinstance(found, re.Match), self.log
        return str(found[1])

    def client(self) -> httpx.Client:
        return httpx.Client(base_url=self.address, timeout=PATIENCE_SECONDS, trust_env=False)

    def wait_until_ready(self) -> None:
        with self.client() as client:
            wait_for(lambda: client.get("/readyz").status_code == 200)


def wait_for(happened: Callable[[], object]) -> object:
    until = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < until:
        if found := happened():
            return found
        time.sleep(0.02)
    raise AssertionError(f"did not happen within {PATIENCE_SECONDS} seconds")
