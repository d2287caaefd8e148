"""Telephone numbers: Norwegian, Danish and Swedish as people write them, and any other with its country's code."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date
from typing import Final

import phonenumbers

from api.personal_data.kinds import Country
from api.personal_data.numbers import Candidate

_ALL: Final[tuple[Country, ...]] = ("NO", "DK", "SE")
_ANY: Final = "NO"  # a number with a code is read the same in all three countries, which dial 00 before it
_EIGHT: Final = 8
# Eight digits as people group them; other groupings count where the words before speak of calling.
_GROUPED: Final = frozenset({(8,), (2, 2, 2, 2), (3, 2, 3), (4, 4)})
_YEAR = re.compile(r"(?:19|20)\d\d")
_SWEDISH = re.compile(r"0[1-9]\d{6,8}")
_SWEDISH_MOBILE = re.compile(r"07[02369]\d{7}")
_OWN_CODE = re.compile(r"4(?:[57]\d{8}|6\d{8,9})")
_HOURS = re.compile(r"(?:[01]\d|2[0-4])[0-5][05] ?- ?(?:[01]\d|2[0-4])[0-5][05]")
_DATE_FORMS: Final = frozenset({(2, 2, 4), (4, 2, 2)})


def is_phone(number: Candidate, country: Country | None) -> bool:
    """Whether a number can be called, and neither its form nor the words around it make it something else.

    Parameters
    ----------
    number : what may be one
    country : whose numbers are written without a code; None to allow all three countries'
    """
    called = number.context.phone
    if number.context.other or number.is_quantity or (number.is_code and not called) or "+" in number.separators:
        return False
    if _has_code(number):
        return number.is_whole and _is_valid(number.written, _ANY)
    if called and number.is_whole and _OWN_CODE.fullmatch(number.digits) and _is_valid(f"+{number.digits}", _ANY):
        return True
    return number.stands_alone and not _HOURS.fullmatch(number.written) and _is_national(number, country, called=called)


def _is_national(number: Candidate, country: Country | None, *, called: bool) -> bool:
    """Whether it is a number as it is dialled within one of the countries."""
    if len(number.digits) == _EIGHT and number.digits[0] != "0":
        return _is_eight_digits(number, called=called) and _is_valid_in(number, _regions(country, called, "NO", "DK"))
    if _SWEDISH.fullmatch(number.digits) and _is_swedish_form(number):
        swedish = ("SE",) if _SWEDISH_MOBILE.fullmatch(number.digits) else _regions(country, called, "SE")
        return _is_valid_in(number, swedish)
    return False


def _has_code(number: Candidate) -> bool:
    return number.written.startswith(("+", "(+")) or number.digits.startswith("00")


def _regions(country: Country | None, called: bool, *among: Country) -> tuple[Country, ...]:
    allowed = _ALL if called or country is None else (country,)
    return tuple(region for region in among if region in allowed)


def _is_eight_digits(number: Candidate, *, called: bool) -> bool:
    """Whether eight digits are grouped as a number and are neither a date nor years nor two prices."""
    if number.lengths in _DATE_FORMS or len(set(number.separators)) > 1:
        return False
    if called:
        return True
    if number.lengths == (4, 4):
        return number.separators[0] == " " and not all(
            _YEAR.fullmatch(part) or part.endswith("00") for part in (number.digits[:4], number.digits[4:])
        )
    return number.lengths in _GROUPED and not (number.lengths == (8,) and _is_date(number.digits))


def _is_swedish_form(number: Candidate) -> bool:
    """An area code, then the rest in groups: a dash or a slash may stand after the code, spaces elsewhere."""
    if len(number.lengths) == 1:
        return True
    code, *others = number.lengths
    return (
        2 <= code <= 4  # noqa: PLR2004
        and number.lengths not in _DATE_FORMS | {(2, 2, 2), (2, 2, 2, 2, 2)}
        and number.separators[0] in {"-", " ", "/", " - ", ") ", ")", ")-", " -", "- "}
        and set(number.separators[1:]) <= {" ", "-"}
        and len(set(number.separators[1:])) <= 1
        and all(2 <= length <= 8 for length in others)  # noqa: PLR2004
    )


def _is_date(digits: str) -> bool:
    """`20240315` or `15032024`."""
    orders = ((digits[:4], digits[4:6], digits[6:]), (digits[4:], digits[2:4], digits[:2]))
    return any(_YEAR.fullmatch(year) and _exists(int(year), int(month), int(day)) for year, month, day in orders)


def _exists(year: int, month: int, day: int) -> bool:
    try:
        date(year, month, day)
    except ValueError:
        return False
    return True


def _is_valid_in(number: Candidate, regions: Iterable[str]) -> bool:
    return any(_is_valid(number.written, region) for region in regions)


def _is_valid(written: str, region: str) -> bool:
    matcher = phonenumbers.PhoneNumberMatcher(written, region, leniency=phonenumbers.Leniency.VALID, max_tries=1)
    return any(match.start == 0 and match.end == len(written) for match in matcher)
