"""The store that a measurement fills: a database that is named, or an SQLite file for the time."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Database = Annotated[
    str | None, typer.Option("--database", help="An empty one, as STEMME_DATABASE. Default: SQLite, for the time.")
]


def scratch_url(database: str | None, folder: str) -> str:
    """The URL of the database that is named, else of one in a folder.

    >>> scratch_url(None, "measurement")
    'sqlite:///measurement/store.db'
    """
    return database or f"sqlite:///{Path(folder) / 'store.db'}"
