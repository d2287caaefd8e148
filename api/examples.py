"""Requests and an answer for the documentation; a test sends the requests and checks the answer against the schema."""

from __future__ import annotations

from typing import Any, Final

from fastapi.openapi.models import Example

from nlp.errors import EmptyText
from nlp.record import FactorTag, FailedComment, Flag, Problem, Sentiment, Span, TaggedComment, ThemeTag

_NYNORSK: Final = "Pakka kom tre veker for seint, og ingen svarte på telefonen. No byter eg butikk."


def _request(summary: str, *comments: dict[str, Any]) -> Example:
    return Example(summary=summary, value={"comments": list(comments)})


REQUESTS: Final[dict[str, Example]] = {
    "nb": _request(
        "Bokmål: to svar fra en spørreundersøkelse",
        {
            "id": "2026-0117",
            "text": "Hyggelig dame på telefonen, men feilen på ruteren er der fortsatt.",
            "question": "Hva er den viktigste grunnen til at du ga denne karakteren?",
            "nps": 6,
        },
        {"id": "2026-0118", "text": "Alt gikk på skinner. Anbefales!", "nps": 10},
    ),
    "nn": _request("Nynorsk: eitt svar, og eitt som er tomt", {"id": "1", "text": _NYNORSK}, {"id": "2", "text": " "}),
    "da": _request(
        "Dansk: et svar med et tal som id, og ét ord under to spørgsmål",
        {"id": 48213, "text": "Nem bestilling, men I trak pengene to gange, og jeg venter stadig på svar."},
        {"id": 48214, "question": "Hvad var godt ved dit besøg?", "text": "priserne"},
        {"id": 48215, "question": "Hvad kan vi gøre bedre?", "text": "priserne"},
    ),
    "sv": _request(
        "Svenska: två svar med samma id",
        {"id": "kund-7", "text": "Snabb leverans och bra kvalitet för priset 👍"},
        {"id": "kund-7", "text": "Appen kraschar varje gång jag försöker logga in."},
    ),
}


def _spans(*words: str) -> tuple[Span, ...]:
    return tuple(Span(start := _NYNORSK.index(each), start + len(each)) for each in words)


RESPONSE: Final = (
    TaggedComment(
        id="1",
        language="nn",
        sentiment=Sentiment(
            label="negative",
            score=-0.93,
            probabilities={"negative": 0.94, "neutral": 0.03, "mixed": 0.02, "positive": 0.01},
        ),
        themes=(
            ThemeTag("delivery_time", "delivery", "negative", 0.97, _spans("kom tre veker for seint")),
            ThemeTag("reachability", "support", "negative", 0.91, _spans("ingen svarte på telefonen")),
            ThemeTag("loyalty_recommendation", "loyalty", "negative", 0.78, _spans("No byter eg butikk")),
        ),
        factors=(FactorTag("professional", "negative", 0.56, _spans("ingen svarte")),),
        churn_risk=Flag(flag=True, confidence=0.88, spans=_spans("No byter eg butikk")),
        follow_up=Flag(flag=False, confidence=0.61, spans=()),
        model="stemme-small@0.8.0",
        taxonomy="journey@1.0.0",
    ),
    FailedComment(id="2", error=Problem(EmptyText.code, str(EmptyText()))),
)
