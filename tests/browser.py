"""Pages in Debian's Chromium, for tests; skipped where it or Playwright is not installed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from shutil import which
from typing import Any

import pytest

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@contextmanager
def browser_page(html: str, *, width: int) -> Iterator[Any]:
    """A page that shows `html`, as wide as that many pixels."""
    playwright = pytest.importorskip("playwright.sync_api", reason="needs Playwright")
    chromium = which("chromium")
    if chromium is None:
        pytest.skip("needs Chromium")
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=chromium, args=list(FLAGS))
        try:
            page = browser.new_page(viewport={"width": width, "height": 1000})
            page.set_content(html)
            yield page
        finally:
            browser.close()
