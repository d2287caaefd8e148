"""Draw the picture of the page of root causes in the README: `python -m eval.causes_picture docs/causes.png`.

The page is what `stemme topics` makes of the shipped sample, photographed in Chromium. Needs the extras `topics` and
`dev` and Debian's package `chromium`.
"""

from __future__ import annotations

from pathlib import Path
from shutil import which
from tempfile import TemporaryDirectory
from typing import Annotated, Any, Final

import typer

from api.causes.command import ReadBy, topics
from api.demo import SAMPLE
from eval.program import run_program
from nlp.errors import require

WIDTH: Final = 900
MOST_BYTES: Final = 300_000
FLAGS: Final = ("--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking")
SHOWN: Final = """
    () => {
        const rising = document.querySelector('#rising a[href]')?.getAttribute('href').slice(1);
        const causes = [...document.querySelectorAll('section.cause')];
        const shown = causes.find(section => section.id === rising) ?? causes[0];
        causes.filter(section => section !== shown).forEach(section => section.remove());
        [...shown.querySelectorAll('blockquote')].slice(2).forEach(quote => quote.remove());
        [...document.querySelectorAll('#lifts tbody tr')].slice(2).forEach(row => row.remove());
        [...document.querySelectorAll('#overview tbody tr')].slice(7).forEach(row => row.remove());
        return shown.getBoundingClientRect().bottom;
    }
"""
"""Leaves some rows, and of all causes the one that rises most, or the first, with two quotes; gives the pixel at which
it ends."""


def causes_picture(
    output: Annotated[Path, typer.Argument(help="The .png that is written.")],
    *,
    language: Annotated[ReadBy, typer.Option("--language", help="Of the page.")] = ReadBy.NB,
) -> None:
    """Photograph the page: the overview, and one cause."""
    chromium = which("chromium")
    if chromium is None:
        raise typer.BadParameter("Chromium is not installed. Debian has it in the package chromium.")
    with TemporaryDirectory() as folder:
        page = Path(folder) / "causes.html"
        topics(str(SAMPLE), output=str(page), language=language, quiet=True)
        _photograph(page, output, chromium)
    size = output.stat().st_size
    if size > MOST_BYTES:
        raise typer.BadParameter(f"{output} has {size:,} bytes; a README's picture has at most {MOST_BYTES:,}.")


def _photograph(page: Path, output: Path, chromium: str) -> None:
    playwright: Any = require("playwright.sync_api", extra="dev")
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=chromium, args=list(FLAGS))
        try:
            shown = browser.new_page(viewport={"width": WIDTH, "height": 800}, device_scale_factor=1)
            shown.goto(page.as_uri())
            bottom = shown.evaluate(SHOWN)
            clip = {"x": 0, "y": 0, "width": WIDTH, "height": bottom}
            shown.screenshot(path=output, full_page=True, clip=clip)
        finally:
            browser.close()


if __name__ == "__main__":
    run_program(causes_picture)
