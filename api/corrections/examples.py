"""Requests to correct tags, for the documentation; a test sends them."""

from __future__ import annotations

from typing import Final

from fastapi.openapi.models import Example

REQUESTS: Final[dict[str, Example]] = {
    "tags": Example(
        summary="Some tags: a theme is added, one is taken away, and the customer waits for an answer",
        value={
            "version": 1,
            "sentiment": {"label": "mixed"},
            "themes": [
                {"theme": "delivery_time", "sentiment": "negative", "spans": [{"start": 42, "end": 59}]},
                {"theme": "price_value", "present": False},
            ],
            "factors": [{"factor": "sympathetic", "polarity": "positive"}],
            "follow_up": {"flag": True},
            "by": "Kari",
            "why": "Levering, ikke pris.",
        },
    ),
    "review": Example(
        summary="A review: one thing was wrong, all the rest is right",
        value={"version": 1, "language": "nn", "reviewed": True, "revision": "1.17.0.0"},
    ),
}
