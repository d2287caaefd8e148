"""Rows in every table that hangs on comments, whatever feature it belongs to, and where in the store a text is."""

from __future__ import annotations

import pkgutil
from importlib import import_module
from typing import Any

from sqlalchemy import JSON, Boolean, Double, LargeBinary, Table, insert, select
from sqlalchemy.orm import Session

import api
from api.store.models import Base, now
from api.store.types import Moment


def import_models() -> None:
    """Let the metadata know the tables of every feature: those in modules called `models`."""
    for module in pkgutil.walk_packages(api.__path__, "api."):
        if module.name.endswith(".models"):
            import_module(module.name)


def tables_on_comments() -> list[Table]:
    """Every table with a path of foreign keys to `comments`, that one first, parents before their children."""
    import_models()
    reached = {"comments"}
    for table in Base.metadata.sorted_tables:
        if any(key.column.table.name in reached for key in table.foreign_keys):
            reached.add(table.name)
    return [table for table in Base.metadata.sorted_tables if table.name in reached]


def fill(session: Session, table: Table, *, words: str, parents: dict[str, int]) -> int:
    """Put a row into a table, with the words wherever it can hold some, and give its id.

    Parameters
    ----------
    parents : the rows that foreign keys are to name, by table; others are made
    """
    values: dict[str, Any] = {}
    for column in table.columns:
        if column.foreign_keys:
            (key,) = column.foreign_keys
            parent = key.column.table
            if parent.name not in parents:
                hangs = parent in tables_on_comments()  # a rule or a webhook is nobody's words
                parents[parent.name] = fill(session, parent, words=words if hangs else "other", parents=parents)
            values[column.name] = parents[parent.name]
        elif not column.primary_key:
            values[column.name] = _value(column, words)
    row = session.execute(insert(table).values(values))
    return int(row.inserted_primary_key[0])  # type: ignore[index]


def _value(column: Any, words: str) -> Any:
    kind = column.type
    if kind.python_type is str:
        return words[: kind.length]
    values = {Moment: now(), JSON: [words], Boolean: False, Double: 0.5, LargeBinary: words.encode()}
    return next((value for known, value in values.items() if isinstance(kind, known)), 1)


def rows_by_table(session: Session) -> dict[str, int]:
    return {table.name: len(session.execute(select(table)).all()) for table in tables_on_comments()}


def places_of(session: Session, words: str) -> list[str]:
    """The columns of any table, those that do not hang on comments too, in which a value holds the words."""
    import_models()
    return sorted(
        {
            f"{table.name}.{column.name}"
            for table in Base.metadata.sorted_tables
            for row in session.execute(select(table)).mappings()
            for column in table.columns
            if words in _as_text(row[column.name])
        }
    )


def _as_text(value: Any) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)
