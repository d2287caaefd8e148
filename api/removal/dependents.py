"""Which rows go with comments: told from the database's own foreign keys, so that no table can be forgotten."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from sqlalchemy import ColumnElement, FromClause, column, func, inspect, or_, select, table
from sqlalchemy.orm import Session

from api.store.models import StoredComment

COMMENTS: Final = StoredComment.__tablename__


@dataclass(frozen=True, slots=True)
class Cascade:
    """A table whose rows are deleted with the row of `parent` that their `column` names by its `parent_column`."""

    table: str
    column: str
    parent: str
    parent_column: str


def count_rows(session: Session, comments: ColumnElement[bool]) -> dict[str, int]:
    """How many rows of which table are these comments, or go with them.

    Parameters
    ----------
    comments : a condition on the columns of `StoredComment`

    Returns
    -------
    rows by table, `comments` first; tables without such a row are left out
    """
    cascades = cascades_from_comments(session)
    tables = _tables(cascades)
    counts = {}
    for name, rows in tables.items():
        going = _going(name, cascades, tables, comments, below=())
        counts[name] = session.scalar(select(func.count()).select_from(rows).where(going)) or 0
    return {name: rows for name, rows in counts.items() if rows}


def cascades_from_comments(session: Session) -> list[Cascade]:
    """Every foreign key along which a deletion of comments is carried on, from table to table."""
    cascades = list(_cascades(session))
    reached, before = {COMMENTS}, 0
    while len(reached) > before:
        before = len(reached)
        reached |= {each.table for each in cascades if each.parent in reached}
    return [each for each in cascades if each.parent in reached]


def _cascades(session: Session) -> Iterator[Cascade]:
    for (_schema, name), keys in inspect(session.connection()).get_multi_foreign_keys().items():
        for key in keys:
            if key.get("options", {}).get("ondelete") == "CASCADE":
                (own,), (other,) = key["constrained_columns"], key["referred_columns"]
                yield Cascade(name, own, key["referred_table"], other)


def _tables(cascades: Iterable[Cascade]) -> dict[str, FromClause]:
    columns: dict[str, set[str]] = {}
    for each in cascades:
        columns.setdefault(each.table, set()).add(each.column)
        columns.setdefault(each.parent, set()).add(each.parent_column)
    others = {name: table(name, *map(column, columns[name])) for name in sorted(columns) if name != COMMENTS}
    return {COMMENTS: StoredComment.__table__, **others}


def _going(
    name: str,
    cascades: Iterable[Cascade],
    tables: Mapping[str, FromClause],
    comments: ColumnElement[bool],
    *,
    below: tuple[str, ...],
) -> ColumnElement[bool]:
    """The condition on a table's rows under which they go; `below` are the tables that this is asked for."""
    if name == COMMENTS:
        return comments
    ways = []
    for each in cascades:
        if each.table == name and each.parent not in (*below, name):
            going = _going(each.parent, cascades, tables, comments, below=(*below, name))
            parents = select(tables[each.parent].c[each.parent_column]).where(going)
            ways.append(tables[name].c[each.column].in_(parents))
    return or_(*ways)
