"""Counting in the database: how many comments, and promoters, passives and detractors, in each group and period."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, FromClause, Select, Subquery, and_, case, func, literal, literal_column, select
from sqlalchemy.orm import Session

from api.nps import FIRST_PASSIVE, FIRST_PROMOTER
from api.reports.dimensions import group_by
from api.reports.errors import TooManyRows
from api.reports.periods import Calendar
from api.reports.view import View, standing
from api.store.history import CommentChange
from api.store.models import StoredComment
from api.store.search import Filters

MOST_GROUPS: Final = 1_000
KINDS: Final = ("promoter", "passive", "detractor")

Key = tuple[str | None, tuple[str | None, ...]]
"""A period's first day, None for all times together, and the value of each dimension."""


@dataclass(frozen=True, slots=True)
class Counts:
    """Comments of a group, and how many of them have tags; what their answers were."""

    comments: int = 0
    tagged: int = 0
    promoter: int = 0
    passive: int = 0
    detractor: int = 0

    @property
    def of_kind(self) -> dict[str, int]:
        """For `api.nps.shares`."""
        return {kind: getattr(self, kind) for kind in KINDS}

    @property
    def answers(self) -> int:
        return self.promoter + self.passive + self.detractor

    def __add__(self, other: Counts) -> Counts:
        return Counts(*(getattr(self, name) + getattr(other, name) for name in COLUMNS))


COLUMNS: Final = ("comments", "tagged", *KINDS)


@dataclass(frozen=True, slots=True)
class Totals:
    """What a report is of: all comments that the filters let through, each once."""

    comments: int
    answers: int
    tagged: int
    untaggable: int

    @property
    def waiting(self) -> int:
        """Comments that had no tags yet."""
        return self.comments - self.tagged - self.untaggable


@dataclass(frozen=True, slots=True)
class Grouped:
    """The largest groups, and what the others are.

    Parameters
    ----------
    left_out_groups, left_out_comments : groups beyond the limit, and the comments in them; a comment that is in two
        groups counts in both
    """

    counts: dict[Key, Counts]
    left_out_groups: int
    left_out_comments: int


def calendar_of(session: Session, period: Any, zone: Any) -> Calendar | None:
    """The calendar for all that the store has; None if it has nothing."""
    spans = [
        session.execute(select(func.min(table.submitted_at), func.max(table.submitted_at))).one()
        for table in (StoredComment, CommentChange)
    ]
    moments = [moment for span in spans for moment in span if moment is not None]
    return Calendar(period, zone, min(moments), max(moments)) if moments else None


def count_all(session: Session, view: View, filters: Filters) -> Totals:
    """The totals of a report."""
    kept = standing(view).filtered(session, filters)
    fields = kept.fields
    statement = kept.query.add_columns(
        func.count(),
        func.count(fields["nps"]),
        func.count(case((fields["tagged"], 1))),
        func.count(fields["error_code"]),
    )
    return Totals(*session.execute(statement).one())


def base_of(
    session: Session,
    view: View,
    filters: Filters,
    *,
    by: Sequence[str],
    calendar: Calendar | None,
    answered: bool = False,
) -> Select[Any]:
    """A row for each comment and group that it is in: ids, `nps`, `tagged`, `period`, and `key_0` and so on.

    Parameters
    ----------
    answered : only comments with an NPS
    """
    sqlite = session.get_bind().dialect.name == "sqlite"
    kept = standing(view).filtered(session, filters)
    fields = kept.fields
    period = literal(None) if calendar is None else calendar.start_of(fields["submitted_at"], sqlite=sqlite)
    query = kept.columns("comment_id", "version_id", "tagging_id", "nps").add_columns(
        case((fields["tagged"], 1), else_=0).label("tagged"), period.label("period")
    )
    if answered:
        query = query.where(fields["nps"].is_not(None))
    return group_by(query, by, fields, view.tags, sqlite=sqlite)


def keys_of(source: FromClause, by: Sequence[str]) -> list[ColumnElement[Any]]:
    """The columns of the dimensions."""
    return [source.c[f"key_{place}"] for place in range(len(by))]


def measures(source: FromClause, *, weight: ColumnElement[int] | None = None) -> list[ColumnElement[Any]]:
    """The columns of `Counts`, of a group of the rows of `base_of`.

    Parameters
    ----------
    weight : 1 for the rows that count and 0 for the others; None if all count
    """
    one: ColumnElement[int] = literal_column("1") if weight is None else weight
    nps = source.c.nps
    conditions = [nps >= FIRST_PROMOTER, and_(nps >= FIRST_PASSIVE, nps < FIRST_PROMOTER), nps < FIRST_PASSIVE]
    return [
        func.sum(one).label("comments"),
        func.sum(case((source.c.tagged == 1, one), else_=0)).label("tagged"),
        *(
            func.sum(case((condition, one), else_=0)).label(kind)
            for kind, condition in zip(KINDS, conditions, strict=True)
        ),
    ]


def count_groups(
    session: Session, base: Select[Any], *, by: Sequence[str], periods: bool, limit: int, most_rows: int
) -> Grouped:
    """Count every group and period of the `limit` largest groups.

    Raises
    ------
    TooManyRows : if there are more than `most_rows`
    """
    ranked = ranked_groups(base, by=by, periods=periods)
    places = select(ranked, func.max(ranked.c.place).over().label("groups")).subquery()
    kept = select(places).where(places.c.place <= limit).limit(most_rows + 1)
    rows = session.execute(kept).mappings().all()
    if len(rows) > most_rows:
        raise TooManyRows(most_rows)
    counts = {
        (row["period"], tuple(row[f"key_{place}"] for place in range(len(by)))): Counts(
            *(row[name] for name in COLUMNS)
        )
        for row in rows
    }
    groups = rows[0]["groups"] if rows else 0
    in_all = rows[0]["in_all"] if rows else 0
    kept_comments = sum(each.comments for each in counts.values())
    return Grouped(counts, max(0, groups - limit), in_all - kept_comments)


def ranked_groups(base: Select[Any], *, by: Sequence[str], periods: bool) -> Subquery:
    """The counts of every group and period, with the group's `place` from the largest down and the sum `in_all`."""
    rows = base.subquery("base")
    grouping = [*([rows.c.period] if periods else []), *keys_of(rows, by)]
    period = rows.c.period if periods else literal(None).label("period")
    counted = select(period, *keys_of(rows, by), *measures(rows)).group_by(*grouping)
    if not grouping:
        counted = counted.having(func.count() > 0)
    counted_rows = counted.subquery()
    keys = keys_of(counted_rows, by)
    weight = func.sum(counted_rows.c.comments).over(partition_by=keys or None).label("weight")
    in_all = func.sum(counted_rows.c.comments).over().label("in_all")
    weighed = select(counted_rows, weight, in_all).subquery()
    by_key = [part for key in keys_of(weighed, by) for part in (key.is_(None), key)]
    place = func.dense_rank().over(order_by=[weighed.c.weight.desc(), *by_key])
    return select(weighed, place.label("place")).subquery()


def only_groups(rows: FromClause, ranked: Subquery, *, by: Sequence[str], limit: int) -> FromClause:
    """Rows, of the `limit` largest groups only."""
    top = select(*keys_of(ranked, by)).where(ranked.c.place <= limit).distinct().subquery()
    # Equality, and not IS, so that the databases may look groups up.
    same = [
        part
        for ours, theirs in zip(keys_of(rows, by), keys_of(top, by), strict=True)
        for part in (func.coalesce(ours, "") == func.coalesce(theirs, ""), ours.is_(None) == theirs.is_(None))
    ]
    return rows.join(top, and_(*same))


def in_order(key: Key) -> tuple[str, list[tuple[bool, str]]]:
    """Periods first, then groups by name, and those without a name last."""
    period, values = key
    return period or "", [(value is None, value or "") for value in values]
