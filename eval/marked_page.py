"""Write what a command measured into a page, between two marks that name the command."""

from __future__ import annotations

from pathlib import Path

from nlp.errors import StemmeError


class NoMarks(StemmeError):
    code, title = "no_marks", "The page has no place for what was measured"


def write_between_marks(page: Path, command: str, text: str) -> None:
    """Make anew what stands between `<!-- python -m COMMAND -->` and `<!-- end of COMMAND -->`.

    Raises
    ------
    NoMarks : if one of them is missing, each of which is a line of its own
    """
    start, end = f"<!-- python -m {command} -->\n", f"<!-- end of {command} -->\n"
    before, found_start, rest = page.read_text(encoding="utf-8").partition(start)
    _, found_end, after = rest.partition(end)
    if not found_start or not found_end:
        raise NoMarks(f"{page.name} needs the lines {start.strip()!r} and {end.strip()!r}; the text goes in between.")
    page.write_text(f"{before}{start}{text}{end}{after}", encoding="utf-8")
