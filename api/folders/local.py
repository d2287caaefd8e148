"""The engine that needs nothing: this process tags one file after the other, with every core."""

from __future__ import annotations

from collections.abc import Generator, Sequence

from api.folders.find import SourceFile
from api.folders.one_file import FolderRun, NamedTagger, Outcome, tag_one
from api.folders.progress import FolderProgress


def tag_locally(
    run: FolderRun, files: Sequence[SourceFile], *, tagger: NamedTagger, progress: FolderProgress
) -> Generator[Outcome, None, None]:
    """What became of each file, in order."""
    for file in files:
        progress.open(file.size)
        yield tag_one(run, file.name, tagger=tagger, report=progress)
