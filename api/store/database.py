"""Opening the store, and the two ways into it: to read and to write."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Self

from platformdirs import user_data_path
from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session

from api.store import schema
from api.store.errors import BadDatabase, OldSchema, StoreUnavailable
from api.store.models import now
from nlp.errors import require

LOCK_TIMEOUT_SECONDS: Final = 30
CHECKPOINT_TIMEOUT_SECONDS: Final = 5
DRIVERS: Final = {"sqlite": "sqlite+pysqlite", "postgresql": "postgresql+psycopg", "postgres": "postgresql+psycopg"}
# In UTC, as the driver cannot read a time that another zone's clock puts before the year 1.
POSTGRESQL_OPTIONS: Final = {"connect_timeout": 5, "options": "-c timezone=UTC"}
PASSING: Final = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR}
FENCE: Final = 0x66656E6365
"""Of PostgreSQL, shared by all writers: "fence" in ASCII."""
FORMS: Final = "sqlite:////folder/stemme.db or postgresql://user@host/database"


def default_database() -> str:
    """The URL of the SQLite file in the user's data folder."""
    return f"sqlite:///{user_data_path('stemme', appauthor=False) / 'stemme.db'}"


def parse_url(database: str) -> URL:
    """A database's URL with the driver that we use.

    Raises
    ------
    BadDatabase : if it is no URL, of a database that we do not support, or SQLite without a file

    >>> parse_url("postgresql://stemme@localhost/stemme").drivername
    'postgresql+psycopg'
    """
    try:
        url = make_url(database)
    except ArgumentError:
        raise BadDatabase(f"STEMME_DATABASE is not a URL. Allowed: {FORMS}.") from None
    if url.drivername not in DRIVERS:
        raise BadDatabase(f"STEMME_DATABASE begins with {url.drivername!r}. Allowed: {FORMS}.")
    if url.drivername == "sqlite" and url.database in {None, "", ":memory:"}:
        raise BadDatabase(f"STEMME_DATABASE names no file, and a store in memory would be lost. Allowed: {FORMS}.")
    return url.set(drivername=DRIVERS[url.drivername])


class Store:
    """The database. `read` and `write` give sessions; a write is one transaction, stored whole or not at all."""

    def __init__(self, url: URL, engine: Engine) -> None:
        self.name = url.set(drivername=url.get_backend_name()).render_as_string(hide_password=True)
        self.url = url
        self.is_sqlite = url.get_backend_name() == "sqlite"
        self._reading = engine
        self._writing = engine.execution_options(writes=True)

    @classmethod
    def open(cls, database: str | None = None) -> Self:
        """Open the store; a SQLite file is made and brought up to date where needed.

        Parameters
        ----------
        database : a URL; without it, the file of `default_database`

        Raises
        ------
        BadDatabase : if the URL or the file cannot be used
        OldSchema : if a PostgreSQL database has to be upgraded first
        UnknownSchema : if a newer version of stemme made the schema
        MissingExtra : if it is PostgreSQL and its driver is not installed
        StoreUnavailable : if the database does not answer
        """
        store = cls.connect(database)
        try:
            if store.is_sqlite:
                store.upgrade()
            else:
                store._refuse_old_schema()
        except BaseException:
            store.close()
            raise
        return store

    @classmethod
    def connect(cls, database: str | None = None) -> Self:
        """The database as it is, whatever its schema: what `stemme store` works on."""
        url = parse_url(database or default_database())
        if url.get_backend_name() == "sqlite":
            assert url.database is not None
            _make_private(Path(url.database))
        else:
            require("psycopg", extra="postgresql")
        return cls(url, _engine(url))

    def close(self) -> None:
        """Let go of every connection."""
        self._reading.dispose()

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session that sees the store as it was at its first query (SQLite) or at each (PostgreSQL)."""
        with self._translated(), Session(self._reading, expire_on_commit=False) as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A transaction: stored when the block ends, undone if it raises."""
        with self._translated(), Session(self._writing, expire_on_commit=False) as session, session.begin():
            if not self.is_sqlite:
                session.execute(text("SELECT pg_advisory_xact_lock_shared(:lock)"), {"lock": FENCE})
            yield session

    def settled_moment(self) -> datetime:
        """Now, once every write that had begun has ended: later writes bear later times.

        So what a report counts up to this moment is all there will ever be of it. A write takes the time that it
        stores inside its transaction; without the fence one that has not ended yet could still bring an earlier time.
        """
        with self._translated(), Session(self._writing) as session, session.begin():
            if self.is_sqlite:
                session.execute(text("SELECT 1"))  # one transaction writes at a time, and now it is this one
            else:
                session.execute(text(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT_SECONDS}s'"))
                session.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": FENCE})
            return now()

    def schema(self) -> str | None:
        """The schema's revision; None if the database is empty."""
        with self._translated(), self._reading.connect() as connection:
            return schema.found(connection)

    def upgrade(self, *, to: str | None = None) -> str | None:
        """Bring the schema up to date, in one transaction; the revision that was there before.

        Parameters
        ----------
        to : a revision; without it, the newest

        Raises
        ------
        UnknownSchema : if a newer version of stemme made the schema
        """
        with self._translated(), self._writing.begin() as connection:
            before = schema.found(connection)
            schema.refuse_unknown(before, database=self.name)
            if before != (to or schema.newest()):
                schema.upgrade(connection, to=to)
            return before

    def empty_write_ahead_log(self) -> bool:
        """Write SQLite's log back into the file and cut it to nothing; False if a reader or writer held it up.

        Raises
        ------
        StoreUnavailable : if the database does not answer
        """
        with self._translated():
            connection = self._reading.raw_connection()  # outside a transaction, as it has to be
            try:
                connection.execute(f"PRAGMA busy_timeout = {CHECKPOINT_TIMEOUT_SECONDS * 1_000}")
                busy, _, _ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
                connection.execute(f"PRAGMA busy_timeout = {LOCK_TIMEOUT_SECONDS * 1_000}")
            finally:
                connection.close()
        return not busy

    def _refuse_old_schema(self) -> None:
        found = self.schema()
        schema.refuse_unknown(found, database=self.name)
        if found != schema.newest():
            raise OldSchema(self.name, found, schema.newest())

    @contextmanager
    def _translated(self) -> Iterator[None]:
        # What may pass when it is tried again becomes our error; anything else is a bug and stays one.
        try:
            yield
        except PoolTimeout as error:
            raise StoreUnavailable(self.name) from error
        except DBAPIError as error:
            if _is_no_database(error):
                raise BadDatabase(f"{self.name} is no SQLite database, or is damaged. Name another file.") from None
            if _may_pass(error):
                raise StoreUnavailable(self.name) from error
            raise


def _engine(url: URL) -> Engine:
    # Statements' parameters are customers' words: they stay out of every message.
    if url.get_backend_name() == "sqlite":
        engine = create_engine(url, hide_parameters=True, connect_args={"timeout": LOCK_TIMEOUT_SECONDS})
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    return create_engine(url, hide_parameters=True, pool_pre_ping=True, connect_args=POSTGRESQL_OPTIONS)


def _prepare_sqlite(connection: sqlite3.Connection, _record: Any) -> None:
    connection.isolation_level = None  # transactions begin in `_begin_sqlite`, not where the driver guesses
    for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON", "secure_delete = ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    # A write takes its lock at once: a transaction that reads first cannot wait for one later.
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _make_private(file: Path) -> None:
    """Make an SQLite file that only its owner can read, with the folder it lies in."""
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(file, os.O_RDWR | os.O_CREAT, 0o600))
    except OSError as error:
        raise BadDatabase(
            f"{file} cannot be written: {error.strerror}. Set STEMME_DATABASE to a file that can: {FORMS}."
        ) from None


def _is_no_database(error: DBAPIError) -> bool:
    return _sqlite_code(error) in {sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT}


def _may_pass(error: DBAPIError) -> bool:
    if error.connection_invalidated:
        return True
    if isinstance(error.orig, sqlite3.Error):
        return _sqlite_code(error) in PASSING
    return isinstance(error, OperationalError | InterfaceError)


def _sqlite_code(error: DBAPIError) -> int | None:
    """SQLite's primary code; its own exceptions call nearly everything operational, a missing table too."""
    code: int | None = getattr(error.orig, "sqlite_errorcode", None)
    return None if code is None else code & 0xFF
