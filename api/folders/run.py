"""A run over a folder: what is done already is left, the rest is tagged by an engine, and what failed is told."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field
from typing import Any, Final, Protocol

from api.files.errors import RunFailed
from api.folders.find import SourceFile
from api.folders.one_file import FolderRun, NamedTagger, Outcome
from api.folders.progress import FolderProgress
from api.folders.state import open_state

_GOES_ON: Final = "Files that are done stay; the same command goes on with the rest."


class Engine(Protocol):
    """Where files are tagged: `tag_locally`, or a `RayEngine`. It yields each file's outcome once it is known."""

    def __call__(
        self, run: FolderRun, files: Sequence[SourceFile], *, tagger: NamedTagger, progress: FolderProgress
    ) -> Generator[Outcome, None, None]: ...


@dataclass(slots=True)
class FolderSummary:
    """What a run did, in figures; `already` are files that were done before, `seconds` is the time of this run."""

    already: int = 0
    files: int = 0
    rows: int = 0
    tagged: int = 0
    errors: Counter[str] = field(default_factory=Counter)
    failed: list[Outcome] = field(default_factory=list)
    seconds: float = 0.0

    def add(self, outcome: Outcome) -> None:
        if outcome.code is not None:
            self.failed.append(outcome)
            return
        self.files += 1
        self.rows += outcome.rows
        self.tagged += outcome.tagged
        self.errors.update(outcome.errors)

    def __str__(self) -> str:
        """For people: a line of files, a line of rows, one for each code of rows, and one for each file that failed.

        >>> print(FolderSummary(already=2, files=1, rows=3, tagged=2, errors=Counter(empty_text=1), seconds=1.5))
        1 file tagged, 2 done before
        3 lines: 2 tagged, 1 with an error; 1.5 s, 2 comments/s
          empty_text: 1
        """
        failed = f", {len(self.failed):,} not tagged" if self.failed else ""
        files = f"{self.files:,} file" if self.files == 1 else f"{self.files:,} files"
        speed = f", {self.rows / self.seconds:,.0f} comments/s" if self.seconds and self.rows else ""
        return "\n".join(
            [
                f"{files} tagged, {self.already:,} done before{failed}",
                f"{self.rows:,} lines: {self.tagged:,} tagged, {self.rows - self.tagged:,} with an error; "
                f"{self.seconds:,.1f} s{speed}",
                *(f"  {code}: {count:,}" for code, count in sorted(self.errors.items())),
            ]
        )


def tag_folder(
    run: FolderRun,
    files: Sequence[SourceFile],
    *,
    tagger: NamedTagger,
    engine: Engine,
    weights: str,
    overwrite: bool,
    progress: FolderProgress,
) -> FolderSummary:
    """Tag what is not done yet of a folder's files.

    Parameters
    ----------
    files : all of the input folder's
    tagger : of this process; an engine elsewhere loads its own, of the same name
    weights : the fingerprint of the tagger's model: what was tagged by others is done again
    overwrite : do all again, whatever is done

    Raises
    ------
    UnwritableOutput : if the output folder cannot be used, or holds what this command has not written
    RunFailed : if no further file can be written, as on a full disk; those that are done stay, and stay done
    """
    summary, start = FolderSummary(), time.perf_counter()
    how = _how(run, tagger, weights)
    with open_state(run.output, overwrite=overwrite) as state:
        waiting = {file.name: file for file in files if not state.is_done(file, how)}
        summary.already = len(files) - len(waiting)
        if waiting:
            progress.begin(files=len(waiting), size=sum(file.size for file in waiting.values()))
            with closing(engine(run, list(waiting.values()), tagger=tagger, progress=progress)) as outcomes:
                for outcome in outcomes:
                    if outcome.stop:
                        raise RunFailed(f"{outcome.reason} {_GOES_ON}")
                    file = waiting.pop(outcome.name)
                    if outcome.code is None:
                        state.add(file, output_size=outcome.output_size, how=how)
                    summary.add(outcome)
                    progress.finish(file.size, rows=outcome.rows)
        if waiting:
            raise RunFailed(f"Nothing was heard of {len(waiting):,} files. {_GOES_ON}")
    summary.failed.sort(key=lambda outcome: outcome.name)
    summary.seconds = time.perf_counter() - start
    return summary


def _how(run: FolderRun, tagger: NamedTagger, weights: str) -> dict[str, Any]:
    """What the tags depend on beside the file. The batch size is not of it: it makes a run faster or slower."""
    return {"model": tagger.name, "weights": weights, "unique_ids": run.unique_ids, **asdict(run.roles)}
