"""Topics in a folder: what is named in `topics.json`, numbers in `topics.npz`. Neither holds a comment's whole text."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from io import BytesIO
from pathlib import Path
from typing import Any, Final
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile

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
    texts, arrays = _as_files(topics, centres, assignment, rest)
    (folder / f"{ARRAYS}.part").write_bytes(arrays)
    (folder / f"{TEXTS}.part").write_bytes(texts)
    for name in (ARRAYS, TEXTS):
        (folder / f"{name}.part").replace(folder / name)


def read_folder(folder: Path) -> tuple[list[Topic], Centres, Assignment, dict[str, Any]]:
    """What `write_folder` wrote.

    Raises
    ------
    BadTopics : if a file is missing, cannot be read, is of another version, or the two do not belong together
    """
    try:
        texts, arrays = (folder / TEXTS).read_bytes(), (folder / ARRAYS).read_bytes()
    except FileNotFoundError as error:
        raise BadTopics(f"{folder} lacks {Path(error.filename).name}; it needs {TEXTS} and {ARRAYS}.") from error
    except OSError as error:
        raise BadTopics(f"{folder} cannot be read as topics: {type(error).__name__}. Find topics anew.") from error
    return _from_files(texts, arrays, where=str(folder))


def write_archive(topics: Sequence[Topic], centres: Centres, assignment: Assignment, rest: Mapping[str, Any]) -> bytes:
    """The files of `write_folder` as one zip archive, for a place that is no folder."""
    texts, arrays = _as_files(topics, centres, assignment, rest)
    archive = BytesIO()
    with ZipFile(archive, "w", ZIP_DEFLATED, compresslevel=1) as files:
        files.writestr(TEXTS, texts, ZIP_STORED)  # plain, so that a search through bytes finds what words it holds
        files.writestr(ARRAYS, arrays)
    return archive.getvalue()


def read_archive(archive: bytes) -> tuple[list[Topic], Centres, Assignment, dict[str, Any]]:
    """What `write_archive` wrote.

    Raises
    ------
    BadTopics : if it cannot be read, is of another version, or its two files do not belong together
    """
    try:
        with ZipFile(BytesIO(archive)) as files:
            texts, arrays = files.read(TEXTS), files.read(ARRAYS)
    except (BadZipFile, KeyError) as error:
        raise BadTopics(f"The archive cannot be read as topics: {type(error).__name__}. Find topics anew.") from error
    return _from_files(texts, arrays, where="the archive")


def _as_files(
    topics: Sequence[Topic], centres: Centres, assignment: Assignment, rest: Mapping[str, Any]
) -> tuple[bytes, bytes]:
    """What stands in `TEXTS` and in `ARRAYS`."""
    plain = {
        "version": VERSION,
        **rest,
        "topics": [asdict(topic) for topic in topics],
        "groups": [list(group) for group in centres.groups],
    }
    arrays = {f"centres_{name}": getattr(centres, name) for name in _CENTRES}
    arrays |= {f"assignment_{name}": getattr(assignment, name) for name in _ASSIGNMENT}
    file = BytesIO()
    np.savez(file, **arrays)
    return (json.dumps(plain, ensure_ascii=False, indent=1) + "\n").encode(), file.getvalue()


def _from_files(texts: bytes, numbers: bytes, *, where: str) -> tuple[list[Topic], Centres, Assignment, dict[str, Any]]:
    try:
        plain: dict[str, Any] = json.loads(texts.decode())
        with np.load(BytesIO(numbers)) as stored:
            arrays = {name: stored[name] for name in stored.files}
        if plain.pop("version") != VERSION:
            raise BadTopics(f"{TEXTS} in {where} is of another version than {VERSION}. Find topics anew.")
        topics = [_topic(one) for one in plain.pop("topics")]
        groups = [(theme, sentiment) for theme, sentiment in plain.pop("groups")]
        centres = Centres(groups=groups, **{name: arrays[f"centres_{name}"] for name in _CENTRES})
        assignment = Assignment(**{name: arrays[f"assignment_{name}"] for name in _ASSIGNMENT})
    except (KeyError, TypeError, ValueError, OSError, BadZipFile) as error:
        raise BadTopics(f"{where} cannot be read as topics: {type(error).__name__}. Find topics anew.") from error
    n_found = int(centres.topics.max(initial=-1)) + 1
    if len(groups) != len(centres.vectors) or n_found > len(topics):
        raise BadTopics(f"{TEXTS} and {ARRAYS} in {where} are of different runs. Find topics anew.")
    return topics, centres, assignment, plain


def _topic(plain: dict[str, Any]) -> Topic:
    quotes = tuple(Quote(**quote) for quote in plain.pop("quotes"))
    sources = {reader: Quote(**quote) for reader, quote in plain.pop("label_source").items()}
    return Topic(**plain, quotes=quotes, label_source=sources)
