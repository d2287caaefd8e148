"""National identity numbers of Norway, Denmark and Sweden."""

from __future__ import annotations

import re
from datetime import date
from typing import Final

from stdnum import luhn
from stdnum.dk import cpr
from stdnum.exceptions import ValidationError
from stdnum.no import fodselsnummer
from stdnum.se import personnummer

from api.personal_data.kinds import Country
from api.personal_data.numbers import Candidate

_NORWEGIAN, _SHORT, _LONG = 11, 10, 12
# How the date and the last four are set apart in ten and in twelve digits.
_SHORT_FORMS: Final = frozenset({(10,), (6, 4), (2, 2, 2, 4)})
_LONG_FORMS: Final = frozenset({(12,), (8, 4), (2, 6, 4), (4, 2, 2, 4), (2, 2, 2, 2, 4), (4, 4, 4)})
_COORDINATION: Final = 60
_MOBILE: Final = re.compile(r"07[02369]\d{7}")


def is_national_id(number: Candidate, country: Country | None) -> bool:
    """Whether a number is a person's.

    Norwegian numbers (also D- and H-numbers) have two check digits, Swedish ones (also coordination numbers) one. A
    Danish one has had none since 2007: one whose check digit is wrong counts in Danish text, unless the words before it
    say that it is something else. Anywhere, the words before a number can make up for a wrong check digit, not for a
    wrong date.

    Parameters
    ----------
    number : what may be one
    country : that the text is from, None if unknown
    """
    if not number.is_whole or number.is_code:
        return False
    if len(number.digits) == _NORWEGIAN:
        return fodselsnummer.is_valid(number.digits) or (number.context.national_id and _norwegian_date(number.digits))
    if len(number.digits) == _SHORT and number.lengths in _SHORT_FORMS:
        return _is_short_id(number, country)
    if len(number.digits) == _LONG and number.lengths in _LONG_FORMS:
        return _swedish_date(number.digits) and (luhn.is_valid(number.digits[2:]) or number.context.national_id)
    return False


def _is_short_id(number: Candidate, country: Country | None) -> bool:
    """Ten digits: Danish with the day first, or Swedish with the year first."""
    danish = _danish_date(number.digits)
    swedish = _swedish_date(number.digits, after_hundred="+" in number.separators)
    if not danish and not swedish:
        return False
    if number.context.national_id:
        return True
    bare = number.lengths == (_SHORT,)
    if bare and (number.context.other or number.is_quantity or _MOBILE.fullmatch(number.digits)):
        return False
    if (swedish and luhn.is_valid(number.digits)) or (danish and cpr.checksum(number.digits) == 0):
        return True
    return danish and country in {"DK", None} and not number.context.other and not (bare and country is None)


def _norwegian_date(digits: str) -> bool:
    try:
        fodselsnummer.get_birth_date(digits)
    except ValidationError:
        return False
    return True


def _danish_date(digits: str) -> bool:
    return cpr.is_valid(digits)


def _swedish_date(digits: str, *, after_hundred: bool = False) -> bool:
    """Whether ten or twelve digits begin with a date of birth; the day of a coordination number is 60 too high."""
    day = int(digits[-6:-4])
    if day > _COORDINATION:
        digits = f"{digits[:-6]}{day - _COORDINATION:02}{digits[-4:]}"
    try:
        born = personnummer.get_birth_date(f"{digits[:-4]}{'+' if after_hundred else '-'}{digits[-4:]}")
    except ValidationError:
        return False
    return date(1840, 1, 1) <= born <= date.today()
