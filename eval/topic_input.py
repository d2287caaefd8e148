"""Segments and their embeddings in a folder, made once from labelled comments: tagging takes longer than clustering."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Final

import numpy as np
from rich.console import Console

from nlp.errors import StemmeError
from nlp.labelled import LabelledComment
from nlp.record import Comment, TaggedComment
from nlp.topic_segments import Segment, SegmentBatch, joined, segments_of

SEGMENTS: Final = "segments.jsonl"
EMBEDDINGS: Final = "embeddings.npy"


class BadSegments(StemmeError):
    code, title = "bad_segments", "The folder of segments cannot be used"


def segments_in(folder: Path, gold: Sequence[LabelledComment], model: Path | None, console: Console) -> SegmentBatch:
    """The segments of labelled comments; tagged and embedded if the folder does not hold them yet.

    Parameters
    ----------
    folder : outside the repository, since it will hold what customers wrote
    model : folder of the model that tags and embeds, the shipped one if None
    """
    if not (folder / EMBEDDINGS).exists():
        console.print(f"Tagging {len(gold):,} comments and their clauses; {folder} keeps them for the next time.")
        _write(folder, _segments(gold, model))
    return read_segments(folder)


def read_segments(folder: Path) -> SegmentBatch:
    """What `segments_in` wrote.

    Raises
    ------
    BadSegments : if a file is missing or they do not belong together
    """
    try:
        lines = (folder / SEGMENTS).read_text(encoding="utf-8").splitlines()
        batch = SegmentBatch([Segment(**json.loads(line)) for line in lines], np.load(folder / EMBEDDINGS))
    except (OSError, ValueError, TypeError) as error:
        raise BadSegments(
            f"{folder} cannot be read: {type(error).__name__}. Delete it; it is then made anew."
        ) from error
    if len(batch.segments) != len(batch.embeddings):
        raise BadSegments(
            f"{folder} has {len(batch.segments)} segments and {len(batch.embeddings)} embeddings. Delete it; it is "
            "then made anew."
        )
    return batch


def _segments(gold: Sequence[LabelledComment], model: Path | None) -> SegmentBatch:
    from nlp.tagger import Tagger  # noqa: PLC0415, needed only where the folder is new

    tagger = Tagger.load(model)
    comments = [Comment(comment.id, comment.text, comment.question) for comment in gold]
    records = tagger.tag(comments)
    pairs = zip(comments, records, strict=True)
    return joined(
        segments_of(((comment, record) for comment, record in pairs if isinstance(record, TaggedComment)), tagger)
    )


def _write(folder: Path, batch: SegmentBatch) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / SEGMENTS).open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(asdict(segment), ensure_ascii=False) + "\n" for segment in batch.segments)
    np.save(folder / EMBEDDINGS, batch.embeddings)
