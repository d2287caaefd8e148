"""Bank accounts: IBANs, and the three countries' own numbers as far as they can be told from others."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import Final

from stdnum import iban, numdb
from stdnum.no import kontonr

from api.personal_data.numbers import Candidate
from nlp.record import Span

_NORWEGIAN: Final = 11
_NORWEGIAN_FORM: Final = (4, 2, 5)
_SHORTEST, _LONGEST = 8, 16
_IBAN_START = re.compile(r"(?:(?<=iban)|(?<![^\W_]))[a-z]{2}[ ]?[0-9]{2}(?=[ -]?[a-z0-9])", re.IGNORECASE | re.ASCII)
_LETTER_OR_DIGIT = re.compile(r"[ -]?([a-z0-9])", re.IGNORECASE | re.ASCII)
_PART = re.compile(r"(\d+)!")


def ibans(view: str) -> Iterator[Span]:
    """International account numbers: a country's letters, its length, and two check digits that are right."""
    done = 0
    for found in _IBAN_START.finditer(view):
        if found.start() < done:
            continue
        end = _end_of_iban(view, found)
        if end is not None:
            done = end
            yield Span(found.start(), end)


def _end_of_iban(view: str, start: re.Match[str]) -> int | None:
    letters, place = start.group().replace(" ", "").upper(), start.end()
    length = _length_in(letters[:2])
    if length is None:
        return None
    while len(letters) < length:
        following = _LETTER_OR_DIGIT.match(view, place)
        if following is None:
            return None
        letters, place = letters + following.group(1).upper(), following.end()
    return place if iban.is_valid(letters) and not view[place : place + 1].isdigit() else None


@cache
def _length_in(country: str) -> int | None:
    """How long IBANs of a country are; None where there are none."""
    parts = numdb.get("iban").info(country + "00")
    bban = next((info["bban"] for _, info in parts if "bban" in info), None)
    return None if bban is None else 4 + sum(map(int, _PART.findall(bban)))


def is_account(number: Candidate) -> bool:
    """Whether a number is a bank account.

    A Norwegian one is known by its dots or spaces (1234.56.78903) and its check digit. Any other, and one without
    dots, only by the word for an account right before it: a tenth of all numbers of eleven digits would pass the check,
    and Danish and Swedish numbers have none that holds for every bank.
    """
    if not number.is_whole or number.is_code or number.is_quantity:
        return False
    if number.context.account:
        return _SHORTEST <= len(number.digits) <= _LONGEST
    return (
        number.lengths == _NORWEGIAN_FORM
        and len(set(number.separators)) == 1
        and not number.context.other
        and kontonr.is_valid(number.digits)
    )
