"""The design of a sample: what is known of the whole, and what the model said of each comment drawn. No text."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict, ValidationError

from api.accuracy.errors import UnknownDesign

SUFFIX: Final = ".audit.json"


class DesignStratum(BaseModel):
    """A stratum of the whole; see `api.accuracy.sampling.Stratum`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    language: str | None
    tier: str | None
    size: int
    with_label: dict[str, int]


class Drawn(BaseModel):
    """A comment that was drawn: its stratum by number, and the model's labels when it was drawn."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    stratum: int
    labels: frozenset[str]


class Design(BaseModel):
    """Everything but texts and answers."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    audit: str
    drawn_at: datetime
    seed: int
    shown: bool
    from_store: bool
    models: list[str]
    taxonomy: str
    strata: list[DesignStratum]
    sample: list[Drawn]

    @property
    def comments(self) -> int:
        return sum(stratum.size for stratum in self.strata)


def design_file(sheet: Path) -> Path:
    """Where a sheet's design lies when the two are written.

    >>> design_file(Path("sample.xlsx")).name
    'sample.audit.json'
    """
    return sheet.with_suffix(SUFFIX)


def find_design(audit: str, folder: Path) -> Design:
    """The design of an audit, among those of a folder.

    Raises
    ------
    UnknownDesign : if none is of this audit
    """
    for path in sorted(folder.glob(f"*{SUFFIX}")):
        try:
            found = read_design(path)
        except UnknownDesign:
            continue
        if found.audit == audit:
            return found
    raise UnknownDesign(
        f"No file *{SUFFIX} in {folder} is the design of audit {audit}. It was written beside the sample: put it "
        "here, or name it with --design."
    )


def read_design(path: Path) -> Design:
    """The design in a file.

    Raises
    ------
    UnknownDesign : if it is none
    """
    try:
        return Design.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        raise UnknownDesign(
            f"{path} is no design of an audit. Name the file *{SUFFIX} that was drawn with it."
        ) from None
