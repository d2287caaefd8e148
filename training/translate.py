"""Nynorsk for training, by rule-based machine translation: it is the written form that the corpora lack.

Apertium's Scandinavian pairs (Debian: `apertium`, `apertium-dan-nor`, `apertium-swe-nor`) run
without a network. Their output is rough, but in the domain and with the labels of its original.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from nlp.errors import StemmeError
from training.data import Corpora, TranslatedText

MODES = {"da": "dan-nno", "sv": "swe-nno"}
BATCH = 2_000


class TranslationFailed(StemmeError):
    code, title = "translation_failed", "Machine translation failed"


def translate(texts: Sequence[str], mode: str) -> list[str]:
    """Translate texts with one of apertium's modes, e.g. `dan-nno`; line breaks within a text become spaces.

    Raises
    ------
    TranslationFailed : if apertium is not installed, fails, or does not give a line for each text
    """
    lines = [" ".join(text.split()) for text in texts]
    try:
        run = subprocess.run(
            ["apertium", "-u", "-f", "line", mode],
            input="\n".join(lines) + "\n",
            capture_output=True,
            text=True,
            check=True,
        )
    except FileNotFoundError as error:
        raise TranslationFailed(
            "apertium is not installed. Run: apt-get install apertium apertium-dan-nor apertium-swe-nor"
        ) from error
    except subprocess.CalledProcessError as error:
        raise TranslationFailed(f"apertium {mode} ended with {error.returncode}: {error.stderr[:200]}") from error
    translated = run.stdout.removesuffix("\n").split("\n")
    if len(translated) != len(lines):
        raise TranslationFailed(f"apertium {mode} gave {len(translated)} lines for {len(lines)}.")
    return translated


def nynorsk_versions(corpora: Corpora) -> Iterator[TranslatedText]:
    """Every Danish and Swedish train text, in nynorsk, under the id of its original."""
    originals = {text.id: (text.language, text.text) for text in corpora.rated()}
    originals |= {comment.id: (comment.language, comment.text) for comment in corpora.labelled()}
    for language, mode in MODES.items():
        rows = [(id_, text) for id_, (written, text) in originals.items() if written == language]
        for first in range(0, len(rows), BATCH):
            batch = rows[first : first + BATCH]
            for (id_, _), text in zip(batch, translate([text for _, text in batch], mode), strict=True):
                yield TranslatedText(id_, "nn", text)


def save_translations(rows: Iterable[TranslatedText], path: Path) -> None:
    """Write translations as JSON lines; a file that is there is complete, for it gets its name at the end."""
    part = path.with_suffix(".part")
    with part.open("w", encoding="utf-8") as out:
        for row in rows:
            out.write(json.dumps({"id": row.id, "lang": row.language, "text": row.text}, ensure_ascii=False) + "\n")
    part.replace(path)


def load_translations(path: Path) -> list[TranslatedText]:
    """Read what `save_translations` wrote."""
    with path.open(encoding="utf-8") as lines:
        return [TranslatedText(row["id"], row["lang"], row["text"]) for row in map(json.loads, lines)]
