"""The survey's question beside a comment: what counts as one, and how much of it goes to the tagger."""

from __future__ import annotations

from typing import Final

LONGEST_QUESTION: Final = 2_000
"""Characters. The model reads fewer; the limit keeps a cell full of something else from costing time."""


def as_question(value: object) -> str | None:
    """A question, or None: a value that is no text, or blank, is no question and no error either.

    >>> [as_question(value) for value in ("Hva var bra?", "  ", 7, None)]
    ['Hva var bra?', None, None, None]
    """
    if not isinstance(value, str) or not value.strip():
        return None
    return value[:LONGEST_QUESTION]
