"""Changes that leave a comment's meaning alone: what people do to text on a telephone or a foreign keyboard."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final

NORDIC: Final = str.maketrans(
    {"å": "aa", "æ": "ae", "ä": "ae", "ø": "oe", "ö": "oe", "Å": "Aa", "Æ": "Ae", "Ä": "Ae", "Ø": "Oe", "Ö": "Oe"}
)
_AFTER_A_MARK: Final = re.compile(r"(?<=[^\W\d][.,;!?]) +")


def without_commas(text: str) -> str:
    """
    >>> without_commas("Fin butikk, treige folk")
    'Fin butikk treige folk'
    """
    return text.replace(",", "")


def run_on(text: str) -> str:
    """Leave out the space after each punctuation mark; in a text without one, the space in the middle.

    >>> run_on("Fin butikk, treige folk. Kjem ikkje att")
    'Fin butikk,treige folk.Kjem ikkje att'
    >>> run_on("Veldig god mat her")
    'Veldig godmat her'
    """
    joined = _AFTER_A_MARK.sub("", text)
    if joined != text:
        return joined
    words = text.split(" ")
    middle = len(words) // 2
    return f"{' '.join(words[:middle])}{' '.join(words[middle:])}"


def without_nordic_letters(text: str) -> str:
    """
    >>> without_nordic_letters("Får ei hyggeleg røyst på tråden")
    'Faar ei hyggeleg roeyst paa traaden'
    """
    return text.translate(NORDIC)


CHANGES: Final[Mapping[str, Callable[[str], str]]] = {
    "capitals": str.upper,
    "lower_case": str.lower,
    "without_commas": without_commas,
    "run_on": run_on,
    "without_nordic_letters": without_nordic_letters,
}
