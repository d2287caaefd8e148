"""Find personal data in a text and put placeholders in its place."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from api.personal_data.accounts import ibans, is_account
from api.personal_data.cards import is_card
from api.personal_data.emails import emails
from api.personal_data.kinds import COUNTRY_OF, Country, Kind, Masking
from api.personal_data.masked import MaskedText
from api.personal_data.national_ids import is_national_id
from api.personal_data.numbers import Candidate, Group, candidates_at, clusters
from api.personal_data.phones import is_phone
from api.personal_data.view import view_of
from nlp.record import Span

_EVERYTHING: Final = Masking()
_PASSES: Final = 8
_TAKEN: Final = "]"  # as the last of a placeholder: neither a letter nor a digit

Found = list[tuple[Span, Kind]]


def mask(
    text: str, *, language: str | None = None, country: Country | None = None, masking: Masking = _EVERYTHING
) -> MaskedText:
    """Replace personal data by placeholders. Any text will do; time grows with its length.

    What is found is kept nowhere: the result holds its kind, its place and its length. A masked text that is masked
    again stays as it is.

    Parameters
    ----------
    text : any Unicode
    language : `nb`, `nn`, `da` or `sv`; says whose numbers are written without a country's code
    country : says the same, and goes before the language
    masking : the kinds to mask, all of them by default

    >>> mask("Skriv til kari@eksempel.no, fnr. 010190 12307", language="nb").text
    'Skriv til [email], fnr. [national_id]'
    """
    country = country or COUNTRY_OF.get(language or "")
    masked = MaskedText(text)
    found: Found = []
    passes = 0
    # A placeholder can show that the number beside it is one of its own: look until there is nothing more to see.
    while more := [find for find in _find(masked.text, country, whole=passes >= _PASSES) if find[1] in masking.kinds]:
        found += [(masked.to_original(span), kind) for span, kind in more]
        found.sort(key=lambda find: find[0].start)
        masked = MaskedText.of(text, found)
        passes += 1
    return masked


def _find(text: str, country: Country | None, *, whole: bool) -> Found:
    """What one look finds; with `whole` a number takes all digits around it along, which leaves nothing to look at."""
    view = view_of(text)
    found = [(span, Kind.EMAIL) for span in emails(view)]
    view = _without(view, found)
    found += [(span, Kind.IBAN) for span in ibans(view)]
    view = _without(view, found)
    for groups in clusters(view):
        numbers = list(_numbers(view, groups, country))
        if numbers and whole:
            numbers = [(Span(groups[0].start, groups[-1].end), numbers[0][1])]
        found += numbers
    return sorted(found, key=lambda find: find[0].start)


def _numbers(view: str, groups: tuple[Group, ...], country: Country | None) -> Iterator[tuple[Span, Kind]]:
    place = 0
    while place < len(groups):
        number, kind = _first(candidates_at(view, groups, place), country)
        if number is None or kind is None:
            place += 1
            continue
        yield Span(number.start, number.end), kind
        place += len(number.lengths)


def _first(candidates: list[Candidate], country: Country | None) -> tuple[Candidate | None, Kind | None]:
    """The kind that is most certain, and the longest number of that kind."""
    checks = (
        (Kind.CARD, is_card),
        (Kind.NATIONAL_ID, lambda number: is_national_id(number, country)),
        (Kind.ACCOUNT, is_account),
        (Kind.PHONE, lambda number: is_phone(number, country)),
    )
    for kind, check in checks:
        for number in candidates:
            if check(number):
                return number, kind
    return None, None


def _without(view: str, found: Found) -> str:
    """The view with what was found made unreadable, at the same offsets."""
    parts: list[str] = []
    done = 0
    for span, _ in sorted(found, key=lambda find: find[0].start):
        parts += (view[done : span.start], _TAKEN * (span.end - span.start))
        done = span.end
    return "".join((*parts, view[done:]))
