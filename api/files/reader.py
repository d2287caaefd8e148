"""What every reader offers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from api.files.columns import Column
from api.files.rows import InputRow


class Reader(Protocol):
    """A file that was opened: what is known of it ahead, its rows, once, and how far reading has come."""

    @property
    def header(self) -> tuple[str, ...] | None:
        """The names of the columns, where the format has them ahead of the rows."""

    @property
    def columns(self) -> tuple[Column, ...] | None:
        """The columns with their types, where the format has those as well."""

    @property
    def notice(self) -> str | None:
        """Something about the file that the user should know."""

    @property
    def total(self) -> int | None:
        """The size of the file in the unit of `position`; unknown for a pipe."""

    @property
    def position(self) -> int: ...

    def rows(self) -> Iterator[InputRow]: ...

    def close(self) -> None: ...
