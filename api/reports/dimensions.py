"""What reports can be grouped by: fields, tags, and keys of metadata."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, FromClause, Select, String, Text, case, cast, func, literal, select, type_coerce

from api.reports.errors import UnknownDimension
from api.reports.tags import Tags
from api.store.models import LONGEST_NAME, TagKind

FIELDS: Final = ("source", "department", "touchpoint", "channel", "question", "language", "sentiment")
FLAGS: Final = ("churn_risk", "follow_up")
TAGS: Final[Mapping[str, tuple[TagKind, str]]] = {
    "theme": (TagKind.THEME, "label"),
    "stage": (TagKind.THEME, "stage"),
    "theme_sentiment": (TagKind.THEME, "sentiment"),
    "factor": (TagKind.FACTOR, "label"),
    "factor_polarity": (TagKind.FACTOR, "sentiment"),
}
"""A comment with several counts in each group."""
METADATA: Final = "metadata."
NAMES: Final = (*FIELDS, *FLAGS, *TAGS, f"{METADATA}KEY")
PATTERN: Final = rf"^(?:{'|'.join((*FIELDS, *FLAGS, *TAGS))}|metadata\.[^\u0000]{{1,{LONGEST_NAME}}})$"
"""What a dimension's name looks like, for OpenAPI."""
MOST: Final = 4
"""Dimensions of one report."""


def check(names: Sequence[str], *, known: Sequence[str] = NAMES) -> None:
    """Refuse what is no dimension.

    Raises
    ------
    UnknownDimension : naming the nearest
    """
    for name in names:
        is_key = name.startswith(METADATA) and len(METADATA) < len(name) <= len(METADATA) + LONGEST_NAME
        if "\0" in name or not (is_key or name in known):
            raise UnknownDimension(name, known)


def group_by(
    query: Select[Any], names: Sequence[str], fields: Mapping[str, Any], tags: Tags, *, sqlite: bool
) -> Select[Any]:
    """Add the dimensions to a statement as the columns `key_0`, `key_1` and so on, of text or NULL.

    A comment with two themes has two rows, and one with none has a row of NULL; it has one row in each group.

    Parameters
    ----------
    query : has a row for each comment
    fields : what each field is in it
    """
    joined: dict[TagKind, FromClause] = {}
    for kind in dict.fromkeys(TAGS[name][0] for name in names if name in TAGS):
        joined[kind], same = tags.of_kind(kind, tagging_id=fields["tagging_id"])
        query = query.outerjoin(joined[kind], same)
    for place, name in enumerate(names):
        if name in TAGS:
            kind, column = TAGS[name]
            key: ColumnElement[Any] = joined[kind].c[column]
        elif name in FLAGS:
            key = tags.flag(name, fields)
        elif name.startswith(METADATA):
            key = _of_metadata(fields["extra"], name.removeprefix(METADATA), sqlite=sqlite)
        else:
            key = fields[name]
        query = query.add_columns(key.label(f"key_{place}"))
    return query.distinct() if joined else query


def _of_metadata(metadata: ColumnElement[Any], key: str, *, sqlite: bool) -> ColumnElement[Any]:
    """What metadata has under a key, as text; `true` and `false` of truths, and JSON of lists and objects."""
    # PostgreSQL reads no NUL out of JSON, and would fail for all comments on the one that has it.
    nul, sign = literal(r"\u0000"), literal(r"\ufffd")
    if sqlite:
        written = func.replace(type_coerce(metadata, String), nul, sign)
        each = func.json_each(written).table_valued("key", "value", "type").alias()
        value = case(
            (each.c.type.in_(["true", "false"]), each.c.type),
            (each.c.type == "null", None),
            else_=cast(each.c.value, Text),
        )
        return select(value).select_from(each).where(each.c.key == key).limit(1).scalar_subquery()
    from sqlalchemy.dialects.postgresql import JSON  # noqa: PLC0415, its operators are of this database only

    written = func.replace(cast(metadata, Text), nul, sign)
    return cast(written, JSON).op("->>", return_type=String())(key)
