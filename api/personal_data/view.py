"""A text as the patterns read it: every way of writing a digit, a dash or a space becomes one, at the same offset."""

from __future__ import annotations

import sys
import unicodedata
from functools import cache
from typing import Final

_DASHES: Final = "\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\ufe63\uff0d"
# Also what nobody sees: soft hyphens, joiners and marks of direction come along when numbers are copied.
_SPACES: Final = (
    "\t\xa0\xad\u1680\u180e"
    + "".join(map(chr, (*range(0x2000, 0x2010), *range(0x202A, 0x2030))))
    + ("\u205f\u2060\u2066\u2067\u2068\u2069\u3000\ufeff")
)
_OTHERS: Final = {"\uff0b": "+", "\uff20": "@", "\uff0e": ".", "\u2024": ".", "\uff08": "(", "\uff09": ")"}


def view_of(text: str) -> str:
    """The text with plain digits, dashes and spaces; as long as it was.

    >>> view_of("\u0664\u0668\xa012\u201334")
    '48 12-34'
    """
    return text if text.isascii() and "\t" not in text else text.translate(_table())


@cache
def _table() -> dict[int, str]:
    letters = map(chr, range(0x80, sys.maxunicode + 1))
    digits = {letter: str(unicodedata.decimal(letter)) for letter in letters if letter.isdecimal()}
    plain = {**digits, **dict.fromkeys(_DASHES, "-"), **dict.fromkeys(_SPACES, " "), **_OTHERS}
    return {ord(letter): other for letter, other in plain.items()}
