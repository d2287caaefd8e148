"""Requests to edit causes, for the documentation; a test sends them."""

from __future__ import annotations

from typing import Final

from fastapi.openapi.models import Example

RENAME: Final[dict[str, Example]] = {
    "rename": Example(
        summary="A name for readers of bokmål and of Danish",
        value={
            "label": {"nb": "Lang telefonkø", "da": "Lang telefonkø"},
            "by": "Kari",
            "why": "Sånn kaller kundesenteret det.",
        },
    )
}
MERGE: Final[dict[str, Example]] = {
    "merge": Example(
        summary="One cause takes in another", value={"with": ["t-3f2a9c01d7be"], "why": "Det er samme kø."}
    )
}
SPLIT: Final[dict[str, Example]] = {
    "split": Example(
        summary="Two parts, told by some places of each",
        value={
            "parts": [
                [{"comment": 17, "start": 0, "end": 31}, {"comment": 23, "start": 12, "end": 40}],
                [{"comment": 41, "start": 0, "end": 26}],
            ],
            "why": "Knuste varer og våte esker er to ting.",
        },
    )
}
