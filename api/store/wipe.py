"""Wiping what was deleted out of SQLite's files: the words in the search index and the pages in the write-ahead log."""

from __future__ import annotations

import logging
from typing import Final

from sqlalchemy import text

from api.store.database import Store
from api.store.errors import StoreUnavailable

logger = logging.getLogger(__name__)

PAGES_PER_STEP: Final = 500
"""Of the index that are merged in one transaction: a fraction of a second, in which nobody else can write."""


def wipe(store: Store) -> bool:
    """Let no byte of a deleted text remain in the database's files; True if none does.

    SQLite itself overwrites deleted rows (`secure_delete`), but keeps words in two places. The search index marks a
    deleted text and drops its words only when it is merged, so it is merged whole, in steps between which others
    can write. And the write-ahead log holds pages as they were, so it is written back and cut to nothing, which a
    reader can hold up: then it is not done, and the service does it with its next wipe, once a day.

    In PostgreSQL no query can read a deleted row, so this is true at once; when their bytes go from its files is
    PostgreSQL's affair, and docs/store.md tells of it.
    """
    if not store.is_sqlite:
        return True
    try:
        _merge_index(store)
        return store.empty_write_ahead_log()
    except StoreUnavailable as error:
        logger.warning("Deleted words are not wiped out of the files yet: %s", error)
        return False


def _merge_index(store: Store) -> None:
    # A negative number begins a merge of everything, positive ones go on with it until nothing changes:
    # https://www.sqlite.org/fts5.html#the_merge_command. FTS5's `secure-delete` came with SQLite 3.42 only.
    pages = -PAGES_PER_STEP
    while _changes(store, pages) > 1:
        pages = PAGES_PER_STEP


def _changes(store: Store, pages: int) -> int:
    with store.write() as session:
        before = session.scalar(text("SELECT total_changes()")) or 0
        session.execute(
            text("INSERT INTO comment_search (comment_search, rank) VALUES ('merge', :pages)"), {"pages": pages}
        )
        return (session.scalar(text("SELECT total_changes()")) or 0) - before
