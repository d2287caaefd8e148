"""What each step of a run was made from, kept beside it, so that a work folder never mixes recipes or corpora."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import file_digest
from pathlib import Path
from typing import Any, Final

from nlp.errors import StemmeError
from training.whole import write_whole

FOLDER: Final = "made_from"
SHA256: Final = "sha256 "  # begins a value that stands for contents
Inputs = Mapping[str, str]
"""What a step depends on: a name that its user knows, and a value, or `sha256 ` and a digest."""


class ChangedInputs(StemmeError):
    code, title = "changed_inputs", "The work folder was made from something else"


@dataclass(frozen=True, slots=True)
class MadeFrom:
    """The records of a work folder, a JSON file a step."""

    work: Path

    def path(self, step: str) -> Path:
        return self.work / FOLDER / f"{step}.json"

    def claim(self, step: str, inputs: Inputs, *, leaves: Sequence[str], later: Sequence[str] = ()) -> None:
        """See that what a step has left, whole or half, was made from `inputs`; where it has left nothing, note them.

        Parameters
        ----------
        leaves : files and folders of the work folder that the step writes, its checkpoint too
        later : what the steps after it write

        Raises
        ------
        ChangedInputs : it names what differs, and what to delete if that is meant
        """
        path = self.path(step)
        left = [name for name in leaves if (self.work / name).exists()]
        if left:
            self._check(path, inputs, [*left, *(name for name in later if (self.work / name).exists())])
            return
        path.parent.mkdir(exist_ok=True)
        text = json.dumps(dict(inputs), indent=1, ensure_ascii=False) + "\n"
        write_whole(path, lambda part: part.write_text(text, encoding="utf-8"))

    def _check(self, path: Path, inputs: Inputs, left: Sequence[str]) -> None:
        advice = (
            f"Take another work folder, or delete in {self.work} what is to be made anew, with all that was made from "
            f"it: {', '.join(left)}."
        )
        if not path.exists():
            raise ChangedInputs(
                f"Nothing says what {self.work / left[0]} was made from: {path.relative_to(self.work)} is missing. "
                f"{advice}"
            )
        before = json.loads(path.read_text(encoding="utf-8"))
        names = [name for name in {**before, **inputs} if before.get(name) != inputs.get(name)]
        if names:
            differences = "; ".join(_difference(name, before.get(name), inputs.get(name)) for name in names)
            raise ChangedInputs(
                f"{self.work / left[0]} was made from something else: {differences}. Put that back. Or: {advice}"
            )


def digest(path: Path) -> str:
    """The contents of a file as a value of `Inputs`."""
    with path.open("rb") as file:
        return SHA256 + file_digest(file, "sha256").hexdigest()


def section(name: str, values: Mapping[str, Any]) -> dict[str, str]:
    """A section of the recipe as `Inputs`."""
    return {f"{name}.{key}": json.dumps(value, sort_keys=True) for key, value in values.items()}


def _difference(name: str, before: str | None, now: str | None) -> str:
    if before is None:
        return f"{name} is new"
    if now is None:
        return f"{name} is gone"
    return f"{name} has other contents" if now.startswith(SHA256) else f"{name} is {now}, was {before}"
