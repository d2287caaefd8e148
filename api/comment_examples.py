"""Requests to /v1/comments for the documentation; a test sends them."""

from __future__ import annotations

from typing import Final

from fastapi.openapi.models import Example

REQUESTS: Final[dict[str, Example]] = {
    "one": Example(
        summary="Norsk: ett svar, med alt som er kjent om det",
        value={
            "comments": [
                {
                    "source": "kjøpsundersøkelsen",
                    "external_id": "R_2026-0117",
                    "text": "Hyggelig dame på telefonen, men pakka kom tre uker for sent.",
                    "question": "Hva er den viktigste grunnen til at du ga denne karakteren?",
                    "nps": 4,
                    "touchpoint": "etter levering",
                    "channel": "sms",
                    "department": "Bergen",
                    "respondent": "kunde-48213",
                    "submitted_at": "2026-11-02T08:30:00+01:00",
                    "metadata": {"butikk": 17, "kampanje": "høst"},
                }
            ]
        },
    ),
    "batch": Example(
        summary="Dansk och svenska: två svar från var sin källa",
        value={
            "comments": [
                {"source": "nps-dk", "external_id": 48213, "text": "Nem bestilling, men dyrt.", "nps": 8},
                {"source": "nps-se", "external_id": "kund-7", "text": "Snabb leverans 👍", "nps": 10},
            ]
        },
    ),
}
