"""Corpora of a few own sentences, in the files and fields of the real ones."""

from __future__ import annotations

import json
import lzma
from pathlib import Path

COMMENTS = [
    (
        "da",
        "Hurtig levering og en venlig chauffør",
        "positive",
        {"delivery_time": "positive"},
        ("sympathetic", "positive", "venlig chauffør"),
    ),
    ("da", "Pakken kom aldrig frem og ingen svarer", "negative", {"delivery_time": "negative"}, None),
    (
        "sv",
        "Alldeles för dyrt men personalen var kunnig",
        "mixed",
        {"price_value": "negative"},
        ("professional", "positive", "kunnig"),
    ),
    ("sv", "Snabbt svar, billigt och bra", "positive", {"price_value": "positive"}, None),
    (
        "nb",
        "De lovet meg svar og holdt ikke ord",
        "negative",
        {"reachability": "negative"},
        ("trustworthy", "negative", "holdt ikke ord"),
    ),
    ("nn", "Eg har ikkje noko å seie om dette", "neutral", {}, None),
]
COPIES = 12


def labelled(number: int) -> dict:
    lang, text, sentiment, themes, factor = COMMENTS[number % len(COMMENTS)]
    text = f"{text} {number}"
    factors = []
    if factor:
        name, polarity, words = factor
        start = text.index(words)
        factors = [{"factor": name, "polarity": polarity, "start": start, "end": start + len(words)}]
    return {
        "id": f"own-{number}",
        "lang": lang,
        "text": text,
        "sentiment": sentiment,
        "themes": [{"theme": theme, "stage": "", "sentiment": feeling} for theme, feeling in themes.items()],
        "factors": factors,
        "churn_risk": number % 5 == 0,
        "follow_up": number % 3 == 0,
        "origin": "review",
    }


def rated(row: dict) -> dict:
    three = {"mixed": "neutral"}.get(row["sentiment"], row["sentiment"])
    return {"id": row["id"], "lang": row["lang"], "source": "own", "text": row["text"], "sentiment": three}


STARS_ONLY = [
    rated(labelled(number)) | {"id": f"stars-{number}", "text": f"{COMMENTS[number % 5][1]} igjen {number}"}
    for number in range(12)
]


def write(path: Path, rows: list) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = "".join((row if isinstance(row, str) else json.dumps(row, ensure_ascii=False)) + "\n" for row in rows)
    if path.suffix == ".xz":
        path.write_bytes(lzma.compress(lines.encode()))
    else:
        path.write_text(lines, encoding="utf-8")


def make(folder: Path) -> Path:
    """Write a folder of corpora; comments 0 to 5 are the dev split, and stand among the rated ones as in real life."""
    rows = [labelled(number) for number in range(len(COMMENTS) * COPIES)]
    dev, train = rows[: len(COMMENTS)], rows[len(COMMENTS) :]
    write(folder / "opinions/train.jsonl", train)
    write(folder / "opinions/dev.jsonl", dev)
    write(folder / "sentiment/train.jsonl.xz", [rated(row) for row in rows] + STARS_ONLY)
    write(folder / "sentiment/dev.jsonl.xz", [rated(dev[0])])
    translated = [
        {"id": row["id"], "from_lang": row["lang"], "lang": "nb", "text": f"oversatt {row['text']}"} for row in rows
    ]
    write(folder / "text/machine_translated.jsonl.xz", translated)
    lines = {
        "da": "Åbn ordren i !INCLUDE[prod]",
        "sv": "Öppna ordern i !INCLUDE[prod]",
        "nb": "Åpne ordren i !INCLUDE[prod]",
    }
    write(folder / "text/parallel.jsonl.xz", [lines] * 20)
    write(folder / "text/norec.txt.xz", ["En film om pakker ␤ Den er for lang."] * 20)
    write(folder / "text/other.txt.xz", ["Toget var forsinket igen."] * 20)
    return folder
