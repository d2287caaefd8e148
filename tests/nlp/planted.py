"""Planted causes: clauses in four languages whose embeddings stand near the cause that they name."""

from __future__ import annotations

import numpy as np

from nlp.topic_segments import Segment, SegmentBatch

WIDTH = 48
LANGUAGES = ("nb", "nn", "da", "sv")
# Cause: theme, sentiment, and how it is said in each language; `{}` is where one customer differs from the next.
CAUSES = {
    "wrong pickup point": (
        "delivery_condition",
        "negative",
        {
            "nb": "pakken ble levert til feil utleveringssted {}",
            "nn": "pakka vart levert til feil utleveringsstad {}",
            "da": "pakken blev leveret til det forkerte udleveringssted {}",
            "sv": "paketet levererades till fel utlämningsställe {}",
        },
    ),
    "broken parcel": (
        "delivery_condition",
        "negative",
        {
            "nb": "esken var knust og våt {}",
            "nn": "øskja var knust og våt {}",
            "da": "kassen var smadret og våd {}",
            "sv": "kartongen var krossad och blöt {}",
        },
    ),
    "phone queue": (
        "reachability",
        "negative",
        {
            "nb": "ventet en time i telefonkø {}",
            "nn": "venta ein time i telefonkø {}",
            "da": "ventede en time i telefonkø {}",
            "sv": "väntade en timme i telefonkö {}",
        },
    ),
    "friendly staff": (
        "staff_service",
        "positive",
        {
            "nb": "utrolig hyggelig betjening {}",
            "nn": "særs triveleg betening {}",
            "da": "rigtig sød betjening {}",
            "sv": "otroligt trevlig personal {}",
        },
    ),
    "data breach": (
        None,
        "negative",
        {
            "nb": "passordet mitt lå åpent på nettet {}",
            "nn": "passordet mitt låg ope på nettet {}",
            "da": "min adgangskode lå frit på nettet {}",
            "sv": "mitt lösenord låg öppet på nätet {}",
        },
    ),
}
TAILS = (
    "i går",
    "enda en gang",
    "rett før jul",
    "uten beskjed",
    "for andre gang",
    "på Lillehammer",
    "og det var skuffende",
    "denne gangen også",
    "akkurat som sist",
    "hos dere",
)


def planted(*, per_language: int = 10, seed: int = 0, spread: float = 0.25, causes: tuple[str, ...] = tuple(CAUSES)):
    """Segments, unit vectors and the cause of each, in an order that mixes all."""
    random = np.random.default_rng(99)
    directions = {cause: _unit(random.normal(size=WIDTH)) for cause in CAUSES}
    shared = _unit(random.normal(size=WIDTH))
    random = np.random.default_rng(seed)
    made = [(cause, language, number) for cause in causes for language in LANGUAGES for number in range(per_language)]
    made = [made[place] for place in random.permutation(len(made))]
    segments, vectors, names = [], [], []
    for place, (cause, language, number) in enumerate(made):
        theme, sentiment, said = CAUSES[cause]
        text = said[language].format(TAILS[number % len(TAILS)])
        segments.append(Segment(f"C{seed}-{place}", 0, len(text), text, language, theme, sentiment))
        vectors.append(_unit(0.7 * shared + directions[cause] + spread * random.normal(size=WIDTH) / WIDTH**0.5))
        names.append(cause)
    return SegmentBatch(segments, np.array(vectors, dtype=np.float32)), names


def _unit(vector):
    return vector / np.linalg.norm(vector)
