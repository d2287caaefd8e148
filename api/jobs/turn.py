"""Whose turn it is: of all processes on one store, one runs jobs at a time.

The lock is the database's own, so it goes when its holder dies, however it dies, and nobody has to wait for a lease to
run out. Two holders would still tag nothing twice; they would only do the same work.
"""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from typing import Final, Protocol

from sqlalchemy import URL, Connection, Engine, create_engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from api.store.database import POSTGRESQL_OPTIONS, Store

TURN_LOCK: Final = 0x6A6F6273
"""Of PostgreSQL: "jobs" in ASCII."""


class Turn(Protocol):
    """The right to run jobs."""

    def take(self) -> bool:
        """Take it, if nobody has it."""

    def kept(self) -> bool:
        """Whether it is still ours: a server that was restarted has forgotten whose it was."""

    def give_back(self) -> None: ...


def turn_of(store: Store) -> Turn:
    """The turn of a store's jobs, which nobody has taken by this call."""
    return _FileTurn(store.url) if store.is_sqlite else _ServerTurn(store.url)


class _FileTurn:
    """A file beside the store that SQLite locks for us on every system; nothing is written into it."""

    def __init__(self, url: URL) -> None:
        self._file = Path(f"{url.database}-jobs")
        self._connection: sqlite3.Connection | None = None

    def take(self) -> bool:
        os.close(os.open(self._file, os.O_RDWR | os.O_CREAT, 0o600))
        connection = sqlite3.connect(self._file, isolation_level=None, timeout=0, check_same_thread=False)
        try:
            connection.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError:
            connection.close()
            return False
        self._connection = connection
        return True

    def kept(self) -> bool:
        return self._connection is not None

    def give_back(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class _ServerTurn:
    """An advisory lock of PostgreSQL, held by a connection of its own."""

    def __init__(self, url: URL) -> None:
        self._engine: Engine = create_engine(
            url, poolclass=NullPool, connect_args=POSTGRESQL_OPTIONS, isolation_level="AUTOCOMMIT"
        )
        self._connection: Connection | None = None

    def take(self) -> bool:
        try:
            connection = self._engine.connect()
        except DBAPIError:
            return False
        try:
            taken = bool(connection.scalar(text("SELECT pg_try_advisory_lock(:lock)"), {"lock": TURN_LOCK}))
        except DBAPIError:
            taken = False
        if not taken:
            connection.close()
            return False
        self._connection = connection
        return True

    def kept(self) -> bool:
        if self._connection is None:
            return False
        try:
            self._connection.execute(text("SELECT 1"))
        except DBAPIError:
            return False
        return True

    def give_back(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
