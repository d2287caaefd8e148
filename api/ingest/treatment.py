"""What is done to a text before it is stored."""

from __future__ import annotations

from typing import Protocol


class TextTreatment(Protocol):
    """Takes a text as it came and gives the one that is stored, tagged and shown; the other is kept nowhere.

    It has to give the same for the same text: whether a text has changed is told from what it gives.
    """

    def __call__(self, text: str) -> str: ...


def as_it_came(text: str) -> str:
    """The treatment that changes nothing.

    >>> as_it_came("Ring meg på 99 99 99 99")
    'Ring meg på 99 99 99 99'
    """
    return text
