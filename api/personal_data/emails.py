"""E-mail addresses, also those that are written so that machines do not see them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from nlp.record import Span

_LONGEST_NAME: Final = 64
_AT = re.compile(
    r"@| (?:@|\(at\)|\[at\]|\(a\)|\(alfakrøll\)|snabel-?a|krøllalfa) |[(\[{](?:at|a|@)[)\]}]", re.IGNORECASE
)
_NAME_BACKWARDS = re.compile(r"[\w%'-][\w.+%'-]{0,63}")
_DOMAIN = re.compile(r"(?:[\w-]{1,63}\.){1,6}[^\W\d_]{2,24}")
_KNOWN_ENDING = re.compile(r"\.(?:com|no|dk|se|net|org|nu|eu|fi|info|co\.uk)(?=\.?[^\W\d_])")
_SPOKEN_DOMAIN = re.compile(
    r"[\w-]{1,63}(?:[.,][\w-]{1,63}){0,4} ?(?:,| (?:punktum|punkt|dot|\(dot\)) |\(dot\)) ?"
    r"(?:com|no|dk|se|net|org|nu|eu|fi|info)\b",
    re.IGNORECASE,
)


def emails(view: str) -> Iterator[Span]:
    """Addresses in the order of the text. A sentence that goes on after one without a space is not taken along."""
    done = 0
    for at in _AT.finditer(view):
        name = _NAME_BACKWARDS.match(view[max(done, at.start() - _LONGEST_NAME) : at.start()][::-1])
        end = _end_of_domain(view, at.end())
        if name is None or end is None:
            continue
        start = at.start() - len(name.group().rstrip(".+'%"))
        done = end
        yield Span(start, end)


def _end_of_domain(view: str, start: int) -> int | None:
    domain = _DOMAIN.match(view, start)
    if domain is None:
        spoken = _SPOKEN_DOMAIN.match(view, start)
        return spoken.end() if spoken else None
    for ending in _KNOWN_ENDING.finditer(domain.group()):
        following = domain.group()[ending.end() :].removeprefix(".")
        if following[:1].isupper() and not domain.group()[: ending.end()].isupper():
            return start + ending.end()
    return domain.end()
