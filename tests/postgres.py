"""A PostgreSQL server of the tests' own: from Debian's package, in a temporary directory, on loopback.

It lies in memory where there is room: to make a database, which most tests do, takes a tenth of the time there.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from pwd import getpwnam

import psycopg

MEMORY, ROOM = Path("/dev/shm"), 2**30
USER = "postgres"  # PostgreSQL refuses to run as root; Debian's package brings this user


class PostgresServer:
    """A running server."""

    def __init__(self, binaries: Path, folder: Path) -> None:
        self._binaries, self._folder, self._names = binaries, folder, count()
        self.port = _free_port()
        self._process: subprocess.Popen[bytes] | None = None

    def initialise(self) -> None:
        command = [self._binaries / "initdb", "-D", self._folder / "data", "-U", "stemme", "-A", "trust"]
        subprocess.run(
            _unprivileged([*command, "-E", "UTF8", "--locale", "C.UTF-8", "--no-sync"]),
            check=True,
            capture_output=True,
            cwd=self._folder,
        )

    def start(self) -> None:
        options = {"listen_addresses": "127.0.0.1", "unix_socket_directories": "", "fsync": "off", "port": self.port}
        options |= {"max_wal_size": "128MB", "min_wal_size": "32MB"}  # a few databases at a time lie in memory
        options["autovacuum"] = "off"  # it would look into hundreds of databases, one after the other, all the time
        settings = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                _unprivileged([self._binaries / "postgres", "-D", self._folder / "data", *settings]),
                stdout=log,
                stderr=log,
                cwd=self._folder,
            )
        until = time.monotonic() + 60
        while not self._answers():
            assert time.monotonic() < until, (self._folder / "log").read_text()
            assert self._process.poll() is None, (self._folder / "log").read_text()
            time.sleep(0.05)

    def _answers(self) -> bool:
        try:
            self._connect().close()
        except psycopg.OperationalError:
            return False
        return True

    def stop(self, *, immediately: bool = False) -> None:
        """At once, as with a crash of the connections: every session is cut.

        `immediately` is PostgreSQL's own name for going without a checkpoint, as in a crash: the next start recovers.
        """
        assert self._process is not None
        postmaster = int((self._folder / "data" / "postmaster.pid").read_text().split()[0])
        os.kill(postmaster, signal.SIGQUIT if immediately else signal.SIGINT)
        self._process.wait(60)

    def new_database(self, *, like: str = "template1") -> str:
        """The URL of a database that is empty, or that begins as a copy of one to which nobody is connected."""
        name = f"test_{next(self._names)}"
        with self._connect() as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {like}".encode())
        return f"postgresql://stemme@127.0.0.1:{self.port}/{name}"

    def drop_database(self, url: str) -> None:
        with self._connect() as connection:
            connection.execute(f"DROP DATABASE {url.rpartition('/')[2]} WITH (FORCE)".encode())

    def _connect(self) -> psycopg.Connection:
        return psycopg.connect(host="127.0.0.1", port=self.port, user="stemme", dbname="postgres", autocommit=True)


@contextmanager
def running_postgres() -> Iterator[PostgresServer]:
    binaries = find_binaries()
    assert binaries is not None
    folder = Path(tempfile.mkdtemp(prefix="stemme-postgres-", dir=_memory()))
    try:
        if os.geteuid() == 0:
            os.chown(folder, getpwnam(USER).pw_uid, getpwnam(USER).pw_gid)
        server = PostgresServer(binaries, folder)
        server.initialise()
        server.start()
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder)


def _memory() -> Path | None:
    """A folder in memory with room for the server; containers often have one of 64 MB, which is too small."""
    return MEMORY if MEMORY.is_dir() and shutil.disk_usage(MEMORY).free >= ROOM else None


def find_binaries() -> Path | None:
    """The folder of `initdb` and `postgres`; Debian keeps them off the path."""
    on_path = shutil.which("initdb")
    folders = [Path(on_path).resolve().parent] if on_path else sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    return next((folder for folder in reversed(folders) if (folder / "postgres").exists()), None)


def _unprivileged(command: list[str | Path]) -> list[str]:
    as_other = ["runuser", "-u", USER, "--"] if os.geteuid() == 0 else []
    return [*as_other, *map(str, command)]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
