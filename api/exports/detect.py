"""Which platform wrote an export, told by its columns."""

from __future__ import annotations

from collections.abc import Mapping as Map
from dataclasses import dataclass
from typing import Final

from api.exports.errors import UnrecognisedExport
from api.exports.header import Header, folded
from api.exports.mapping import Detect, Mapping, load_mapping, ready_names

OWN_FIELDS: Final = "stemme"
"""The ready mapping of files whose columns are called as the fields of a comment."""


@dataclass(frozen=True, slots=True)
class Recognised:
    """A ready mapping that fits, and the columns by which it was told."""

    mapping: Mapping
    by: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.mapping.title} (--mapping {self.mapping.name}), by the columns {', '.join(self.by)}"


def recognise(header: Header, *, name: str, columns: Map[str, str] | None = None) -> Recognised:
    """The ready mapping with the most columns of which all are there.

    Parameters
    ----------
    name : of the file, for errors
    columns : what the user says of columns; if that names the text, a file of no platform is read by the fields' names

    Raises
    ------
    UnrecognisedExport : if none fits, or several fit equally well
    """
    names = {folded(heading) for column in header.columns for heading in column.headings}
    fitting: list[Recognised] = []
    for mapping in map(load_mapping, ready_names()):
        sets = [detect for detect in mapping.detect if _fits(detect, names)]
        if sets:
            fitting.append(Recognised(mapping, max((detect.columns for detect in sets), key=len)))
    best = max((len(each.by) for each in fitting), default=0)
    first = [each for each in fitting if len(each.by) == best]
    if not first and columns and "text" in columns:
        return Recognised(load_mapping(OWN_FIELDS), tuple(columns["text"].split("\n")))
    if len(first) != 1:
        raise UnrecognisedExport(name, header.names, alike=[each.mapping.title for each in first])
    return first[0]


def _fits(detect: Detect, names: set[str]) -> bool:
    wanted = {folded(column) for column in detect.columns}
    return wanted == names if detect.only else wanted <= names
