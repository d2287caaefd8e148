"""What a key may be allowed to do."""

from __future__ import annotations

from enum import StrEnum


class Scope(StrEnum):
    """One kind of work. A key has the scopes it was made with, and no scope brings another."""

    CLASSIFY = "classify"
    INGEST = "ingest"
    READ = "read"
    CORRECT = "correct"
    ADMIN = "admin"
