"""Topics in a folder: what is named in `topics.json`, numbers in `topics.npz`. Neither holds a comment's whole text."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, Final

import numpy as np

from nlp.clustering.model import Assignment, Centres, Quote, Topic
from nlp.errors import StemmeError

TEXTS: Final = "topics.json"
ARRAYS: Final = "topics.npz"
VERSION: Final = 1
_CENTRES: Final = ("mean", "vectors", "floors", "strict_floors", "similarity", "topics")
_ASSIGNMENT: Final = tuple(field.name for field in fields(Assignment))


class BadTopics(StemmeError):
    code, title = "bad_topics", "The topics cannot be read"


def write_folder(
    folder: Path, topics: Sequence[Topic], centres: Centres, assignment: Assignment, rest: Mapping[str, Any]
) -> None:
    """Write topics; a file is there whole or as it was before.

    Parameters
    ----------
    rest : further plain values, which `read_folder` gives back
    """
    folder.mkdir(parents=True, exist_ok=True)
    plain = {
        "version": VERSION,
        **rest,
        "topics": [asdict(topic) for topic in topics],
        "groups": [list(group) for group in centres.groups],
    }
    arrays = {f"centres_{name}": getattr(centres, name) for name in _CENTRES}
    arrays |= {f"assignment_{name}": getattr(assignment, name) for name in _ASSIGNMENT}
    with (folder / f"{ARRAYS}.part").open("wb") as file:
        np.savez(file, **arrays)
    (folder / f"{TEXTS}.part").write_text(json.dumps(plain, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    for name in (ARRAYS, TEXTS):
        (folder / f"{name}.part").replace(folder / name)


def read_folder(folder: Path) -> tuple[list[Topic], Centres, Assignment, dict[str, Any]]:
    """What `write_folder` wrote.

    Raises
    ------
    BadTopics : if a file is missing, cannot be read, is of another version, or the two do not belong together
    """
    try:
        plain: dict[str, Any] = json.loads((folder / TEXTS).read_text(encoding="utf-8"))
        with np.load(folder / ARRAYS) as stored:
            arrays = {name: stored[name] for name in stored.files}
        if plain.pop("version") != VERSION:
            raise BadTopics(f"{folder / TEXTS} is of another version than {VERSION}. Find topics anew.")
        topics = [_topic(one) for one in plain.pop("topics")]
        groups = [(theme, sentiment) for theme, sentiment in plain.pop("groups")]
        centres = Centres(groups=groups, **{name: arrays[f"centres_{name}"] for name in _CENTRES})
        assignment = Assignment(**{name: arrays[f"assignment_{name}"] for name in _ASSIGNMENT})
    except FileNotFoundError as error:
        raise BadTopics(f"{folder} lacks {Path(error.filename).name}; it needs {TEXTS} and {ARRAYS}.") from error
    except (KeyError, TypeError, ValueError, OSError) as error:
        raise BadTopics(f"{folder} cannot be read as topics: {type(error).__name__}. Find topics anew.") from error
    n_found = int(centres.topics.max(initial=-1)) + 1
    if len(groups) != len(centres.vectors) or n_found > len(topics):
        raise BadTopics(f"{TEXTS} and {ARRAYS} in {folder} are of different runs. Find topics anew.")
    return topics, centres, assignment, plain


def _topic(plain: dict[str, Any]) -> Topic:
    quotes = tuple(Quote(**quote) for quote in plain.pop("quotes"))
    sources = {reader: Quote(**quote) for reader, quote in plain.pop("label_source").items()}
    return Topic(**plain, quotes=quotes, label_source=sources)
